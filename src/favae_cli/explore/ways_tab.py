"""Tabs Translate, Interpolate and Generate: from one view to another, from one sample to another, from attributes."""

from __future__ import annotations

import numpy as np
from nicegui import ui

from favae_cli.common.errors import UserError
from favae_cli.common.random_streams import numpy_generator
from favae_cli.explore.edit_tab import AttributeSwitches
from favae_cli.explore.parts import picture, png, saving, strip
from favae_cli.explore.shown_view import Shown, shown
from favae_cli.explore.window import Window
from favae_cli.queries.generate_and_edit import Editor
from favae_cli.queries.given import Given
from favae_cli.queries.interpolate import between, path
from favae_cli.queries.told import Place
from favae_cli.queries.translate import FactorTranslator

STEPS = 21  # of an interpolation, its ends included
OPEN = "any"


class TranslateTab:
    """One view of images made from another, in one window."""

    def __init__(self, window: Window) -> None:
        self.window, images = window, window.seen.trained.images
        with ui.row().classes("items-center"):
            self.source = ui.select(images, value=images[0], label="From", on_change=self._again).classes("w-48")
            self.target = ui.select(images, value=images[-1], label="To", on_change=self._again).classes("w-48")
        self.result()
        window.on_sample(self._again)

    def _again(self) -> None:
        self.result.refresh()

    @ui.refreshable_method
    def result(self) -> None:
        """Original, translation, and the truth where it is known."""
        window, source, target = self.window, self.source.value, self.target.value
        if source not in window.views:
            ui.label(f"Sample {window.key} has no {source}").classes("text-grey-7")
            return
        made = FactorTranslator(window.seen.model).translate(source, target, window.sample.stored(source))[0]
        with ui.row().classes("translated"):
            picture(window.sample.stored(source)[0], source)
            picture(made, f"{source} to {target}")
            if target in window.views:
                picture(window.sample.stored(target)[0], f"{target}, as it is")
        command = window.command("translate", {"split": "all", "from": source, "to": target})
        saving(command, picture=lambda: (f"{window.key}-{target}.png", png(made)))


class InterpolateTab:
    """The way from the sample to another, in one window: of images in z or in g, of all else in g."""

    def __init__(self, window: Window) -> None:
        self.window, images = window, window.seen.trained.images
        self.shown: dict[str, Shown] = {}
        self.way: dict[str, np.ndarray] = {}
        others = window.seen.found("")
        with ui.row().classes("items-center"):
            self.other = ui.select(others, value=[*others][-1], label="To sample", with_input=True)
            self.view = ui.select(images or ["all"], value=(images or ["all"])[0], label="View").classes("w-48")
            self.space = ui.toggle(["z", "g"] if images else ["g"], value="g").props("no-caps")
        for choice in (self.other, self.view, self.space):
            choice.on_value_change(self._again)
        ui.label("lambda, from the sample (0) to the other (1)").classes("text-xs")
        self.share = ui.slider(min=0, max=1, step=1 / (STEPS - 1), value=0.5, on_change=self._show)
        self.share.props("label").classes("w-96 lambda")
        self.result()
        window.on_sample(self._again)

    @property
    def step(self) -> int:
        """Where on the way the slider is."""
        return round(self.share.value * (STEPS - 1))

    def _again(self) -> None:
        self.result.refresh()

    def _find(self) -> None:
        window, view, space = self.window, self.view.value, self.space.value
        one, other = window.sample, window.seen.sample(self.other.value)
        if window.seen.trained.images:
            for sample, key in ((one, window.key), (other, other.keys[0])):
                if not sample.data.views[view].present[sample.indices[0]]:
                    raise UserError(f"sample {key} has no {view}; choose another sample or view")
            pair = np.concatenate([one.stored(view), other.stored(view)])
            self.way = between(window.seen.model, view, pair, STEPS)[space]
            return
        model = window.seen.model
        start, end = (Given.of_samples(model, each.data, each.indices).latents()[0] for each in (one, other))
        self.points, mean = path(start, end, STEPS), Place.of_mean(model)
        self.way = {name: mean.decoded(self.points, name) for name in model.views}

    @ui.refreshable_method
    def result(self) -> None:
        """What is there at lambda, and the whole way."""
        self.way, self.shown = {}, {}
        with self.window.mistake.told():
            self._find()
        with ui.row().classes("interpolated"):
            for name, values in self.way.items():
                with ui.card():
                    ui.label(name).classes("font-bold")
                    self.shown[name] = shown(self.window.seen.data.views[name], values[self.step], values[0])
        self.saved()

    def _show(self) -> None:
        for name, part in self.shown.items():
            part.show(self.way[name][self.step])
        self.saved.refresh()

    @ui.refreshable_method
    def saved(self) -> None:
        """What saves it, and the command line."""
        if not self.shown:
            return
        window, seen = self.window, self.window.seen
        if not seen.trained.images:
            at = self.points[self.step]
            command = seen.command("decode", {f"factors.{factor}": float(value) for factor, value in enumerate(at)})
        elif window.own is None:
            command = ""
        else:
            pair = [window.key, str(seen.data.keys[self.other.value])]
            asked = {"keys": pair, "from": self.view.value, "in": self.space.value, "steps": STEPS}
            command = seen.command("interpolate", {"split": "all", **asked})
        saving(command, **{name: lambda name=name: self._file(name) for name in self.shown})

    def _file(self, name: str) -> tuple[str, bytes]:
        ending, content = self.shown[name].file()
        return f"{self.window.key}-{self.step}-{name}{ending}", content


class GenerateTab:
    """Images drawn for chosen attributes, in one window."""

    def __init__(self, window: Window) -> None:
        self.window, trained = window, window.seen.trained
        self.made: dict[str, np.ndarray] = {}
        attributes = trained.attributes
        with ui.row().classes("w-full items-start no-wrap"):
            with ui.column():
                self.view = ui.select([*attributes], value=next(iter(attributes)), label="Attributes")
                self.view.classes("w-48").on_value_change(lambda: self.choices.refresh())
                self.choices()
                self.count = ui.number("Images", value=8, min=1, max=64, precision=0)
                self.seed = ui.number("Seed", value=0, min=0, precision=0)
                ui.button("Generate", on_click=self._generate).props("no-caps")
            with ui.column():
                self.result()

    @ui.refreshable_method
    def choices(self) -> None:
        """The switches of the attributes."""
        self.switches = AttributeSwitches(self.window.seen.trained.views[self.view.value].columns, OPEN)

    def _generate(self) -> None:
        trained = self.window.seen.trained
        with self.window.mistake.told():
            if not self.count.value or self.seed.value is None:
                raise UserError("say how many images, and a seed")
            count, seed = int(self.count.value), int(self.seed.value)
            labels = np.tile(self.switches.asked, (count, 1))
            self.made = {
                name: Editor(trained.factors, name, self.view.value).generate(labels, numpy_generator(seed, "generate"))
                for name in trained.images
            }
            self.asked = {"of": self.view.value, "count": count, "seed": seed, "attributes": self.switches.told}
            self.result.refresh()

    @ui.refreshable_method
    def result(self) -> None:
        """The images of every view, the same samples in each."""
        if not self.made:
            ui.label("Say what is asked, then Generate").classes("text-grey-7")
            return
        for name, images in self.made.items():
            ui.label(name).classes("font-bold")
            with ui.row().classes(f"generated-{name}"):
                for image in images:
                    picture(image, side=96)
        files = {
            name: lambda name=name, images=images: (f"generated-{name}.png", png(strip(list(images))))
            for name, images in self.made.items()
        }
        saving(self.window.seen.command("generate", self.asked), **files)

"""Tab Edit: the sample's image with other attributes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from nicegui import ui

from favae_cli.common.errors import UserError
from favae_cli.common.pixels import unit
from favae_cli.explore.commands import Value
from favae_cli.explore.parts import csv, picture, png, saving, table
from favae_cli.explore.window import Window
from favae_cli.models.fa_vae import observed_table
from favae_cli.queries.generate_and_edit import Edited, Editor, best_strengths

AS_IT_IS = "as it is"
FARTHEST, STEP = 3.0, 0.05  # of a strength


class AttributeSwitches:
    """A switch for each attribute of one binary view, and how far an edit by it goes.

    Args:
        columns: the attributes.
        left: what a switch is at that asks for nothing.
        strengths: (D,) how far edits go before anybody says so; None where nothing is edited.
    """

    def __init__(self, columns: tuple[str, ...], left: str, strengths: np.ndarray | None = None) -> None:
        self.columns, self.left = columns, left
        self.switches: dict[str, ui.toggle] = {}
        self.sliders: dict[str, ui.slider] = {}
        self.found = {} if strengths is None else dict(zip(columns, strengths.tolist(), strict=True))
        with ui.grid(columns="auto auto 6rem" if self.found else "auto auto").classes("items-center gap-x-4 gap-y-1"):
            for column in columns:
                ui.label(column)
                switch = ui.toggle([left, "no", "yes"], value=left).props("dense no-caps size=sm")
                self.switches[column] = switch.classes("attribute")
                if self.found:
                    best = self.found[column]
                    slider = ui.slider(min=STEP, max=max(FARTHEST, best), step=STEP, value=best)
                    self.sliders[column] = slider.props("label").classes("strength")

    @property
    def asked(self) -> np.ndarray:
        """(D,) 0, 1, or NaN of what is left."""
        values = [switch.value for switch in self.switches.values()]
        return np.array([np.nan if value == self.left else float(value == "yes") for value in values])

    @property
    def told(self) -> dict[str, int]:
        """The attributes that are asked for: 0 or 1, by name."""
        pairs = zip(self.columns, self.asked.tolist(), strict=True)
        return {name: int(value) for name, value in pairs if not np.isnan(value)}

    @property
    def moved(self) -> dict[str, float]:
        """Of these, how far the edit goes, where that was changed."""
        values = {name: round(float(self.sliders[name].value), 2) for name in self.told}
        return {name: value for name, value in values.items() if value != round(self.found[name], 2)}


class EditTab:
    """The tab in one window, of a run with images and attributes."""

    def __init__(self, window: Window) -> None:
        self.window, trained = window, window.seen.trained
        self.made: Edited | None = None
        attributes = trained.attributes
        with ui.row().classes("w-full items-start no-wrap"):
            with ui.column():
                self.image = ui.select(trained.images, value=trained.images[0], label="Image").classes("w-48")
                self.view = ui.select([*attributes], value=next(iter(attributes)), label="Attributes")
                self.view.classes("w-48").on_value_change(lambda: self.choices.refresh())
                self.choices()
                ui.label("The sliders: how far each goes, from what the run found best").classes("text-xs")
                ui.button("Edit", on_click=self._edit).props("no-caps")
            with ui.column():
                self.result()
        window.on_sample(self._forget)

    @ui.refreshable_method
    def choices(self) -> None:
        """The switches of the attributes."""
        trained = self.window.seen.trained
        columns = trained.views[self.view.value].columns
        self.switches = AttributeSwitches(columns, AS_IT_IS, best_strengths(trained.metrics, columns))

    def _forget(self) -> None:
        self.made = None
        self.result.refresh()

    def _edit(self) -> None:
        window, name = self.window, self.view.value
        trained, sample = window.seen.trained, window.sample
        with window.mistake.told():
            self.shows = self.image.value
            attributes, moved = self.switches.told, self.switches.moved
            self.asked: dict[str, Value | None] = {"attributes": attributes, "strengths": moved}
            if self.shows not in window.views:
                raise UserError(f"sample {window.key} has no {self.shows} to edit; choose another in the tab Sample")
            if not attributes:
                raise UserError("say what to change: set an attribute to yes or no")
            strengths = np.array([*(self.switches.found | moved).values()])
            known = observed_table(sample.data, name, sample.indices)
            editor = Editor(trained.factors, self.shows, name)
            self.made, self.of = editor.edited(sample.stored(self.shows), known, self.switches.asked, strengths), name
            self.result.refresh()

    @ui.refreshable_method
    def result(self) -> None:
        """Original, reconstruction and edited, and the probabilities of all attributes."""
        if self.made is None:
            ui.label(f"Sample {self.window.key}: say what to change, then Edit").classes("text-grey-7")
            return
        made, window = self.made, self.window
        trained, edited = window.seen.trained, made.images[0]
        with ui.row().classes("edited"):
            picture(unit(window.sample.stored(self.shows)[0]), "original")
            picture(trained.factors.views[self.shows].decode(made.z)[0], "reconstruction")
            picture(edited, "edited")
        rows = pd.DataFrame(
            {"attribute": trained.views[self.of].columns, "before": made.before[0], "after": made.after[0]}
        )
        table(rows.round(4), "attributes")
        saving(
            window.command("edit", {"split": "all", "from": self.shows, "of": self.of, **self.asked}),
            picture=lambda: (f"{window.key}-edited.png", png(edited)),
            table=lambda: (f"{window.key}-attributes.csv", csv(rows)),
        )

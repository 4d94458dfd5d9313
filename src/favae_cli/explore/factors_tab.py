"""Tab Factors: a slider for each factor, and every view as it becomes."""

from __future__ import annotations

import numpy as np
from nicegui import ui

from favae_cli.explore.parts import saving
from favae_cli.explore.seen import called
from favae_cli.explore.shown_view import Shown, shown
from favae_cli.explore.window import Window
from favae_cli.queries.told import Place

REACH = 3.0  # standard deviations each way
FIRST = 12  # sliders that are seen at once
MEAN, SAMPLE = "the mean of all", "the sample"


class FactorsTab:
    """The tab in one window."""

    def __init__(self, window: Window) -> None:
        self.window, self.model = window, window.seen.model
        self.place, self.g = Place.of_mean(self.model), np.zeros((1, self.model.joined.factors))
        self.sliders: dict[int, ui.slider] = {}
        self.shown: dict[str, Shown] = {}
        self.moving = True  # False while the sliders are set by the program
        with ui.row().classes("w-full items-center"):
            self.around = ui.toggle([MEAN, SAMPLE], value=MEAN, on_change=self._start).props("no-caps")
            ui.button("Reset", icon="restart_alt", on_click=self._start).props("flat no-caps")
        with ui.row().classes("w-full items-start no-wrap"):
            with ui.column().classes("w-96 shrink-0 gap-1"):
                self._sliders()
            with ui.column().classes("grow min-w-0"):
                self.views()
                self.saved()
        window.on_sample(self._sample_changed)

    def _sliders(self) -> None:
        cards = self.window.seen.cards
        for card in cards[:FIRST]:
            self._slider(card.factor, called(card), card.use)
        if cards[FIRST:]:
            with ui.expansion(f"{len(cards) - FIRST} more, less relevant").classes("w-full"):
                for card in cards[FIRST:]:
                    self._slider(card.factor, called(card), card.use)

    def _slider(self, factor: int, name: str, use: str) -> None:
        colour = "deep-orange" if use.startswith("private") else "primary"
        ui.label(name).classes(f"text-xs text-{colour}")
        slider = ui.slider(min=-REACH, max=REACH, step=0.1, value=0.0, on_change=lambda: self._moved(factor))
        self.sliders[factor] = slider.props(f"label color={colour}").classes(f"factor-{factor}")

    def _moved(self, factor: int) -> None:
        if self.moving:
            self.g[0, factor] = self.sliders[factor].value
            self._show()

    def _sample_changed(self) -> None:
        if self.around.value == SAMPLE:
            self._start()

    def _start(self) -> None:
        """Go back to the mean, or to the sample as it is now."""
        window = self.window
        if self.around.value == SAMPLE:
            self.place = Place.of_sample(self.model, window.sample)
        else:
            self.place = Place.of_mean(self.model)
        self.g = self.place.g.copy()
        self.moving = False
        for factor, slider in self.sliders.items():
            slider.value = float(np.clip(self.g[0, factor], -REACH, REACH))
        self.moving = True
        self.views.refresh()
        self.saved.refresh()

    def _show(self) -> None:
        for name, part in self.shown.items():
            part.show(self.place.decoded(self.g, name)[0])
        self.saved.refresh()

    @ui.refreshable_method
    def views(self) -> None:
        """Every view, decoded."""
        with ui.row().classes("items-start"):
            for name, view in self.window.seen.data.views.items():
                with ui.card().classes(f"decoded-{name}"):
                    ui.label(name).classes("font-bold")
                    self.shown[name] = shown(view, self.place.decoded(self.g, name)[0])

    @ui.refreshable_method
    def saved(self) -> None:
        """What saves them, and the command line."""
        moved = np.flatnonzero(self.g[0] != self.place.g[0])
        asked = {f"factors.{factor}": float(self.g[0, factor]) for factor in moved}
        window = self.window
        command = (window if self.around.value == SAMPLE else window.seen).command("decode", asked)
        saving(command, **{name: lambda name=name: self._file(name) for name in self.shown})

    def _file(self, name: str) -> tuple[str, bytes]:
        ending, content = self.shown[name].file()
        return f"decoded-{name}{ending}", content

"""Tab Edit: the sample's image with other attributes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from nicegui import ui

from favae_cli.common.errors import UserError
from favae_cli.common.pixels import unit
from favae_cli.explore.parts import csv, picture, png, saving, table
from favae_cli.explore.window import Window
from favae_cli.models.fa_vae import observed_table
from favae_cli.queries.generate_and_edit import Edited, Editor, best_strengths

AS_IT_IS = "as it is"
ASKED = {AS_IT_IS: np.nan, "no": 0.0, "yes": 1.0}


class AttributeSwitches:
    """A switch for each attribute of one binary view."""

    def __init__(self, columns: tuple[str, ...], left: str) -> None:
        self.columns, self.left = columns, left
        self.switches: dict[str, ui.toggle] = {}
        with ui.grid(columns=2).classes("items-center gap-1"):
            for column in columns:
                ui.label(column)
                switch = ui.toggle([left, "no", "yes"], value=left).props("dense no-caps size=sm")
                self.switches[column] = switch.classes("attribute")

    @property
    def asked(self) -> np.ndarray:
        """(D,) 0, 1, or NaN of what is left."""
        values = [switch.value for switch in self.switches.values()]
        return np.array([np.nan if value == self.left else float(value == "yes") for value in values])

    @property
    def keys(self) -> dict[str, int]:
        """The same as keys of a command line."""
        pairs = zip(self.columns, self.asked.tolist(), strict=True)
        return {f"attributes.{name}": int(value) for name, value in pairs if not np.isnan(value)}


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
                ui.label("Strength; 0: as the run found best").classes("text-xs")
                self.strength = ui.slider(min=0, max=3, step=0.1, value=0).props("label").classes("w-48 strength")
                ui.button("Edit", on_click=self._edit).props("no-caps")
            with ui.column():
                self.result()
        window.on_sample(self._forget)

    @ui.refreshable_method
    def choices(self) -> None:
        """The switches of the attributes."""
        columns = self.window.seen.trained.views[self.view.value].columns
        self.switches = AttributeSwitches(columns, AS_IT_IS)

    def _forget(self) -> None:
        self.made = None
        self.result.refresh()

    def _edit(self) -> None:
        window, name = self.window, self.view.value
        trained, sample = window.seen.trained, window.sample
        with window.mistake.told():
            self.shows = self.image.value
            self.asked: dict[str, float] = {**self.switches.keys}
            if self.shows not in window.views:
                raise UserError(f"sample {window.key} has no {self.shows} to edit; choose another in the tab Sample")
            if not self.asked:
                raise UserError("say what to change: set an attribute to yes or no")
            columns = trained.views[name].columns
            strengths = best_strengths(trained.metrics, columns)
            if self.strength.value:
                strengths = np.full(len(columns), float(self.strength.value))
                self.asked["strength"] = float(self.strength.value)
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
        table(rows, "attributes")
        given = {"keys": window.keys} if window.keys else {"input": "FILE"}
        command = window.seen.command(
            "edit", {"split": "all", **given, "from": self.shows, "of": self.of, **self.asked}
        )
        saving(
            command,
            picture=lambda: (f"{window.key}-edited.png", png(edited)),
            table=lambda: (f"{window.key}-attributes.csv", csv(rows)),
        )

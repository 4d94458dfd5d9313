"""Tab Sample: one sample, what is known of it, and what the model says where it is given some of its views."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from nicegui import events, ui

from favae_cli.common.errors import UserError
from favae_cli.explore.parts import csv, lines, picture, png, saving, strip, table
from favae_cli.explore.sample_answers import Answer, answers
from favae_cli.explore.window import Window
from favae_cli.queries.factor_reading import factor_use
from favae_cli.queries.new_tables import read_tables
from favae_cli.queries.samples import Samples, read_images

LARGEST = 64 * 2**20  # bytes of an upload
TABLES = (".csv", ".tsv", ".parquet")


class SampleTab:
    """The tab in one window."""

    def __init__(self, window: Window) -> None:
        self.window, self.given = window, set(window.views)
        with ui.row().classes("w-full items-start no-wrap"):
            with ui.column().classes("w-72 shrink-0"):
                self._choice()
            with ui.column().classes("grow min-w-0"):
                self.shown()
        window.on_sample(self._sample_changed)

    def _choice(self) -> None:
        self.offered = self.window.seen.found("")
        ui.input("Search keys and texts", on_change=self._search).props("debounce=300 clearable").classes("w-full")
        self.select = ui.select(self.offered, value=self.window.own, label="Sample", on_change=self._chosen).classes(
            "w-full"
        )
        images = self.window.seen.trained.images
        self.view: ui.select | None = None
        if len(images) > 1:
            self.view = ui.select(images, value=images[0], label="A dropped image shows").classes("w-full")
        ui.upload(
            label="Drop an image or a table", auto_upload=True, max_file_size=LARGEST, on_upload=self._uploaded
        ).classes("w-full")
        self.pasted = ui.textarea("Paste a row, with a header, as CSV").classes("w-full").props("rows=3")
        ui.button("Take the row", on_click=self._pasted).props("dense no-caps")

    def _search(self, event: events.ValueChangeEventArguments[Any]) -> None:
        self.offered = self.window.seen.found(event.value or "")
        self.select.set_options(self.offered, value=self.window.own if self.window.own in self.offered else None)

    def _chosen(self, event: events.ValueChangeEventArguments[Any]) -> None:
        if event.value is not None and event.value != self.window.own:
            self.window.choose(event.value)

    async def _uploaded(self, event: events.UploadEventArguments) -> None:
        content = await event.file.read() if event.file.size() <= LARGEST else None
        self._take(Path(event.file.name).name, content)

    def _pasted(self) -> None:
        self._take("pasted.csv", self.pasted.value.encode())

    def _take(self, name: str, content: bytes | None) -> None:
        """Look at the first sample of a file; None is what is too large."""
        seen = self.window.seen
        with self.window.mistake.told(), tempfile.TemporaryDirectory() as folder:
            if content is None:
                raise UserError(f"{name}: has more than {LARGEST >> 20} MiB")
            file = Path(folder) / f"input{Path(name).suffix.lower()}"
            file.write_bytes(content)
            shows = None
            try:
                if file.suffix in TABLES:
                    data = read_tables([file], seen.trained, seen.cache)
                elif seen.trained.images:
                    shows = str(self.view.value) if self.view else seen.trained.images[0]
                    data = read_images([file], seen.trained, shows)
                else:
                    raise UserError(f"{name}: the run has no view of images; drop a table ({', '.join(TABLES)})")
            except UserError as error:
                raise UserError(str(error).replace(str(file), name)) from error
            self.window.take(Samples(data, np.array([0])), shows)

    def _sample_changed(self) -> None:
        self.given = set(self.window.views)
        if self.window.own is not None:
            self.offered |= {self.window.own: self.window.key}
            self.select.set_options(self.offered, value=self.window.own)
        else:
            self.select.set_value(None)
        self.shown.refresh()

    def _switched(self, name: str, event: events.ValueChangeEventArguments[Any]) -> None:
        (self.given.add if event.value else self.given.discard)(name)
        self.shown.refresh()

    @ui.refreshable_method
    def shown(self) -> None:
        """Every view of the sample, and its factors."""
        window = self.window
        found, factors = answers(window.seen.trained, window.sample, self.given)
        ui.label(f"Sample {window.key}").classes("text-lg")
        with ui.row().classes("items-stretch"):
            for name, answer in found.items():
                with ui.card().classes(f"view-{name}"):
                    self._view(name, answer)
        ui.label("Factors, given what is switched on").classes("text-md")
        joined = window.seen.model.joined
        factors.insert(1, "use", [factor_use(joined, factor) for factor in range(joined.factors)])
        table(factors, "factors")
        saving("", table=lambda: (f"{window.key}-factors.csv", csv(factors)))

    def _view(self, name: str, answer: Answer) -> None:
        with ui.row().classes("items-center justify-between w-full"):
            ui.label(name).classes("font-bold")
            ui.switch("given", value=answer.given, on_change=lambda event: self._switched(name, event)).set_enabled(
                answer.known
            )
        made = "reconstruction" if answer.given else "foretold"
        if answer.images is not None:
            self._images(name, answer, made)
        elif answer.lines is not None:
            self._lines(name, answer, made)
        elif answer.table is not None:
            rows = answer.table.rename(columns={"model": made})
            table(rows, name)
            saving(self._command(), table=lambda: (f"{self.window.key}-{name}.csv", csv(rows)))

    def _images(self, name: str, answer: Answer, made: str) -> None:
        assert answer.images is not None
        original, image = answer.images
        with ui.row():
            if original is not None:
                picture(original, "original")
            picture(image, made)
        both = strip([image] if original is None else [original, image])
        saving(
            self._command(),
            picture=lambda: (f"{self.window.key}-{name}.png", png(image)),
            strip=lambda: (f"{self.window.key}-{name}-strip.png", png(both)),
        )

    def _lines(self, name: str, answer: Answer, made: str) -> None:
        assert answer.lines is not None
        original, value, deviation = answer.lines
        series = {"original": original, made: value, "- 1 std": value - deviation, "+ 1 std": value + deviation}
        columns = self.window.sample.data.views[name].columns
        lines(series, "step", columns)
        rows = pd.concat(
            [
                pd.DataFrame({"step": range(len(values)), "what": what}).join(
                    pd.DataFrame(values, columns=list(columns))
                )
                for what, values in series.items()
            ]
        )
        saving(self._command(), table=lambda: (f"{self.window.key}-{name}.csv", csv(rows)))

    def _command(self) -> str:
        """All that is told of the sample; of a row, which is of a run of own files, as it came."""
        window, given = self.window, sorted(self.given)
        asked = window.command("impute", {"given": given, "reconstruct": True})
        return asked or window.seen.command("predict", {"input": "FILE"})

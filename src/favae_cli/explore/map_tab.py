"""Tab Map: all samples in two factors, or laid out by UMAP, coloured by what is known of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from nicegui import events, run, ui

from favae_cli.evaluation.sample_map import labels_of
from favae_cli.explore.parts import address, csv, saving
from favae_cli.explore.seen import Seen, called
from favae_cli.explore.window import Window
from favae_cli.queries.factor_scores import all_factor_scores
from favae_cli.queries.umap_layout import beside
from favae_cli.reporting.style import PALETTE

NOTHING = "nothing"
FACTORS, UMAP = "two factors", "UMAP"


def colourings(seen: Seen) -> dict[str, np.ndarray]:
    """By name of a variable of a table, its value for each sample of the reading: numbers, or objects of categories."""
    reading, found = seen.reading, {}
    for name, view in reading.data.views.items():
        if not view.is_table or not view.present.any():
            continue
        for variable, values, categories in labels_of(reading.data, name, reading.indices):
            if categories:
                values = np.array([None if np.isnan(value) else categories[int(value)] for value in values], object)
            found[f"{name}: {variable}"] = values
    return found


class MapTab:
    """The tab in one window."""

    def __init__(self, window: Window) -> None:
        self.window, seen = window, window.seen
        axes = {card.factor: called(card) for card in seen.cards}
        if len(axes) < 2:
            ui.label("A map takes two factors in use; this run has fewer.").classes("text-grey-7")
            return
        self.colourings = colourings(seen)
        across, up = [*axes][:2]
        self.placed: np.ndarray | None = None  # by UMAP, where that is shown
        with ui.row().classes("items-center"):
            self.layout = ui.toggle([FACTORS, UMAP], value=FACTORS, on_change=self._lay_out).props("no-caps")
            self.across = ui.select(axes, value=across, label="Across", on_change=self._again).classes("w-64")
            self.up = ui.select(axes, value=up, label="Up", on_change=self._again).classes("w-64")
            choices = [NOTHING, *self.colourings]
            self.by = ui.select(choices, value=choices[min(1, len(choices) - 1)], label="Colour", on_change=self._again)
            self.by.classes("w-64")
        with ui.row().classes("w-full no-wrap"):
            self.chart = ui.echart(self._options(), on_point_click=self._clicked).classes("grow map")
            self.chart.style("height: 560px")
            self.chart.on("chart:mouseover", self._hovered, ["seriesIndex", "dataIndex", "data"])
            with ui.column().classes("w-48 hovered"):
                self.key = ui.label("A sample that you point at is shown here; a click opens it").classes("text-xs")
                self.thumbnails = {
                    name: ui.image()
                    .classes("w-40")
                    .props("no-transition no-spinner")
                    .style("image-rendering: pixelated")
                    for name in seen.trained.images
                }
        self.saved()

    async def _lay_out(self) -> None:
        """By what is chosen; UMAP takes its time, away from the page's own thread."""
        placed = None
        if self.layout.value == UMAP:
            waiting = ui.spinner()
            try:
                with self.window.mistake.told():
                    placed = await run.io_bound(lambda: self.window.seen.umap)
            finally:
                waiting.delete()
            if self.layout.value != UMAP:  # another was chosen meanwhile, and is shown
                return
            if placed is None:
                self.layout.set_value(FACTORS)
                return
        self.placed = placed
        for choice in (self.across, self.up):
            choice.set_enabled(self.placed is None)
        self._again()
        self.saved.refresh()

    @ui.refreshable_method
    def saved(self) -> None:
        """What saves the table, and the command line; some of the samples alone lie in another plane than all."""
        seen, by_umap = self.window.seen, self.placed is not None
        asked = {"split": None if seen.split == "test" else seen.split, "umap": True if by_umap else None}
        saving(seen.command("factors", asked) if seen.read_in_full or not by_umap else "", table=self._file)

    def _again(self) -> None:
        self.chart.options.clear()
        self.chart.options.update(self._options())

    def _options(self) -> dict[str, Any]:
        reading = self.window.seen.reading
        factors = self.across.value, self.up.value
        x, y = (reading.latent[:, factors] if self.placed is None else self.placed).T
        across, up = (f"factor {k}" for k in factors) if self.placed is None else ("UMAP 0", "UMAP 1")
        colour = self.colourings.get(self.by.value)
        number = colour is not None and colour.dtype != object
        points = [[float(a), float(b), place] for place, (a, b) in enumerate(zip(x, y, strict=True))]
        options: dict[str, Any] = {
            "animation": False,
            "xAxis": {"name": across, "nameLocation": "middle", "nameGap": 25, "scale": True},
            "yAxis": {"name": up, "nameLocation": "middle", "nameGap": 35, "scale": True},
            "dataZoom": [{"type": "inside"}, {"type": "inside", "orient": "vertical"}],
        }
        if number:
            assert colour is not None
            values = [[*point, None if np.isnan(c) else float(c)] for point, c in zip(points, colour, strict=True)]
            low, high = (float(f(colour)) if np.isfinite(colour).any() else 0.0 for f in (np.nanmin, np.nanmax))
            options["visualMap"] = {"min": low, "max": high, "dimension": 3, "calculable": True}
            options["series"] = [{"type": "scatter", "symbolSize": 7, "data": values}]
            return options
        names = ["samples"] if colour is None else sorted({str(c) for c in colour if c is not None})
        groups = (
            {name: [p for p, c in zip(points, colour, strict=True) if c == name] for name in names}
            if (colour is not None)
            else {"samples": points}
        )
        if colour is not None and (rest := [p for p, c in zip(points, colour, strict=True) if c is None]):
            groups["not known"] = rest
        shades = dict(zip(names, PALETTE * (len(names) // len(PALETTE) + 1), strict=False)) | {"not known": "#cccccc"}
        options["legend"] = {"type": "scroll", "data": [*groups]}
        options["series"] = [
            {"type": "scatter", "symbolSize": 7, "name": name, "data": data, "color": shades[name]}
            for name, data in groups.items()
        ]
        return options

    def _index(self, data: Any) -> int | None:
        """The index of the sample that a point of the chart stands for."""
        reading = self.window.seen.reading
        if not isinstance(data, list) or len(data) < 3 or not isinstance(data[2], int):
            return None
        return int(reading.indices[data[2]]) if 0 <= data[2] < len(reading.indices) else None

    def _hovered(self, event: events.GenericEventArguments) -> None:
        index, data = self._index(event.args.get("data")), self.window.seen.reading.data
        if index is None:
            return
        self.key.set_text(str(data.keys[index]))
        for name, image in self.thumbnails.items():
            view = data.views[name]
            image.set_visibility(bool(view.present[index]))
            if view.present[index]:
                image.set_source(address(view.gather(np.array([index]))[0]))

    def _clicked(self, event: events.EChartPointClickEventArguments) -> None:
        index = self._index(event.data)
        if index is not None:
            key = self.window.seen.reading.data.keys[index]
            self.window.choose(int(np.flatnonzero(self.window.seen.data.keys == key)[0]))
            self.window.go_to_sample()

    def _file(self) -> tuple[str, bytes]:
        reading = self.window.seen.reading
        table = all_factor_scores(reading.model, reading.data, reading.indices)
        return "factors.csv", csv(table if self.placed is None else beside(table, self.placed))

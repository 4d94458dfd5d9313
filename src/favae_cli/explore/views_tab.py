"""Tab Factors and views: what each factor explains of each view, what columns weigh, and who stands near the sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from nicegui import ui

from favae_cli.evaluation.explained import QUANTITIES
from favae_cli.explore.parts import csv, saving, table
from favae_cli.explore.window import Window
from favae_cli.queries.factor_scores import neighbour_table
from favae_cli.queries.given import Given
from favae_cli.queries.samples import Samples
from favae_cli.queries.traverse import most_relevant
from favae_cli.queries.weights import weights_of

NEAR = 10
FIRST = 12  # factors whose weights are seen at once


class ViewsTab:
    """The tab in one window."""

    def __init__(self, window: Window) -> None:
        self.window, seen = window, window.seen
        self.explained, self.order = seen.explained, seen.explained["factor"].unique()
        self.command = seen.command("factors", {"split": None if seen.split == "test" else seen.split})
        ui.label("Explained by each factor, %").classes("text-md")
        self.quantity = ui.select(QUANTITIES, value="embedding_unique", on_change=self._again).classes("w-64")
        self.chart = ui.echart(self._options()).classes("w-full explained")
        self.chart.style(f"height: {120 + 18 * len(self.order)}px")
        saving(self.command, table=lambda: ("explained.csv", csv(self.explained)))
        tables = [name for name in seen.model.views if seen.trained.views[name].is_table]
        if tables:
            ui.label("Weights of columns").classes("text-md")
            self.table = ui.select(tables, value=tables[0], label="Table", on_change=lambda: self.weights.refresh())
            self.weights()
        ui.label("Nearest to the sample").classes("text-md")
        self.near()
        window.on_sample(self.near.refresh)

    def _again(self) -> None:
        self.chart.options.clear()
        self.chart.options.update(self._options())

    def _options(self) -> dict[str, Any]:
        factors, views = [str(factor) for factor in self.order], list(self.window.seen.model.views)
        rows = self.explained.pivot(index="factor", columns="view", values=self.quantity.value).loc[self.order, views]
        cells = [
            [column, row, round(100 * float(value), 2)]
            for (row, column), value in np.ndenumerate(rows.to_numpy())
            if np.isfinite(value)
        ]
        return {
            "animation": False,
            "tooltip": {},
            "grid": {"left": 60, "right": 90, "top": 10, "bottom": 40},
            "xAxis": {"type": "category", "data": views},
            "yAxis": {"type": "category", "data": factors, "inverse": True, "name": "factor"},
            "visualMap": {"min": 0, "max": max(1.0, max((cell[2] for cell in cells), default=1.0)), "right": 0},
            "series": [{"type": "heatmap", "name": "explained", "data": cells, "label": {"show": True}}],
        }

    @ui.refreshable_method
    def weights(self) -> None:
        """Of one table, the most relevant factors first."""
        seen, name = self.window.seen, self.table.value
        found = weights_of(seen.model.views[name], seen.model.joined.views[name], seen.trained.views[name])
        assert found is not None  # of a table
        whole = pd.DataFrame(found.weight, columns=[f"w{factor}" for factor in range(seen.model.joined.factors)])
        whole.insert(0, "column", found.columns)
        first = most_relevant(seen.model.joined, name, FIRST)
        table(whole[["column", *(f"w{factor}" for factor in first)]], "weights")
        saving(self.command, table=lambda: (f"weights_{name}.csv", csv(whole)))

    @ui.refreshable_method
    def near(self) -> None:
        """The samples that are nearest in g to the one that is looked at."""
        window, seen = self.window, self.window.seen
        sample = window.sample
        g = Given.of_samples(seen.model, sample.data, sample.indices).latents()
        keys = Samples(seen.data, seen.indices).keys
        rows = neighbour_table(seen.latents, keys, g, [window.key], NEAR, themselves=window.own is None)
        ui.label(f"Sample {window.key}").classes("text-xs")
        table(rows.drop(columns="key"), "neighbours")
        command = window.command("neighbours", {"among": seen.split, "nearest": NEAR})
        with ui.column().classes("neighbours"):
            saving(command, table=lambda: (f"{window.key}-neighbours.csv", csv(rows)))

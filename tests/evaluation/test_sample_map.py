"""Samples by the factors that tell most of a label."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from favae_cli.data import Dataset
from favae_cli.evaluation.presence import presence_table
from favae_cli.evaluation.sample_map import map_pictures
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.given import Given
from favae_cli.reporting.table_figures import COUNT


def test_labels_colour_samples_that_stand_where_the_other_views_say(
    planted: FAVAE, planted_data: Callable[..., Dataset]
) -> None:
    data = planted_data()
    (figure,) = map_pictures(planted, data).values()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert sorted(titles) == ["Bottom", "Top"]  # the pixels are no labels
    axes = figure.axes[titles.index("Top")]
    assert axes.get_xlabel() == "factor 0"  # whose weight is Top's
    here = np.flatnonzero(data.views["face"].present)
    table = data.views["attributes"]
    both = here[table.present[here]]
    for place, points in enumerate(axes.collections[1:]):
        indices = both[table.gather(both)[:, 0] == place]
        expected = Given.of_samples(planted, data, indices, views=["face"]).latents()
        np.testing.assert_allclose(
            np.asarray(points.get_offsets()), expected[:, [0, int(axes.get_ylabel()[-1])]], atol=1e-6
        )


def test_combinations_of_views_are_counted_the_most_common_first(planted_data: Callable[..., Dataset]) -> None:
    data = planted_data()
    views = {"samples": data.views["face"], "count": data.views["attributes"]}  # names like what is counted
    table = presence_table(Dataset(data.name, data.keys, views, data.split))
    assert table[COUNT].is_monotonic_decreasing
    assert table[COUNT].sum() == len(data.keys)
    alone = table.query("samples == 1 and count == 0")[COUNT].item()
    assert alone == (views["samples"].present & ~views["count"].present).sum()


def test_a_sample_of_several_splits_is_one_point(planted: FAVAE, planted_data: Callable[..., Dataset]) -> None:
    data = planted_data()
    everyone = np.arange(len(data.keys))
    again = data.taken(everyone, data.split | {"all": everyone})
    points = [
        sorted(len(np.asarray(points.get_offsets())) for axes in figure.axes for points in axes.collections)
        for figure in (map_pictures(planted, each)["map"] for each in (data, again))
    ]
    assert points[0] == points[1]

"""The columns that a factor has most to do with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from favae_cli.data import Dataset
from favae_cli.evaluation.results import TOP, factor_tables, result_pictures
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.factor_reading import Reading


def test_top_columns_are_those_of_the_largest_weights_of_factors_in_use(
    planted: FAVAE, planted_data: Callable[..., Dataset]
) -> None:
    tables = factor_tables(Reading.of(planted, planted_data(), "test"))
    top = tables["top_columns"]
    factors = planted.joined.views["attributes"]
    assert set(top["view"]) == {"attributes"}  # pixels have no names
    assert set(top["factor"]) == set(np.flatnonzero(planted.joined.active["attributes"]))
    for factor, part in top.groupby("factor"):
        own = factors.weights[:, int(str(factor))]
        order = np.argsort(-np.abs(own))[:TOP]
        assert part["column"].tolist() == [("Top", "Bottom")[place] for place in order]
        assert (np.sign(part["weight"]) == np.sign(own[order])).all()
        assert (part["weight"].abs() <= 1).all()
        assert part["deviation"].notna().all()
    assert tables["explained"]["decoded_total"].isna().all()  # as nothing is decoded for it
    assert len(result_pictures(tables)["explained"].axes) == 2

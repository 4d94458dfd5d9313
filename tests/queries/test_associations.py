"""Associations are the measures of the field, and their p is what permuted samples say."""

from __future__ import annotations

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score

from favae_cli.queries.associations import compared

RNG = np.random.default_rng(0)
LATENT = RNG.standard_normal((80, 2))


def test_the_measures_are_auc_and_spearmans_correlation() -> None:
    number = LATENT[:, 0] ** 3 + RNG.standard_normal(80)
    number[::9] = np.nan
    bit = (LATENT[:, 1] + 0.5 * RNG.standard_normal(80) > 0.5).astype(float)
    found = compared(LATENT, {"number": number, "bit": bit}, 199)
    rows = {(row["column"], row["factor"]): row for row in found.to_dict("records")}
    seen = ~np.isnan(number)
    for factor in (0, 1):
        row = rows["number", factor]
        assert row["measure"] == "correlation"
        assert row["samples"] == seen.sum()
        np.testing.assert_allclose(row["value"], stats.spearmanr(number[seen], LATENT[seen, factor])[0])
        np.testing.assert_allclose(rows["bit", factor]["value"], roc_auc_score(bit, LATENT[:, factor]))
    assert rows["number", 0]["p"] == 1 / 200
    assert rows["bit", 1]["p"] == 1 / 200


def test_p_of_what_has_nothing_to_do_with_it_is_uniform() -> None:
    noise = {str(number): RNG.standard_normal(80).round(1) for number in range(60)}
    p = compared(LATENT, noise, 99)["p"]
    assert stats.kstest(p, "uniform").pvalue > 0.001
    asymptotic = [stats.spearmanr(values, LATENT[:, 0]).pvalue for values in noise.values()]
    assert np.abs(p[::2].to_numpy() - asymptotic).mean() < 0.05


def test_what_never_varies_or_is_hardly_known_has_no_row() -> None:
    rare = np.full(80, np.nan)
    rare[:4] = [1, 2, 3, 4]
    assert not len(compared(LATENT, {"constant": np.ones(80), "rare": rare}, 9))


def test_a_factor_that_never_varies_goes_with_nothing() -> None:
    latent = np.column_stack([LATENT[:, 0], np.zeros(80)])
    found = compared(latent, {"number": LATENT[:, 0], "bit": (LATENT[:, 0] > 0).astype(float)}, 120)
    still, moving = found[found["factor"] == 1], found[found["factor"] == 0]
    assert still["value"].tolist() == [0, 0.5]
    assert still["p"].tolist() == [1, 1]
    assert moving["p"].tolist() == [1 / 121, 1 / 121]

"""How much of each view each factor explains: of the variance of its embedding, and of what is decoded from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from sklearn.feature_extraction.text import HashingVectorizer

from favae_cli.common.pixels import unit
from favae_cli.factors import ViewFactors
from favae_cli.factors.model import to_standard
from favae_cli.factors.updates import ViewSums, variances
from favae_cli.queries.factor_reading import Reading, factor_table
from favae_cli.queries.predict import on_scale
from favae_cli.reporting.panels import units
from favae_cli.reporting.style import FAINT, INK, ON_DEEP, ON_PALE, blank, cells, dress
from favae_cli.views import View

CHUNK = 64  # samples decoded at a time, with every factor once kept and once left out
MOST = 40  # factors in the figure
WORDS = 1 << 12  # buckets that the words of texts are counted in
QUANTITIES = {
    "embedding_total": "embedding, total",
    "embedding_unique": "embedding, unique",
    "decoded_total": "decoded, total",
    "decoded_unique": "decoded, unique",
}


@dataclass(frozen=True)
class Explained:
    """Shares of one view's variance by factor, (K,) each; of uncorrelated factors in a linear view both are the same.

    Attributes:
        total: what the factor explains alone; below 0 where the others are there to undo it.
        unique: what is lost when it is left out of all.
    """

    total: np.ndarray
    unique: np.ndarray


def in_embedding(view: ViewFactors, sums: ViewSums) -> Explained:
    """Shares of the variance of z around b, columns in training deviations, in closed form from moments.

    Errors and variances of the D dimensions are pooled, sum of errors over sum of variances, so that one that hardly
    moves in few samples does not drown the rest. With W and z by the deviation that each dimension has in training,
    the share of a set S of factors is R2(S) = 1 - E |z - b - W_S g_S|^2 / E |z - b|^2, all under q. With
    V = E |z - b|^2, C = E (z - b) g^T, G = E g g^T and A = W^T W that is

        V R2(S) = 2 sum_{k in S} w_k^T c_k - sum_{j, k in S} A_jk G_jk
        total_k = R2({k}) = (2 w_k^T c_k - A_kk G_kk) / V
        unique_k = R2(all) - R2(all but k) = (2 w_k^T c_k - 2 (A G)_kk + A_kk G_kk) / V.

    Where the model fits, C = W G; of the training samples, V = D: unique_k is then A_kk G_kk / D, the factor's
    relevance.

    Args:
        view: W (at its mean), b, and the variances in training.
        sums: of any samples.
    """
    scale, weights = to_standard(view.variance), view.standard_weights
    size = scale**2 @ variances(view, sums)
    agreement = 2 * np.sum(weights * scale[:, None] * sums.centred_zg(view.bias), axis=0) / sums.count
    gram, gg = weights.T @ weights, sums.gg / sums.count
    own = np.diag(gram) * np.diag(gg)
    return Explained((agreement - own) / size, (agreement - 2 * np.sum(gram * gg, axis=0) + own) / size)


def in_data(view: View, factors: ViewFactors, stored: np.ndarray, latent: np.ndarray) -> Explained:
    """Shares of what the factors do to the decoded data.

    With x_S = decode(W_S g_S + b), R2(S) = 1 - sum ||x_all - x_S||^2 / sum ||x_all - x_none||^2 over samples, every
    column and channel in standard deviations of the data; R2(none) = 0 and R2(all) = 1. total_k = R2({k}) and
    unique_k = 1 - R2(all but k), as in the embedding. A factor that the view does not use explains nothing and is not
    decoded. Texts count as their words, in whatever order.

    Args:
        stored: (R, ...) as the data set has them; they tell the standard deviations.
        latent: (R, K) of g.
    """
    _, scale = units(numbers(on_scale(view, stored)))
    shares, whole = np.zeros((2, latent.shape[1])), 0.0

    def decoded(z: np.ndarray) -> np.ndarray:
        return numbers(on_scale(view, view.decode(z))) / scale

    def apart(one: np.ndarray, other: np.ndarray) -> float:
        # Where one of two sequences has ended there is nothing to compare.
        return float(np.nansum(np.square(one - other)))

    origin = decoded(factors.bias[None])
    for start in range(0, len(latent), CHUNK):
        g = latent[start : start + CHUNK]
        z = factors.expected(g)
        full = decoded(z)
        whole += apart(full, origin)
        for factor in np.flatnonzero(factors.stands_out):
            part = np.outer(g[:, factor], factors.weights[:, factor])
            shares[:, factor] += apart(full, decoded(factors.bias + part)), apart(full, decoded(z - part))
    if not whole:
        return Explained(*np.full_like(shares, np.nan))
    shares /= whole
    return Explained(np.where(factors.stands_out, 1 - shares[0], 0.0), shares[1])


def numbers(values: np.ndarray) -> np.ndarray:
    """Values of any view as numbers (R, ..., P): texts as how often they have each word, stored images in [0, 1]."""
    if values.ndim > 1:
        return unit(values) if values.dtype == np.uint8 else values
    counter = HashingVectorizer(n_features=WORDS, analyzer=str.split, norm=None, alternate_sign=False)
    return np.asarray(counter.transform(values).toarray(), np.float32)


def explained_table(reading: Reading, order: np.ndarray, count: int) -> pd.DataFrame:
    """`factor_table` with a column for each of `QUANTITIES`; NaN in views that none of the samples has.

    Args:
        order: of the factors.
        count: samples that are decoded of each view, at most; 0 leaves what is decoded NaN.
    """
    model = reading.model.joined
    found: dict[str, dict[str, np.ndarray]] = {quantity: {} for quantity in QUANTITIES}
    for name, factors in model.views.items():
        shares = _shares(reading, name, factors, count) if name in reading.sums else np.full((4, model.factors), np.nan)
        for quantity, share in zip(QUANTITIES, shares, strict=True):
            found[quantity][name] = share
    return factor_table(model, order, found)


def _shares(reading: Reading, name: str, factors: ViewFactors, count: int) -> Iterator[np.ndarray]:
    """(K,) of each of `QUANTITIES`."""
    data = reading.data.views[name]
    here = np.flatnonzero(data.present[reading.indices])[:count]
    stored, latent = data.gather(reading.indices[here]), reading.latent[here]
    none = np.full(reading.model.joined.factors, np.nan)
    made = in_data(reading.model.views[name], factors, stored, latent) if len(here) else Explained(none, none)
    for part in (in_embedding(factors, reading.sums[name]), made):
        yield from (part.total, part.unique)


def explained_picture(table: pd.DataFrame) -> Figure:
    """A heat map of factor x view for each of `QUANTITIES` that is known, in percent; the first `MOST` factors."""
    views, factors = table["view"].unique(), table["factor"].unique()
    shown = factors[:MOST]
    labels = [f"{factor}  {use.split()[0]}" for factor, use in _uses(table)[: len(shown)]]
    panel = max(1.15, 0.42 * len(views))
    known = {quantity: title for quantity, title in QUANTITIES.items() if table[quantity].notna().any()}
    figure = blank(1.4 + max(len(known), 2) * (panel + 0.15), 1.7 + 0.19 * len(shown))
    for axes, (quantity, title) in zip(figure.subplots(1, len(known)), known.items(), strict=True):
        share = table.pivot(index="factor", columns="view", values=quantity).loc[shown, views].to_numpy()
        _heat(axes, 100 * share, title.replace(", ", "\n"))
        axes.set_xticks(range(len(views)), views, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(shown)), labels if axes is figure.axes[0] else [])
    rest = len(factors) - len(shown)
    more = f"; {rest} more, less relevant, are in the table" if rest else ""
    figure.suptitle(f"Explained by each factor, %{more}", fontsize=9, color=INK, x=0.01, ha="left")
    return figure


def _uses(table: pd.DataFrame) -> list[tuple[int, str]]:
    return list(table.drop_duplicates("factor")[["factor", "use"]].itertuples(index=False, name=None))


def _heat(axes: Axes, percent: np.ndarray, title: str) -> None:
    """(F, V) percentages as colours, those that are not next to nothing also in figures."""
    dress(axes, title)
    axes.grid(False)
    axes.tick_params(length=0)
    cells(axes, percent, PowerNorm(0.5, 0, 100, clip=True))
    for (row, column), value in np.ndenumerate(percent):
        if abs(value) >= 0.05:
            text = f"{value:.1f}" if abs(value) < 9.95 else f"{value:.0f}"
            ink = ON_DEEP if value > 40 else ON_PALE
            axes.text(column, row, text, ha="center", va="center", fontsize=6, color=ink)
        elif np.isnan(value):
            axes.text(column, row, "-", ha="center", va="center", fontsize=6, color=FAINT)

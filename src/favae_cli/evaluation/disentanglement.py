"""How an embedding lays out factors that are known: DCI (Eastwood and Williams, 2018) and MIG (Chen et al., 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import entropy
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.inspection import permutation_importance
from sklearn.metrics import mutual_info_score

BINS = 20  # of equal count, for what is continuous


@dataclass(frozen=True)
class DCI:
    """Three scores of an embedding, each 0 to 1.

    Attributes:
        disentanglement: 1 if every dimension serves one factor, 0 if it serves all alike.
        completeness: 1 if every factor is read from one dimension, 0 if from all alike.
        informativeness: share of the factors' variance that is predicted, mean over factors.
    """

    disentanglement: float
    completeness: float
    informativeness: float


def disentanglement_metrics(
    name: str,
    train_z: np.ndarray,
    train_factors: Mapping[str, np.ndarray],
    test_z: np.ndarray,
    test_factors: Mapping[str, np.ndarray],
    seed: int,
) -> dict[str, float]:
    """`disentanglement/<name>/dci`, `completeness`, `informativeness` and `mig`; arguments as in `dci`.

    Args:
        name: of the model.
    """
    scores = dci(train_z, train_factors, test_z, test_factors, seed)
    factors = {key: np.concatenate([values, test_factors[key]]) for key, values in train_factors.items()}
    return {
        f"disentanglement/{name}/dci": scores.disentanglement,
        f"disentanglement/{name}/completeness": scores.completeness,
        f"disentanglement/{name}/informativeness": scores.informativeness,
        f"disentanglement/{name}/mig": mig(np.concatenate([train_z, test_z]), factors),
    }


def dci(
    train_z: np.ndarray,
    train_factors: Mapping[str, np.ndarray],
    test_z: np.ndarray,
    test_factors: Mapping[str, np.ndarray],
    seed: int,
) -> DCI:
    """Disentanglement, completeness and informativeness.

    Boosted trees predict each factor from the embedding. How much worse they predict the training samples when one
    dimension is shuffled is that dimension's importance; a factor's importances are scaled to sum to one. A dimension
    scores one minus the entropy of its importances over the factors, in units of the largest possible, and counts as
    much as it is used; a factor scores likewise over the dimensions.

    Args:
        train_z: (N, L), the samples that the trees learn from.
        train_factors: by name, (N,) or (N, k), whose columns count as factors of their own. Booleans and floats are
            numbers, integers are categories. What does not vary is left out.
        test_z, test_factors: of other samples; informativeness is measured on them.
        seed: of the shuffling.

    Raises:
        ValueError: none of the factors varies.
    """
    shares, explained = [], []
    test = _columns(test_factors)
    for key, values in _varying(train_factors).items():
        importance, error, spread = np.zeros(train_z.shape[1]), 0.0, 0.0
        categories = np.unique(values) if values.dtype.kind in "iu" else None
        for target, unseen in zip(_numbers(values, categories), _numbers(test[key], categories), strict=True):
            trees = HistGradientBoostingRegressor(
                max_iter=50, learning_rate=0.2, max_leaf_nodes=8, early_stopping=False, random_state=seed
            ).fit(train_z, target)
            shuffled = permutation_importance(
                trees, train_z, target, scoring="neg_mean_squared_error", n_repeats=1, random_state=seed
            )
            importance += np.maximum(shuffled.importances_mean, 0)
            error += float(np.square(unseen - trees.predict(test_z)).sum())
            spread += float(np.square(unseen - target.mean()).sum())
        shares.append(importance / max(importance.sum(), np.finfo(float).tiny))
        explained.append(max(1 - error / spread, 0.0) if spread else 0.0)
    table = np.stack(shares, axis=1)
    used = table.sum(axis=1)
    return DCI(
        float(np.average(_concentration(table[used > 0]), weights=used[used > 0])) if used.any() else 0.0,
        float(_concentration(table.T).mean()),
        float(np.mean(explained)),
    )


def mig(z: np.ndarray, factors: Mapping[str, np.ndarray]) -> float:
    """Mutual information gap: how much more of a factor's entropy its best dimension holds than the next, 0 to 1.

    The mean over factors of (I(z_best; v) - I(z_next; v)) / H(v), of values sorted into `BINS` bins of equal count.

    Args:
        z: (N, L).
        factors: as in `dci`.

    Raises:
        ValueError: none of the factors varies.
    """
    binned = [_binned(column) for column in z.T]
    gaps = []
    for values in _varying(factors).values():
        codes = _binned(values) if values.dtype.kind == "f" else values
        held = np.sort([0.0, *(mutual_info_score(codes, column) for column in binned)])
        gaps.append((held[-1] - held[-2]) / mutual_info_score(codes, codes))
    return float(np.mean(gaps))


def _columns(factors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every column of every factor, (N,) each."""
    columns = {}
    for name, values in factors.items():
        if values.ndim == 1:
            columns[name] = values
        else:
            columns |= {f"{name}.{index}": column for index, column in enumerate(values.T)}
    return columns


def _varying(factors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    varying = {name: values for name, values in _columns(factors).items() if np.any(values != values[0])}
    if not varying:
        raise ValueError("disentanglement needs a factor that varies")
    return varying


def _numbers(values: np.ndarray, categories: np.ndarray | None) -> list[np.ndarray]:
    """What a regression can predict, float64 (N,) each: the values, or for each category whether it is the one."""
    if categories is None:
        return [values.astype(float)]
    return [(values == category).astype(float) for category in categories]


def _binned(values: np.ndarray) -> np.ndarray:
    """The bin of each value; bins of equal count where no values are equal."""
    edges = np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1])
    return np.searchsorted(edges, values, side="right")


def _concentration(table: np.ndarray) -> np.ndarray:
    """(R, C) of non-negative numbers -> (R,): 1 where a row has one number, 0 where all are equal or there are none."""
    rows = np.where(table.any(axis=1, keepdims=True), table, 1.0)
    return 1 - entropy(rows, axis=1) / np.log(max(table.shape[1], 2))

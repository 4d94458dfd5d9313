"""What could be said of a view without any factors: what is usual, and regression from the same given views."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neighbors import KNeighborsRegressor, NearestNeighbors

from favae_cli.common.pace import Pace
from favae_cli.common.pixels import unit
from favae_cli.data import Dataset, ViewData
from favae_cli.data.dataset import blocks, measured_as, some
from favae_cli.evaluation.scores import score
from favae_cli.models.fa_vae import observed_table
from favae_cli.models.read_outs import for_regression
from favae_cli.reporting.panels import units

logger = logging.getLogger(__name__)

ROWS = 5000  # training samples, at most
VALUES = 20_000_000  # of the training samples, at most
FITTED = 2e7  # rows x columns x targets, of those that are regressed one by one
PENALTIES = np.logspace(-1, 5, 7)
NEIGHBOURS = 5
AROUND = 40  # rows among which those are looked for in which a column is not missing


def baseline_metrics(data: Dataset, ways: Mapping[str, tuple[str, Sequence[str]]], split: str) -> dict[str, float]:
    """`predict/<way>/<score>_usual` and, where that takes no time, `..._linear` and `..._knn`.

    Usual is what the training samples have: the mean of each column, or the share of each category. Linear is ridge
    regression, its penalty by generalised cross-validation, and logistic regression of what is binary or a category;
    knn the mean of the nearest training samples. Both go by the columns of the given views, their gaps filled with the
    mean, where those are tables. Texts have neither.

    Args:
        data: with its split.
        ways: by name, the view that is predicted, and those that are given.
        split: which one is scored.
    """
    metrics: dict[str, float] = {}
    pace = Pace()
    for way, (name, given) in ways.items():
        if pace.due():
            logger.info("evaluation: what could be said without factors of %s", way.replace("-", " to "))
        view = data.views[name]
        asked, train = (data.having(part, name, any_of=given or None) for part in (split, "train"))
        if view.is_text or not len(asked) or not len(train):
            continue
        train = some(train, min(ROWS, VALUES // int(np.prod(view.shape))))
        truth = view.gather(asked)
        usual = np.broadcast_to(usual_values(view, train), truth.shape)
        made: dict[str, np.ndarray | None] = {"usual": usual}
        made |= {what: regressed(data, name, given, train, asked, what) for what in ("linear", "knn")}
        for what, values in made.items():
            found = {} if values is None else score(view, truth, values)
            metrics |= {f"predict/{way}/{measure}_{what}": value for measure, value in found.items()}
    return metrics


def usual_values(view: ViewData, train: np.ndarray) -> np.ndarray:
    """Mean of the training samples `train`, of the shape of a sample; of sequences the same at every step."""
    values = view.gather(train)
    if view.is_image:
        return unit(values).mean(axis=0)
    axes = tuple(range(values.ndim - 1)) if view.is_sequence else 0
    count = np.maximum((~np.isnan(values)).sum(axis=axes), 1)
    return np.broadcast_to(np.nansum(values, axis=axes, dtype=float) / count, view.shape)


def regressed(
    data: Dataset, name: str, given: Sequence[str], train: np.ndarray, asked: np.ndarray, way: Literal["linear", "knn"]
) -> np.ndarray | None:
    """(R, ...) of the samples `asked` by regression on the samples `train`; None where that is not simple."""
    view = data.views[name]
    if not given or view.is_sequence or not all(data.views[other].is_table for other in given):
        return None
    size = sum(data.views[other].shape[0] for other in given)
    train = for_regression(train, size, ROWS)
    mean, scale = units(_columns(data, given, train))
    x, x_asked = (np.nan_to_num((_columns(data, given, rows) - mean) / scale) for rows in (train, asked))
    values = view.gather(train)
    y = unit(values).reshape(len(values), -1) if view.is_image else values.astype(float)
    kind, holes = measured_as(view), bool(np.isnan(y).any())
    of_numbers = _ridge if way == "linear" else _nearest
    if (kind in ("image", "real") or way == "knn") and not holes:
        return of_numbers(x, y, x_asked).reshape(-1, *view.shape)
    if x.size * y.shape[1] > FITTED or np.isnan(y).all(axis=0).any():
        return None
    parts = blocks(view.groups) if view.groups else [slice(column, column + 1) for column in range(y.shape[1])]
    if way == "knn":
        return _nearest_known(x, y, x_asked, parts)
    regress = _ridge if kind == "real" else _logistic
    return np.concatenate([_seen(regress, x, y[:, part], x_asked) for part in parts], axis=1)


def warn_of_losses(metrics: Mapping[str, float]) -> None:
    """A line for each view, and each way to predict it, whose first score is below that of what is usual."""
    told = set()
    for key, own in metrics.items():
        usual = metrics.get(f"{key}_usual")
        if key.startswith("predict/") and usual is not None and (way := key.split("/")[1]) not in told:
            told.add(way)
            if own < usual:
                digits = 3 if f"{own:.3f}" != f"{usual:.3f}" else 6  # or nobody would see a difference
                logger.warning(
                    "%s: predicted worse than by what is usual in the training samples: %s is %.*f, not %.*f",
                    way.replace("-", " to "),
                    key.rpartition("/")[2],
                    digits,
                    own,
                    digits,
                    usual,
                )


def _columns(data: Dataset, views: Sequence[str], indices: np.ndarray) -> np.ndarray:
    """(R, P) of the tables side by side, counts as log(1 + x), NaN where anything is missing."""
    tables = [(observed_table(data, name, indices), data.views[name].kind) for name in views]
    return np.concatenate([np.log1p(table) if kind == "counts" else table for table, kind in tables], axis=1)


def _seen(
    regress: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    asked: np.ndarray,
) -> np.ndarray:
    """Regression on the rows in which y is not missing."""
    there = ~np.isnan(y).any(axis=1)
    return regress(x[there], y[there], asked)


def _ridge(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> np.ndarray:
    centre = y.mean(axis=0)  # taken off first: a large mean would cost digits
    if len(x) <= x.shape[1]:
        return _dual_ridge(x, y - centre, asked) + centre
    found: np.ndarray = RidgeCV(PENALTIES).fit(x, y - centre).predict(asked)
    return found.reshape(len(asked), -1) + centre


def _dual_ridge(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """As `RidgeCV`, of fewer samples than columns: from products of samples alone, never columns by targets.

    With X X^T = Q s Q^T of the centred columns and c = (X X^T + penalty)^-1 y, the error of leaving sample n out is
    c_n / ((X X^T + penalty)^-1)_nn. The direction of the mean is not penalised.

    Args:
        x: (N, P).
        y: (N, T), centred.
        asked: (R, P).
    """
    mean = x.mean(axis=0)
    x = x - mean
    values, vectors = np.linalg.eigh(x @ x.T + 1.0)
    turned = vectors.T @ y
    level = np.abs(vectors.sum(axis=0)).argmax()
    best, chosen = np.inf, np.zeros_like(y)
    for penalty in PENALTIES:
        shrunk = 1 / (values + penalty)
        shrunk[level] = 0.0
        found = vectors @ (shrunk[:, None] * turned)
        error = np.mean(np.square(found / (vectors**2 @ shrunk)[:, None]))
        if error < best:
            best, chosen = error, found
    answer: np.ndarray = (asked - mean) @ x.T @ chosen
    return answer


def _nearest(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> np.ndarray:
    found: np.ndarray = KNeighborsRegressor(min(NEIGHBOURS, len(x))).fit(x, y).predict(asked)
    return found.reshape(len(asked), -1)


def _nearest_known(x: np.ndarray, y: np.ndarray, asked: np.ndarray, parts: Sequence[slice]) -> np.ndarray:
    """`_nearest` among the rows in which a part of the columns is not missing, looked for once for all parts."""
    search = NearestNeighbors(n_neighbors=min(AROUND, len(x))).fit(x)
    around = search.kneighbors(asked, return_distance=False)
    found = np.empty((len(asked), y.shape[1]))
    for part in parts:
        there = ~np.isnan(y[:, part]).any(axis=1)
        known = there[around]
        count = min(NEIGHBOURS, int(there.sum()))
        if (known.sum(axis=1) < count).any():  # one has to look further
            found[:, part] = _seen(_nearest, x, y[:, part], asked)
            continue
        nearest = around[known & (known.cumsum(axis=1) <= count)].reshape(len(asked), count)
        found[:, part] = y[nearest, part].mean(axis=1)
    return found


def _logistic(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Probabilities of one binary column (R, 1), or of the categories of one variable (R, C)."""
    labels = y[:, 0] if y.shape[1] == 1 else y.argmax(axis=1)
    if len(np.unique(labels)) < 2:
        return np.broadcast_to(y.mean(axis=0), (len(asked), y.shape[1]))
    fitted = LogisticRegression(max_iter=2000).fit(x, labels)
    probability = fitted.predict_proba(asked)
    if y.shape[1] == 1:
        return probability[:, 1:]
    found = np.zeros((len(asked), y.shape[1]))
    found[:, fitted.classes_] = probability
    return found

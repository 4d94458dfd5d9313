"""How near what a model makes of a view comes to the truth, in the measures of its kind of data."""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy.stats import rankdata

from favae_cli.common.pixels import unit
from favae_cli.data import ViewData
from favae_cli.data.dataset import blocks, measured_as
from favae_cli.evaluation.images import r2_per_image, r2_pooled

REACH = 1.6449  # standard deviations of a normal, within which 90 % lie


def score(view: ViewData, truth: np.ndarray, made: np.ndarray) -> dict[str, float]:
    """Scores by name, the one to judge by first; what these samples cannot tell is left out.

    Args:
        view: where the truth comes from.
        truth: R samples as the data set stores them; NaN is not scored.
        made: the same samples as `View.decode` gives them.
    """
    match measured_as(view):
        case "image":
            found = _image_scores(unit(truth), made)
        case "text":
            found = _text_scores(truth, made)
        case "sequence":
            channels = truth.shape[-1]
            found = _real_scores(truth.reshape(-1, channels), made.reshape(-1, channels))
        case "categorical":
            found = _categorical_scores(truth, made, blocks(view.groups))
            if view.kind == "ordinal" and found:
                found["level_error"] = _level_error(truth, made, blocks(view.groups))
        case "binary":
            found = _binary_scores(truth, made)
        case "real":
            found = _real_scores(truth, made)
    return {name: float(value) for name, value in found.items() if np.isfinite(value)}


def _image_scores(truth: np.ndarray, made: np.ndarray) -> dict[str, float]:
    """R2 of all pixels around the mean image, and mean and deviation of the R2 of each image around its own mean."""
    each = r2_per_image(truth, made)
    return {"r2": r2_pooled(truth, made), "r2_mean": each.mean(), "r2_std": each.std()}


def _real_scores(truth: np.ndarray, made: np.ndarray) -> dict[str, float]:
    """R2, and root mean square and mean absolute error in standard deviations of the column; (R, D) each.

    Deviations are those of the scored entries. Every column that varies counts alike, however many entries it has;
    an entry that is not made (NaN, past the end of a sequence) counts as the column's mean.
    """
    error = _column_errors(truth, made)
    error = error[:, ~np.isnan(error).all(axis=0)]
    if not error.size:
        return {}
    square = np.nanmean(error**2, axis=0).mean()
    return {"r2": 1 - square, "rmse": np.sqrt(square), "mae": np.nanmean(np.abs(error), axis=0).mean()}


def column_r2(truth: np.ndarray, made: np.ndarray) -> np.ndarray:
    """(D,) share of the variance of each column that is foretold, NaN where it does not vary; (R, D) each."""
    error = _column_errors(truth, made)
    seen = ~np.isnan(error)
    left = np.square(error).sum(axis=0, where=seen) / np.maximum(seen.sum(axis=0), 1)
    return np.where(seen.any(axis=0), 1 - left, np.nan)


def _column_errors(truth: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Errors (R, D) in standard deviations of the column, NaN where nothing is known or the column does not vary."""
    seen = ~np.isnan(truth)
    varies = np.max(truth, axis=0, where=seen, initial=-np.inf) > np.min(truth, axis=0, where=seen, initial=np.inf)
    errors = np.full(truth.shape, np.nan)
    truth, made, seen = truth[:, varies].astype(float), made[:, varies].astype(float), seen[:, varies]
    mean, deviation = np.mean(truth, axis=0, where=seen), np.std(truth, axis=0, where=seen)
    errors[:, varies] = (truth - np.where(np.isnan(made), mean, made)) / deviation
    return errors


def _binary_scores(truth: np.ndarray, made: np.ndarray) -> dict[str, float]:
    """Means over the columns that have both values of the AUC, and of the share that is right; (R, D) each."""
    aucs = column_aucs(truth, made)
    varies = np.isfinite(aucs)
    if not varies.any():
        return {}
    seen = ~np.isnan(truth[:, varies])
    right = np.mean((made[:, varies] > 0.5) == (truth[:, varies] == 1), axis=0, where=seen)
    skill = brier_skill(truth[:, varies], made[:, varies])
    return {"auc": aucs[varies].mean(), "accuracy": right.mean(), "brier_skill": skill}


def brier_skill(truth: np.ndarray, made: np.ndarray) -> float:
    """What probabilities take away of the squared error that the rates of the samples leave: an R2; (R, D) each."""
    rate = np.nansum(truth, axis=0) / np.maximum((~np.isnan(truth)).sum(axis=0), 1)
    return 1 - float(np.nansum(np.square(truth - made)) / np.nansum(np.square(truth - rate)))


def coverage(truth: np.ndarray, made: np.ndarray, deviation: np.ndarray) -> float:
    """Share of the numbers within their 90 % interval, normal around what is made; NaN of either is not counted."""
    known = ~(np.isnan(truth) | np.isnan(made) | np.isnan(deviation))
    return float(np.mean(np.abs(truth - made)[known] <= REACH * deviation[known])) if known.any() else float("nan")


def column_aucs(truth: np.ndarray, made: np.ndarray) -> np.ndarray:
    """(D,) area under the ROC curve of each column, NaN where only one value is there to be told; (R, D) each."""
    seen = ~np.isnan(truth)
    most, least = np.where(seen, truth, -np.inf).max(axis=0), np.where(seen, truth, np.inf).min(axis=0)
    ranks = rankdata(np.where(seen, made, np.nan), axis=0, nan_policy="omit")
    high = truth == most
    ones = high.sum(axis=0)
    zeros = seen.sum(axis=0) - ones
    above = np.where(high, ranks, 0).sum(axis=0) - ones * (ones + 1) / 2  # pairs in the right order (Mann and Whitney)
    told = most > least
    return np.where(told, above / np.where(told, ones * zeros, 1), np.nan)


def _categorical_scores(truth: np.ndarray, made: np.ndarray, variables: list[slice]) -> dict[str, float]:
    """Scores of categories, means over the variables.

    Share in which the most probable category is the true one, the mean of that share over the categories that occur,
    mean AUC of each category against the rest, and log loss in nats.

    Args:
        truth, made: (R, D) one-hot, and probabilities.
        variables: columns of each.
    """
    recalls = category_recalls(truth, made, variables)
    right, balanced, lost = [], [], []
    for variable in variables:
        seen = ~np.isnan(truth[:, variable]).any(axis=1)
        if seen.any():
            p, category = made[seen, variable], truth[seen, variable].argmax(axis=1)
            right.append((p.argmax(axis=1) == category).mean())
            balanced.append(np.nanmean(recalls[variable]))
            own = np.take_along_axis(p, category[:, None], axis=1)
            lost.append(-np.log(np.maximum(own, np.finfo(np.float32).eps)).mean())
    if not right:
        return {}
    aucs = column_aucs(truth, made)
    mean_auc = aucs[np.isfinite(aucs)].mean() if np.isfinite(aucs).any() else np.nan
    return {
        "accuracy": np.mean(right),
        "balanced_accuracy": np.mean(balanced),
        "auc": mean_auc,
        "log_loss": np.mean(lost),
        "brier_skill": brier_skill(truth, made) if np.isfinite(aucs).any() else np.nan,
    }


def _level_error(truth: np.ndarray, made: np.ndarray, variables: list[slice]) -> float:
    """How many levels the most probable one is from the true one; means over samples, then over variables."""
    errors = []
    for variable in variables:
        seen = ~np.isnan(truth[:, variable]).any(axis=1)
        if seen.any():
            apart = made[seen, variable].argmax(axis=1) - truth[seen, variable].argmax(axis=1)
            errors.append(np.abs(apart).mean())
    return float(np.mean(errors))


def category_recalls(truth: np.ndarray, made: np.ndarray, variables: list[slice]) -> np.ndarray:
    """(D,) share of the samples of each category in which it is the most probable; NaN where no sample is of it.

    Args:
        truth, made: (R, D) one-hot, and probabilities.
        variables: columns of each.
    """
    recalls = np.full(truth.shape[1], np.nan)
    for variable in variables:
        chosen = made[:, variable].argmax(axis=1)[:, None] == np.arange(variable.stop - variable.start)
        occurring = truth[:, variable] == 1
        count = occurring.sum(axis=0)
        recalls[variable] = np.where(count, (chosen & occurring).sum(axis=0) / np.maximum(count, 1), np.nan)
    return recalls


def _text_scores(truth: np.ndarray, made: np.ndarray) -> dict[str, float]:
    """Mean F1 of the words of each text, whatever their order, and the share of texts that are the same."""
    if not len(truth):
        return {}
    return {
        "f1": np.mean([_words_f1(*pair) for pair in zip(truth, made, strict=True)]),
        "exact": np.mean(truth == made),
    }


def _words_f1(one: str, other: str) -> float:
    """2 x shared words / all words, words counted as often as they come; two empty texts are the same."""
    words = Counter(one.split()), Counter(other.split())
    total = sum(count.total() for count in words)
    return 2 * (words[0] & words[1]).total() / total if total else 1.0

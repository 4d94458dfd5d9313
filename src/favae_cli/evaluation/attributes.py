"""How well attributes are read off the other views, through g, beside a logistic regression on z."""

from __future__ import annotations

import logging

import numpy as np
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from favae_cli.data import Dataset
from favae_cli.models.fa_vae import FAVAE, observed_table
from favae_cli.queries.given import Given
from favae_cli.reporting.figures import reliability
from favae_cli.views import Encoded

logger = logging.getLogger(__name__)

SHOWN = 24  # attributes in the figure, at most


def expected_calibration_error(truth: np.ndarray, probability: np.ndarray, bins: int = 10) -> float:
    """Mean gap between predicted probability and observed share over equal-width bins, weighted by their samples."""
    where = np.minimum((probability * bins).astype(int), bins - 1)
    gaps = np.bincount(where, weights=probability - truth, minlength=bins)
    return float(np.abs(gaps).sum() / len(truth))


def predicted_attributes(
    model: FAVAE, data: Dataset, view: str, split: str, encoded: dict[str, Encoded]
) -> tuple[np.ndarray, np.ndarray]:
    """Truth and P(attribute | all other views) for the samples of a split that have at least one other view.

    Returns:
        truth (R, D) of 0, 1 and NaN, and probability (R, D).
    """
    indices = data.split[split]
    others = [name for name in model.views if name != view]
    known = np.any([data.views[name].present[indices] for name in others], axis=0)
    given = Given.of_samples(model, data, indices, encoded, others)
    return observed_table(data, view, indices)[known], given.decoded(view)[known]


def attribute_metrics(
    model: FAVAE, data: Dataset, view: str, split: str, encoded: dict[str, dict[str, Encoded]]
) -> dict[str, float]:
    """Flat metrics for every attribute of `view`: `<split>/<view>/<attribute>/auc` and so on, and the mean AUCs.

    An attribute with one value only among the split's samples has no AUC; it is left out with a warning.

    Args:
        view: a bernoulli view.
        encoded: by split, q(z | x); "train" fits the yardstick.
    """
    truth, probability = predicted_attributes(model, data, view, split, encoded[split])
    metrics: dict[str, float] = {}
    aucs: list[tuple[float, ...]] = []
    for column, name in enumerate(data.views[view].columns):
        seen = ~np.isnan(truth[:, column])
        x, p = truth[seen, column], probability[seen, column]
        if len(np.unique(x)) < 2:
            logger.warning("%s: all %d %s samples have the same value of %s; not scored", view, len(x), split, name)
            continue
        key = f"{split}/{view}/{name}"
        metrics[f"{key}/auc"] = float(roc_auc_score(x, p))
        metrics[f"{key}/accuracy"] = float(accuracy_score(x, p > 0.5))
        metrics[f"{key}/average_precision"] = float(average_precision_score(x, p))
        metrics[f"{key}/ece"] = expected_calibration_error(x, p)
        probe = probe_auc(model, data, view, column, split, encoded)
        if probe is not None:
            metrics[f"{key}/auc_probe"] = probe
            aucs.append((metrics[f"{key}/auc"], probe))
        elif not encoded[split]:
            aucs.append((metrics[f"{key}/auc"],))
    for name, mean in zip(("auc", "auc_probe"), np.mean(aucs, axis=0).tolist() if aucs else (), strict=False):
        metrics[f"{split}/{view}/{name}"] = mean
    return metrics


def probe_auc(
    model: FAVAE,
    data: Dataset,
    view: str,
    column: int,
    split: str,
    encoded: dict[str, dict[str, Encoded]],
) -> float | None:
    """AUC of a logistic regression from the embeddings of the encoded views to one attribute: the yardstick.

    Fitted on the training samples that have all encoded views; None where those hold one class only, or no view has
    an encoder.
    """
    if not encoded[split]:
        return None
    tables = {}
    for part in ("train", split):
        z = np.concatenate([encoded[part][name].mean for name in encoded[part]], axis=1)
        x = observed_table(data, view, data.split[part])[:, column]
        whole = ~np.isnan(z).any(axis=1) & ~np.isnan(x)
        tables[part] = z[whole], x[whole]
    if any(len(np.unique(x)) < 2 for _, x in tables.values()):
        return None
    yardstick = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(*tables["train"])
    z, x = tables[split]
    return float(roc_auc_score(x, yardstick.decision_function(z)))


def attribute_pictures(
    model: FAVAE, data: Dataset, view: str, split: str, encoded: dict[str, Encoded]
) -> dict[str, Figure]:
    """How far the predicted probabilities can be trusted, of the first `SHOWN` attributes."""
    truth, probability = predicted_attributes(model, data, view, split, encoded)
    names = data.views[view].columns[:SHOWN]
    return {"reliability": reliability(_by_name(names, probability), _by_name(names, truth))}


def _by_name(names: tuple[str, ...], table: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(names, table.T, strict=False))

"""Present and absent attributes count alike, whatever their rate: in what a judge learns from, and in its score."""

from __future__ import annotations

import numpy as np


def balanced_shares(labels: np.ndarray) -> np.ndarray:
    """How often to show each sample (N,), as shares of all that is shown.

    A sample is shown for one of its labels, each attribute and each of its values as often as any other. The labels
    that it brings along are balanced by that in part only; the rest is for `loss_weights`.

    Args:
        labels: (N, D) of 0, 1 and NaN; a value that no sample has does not count.
    """
    each = np.concatenate([labels == 0, labels == 1], axis=1).astype(float)
    each = each[:, each.any(axis=0)]
    if not each.size:
        return np.full(len(labels), 1 / len(labels))
    shares: np.ndarray = (each / each.sum(axis=0)).mean(axis=1)
    return shares


def drawn(shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N,) samples in random order, each as often as its share (N,) asks, rounded up or down by chance."""
    ends = np.cumsum(shares) / shares.sum()
    places = np.searchsorted(ends, (rng.random() + np.arange(len(shares))) / len(shares))
    return rng.permutation(np.minimum(places, len(shares) - 1))


def loss_weights(labels: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """(N, D) weights of labels, so that either value of an attribute has half of the whole weight; 0 where NaN.

    Args:
        labels: (N, D) of 0, 1 and NaN.
        shares: (N,) how often each sample is shown.
    """
    weights = np.zeros(labels.shape)
    seen = shares @ ~np.isnan(labels)
    for value in (0, 1):
        rate = shares @ (labels == value)
        weights += np.where(labels == value, 0.5 * seen / np.where(rate > 0, rate, 1), 0.0)
    return weights


def balanced_accuracy(right: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(D,) mean of the shares right of the present and of the absent; NaN where one of them has no sample.

    Args:
        right: (R, D) of 0, 1 and NaN.
        labels: (R, D) of 0, 1 and NaN.
    """
    recalls = []
    for value in (0, 1):
        count = (labels == value).sum(axis=0)
        hits = np.where(labels == value, right, 0.0).sum(axis=0)
        recalls.append(np.where(count > 0, hits / np.maximum(count, 1), np.nan))
    return np.mean(recalls, axis=0)


def mean_of_known(scores: np.ndarray) -> float:
    """Mean of the scores that are not NaN; NaN if none is known."""
    known = scores[~np.isnan(scores)]
    return float(known.mean()) if known.size else float("nan")

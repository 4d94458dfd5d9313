"""Turns of factors into each other that raise the bound, where a climb by its gradient has come to an end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from favae_cli.factors.gamma import PRIOR_RATE, PRIOR_SHAPE
from favae_cli.factors.model import ViewFactors

ANGLES = 24  # at which a plane of two factors is looked at
LEAST_GAIN = 1e-3  # nats, of a turn
ROUNDS = 20  # of turns, at most
LEAST_PART = 0.1  # of a direction of unit length, for a factor to be part of it
SILENT = 2.0  # times what noise alone makes of <w^T w>, below which a view says nothing of a factor


def turned(views: Sequence[ViewFactors]) -> np.ndarray:
    """An orthogonal R (K, K), det 1, with which the bound is higher; the identity where none is found.

    W -> W R, g -> R^T g leaves the likelihood and KL(q(g) || N(0, I)) as they are. With alpha optimised along, of the
    bound only the sum over views and factors of -(a0 + D/2) log (b0 + <w_k^T w_k> / 2) changes. It has many optima: a
    factor of two views and one of all three may stay mixed half and half. Two kinds of turns leave them, as long as
    there are any that gain: in the plane of two factors, all of which are looked at; and such that a view that uses
    more factors than it has directions for uses one less.
    """
    grams, noises = np.stack([view.gram for view in views]), np.stack([view.size * view.weights_cov for view in views])
    shapes = PRIOR_SHAPE + np.array([view.size for view in views]) / 2
    rotation = np.eye(grams.shape[1])
    for _ in range(ROUNDS):
        turn = _in_planes(grams, shapes)
        if turn is None:
            turn = _out_of_a_view(grams, noises, shapes)
        if turn is None:
            break
        rotation, grams, noises = rotation @ turn, turn.T @ grams @ turn, turn.T @ noises @ turn
    return rotation


def _in_planes(grams: np.ndarray, shapes: np.ndarray) -> np.ndarray | None:
    """The best turns in planes of two factors each, of which no two have a factor in common; (K, K).

    With A = <W^T W>, a turn by t in the plane of j and k makes of (b0 + A_jj / 2) (b0 + A_kk / 2)

        (b0 + (A_jj + A_kk) / 4)^2 - ((A_jj - A_kk) cos 2t / 4 + A_jk sin 2t / 2)^2.

    Args:
        grams: (M, K, K) A by view.
        shapes: (M,) a0 + D/2.
    """
    one, other = np.triu_indices(grams.shape[1], 1)
    squares = np.einsum("mkk->mk", grams)
    middle = PRIOR_RATE + (squares[:, one] + squares[:, other]) / 4
    apart, across = (squares[:, one] - squares[:, other]) / 4, grams[:, one, other] / 2
    angles = np.pi / 2 * np.arange(ANGLES) / ANGLES  # by a quarter turn the two would only change places
    values = np.empty((ANGLES, len(one)))
    for place, angle in enumerate(angles):
        product = middle**2 - (np.cos(2 * angle) * apart + np.sin(2 * angle) * across) ** 2
        values[place] = -shapes @ np.log(np.maximum(product, PRIOR_RATE**2))
    gain, best = values.max(axis=0) - values[0], angles[values.argmax(axis=0)]
    still, turn = np.ones(grams.shape[1], bool), np.eye(grams.shape[1])
    for plane in np.argsort(-gain, kind="stable")[: np.count_nonzero(gain > LEAST_GAIN)]:
        pair = [one[plane], other[plane]]
        if still[pair].all():
            still[pair] = False
            cos, sin = np.cos(best[plane]), np.sin(best[plane])
            turn[np.ix_(pair, pair)] = [[cos, -sin], [sin, cos]]
    return None if still.all() else turn


def _out_of_a_view(grams: np.ndarray, noises: np.ndarray, shapes: np.ndarray) -> np.ndarray | None:
    """The best turn (K, K) that makes a factor of a direction v of which a view, in spite of its factors, says nothing.

    It is the reflection that takes one of the factors that v is made of to v, and leaves all that are not as they are.

    Args:
        grams, shapes: as above.
        noises: (M, K, K) what of <W^T W> is uncertainty of W.
    """
    most, best = LEAST_GAIN, None
    for gram, noise in zip(grams, noises, strict=True):
        used = np.flatnonzero(np.diag(gram) > SILENT * np.diag(noise))
        if len(used) < 2:
            continue
        all_used = np.ix_(used, used)
        vector = np.linalg.eigh(gram[all_used])[1][:, 0]
        if vector @ gram[all_used] @ vector > SILENT * (vector @ noise[all_used] @ vector):
            continue
        part = np.abs(vector) > LEAST_PART
        parts, vector = used[part], vector[part] / np.linalg.norm(vector[part])
        own, within = grams[:, parts][:, :, parts], np.ix_(parts, parts)
        if len(parts) < 2:
            continue
        for place, axis in enumerate(np.eye(len(parts))):
            normal = (vector - axis) / np.linalg.norm(vector - axis)
            mirror = np.eye(len(parts)) - 2 * np.outer(normal, normal)
            gain = _value(mirror @ own @ mirror, shapes) - _value(own, shapes)
            if gain > most:
                mirror[:, place] *= -1  # the bound knows no sign, but a rotation is no mirror
                most, best = gain, np.eye(grams.shape[1])
                best[within] = mirror
    return best


def _value(grams: np.ndarray, shapes: np.ndarray) -> float:
    """The part of the bound that turns change, of some factors; nats but for a constant."""
    return -float(shapes @ np.log(PRIOR_RATE + np.einsum("mkk->mk", grams) / 2).sum(axis=1))

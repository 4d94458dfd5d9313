"""The fixed point of q(g) and the local q(z) of some samples, in few steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

LONGEST = 16.0  # how many steps ahead a sample is taken at once, at most


def iterate(
    find: Callable[[], np.ndarray],
    renew: Callable[[np.ndarray], None],
    weights: np.ndarray,
    most: int,
    tolerance: float,
) -> None:
    """Find <g> and renew q(z) by turns until <z> stands still, every third time from where the steps seem to go.

    Args:
        find: (R, K) <g> as q(z) has it.
        renew: q(z), given such a <g>.
        weights: (D, K) <W> of the views whose q(z) is renewed.
        most: steps.
        tolerance: what <W><g> may still move by.
    """
    points: list[np.ndarray] = []  # where the last steps led
    for _ in range(most):
        if len(points) == 3:
            points = [_ahead(*points)]
            renew(points[0])
        latent = find()
        renew(latent)
        if points and np.abs((latent - points[-1]) @ weights.T).max(initial=0.0) <= tolerance:
            break
        points.append(latent)


def _ahead(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
    """Where (R, K) points seem to go, whose steps shrink by a share that each sample has (Varadhan and Roland, 2008).

    The steps to pseudo-data are short where the bound on their curvature is loose.
    """
    step, turn = second - first, third - 2 * second + first
    length = np.sqrt(np.sum(step**2, axis=1) / np.maximum(np.sum(turn**2, axis=1), 1e-300))
    length = np.clip(length, 1.0, LONGEST)[:, None]
    return first + 2 * length * step + length**2 * turn

"""Sweeps that begin ahead of where the last one ended, in the direction in which the last ones went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from favae_cli.factors.gamma import Gamma
from favae_cli.factors.model import FactorModel, ViewFactors
from favae_cli.factors.real import REACH

Units = dict[str, np.ndarray]
"""By view, what each dimension of z is multiplied by, (D,)."""


class Scaled(Protocol):
    """Local embeddings, as far as they can be taken ahead and back."""

    @property
    def scales(self) -> Units:
        """Of the views whose z has scales that are free."""
        ...

    def rescale(self, by: Mapping[str, np.ndarray]) -> None:
        """Make z so many times what it is."""
        ...

    def held(self) -> Units:
        """<z> (N, D) of the views whose z hangs on what it was before."""
        ...

    def put_back(self, held: Mapping[str, np.ndarray]) -> None:
        """Have <z> as `held` told."""
        ...


class Momentum:
    """Of W, b, alpha, tau and the scales of z: Nesterov's (1983), begun anew where the bound says that it went too far.

    Where the data hardly tell noise from factors, single sweeps gain little, but go on in nearly the same direction. So
    a share of the last step is gone ahead, ever more of it from one sweep to the next. As a sweep evaluates the bound
    where it begins, the caller knows whether that was too much, goes back and begins anew (O'Donoghue and Candes,
    2015): the bound does not fall.

    Args:
        local: whose scales go along.
    """

    def __init__(self, local: Scaled) -> None:
        self._local = local
        self._steps = 0
        self._last: tuple[FactorModel, Units] | None = None
        self._here: tuple[Units, Units] | None = None

    def stop(self) -> None:
        """Forget where the last sweeps went."""
        self._steps, self._last = 0, None

    def turned(self, rotation: np.ndarray, keep: np.ndarray, model: FactorModel) -> None:
        """Go on in the axes of `model`: W -> W R, of which the factors `keep` (K,) are left."""
        if self._last is not None:
            last, units = self._last
            views = {
                name: replace(replace(view, weights=view.weights @ rotation).select(keep), ard=model.views[name].ard)
                for name, view in last.views.items()
            }
            self._last = replace(last, views=views), units

    def ahead(self, model: FactorModel) -> FactorModel | None:
        """Where the sweeps from the last model to this one lead, the scales with it; None if that is not known."""
        local, last, units = self._local, self._last, self._local.scales
        self._last = model, units
        if last is None:
            return None
        self._steps += 1
        share = (self._steps - 1) / (self._steps + 2)
        if not share:
            return None
        self._here = units, local.held()
        views, further = {}, {}
        for name, view in model.views.items():
            before = last[0].views[name]
            if name in units:
                ratio = units[name] / last[1][name]
                before, further[name] = before.stretched(ratio), _within_reach(units[name], ratio**share)
            views[name] = _ahead(view, before, share).stretched(further.get(name, np.ones(view.size)))
        local.rescale(further)
        return replace(model, views=views)

    def back(self) -> None:
        """Undo what `ahead` did, and begin anew."""
        assert self._here is not None
        units, held = self._here
        self._local.rescale({name: scale / self._local.scales[name] for name, scale in units.items()})
        self._local.put_back(held)
        self._steps = 0


def _within_reach(scale: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """(D,) by which scales are to grow; ones if any would lie beyond what they may be."""
    beyond = np.abs(np.log(scale * ratio)) >= np.log(REACH)
    return np.ones_like(ratio) if beyond.any() else ratio


def _ahead(view: ViewFactors, last: ViewFactors, share: float) -> ViewFactors:
    """Beyond `view` by a share of the step from `last`, both in the same units of z."""
    noise, before = view.noise, last.noise
    if isinstance(noise, Gamma) and isinstance(before, Gamma):
        noise = Gamma(noise.shape, noise.rate * (noise.rate / before.rate) ** share)
    return replace(
        view,
        weights=view.weights + share * (view.weights - last.weights),
        bias=view.bias + share * (view.bias - last.bias),
        noise=noise,
        ard=Gamma(view.ard.shape, view.ard.rate * (view.ard.rate / last.ard.rate) ** share),
    )

"""What an epoch goes by, and what it has come to: the prior of z, the moment of a step, sums, and the position."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from favae_cli.machine.runtime import send
from favae_cli.training.recorded import Inputs
from favae_cli.training.to_device import Rows
from favae_cli.views.objective import Loss


@dataclass
class Prior:
    """N(mean, 1/precision), or N(mean, variance), of z for the samples of a split, in their order.

    Attributes:
        mean: float32 (N, D), or None for 0.
        precision: tau.
        feed: share of the samples that the decoder gets as this mean, not as a draw of z.
        variance: float32 (P, D), where it is not 1/precision.
        kind: int64 (N,), which of its rows that of each sample is.
    """

    mean: np.ndarray | None = None
    precision: float = 1.0
    feed: float = 0.0
    variance: np.ndarray | None = None
    kind: np.ndarray | None = None
    _rows: Rows | None = field(default=None, init=False, repr=False, compare=False)

    def of(self, rows: np.ndarray, size: int, device: torch.device) -> Tensor:
        """(B, D) means for the positions `rows` of the split."""
        if self.mean is None or not len(self.mean):
            return torch.zeros(len(rows), size, device=device)
        if self._rows is None:
            self._rows = Rows(self.mean, np.arange(len(self.mean)), device)
        return send(self._rows.gather(rows), device)

    def at(self, rows: np.ndarray) -> Prior:
        """That of some of the samples, by their positions."""
        mean, kind = (None if part is None else part[rows] for part in (self.mean, self.kind))
        return Prior(mean, self.precision, self.feed, self.variance, kind)

    def precisions(self, rows: np.ndarray, device: torch.device) -> Tensor:
        """Float64, one for all, or (B, D) for the positions `rows` of the split."""
        if self.variance is None or self.kind is None or not len(self.kind):
            return torch.tensor(self.precision, dtype=torch.float64, device=device)
        return send(1 / self.variance[self.kind[rows]].astype(np.float64), device)


Priors = dict[str, dict[str, Prior]]
"""By view, then by split."""


@dataclass
class Totals:
    """Sums over the samples seen so far in an epoch; nats.

    Attributes:
        predictive: log p(x | what the factors expect of z given other views), over the `predicted` samples.
    """

    log_likelihood: float = 0.0
    kl: float = 0.0
    count: int = 0
    predictive: float = 0.0
    predicted: int = 0

    @classmethod
    def of(cls, sums: Tensor) -> Totals:
        """From a row of what `Trainer.summed` gives."""
        log_likelihood, kl, count, predictive, predicted = sums.tolist()
        return cls(log_likelihood, kl, round(count), predictive, round(predicted))

    def means(self) -> dict[str, float]:
        """Log-likelihood, KL and ELBO a sample; the predictive log-likelihood where it was asked for."""
        log_likelihood, kl = self.log_likelihood / self.count, self.kl / self.count
        found = {"log_likelihood": log_likelihood, "kl": kl, "elbo": log_likelihood - kl}
        return found | ({"predictive": self.predictive / self.predicted} if self.predicted else {})


def summed(loss: Loss) -> Tensor:
    """Float64 (1, 5), `Totals` of the samples of a batch; they stay on the device."""
    terms = torch.stack([loss.log_likelihood.detach(), loss.kl.detach()]).double()
    return torch.nn.functional.pad(torch.cat([terms, torch.ones_like(terms[:1])]).sum(1), (0, 2))[None]


class Moment(NamedTuple):
    """What of a step's inputs is not of its samples: float64 scalars on the device.

    Attributes:
        epochs: done so far, with the part of the one under way; what grows in training grows with it.
        precision: tau of the prior.
        fed: how many samples of the batch the decoder gets as the prior's mean.
    """

    epochs: Tensor
    precision: Tensor
    fed: Tensor


Fed = tuple[Any, Inputs]
"""What was drawn for a batch, and all that the step reads of it; `Moment` is its "moment"."""


@dataclass
class Position:
    """How far an epoch has come.

    Attributes:
        step: of the steps of the present batch size, how many what is done is worth.
        parts: by what is trained, a view or a joint model, its sums.
        samples: of the epoch's order, how many are done, whatever the batch size; None: those of `step` steps.
    """

    step: int = 0
    parts: dict[str, Totals] = field(default_factory=dict)
    samples: int | None = None

    def left(self, total: int, size: int) -> int:
        """The steps of `size` samples that the rest of an epoch of `total` is enough for."""
        self.samples = self.step * size if self.samples is None else self.samples
        self.step = self.samples // size
        return (total - self.samples) // size

    def advance(self, size: int) -> None:
        """One step more."""
        assert self.samples is not None
        self.step, self.samples = self.step + 1, self.samples + size

    @property
    def count(self) -> int:
        """Samples seen so far, of all views."""
        return sum(part.count for part in self.parts.values())

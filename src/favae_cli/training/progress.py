"""How far training has come, in a form that a checkpoint can hold."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.training.epoch_state import Position, Totals


@dataclass
class Progress:
    """How far training has come; a checkpoint's JSON.

    Attributes:
        stage: 0 while the VAEs train alone, then the round.
        entered: whether the stage's factors and priors are made.
        view: position among the trainable views.
        epoch: epochs of this view done in this stage.
        position: how far the epoch under way has come.
        epochs: by view, epochs done in all.
        best: by what is trained, the best `score` of validation, alone or in the rounds; `stale`: epochs since.
        bounds: the bound a sample at the start of each round.
        seconds, images: by phase, so far.
        before: metrics of the VAEs alone.
        improved: the last step was an epoch with a new best, which the `best` checkpoint is to hold.
        written: bytes of metrics.jsonl.
        digest: SHA-256 of them; None of a run of before.
        finished: nothing is left to train.
    """

    stage: int = 0
    entered: bool = False
    view: int = 0
    epoch: int = 0
    position: Position = field(default_factory=Position)
    epochs: dict[str, int] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    stale: dict[str, int] = field(default_factory=dict)
    bounds: list[float] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)
    before: dict[str, float] = field(default_factory=dict)
    improved: bool = False
    written: int = 0
    digest: str | None = None
    finished: bool = False

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Progress:
        """Of what a checkpoint holds: `to_json`, and maybe more."""
        position = state["position"]
        rest = {part.name: state[part.name] for part in fields(cls) if part.name in state and part.name != "position"}
        parts = {name: Totals(**part) for name, part in position.get("parts", {}).items()}
        return cls(**rest, position=Position(position["step"], parts, position.get("samples")))

    def remember(self, name: str, score: float) -> None:
        """Count the epochs without progress of what is trained under this name, by the sum of its views' scores.

        Raises:
            UserError: it is no number: the networks have run away.
        """
        if not np.isfinite(score):
            raise UserError(
                f"{name}: training has run away, its validation score is {score}; lower trainer.learning_rate, or a "
                "weight such as model.beta; the last checkpoint is from before"
            )
        if score > self.best.get(name, -np.inf):
            self.best[name], self.stale[name] = score, 0
            self.improved = True
        else:
            self.stale[name] = self.stale.get(name, 0) + 1

    def tired(self, name: str, patience: int | None) -> bool:
        """Whether so many epochs in a row brought no better score; never where there is no such number."""
        return patience is not None and self.stale.get(name, 0) >= patience

    def settled(self, tolerance: float) -> bool:
        """Whether the bound has stopped moving from round to round, but for this share of it."""
        return len(self.bounds) > 1 and abs(self.bounds[-1] - self.bounds[-2]) <= tolerance * abs(self.bounds[-1])

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add the seconds that the context takes to those of a phase."""
        begun = time.perf_counter()
        yield
        self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - begun

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers."""
        return asdict(self)

    def speeds(self) -> dict[str, float]:
        """`seconds/<phase>`, and `images_per_second/<phase>` of the phases that train."""
        return {f"seconds/{phase}": spent for phase, spent in self.seconds.items()} | {
            f"images_per_second/{phase}": count / self.seconds[phase] for phase, count in self.images.items()
        }


def score(means: Mapping[str, float], beta: float = 1.0) -> float:
    """By which an epoch is judged, in nats a sample: how well others foretell a view where it is asked, else its ELBO.

    Args:
        means: of the validation samples, from `Totals.means`.
        beta: weight of the KL in that ELBO, as what is trained has it.
    """
    return means.get("predictive", means["log_likelihood"] - beta * means["kl"])

"""What may be wrong with a run that ended well: by view, with what to do about it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from favae_cli.common.files import replacing
from favae_cli.common.run_folder import RunFolder
from favae_cli.config.run import Config
from favae_cli.data import Dataset
from favae_cli.models import JointVAE
from favae_cli.models.fa_vae import FAVAE
from favae_cli.views import VaeView

logger = logging.getLogger(__name__)

LOOKED_AT = 512  # samples of a view, at most, that are encoded
DECODED = 128  # and of its images that are made
FEWEST = 30  # samples of a split, for a score that says something
FALLEN = 0.01  # share of the bound that it may lose from round to round, while the networks learn
UNSETTLED = 1e-4  # share by which the bound still moved in the last tenth of the sweeps
DEAD = 0.01  # share of a dimension's variance that is in its means, below which z holds nothing there
SATURATED = 1 / 510  # of an output, from 0 or 1: no level of 255 lies between
MORE = 0.05  # share of saturated outputs above twice that of the data


@dataclass(frozen=True)
class Ailment:
    """One thing that may be wrong.

    Attributes:
        kind: "non-finite", "bound fell", "not converged", "dead latents", "saturated" or "few samples".
        view: that has it; None where it is the model's.
        told: what was seen.
        advice: what to do.
    """

    kind: str
    view: str | None
    told: str
    advice: str

    def line(self) -> str:
        """All of it, for people."""
        return f"{f'view {self.view}: ' if self.view else ''}{self.told}; {self.advice}"


def ailments(
    model: FAVAE | JointVAE, data: Dataset, config: Config, rounds: Sequence[Mapping[str, Any]]
) -> list[Ailment]:
    """Everything that may be wrong with a trained model.

    Args:
        model: trained.
        data: that it was trained on.
        config: of the run.
        rounds: the records of its rounds; none where it was not trained here.
    """
    found = [*_non_finite(model), *_fallen(rounds), *_few(model, data)]
    if isinstance(model, FAVAE):
        found += _unsettled(model, config)
        if not any(each.kind == "non-finite" for each in found):
            for name, view in model.views.items():
                if isinstance(view, VaeView):
                    found += _latents(name, view, data)
                    found += _outputs(name, view, data)
    return found


def noted(found: Sequence[Ailment], directory: Path) -> list[str]:
    """Keep what may be wrong with a run in its folder, and say it; a line each."""
    with replacing(RunFolder(directory).health) as file:
        file.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n")
    lines = [each.line() for each in found]
    for line in lines:
        logger.warning("health: %s", line)
    return lines


def _non_finite(model: FAVAE | JointVAE) -> Iterator[Ailment]:
    advice = "nothing that it says can be trusted; train again with a smaller trainer.learning_rate"
    for name, view in model.views.items():
        networks = view.networks
        if networks is not None and not all(bool(value.isfinite().all()) for value in networks.state_dict().values()):
            yield Ailment("non-finite", name, "its networks hold values that are not finite", advice)
    factors = model.factors if isinstance(model, FAVAE) else None
    for name, posterior in factors.views.items() if factors is not None else ():
        if not (np.isfinite(posterior.weights).all() and np.isfinite(posterior.tau)):
            yield Ailment("non-finite", name, "its factors hold values that are not finite", advice)


def _fallen(rounds: Sequence[Mapping[str, Any]]) -> Iterator[Ailment]:
    for before, after in pairwise(rounds):
        if not after["bound"] >= before["bound"] - FALLEN * abs(before["bound"]):
            told = f"the bound fell from {before['bound']:.4g} to {after['bound']:.4g} in round {after['round']}"
            yield Ailment("bound fell", None, told, "try a smaller trainer.learning_rate or schedule.round_epochs")


def _unsettled(model: FAVAE, config: Config) -> Iterator[Ailment]:
    bound = model.factors.bound if model.factors is not None else ()
    if len(bound) < max(config.schedule.sweeps, 2):  # it stopped by itself, or was loaded
        return
    moved = abs(bound[-1] - bound[-1 - max(len(bound) // 10, 1)]) / max(abs(bound[-1]), 1e-12)
    if moved > UNSETTLED:
        told = f"the factors were still moving after {len(bound)} sweeps, the bound by {moved:.1e} of its size"
        yield Ailment("not converged", None, told, f"raise schedule.sweeps, as to {2 * len(bound)}")


def _few(model: FAVAE | JointVAE, data: Dataset) -> Iterator[Ailment]:
    for split in ("validation", "test"):
        for name in data.views:
            count = len(data.having(split, name))
            if count < FEWEST:
                has_epochs = name in model.views and model.views[name].trainable
                chosen = "the choice of the best epoch" if has_epochs else "what is chosen by them"
                purpose = "its scores" if split == "test" else chosen
                told = f"only {count} {split} samples have it, too few for {purpose} to say much"
                advice = f"raise data.split.{split}, or take several seeds"
                yield Ailment("few samples", name, told, advice)


def _latents(name: str, view: VaeView, data: Dataset) -> Iterator[Ailment]:
    values = _some(name, data, "train", LOOKED_AT)
    if len(values) < 2:
        return
    encoded = view.encode(values)
    assert encoded.variance is not None
    spread = encoded.mean.var(axis=0, dtype=np.float64)
    dead = int((spread < DEAD * (spread + encoded.variance.mean(axis=0, dtype=np.float64))).sum())
    if dead:
        told = f"{dead} of the {view.size} dimensions of its z hold nothing"
        advice = f"views.{name}.latent={max(view.size - dead, 1)} would do, or a smaller views.{name}.beta keeps more"
        yield Ailment("dead latents", name, told, advice)


def _outputs(name: str, view: VaeView, data: Dataset) -> Iterator[Ailment]:
    values = _some(name, data, "test", DECODED)
    if not data.views[name].is_image or not len(values):
        return
    made, given = _saturated(view.decode(view.encode(values).mean)), _saturated(np.asarray(values, np.float32) / 255)
    if made > 2 * given + MORE:
        told = f"{made:.0%} of the pixels that it makes are black or white to the last level, {given:.0%} of its data's"
        advice = "try a smaller trainer.learning_rate, or a larger variance of its likelihood"
        yield Ailment("saturated", name, told, advice)


def _some(name: str, data: Dataset, split: str, most: int) -> np.ndarray:
    return data.views[name].gather(data.having(split, name)[:most])


def _saturated(images: np.ndarray) -> float:
    return float(np.mean((images <= SATURATED) | (images >= 1 - SATURATED)))

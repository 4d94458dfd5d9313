"""What ties the views between their epochs: a common scale, the factors, and the expected mean of each prior."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
from torch import Tensor

from favae_cli.config.models import FactorModelConfig, FaVaeConfig
from favae_cli.config.run import ScheduleConfig
from favae_cli.data import Dataset
from favae_cli.data.dataset import some
from favae_cli.factors import fit
from favae_cli.factors.inference import LocalEmbedding
from favae_cli.factors.moments import Moments
from favae_cli.factors.order import in_order
from favae_cli.factors.real import RealEmbedding
from favae_cli.machine.world import ALONE, World
from favae_cli.models.class_gaussians import learn_class_gaussians
from favae_cli.models.fa_vae import FAVAE
from favae_cli.models.noise_of_new import noise_of_new
from favae_cli.models.read_outs import learn_read_outs
from favae_cli.models.used_by_chance import told_apart
from favae_cli.training.encodings import Encodings, Tables, encode
from favae_cli.training.epoch_state import Priors
from favae_cli.training.priors import prior_of, write_prior_means
from favae_cli.training.run_state import pack_factors
from favae_cli.training.vae_trainer import held_out
from favae_cli.views import Encoded, OrdinalView, RealView, VaeView, View

logger = logging.getLogger(__name__)

Tie = Callable[[Encodings], None]
"""Gives a model its factors, from the encodings of the training samples."""

MOST_FACTORS = 100  # to start with, where none are asked for
PROBED = 1024  # training samples, at most, whose log-likelihood stands for that of all in the bound of a round


class FactorStep:
    """What every round begins with: moments of all embeddings, the factors that tie them, the priors that these give.

    Args:
        model: changed in place.
        data: with its split.
        settings: of the model.
        scale: makes z of a trainable view so many times what it was.
        splits: whose samples get a prior, "train" among them.
        tables: where the encodings go; of the processes that take the step together.
        tie: as `join`.
        seed: of the run.
    """

    def __init__(
        self,
        model: FAVAE,
        data: Dataset,
        settings: FactorModelConfig,
        scale: Callable[[str, Tensor | float], None],
        splits: tuple[str, ...],
        tables: Tables,
        tie: Tie,
        seed: int,
    ) -> None:
        self.model, self.data, self.settings, self._scale, self.splits = model, data, settings, scale, splits
        self.world, self._tables, self._tie, self._seed = tables.world, tables, tie, seed
        self._still: dict[str, dict[str, Encoded]] = {}

    def take(self, stage: int, last: bool = False) -> Priors:
        """The model gets its factors, the last ones with read-outs and who uses them; returns the priors of the round.

        Raises:
            EngineError: as `factors.fit`.
        """
        for name, view in self.model.views.items():
            if isinstance(view, VaeView) and (units := view.units) is not None:  # in the first round, once and for all
                self._scale(name, units)
        found = {split: self._encoded(split) for split in self.splits}
        encodings = rescale(self.model.trainable, self._scale, found, self.world)
        self._tie(encodings["train"])
        if isinstance(self.settings, FaVaeConfig) and self.settings.gamma:
            unseen = encodings["validation"]
            tables = {name: table[unseen.own] for name, table in unseen.tables.items()}
            self.model.factors = noise_of_new(self.model.joined, tables, self.world.gather)
        if not self.world.same(pack_factors(self.model.joined)):
            raise RuntimeError("the processes found different factors; they need the same hardware and libraries")
        if last and self.world.is_main:  # which alone saves and evaluates
            self.model.factors = told_apart(self.model, self.data)
            learn_read_outs(self.model, self.data)
            learn_class_gaussians(self.model, self.data)
        priors: Priors = {name: {} for name in self.model.trainable}
        for split, part in encodings.items():
            for name, mean in self._prior_means(split, part).items():
                priors[name][split] = prior_of(self.model, self.data, self.settings, name, split, mean, stage)
        return priors

    def record(self, stage: int, priors: Priors) -> dict[str, Any]:
        """The bound, each term a training sample, and what the factors look like; tells the round to the run's log.

        Of the likelihood of many samples it is an estimate, from the same ones in every round. But for that of networks
        it is the bound of the fit; tau, and with it who uses which factor, is as `noise_of_new` left it.
        """
        count, factors = len(self.data.split["train"]), self.model.joined
        terms = {name: value / count for name, value in factors.terms.items()}
        for name, vae in self.model.trainable.items():
            indices, prior = self.data.having("train", name), priors[name]["train"]
            rows = some(np.arange(len(indices)), PROBED)
            part = self.data.views[name], indices[rows], prior.at(rows)
            seen = held_out(name, vae, *part, self._seed, self.world)
            terms[f"x/{name}"] = seen.means()["log_likelihood"] * len(indices) / count
        record = {
            "round": stage,
            "bound": sum(terms.values()),
            **{f"bound/{name}": value for name, value in terms.items()},
            **{f"tau/{name}": view.tau for name, view in factors.views.items()},
            "sweeps": len(factors.bound),
            "factors": factors.factors,
            "factors/active": int(np.any(list(factors.active.values()), axis=0).sum()),
            "factors/shared": int(factors.shared().sum()),
        }
        logger.info(
            "factors %d: bound %.1f a sample%s, %d active, %d shared, tau %s",
            stage,
            record["bound"],
            "" if "g" in factors.terms else " by the new view alone",
            record["factors/active"],
            record["factors/shared"],
            ", ".join(f"{name} {view.tau:.3g}" for name, view in factors.views.items()),
        )
        return record

    def _encoded(self, split: str) -> Encodings:
        """q(z | x) of the samples of a split; that of views which do not train is asked for once."""
        model, indices = self.model, self.data.split[split]
        if split not in self._still:
            others = [name for name in model.views if name not in model.trainable]
            self._still[split] = model.encode(self.data, indices[self.world.share(len(indices))], others)
        still, trained = self._still[split], list(model.trainable)
        return encode(model, self.data, indices, trained, still, self._tables, split, summed=split == "train")

    def _prior_means(self, split: str, encodings: Encodings) -> dict[str, np.ndarray]:
        """By view, the means of its prior for the samples of the split that have it; in the place of its encodings."""
        indices, own, means, parts = self.data.split[split], encodings.own, {}, {}
        for name, table in encodings.tables.items():
            present = self.data.views[name].present[indices]
            count, first = int(present.sum()), int(present[: own.start].sum())
            if self.world.size > 1 and count < len(indices):  # others still read what stands where our rows belong
                table = self._tables.make(f"{split}-{name}-prior", count, table.shape[1])
            means[name] = table[:count]
            parts[name] = table[first : first + int(present[own].sum())]
        write_prior_means(self.model, self.data, self.settings, indices[own], encodings.encoded, parts)
        self.world.wait()
        return means


def rescale(
    views: Iterable[str], scale: Callable[[str, Tensor | float], None], encodings: Mapping[str, Encodings], world: World
) -> dict[str, Encodings]:
    """Bring every trainable embedding back to unit average variance: the scale is free and would drift.

    Args:
        views: the trainable ones.
        scale: makes z of one of them so many times what it was.
        encodings: by split. The scale is that of "train".

    Returns:
        The encodings as the rescaled networks would make them; the tables are the same ones, changed.
    """
    moments = reduce(Moments.merge, map(Moments.of_tree, world.gather(encodings["train"].moments.as_tree())))
    scales = {}
    for name in views:
        count, total, squares, variance = moments.of_view(name)
        scales[name] = float(1 / np.sqrt(np.mean(squares / count - (total / count) ** 2 + variance / count)))
        scale(name, scales[name])
    return {split: part.stretched(scales) for split, part in encodings.items()}


def join(
    model: FAVAE,
    data: Dataset,
    settings: FactorModelConfig,
    copies: Mapping[str, float],
    schedule: ScheduleConfig,
    seed: int,
    encodings: Encodings,
    world: World = ALONE,
) -> None:
    """Fit the factor model anew to the embeddings of the training samples.

    Args:
        model: is given its factors.
        settings: of the model. Its K null: as `first_factors` has it.
        copies: by view, as how many of itself it counts.
        schedule: of the run.
        seed: of the run.
        encodings: of the training samples.
        world: the processes that have them.

    Raises:
        EngineError: as `fit`.
    """
    train = data.split["train"]
    indices = train[encodings.own]
    evidence = model.embeddings(data, indices, encodings.encoded, moments=encodings.moments, gather=world.gather)
    fitted = fit(
        evidence.moments(),
        first_factors(settings.factors, len(train)),
        seed,
        copies=copies,
        sweeps=schedule.sweeps,
        rotate_every=schedule.rotate_every,
        prune=schedule.prune,
        plain=isinstance(settings, FaVaeConfig) and not settings.gamma,  # as published
        local=evidence if evidence.local else None,
    )
    views = {name: view if name in evidence.local else view.in_units() for name, view in fitted.views.items()}
    model.factors = in_order(replace(fitted, views=views))
    keep_units(model.views, evidence.local)


def first_factors(asked: int | None, count: int) -> int:
    """K to start with; of `count` training samples a tenth, from 2 to `MOST_FACTORS`, if none is asked for."""
    return asked or min(max(count // 10, 2), MOST_FACTORS)


def keep_units(views: Mapping[str, View], local: Mapping[str, LocalEmbedding]) -> None:
    """Have the views keep what the factors found of their likelihood: the units of z, or thresholds."""
    for name, embedding in local.items():
        view = views[name]
        if isinstance(view, RealView) and isinstance(embedding, RealEmbedding):
            view.rescale(embedding.scale)
        if isinstance(view, OrdinalView):
            view.keep(embedding)

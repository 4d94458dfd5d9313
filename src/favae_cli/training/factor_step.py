"""What ties the views between their epochs: a common scale, the factors, and what these foretell of each view."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import numpy as np

from favae_cli.config.models import FaVaeConfig, JointModelConfig
from favae_cli.config.run import Config, ScheduleConfig
from favae_cli.data import Dataset
from favae_cli.factors import fit
from favae_cli.factors.inference import LocalEmbedding
from favae_cli.factors.moments import Moments
from favae_cli.factors.real import RealEmbedding
from favae_cli.machine.world import ALONE, World
from favae_cli.models.fa_vae import CHUNK, FAVAE
from favae_cli.training.encodings import Encodings
from favae_cli.training.epoch_state import Prior
from favae_cli.training.trainer import Trainer
from favae_cli.views import Encoded, RealView, View


def rescale(trainers: Mapping[str, Trainer], encodings: Mapping[str, Encodings], world: World) -> dict[str, Encodings]:
    """Bring every trainable embedding back to unit average variance: the scale is free and would drift.

    Args:
        trainers: by view.
        encodings: by split. The scale is that of "train".

    Returns:
        The encodings as the rescaled networks would make them; the tables are the same ones, changed.
    """
    moments = reduce(Moments.merge, world.gather(encodings["train"].moments))
    scales = {}
    for name, trainer in trainers.items():
        count, total, squares, variance = moments.of_view(name)
        scales[name] = float(1 / np.sqrt(np.mean(squares / count - (total / count) ** 2 + variance / count)))
        trainer.scale_embedding(scales[name])
    return {split: part.stretched(scales) for split, part in encodings.items()}


def join(
    model: FAVAE, data: Dataset, config: Config, schedule: ScheduleConfig, encodings: Encodings, world: World = ALONE
) -> None:
    """Fit the factor model anew to the embeddings of the training samples.

    Args:
        model: is given its factors.
        encodings: of the training samples.

    Raises:
        EngineError: as `fit`.
    """
    assert not isinstance(config.model, JointModelConfig)
    indices = data.split["train"][encodings.own]
    evidence = model.embeddings(data, indices, encodings.encoded, moments=encodings.moments, gather=world.gather)
    model.factors = fit(
        evidence.moments(),
        config.model.factors,
        config.seed,
        copies={name: getattr(view, "weight", 1.0) for name, view in config.views.items() if name in model.views},
        sweeps=schedule.sweeps,
        rotate_every=schedule.rotate_every,
        prune=schedule.prune,
        local=evidence if evidence.local else None,
    )
    keep_units(model.views, evidence.local)


def keep_units(views: Mapping[str, View], local: Mapping[str, LocalEmbedding]) -> None:
    """Have the views make z in the units that the factors found best for it."""
    for name, embedding in local.items():
        view = views[name]
        if isinstance(view, RealView) and isinstance(embedding, RealEmbedding):
            view.rescale(embedding.scale)


def foretold(
    model: FAVAE, data: Dataset, config: Config, split: str, encoded: dict[str, Encoded], stage: int
) -> dict[str, Prior]:
    """What the factors say of each trainable view: from all other views, or from all (`model.prior`).

    Args:
        model: joined.
        split: whose samples.
        encoded: q(z | x) of these samples, by view.
        stage: the round that the priors are for.
    """
    indices = data.split[split]
    tables = {
        name: np.empty((int(data.views[name].present[indices].sum()), view.size), np.float32)
        for name, view in model.trainable.items()
    }
    foretell(model, data, config, indices, encoded, tables)
    return {name: prior_of(model, config, name, table, stage) for name, table in tables.items()}


def foretell(
    model: FAVAE,
    data: Dataset,
    config: Config,
    indices: np.ndarray,
    encoded: Mapping[str, Encoded],
    tables: Mapping[str, np.ndarray],
) -> None:
    """Write down the means of `foretold`, a chunk of samples at a time.

    Args:
        indices: N samples.
        encoded: of these.
        tables: by trainable view, (R, D) for the R of the samples that have it, in their order. They may begin where
            the means of `encoded` begin: a row is written once it has been read for the last time.
    """
    settings, factors = config.model, model.joined
    posterior = isinstance(settings, FaVaeConfig) and settings.prior == "posterior"
    written = dict.fromkeys(tables, 0)
    for start in range(0, len(indices), CHUNK):
        rows = slice(start, start + CHUNK)
        part, found = {name: known.at(rows) for name, known in encoded.items()}, {}
        for name in tables:
            given = [view for view in model.views if posterior or view != name]
            evidence = model.embeddings(data, indices[rows], part, given)
            evidence.settle(factors)
            found[name] = evidence.expect(factors, name)[data.views[name].present[indices[rows]]]
        for name, mean in found.items():
            tables[name][written[name] : written[name] + len(mean)] = mean
            written[name] += len(mean)


def prior_of(model: FAVAE, config: Config, name: str, mean: np.ndarray, stage: int) -> Prior:
    """The prior with these means, (R, D), in a round."""
    settings, feed = config.model, 0.0  # of VAEs that learned alone
    if isinstance(settings, FaVaeConfig):
        feed = settings.feed if settings.feed_rounds is None or stage <= settings.feed_rounds else 0.0
    return Prior(mean, model.joined.views[name].tau, feed)

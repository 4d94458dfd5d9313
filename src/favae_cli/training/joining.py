"""What ties the views between their epochs: a common scale, the factors, and what these foretell of each view."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from favae_cli.config import Config, Schedule
from favae_cli.data import Dataset
from favae_cli.factors import fit
from favae_cli.factors.embeddings import LocalEmbedding
from favae_cli.factors.real import RealEmbedding
from favae_cli.model import FAVAE
from favae_cli.model_config import FaVae, JointModel
from favae_cli.training.epochs import Prior, Trainer
from favae_cli.views import Encoded, RealView, View


def rescale(trainers: Mapping[str, Trainer], encoded: Mapping[str, dict[str, Encoded]]) -> None:
    """Bring every trainable embedding back to unit average variance: the scale is free and would drift.

    Args:
        trainers: by view.
        encoded: by split, then by view; is changed along. The scale is that of "train".
    """
    for name, trainer in trainers.items():
        seen = encoded["train"][name]
        assert seen.variance is not None
        here = ~np.isnan(seen.mean[:, 0])
        scale = float(1 / np.sqrt(seen.mean[here].var(axis=0).mean() + seen.variance[here].mean()))
        trainer.scale_embedding(scale)
        for parts in encoded.values():
            mean, variance = parts[name].mean, parts[name].variance
            assert variance is not None
            parts[name] = Encoded(mean * scale, variance * scale**2)


def join(model: FAVAE, data: Dataset, config: Config, schedule: Schedule, encoded: dict[str, Encoded]) -> None:
    """Fit the factor model anew to the embeddings of the training samples.

    Args:
        model: is given its factors.
        encoded: q(z | x) of the training samples, by view.
    """
    assert not isinstance(config.model, JointModel)
    evidence = model.embeddings(data, data.split["train"], encoded)
    model.factors = fit(
        evidence.moments(),
        config.model.factors,
        config.seed,
        weights={name: getattr(view, "weight", 1.0) for name, view in config.views.items() if name in model.views},
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
    settings, factors, priors = config.model, model.joined, {}
    posterior, feed = False, 0.0  # of VAEs that learned alone
    if isinstance(settings, FaVae):
        posterior = settings.prior == "posterior"
        feed = settings.feed if settings.feed_rounds is None or stage <= settings.feed_rounds else 0.0
    indices = data.split[split]
    for name in model.trainable:
        others = [view for view in model.views if view != name]
        evidence = model.embeddings(data, indices, encoded, list(model.views) if posterior else others)
        evidence.settle(factors)
        here = data.views[name].present[indices]
        mean = evidence.expect(factors, name)[here].astype(np.float32)
        priors[name] = Prior(mean, factors.views[name].tau, feed)
    return priors

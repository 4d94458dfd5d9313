"""Condition an image VAE on attributes (paper 3.1, A.1): train it alone, join it with the attributes, judge it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.config.run import Config
from favae_cli.evaluation.attributes import attribute_metrics, attribute_pictures
from favae_cli.evaluation.conditioning import Conditioning
from favae_cli.evaluation.factors import factor_metrics, factor_pictures
from favae_cli.evaluation.reconstruction import reconstruction_pictures
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.models.fa_vae import observed_table
from favae_cli.tasks.session import Session, complete


def run(config: Config, directory: Path, stop: StopRequest) -> dict[str, float]:
    """Train, evaluate and report in `directory`; as `complete`."""
    return complete(config, directory, stop, _require_samples, evaluate)


def evaluate(session: Session, split: str) -> None:
    """Score and draw what the trained model does with the samples of a split.

    Raises:
        UserError: the data hold nothing that it could be judged on.
    """
    config, model, data = session.config, session.favae, session.judged
    for part in ("train", split):
        _require_samples(session, part)
    image, attributes = _views(session)
    session.add(factor_metrics(model.joined))

    with session.timed("evaluation"):
        encoded = session.reconstruct(split)
        session.add(attribute_metrics(model, data, attributes, split, encoded))
        # The classifier learns from all training images, and they say how rare a combination is.
        whole = replace(data, split=data.split | {"train": session.data.split["train"]})
        conditioning = Conditioning(
            model, whole, split, image, attributes, config.evaluation, session.runtime, config.seed
        )
        session.add(conditioning.metrics())

    session.draw(factor_pictures, model, data)
    session.draw(reconstruction_pictures, model, data, split, config.evaluation.reconstructions)
    session.draw(attribute_pictures, model, data, attributes, split, encoded[split])
    session.draw(conditioning.pictures)


def _views(session: Session) -> tuple[str, str]:
    """The image view that is conditioned, and the attributes."""
    image = next(name for name in session.favae.trainable if session.data.views[name].is_image)
    return image, next(name for name, view in session.config.views.items() if view.type == "bernoulli")


def _require_samples(session: Session, split: str) -> None:
    """Refuse a split on which nothing could be judged."""
    data, (image, attributes) = session.asked(split), _views(session)
    indices = data.having(split, image, attributes)
    if not len(indices) or np.isnan(observed_table(data, attributes, indices)).any(axis=1).all():
        raise UserError(
            f"data.split: no {split} sample has both {image} and every one of the {attributes}; "
            "give that split a larger share, or choose fewer attributes"
        )

"""Condition an image VAE on attributes (paper 3.1, A.1): train it alone, join it with the attributes, judge it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from favae_cli.config import Config
from favae_cli.data import Dataset
from favae_cli.errors import UserError
from favae_cli.evaluation.attributes import attribute_metrics, attribute_pictures
from favae_cli.evaluation.condition import Conditioning
from favae_cli.evaluation.factors import factor_metrics, factor_pictures
from favae_cli.evaluation.images import reconstruction_metrics, reconstruction_pictures
from favae_cli.model import FAVAE, observed_table
from favae_cli.tasks.session import Session
from favae_cli.training.epochs import Prior
from favae_cli.training.interrupt import StopRequest
from favae_cli.training.rounds import Training


def run(config: Config, directory: Path, stop: StopRequest) -> dict[str, float]:
    """Train, evaluate and report in `directory`.

    Returns:
        The flat metrics, as in metrics.json.

    Raises:
        Interrupted: as `stop` asked, after saving.
        UserError: a mistake that only the data could show.
    """
    session = Session.open(config, directory)
    model, data = session.model, session.data
    image = next(name for name in model.trainable if data.views[name].is_image)
    attributes = next(name for name, view in config.views.items() if view.type == "bernoulli")
    _require_samples(data, image, attributes)

    def before(model: FAVAE) -> dict[str, float]:
        return reconstruction_metrics(model, data, "test", {name: Prior() for name in model.trainable}, config.seed)

    training = Training(model, data, config, directory, before)
    training.run(stop)
    session.add({f"before/{name}": value for name, value in training.progress.before.items()})
    session.add(training.progress.speeds())
    session.add(factor_metrics(model.joined))

    with session.timed("evaluation"):
        encoded = {split: model.encode(data, data.split[split]) for split in ("train", "test")}
        priors = training.priors_for("test", encoded["test"])
        session.add(reconstruction_metrics(model, data, "test", priors, config.seed))
        session.add(attribute_metrics(model, data, attributes, "test", encoded))
        conditioning = Conditioning(model, data, image, attributes, config.evaluation, session.runtime, config.seed)
        session.add(conditioning.metrics())

    session.draw(factor_pictures(model.joined))
    session.draw(reconstruction_pictures(model, data, "test", config.evaluation.reconstructions))
    session.draw(attribute_pictures(model, data, attributes, "test", encoded["test"]))
    session.draw(conditioning.pictures())
    return session.close(training.log)


def _require_samples(data: Dataset, image: str, attributes: str) -> None:
    """Refuse, before any training, data on which nothing could be judged after it."""
    for split in ("train", "test"):
        indices = data.having(split, image, attributes)
        if not len(indices) or np.isnan(observed_table(data, attributes, indices)).any(axis=1).all():
            raise UserError(
                f"data.split: no {split} sample has both {image} and every one of the {attributes}; "
                "give that split a larger share, or choose fewer attributes"
            )

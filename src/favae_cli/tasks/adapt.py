"""Domain adaptation (paper 3.2, A.2): join image views, so that one is translated into the other."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

from favae_cli.common.errors import UserError
from favae_cli.config.run import Config
from favae_cli.config.views import VaeViewConfig
from favae_cli.evaluation.attributes import attribute_metrics
from favae_cli.evaluation.factors import factor_metrics, factor_pictures
from favae_cli.evaluation.interpolation import interpolation_pictures
from favae_cli.evaluation.reconstruction import reconstruction_metrics, reconstruction_pictures
from favae_cli.evaluation.translation import agreement_metrics, translation_metrics, translation_pictures
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.translate import image_views
from favae_cli.tasks.session import Session, complete

FEWEST = 2  # pairs in a split


def run(config: Config, directory: Path, stop: StopRequest) -> dict[str, float]:
    """Train, evaluate and report in `directory`; as `complete`."""
    return complete(config, directory, stop, _require_pairs, evaluate)


def evaluate(session: Session, split: str) -> None:
    """Score and draw what the trained model does with the samples of a split."""
    _require_pairs(session, split)
    config, model, data = session.config, session.model, session.judged
    attributes = next((name for name, view in config.views.items() if view.type == "bernoulli"), None)
    with session.timed("evaluation"):
        session.add(translation_metrics(model, data, split, _variances(config)))
        if attributes is not None:
            session.add(
                agreement_metrics(model, data, attributes, split, config.evaluation, session.runtime, config.seed)
            )
        if isinstance(model, FAVAE):
            session.add(factor_metrics(model.joined))
            encoded = session.reconstruct(split)
            if attributes is not None:
                session.add(attribute_metrics(model, data, attributes, split, encoded))
        else:
            session.add(reconstruction_metrics(model, data, split, {}, config.seed))
    session.draw(reconstruction_pictures, model, data, split, config.evaluation.reconstructions)
    session.draw(translation_pictures, model, data, split, config.evaluation.translate)
    if isinstance(model, FAVAE):
        session.draw(factor_pictures, model, data)
        session.draw(interpolation_pictures, model, data, split, config.evaluation.translate.steps)


def _variances(config: Config) -> dict[str, float]:
    """By view, the variance of its pixels, where it is the same for every model."""
    return {
        name: float(view.variance)
        for name, view in config.views.items()
        if isinstance(view, VaeViewConfig) and view.likelihood == "gaussian" and view.variance != "learned"
    }


def _require_pairs(session: Session, split: str) -> None:
    """Refuse a split without pairs to learn from or to be judged by."""
    for source, target in combinations(image_views(session.model, session.data), 2):
        if len(session.asked(split).having(split, source, target)) < FEWEST:
            raise UserError(
                f"data.split: fewer than {FEWEST} {split} samples have both {source} and {target}; "
                "give that split a larger share"
            )

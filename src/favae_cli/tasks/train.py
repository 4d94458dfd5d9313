"""Any views of the user's own: join them, predict each from the others, and say what they share."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from favae_cli.common.errors import UserError
from favae_cli.config.run import Config
from favae_cli.evaluation.attributes import attribute_metrics, attribute_pictures
from favae_cli.evaluation.baselines import warn_of_losses
from favae_cli.evaluation.cards import card_pictures
from favae_cli.evaluation.factors import factor_metrics, factor_pictures
from favae_cli.evaluation.prediction import prediction_baselines, prediction_pictures, predictions
from favae_cli.evaluation.presence import presence_table
from favae_cli.evaluation.reconstruction import reconstruction_metrics, reconstruction_pictures
from favae_cli.evaluation.results import factor_tables, result_pictures
from favae_cli.evaluation.sample_map import map_pictures
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.queries.factor_reading import Reading
from favae_cli.tasks.session import Session, complete
from favae_cli.training.epoch_state import Prior
from favae_cli.views import Encoded

FEWEST = 2  # samples with two views, in a split


def run(config: Config, directory: Path, stop: StopRequest) -> dict[str, float]:
    """Train, evaluate and report in `directory`; as `complete`."""
    return complete(config, directory, stop, _require_company, evaluate)


def evaluate(session: Session, split: str) -> None:
    """Score and draw what the trained model does with the samples of a split.

    Raises:
        UserError: the data hold nothing that it could be judged on.
    """
    _require_company(session, split)
    config, model, data = session.config, session.favae, session.judged
    show = config.evaluation.reconstructions
    if not model.joins:  # one VAE, on its own
        session.add(reconstruction_metrics(model, data, split, {name: Prior() for name in model.views}, config.seed))
        session.draw(reconstruction_pictures, model, data, split, show)
        return
    attributes = [name for name, view in config.views.items() if view.type == "bernoulli" and len(model.views) > 1]
    with session.timed("evaluation"):
        encoded = session.reconstruct(split)
        found = predictions(model, data, split, encoded[split])
        session.add(found.metrics)
        session.add(prediction_baselines(model, data, split))
        warn_of_losses(session.metrics)
        for name in attributes:
            session.add(attribute_metrics(model, data, name, split, encoded))
        session.add(factor_metrics(model.joined))
        reading = Reading.of(model, data, split)
        session.keep(found.tables | {"presence": presence_table(session.data)} | factor_tables(reading))
    session.draw(reconstruction_pictures, model, data, split, show)
    session.draw(prediction_pictures, model, data, split, encoded[split], show, found.of_tables)
    for name in attributes:
        session.draw(_reliability, session, name, split, encoded[split])
    session.draw(result_pictures, session.results)
    session.draw(map_pictures, model, data)
    session.draw(factor_pictures, model, data)
    along = config.evaluation.traverse
    session.draw(card_pictures, reading, config.evaluation.cards, along.reach, along.steps)


def _reliability(session: Session, attributes: str, split: str, encoded: dict[str, Encoded]) -> dict[str, Figure]:
    made = attribute_pictures(session.favae, session.judged, attributes, split, encoded)
    return {f"{kind}_{attributes}": figure for kind, figure in made.items()}


def _require_company(session: Session, split: str) -> None:
    """Refuse a split in which hardly a sample has two views: there is nothing to join, and nothing to predict from."""
    data = session.asked(split)
    if len(data.in_company(split)) < FEWEST:
        views = f"two of the views {', '.join(data.views)}" if len(data.views) > 1 else next(iter(data.views))
        raise UserError(f"data.split: fewer than {FEWEST} {split} samples have {views}; give that split a larger share")

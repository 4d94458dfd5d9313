"""One more view for a trained model; the others, and what they say of each other, stay as they are."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from favae_cli.common.errors import UserError
from favae_cli.common.files import replacing
from favae_cli.common.run_folder import RunFolder
from favae_cli.common.run_lock import holding
from favae_cli.common.suggestions import did_you_mean
from favae_cli.common.watch import watched
from favae_cli.config.contradictions import validate
from favae_cli.config.models import FaVaeConfig
from favae_cli.config.run import Config
from favae_cli.config.trained_run_tasks import AddViewConfig, changed_data, merged
from favae_cli.data import SPLITS, Dataset
from favae_cli.data.loading import loaded
from favae_cli.factors import FactorModel
from favae_cli.factors.add_view import NewView, extend
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.models.fa_vae import FAVAE, observed_table
from favae_cli.nets.warm_start import warm_start
from favae_cli.queries.given import Given
from favae_cli.queries.samples import require_seen, split_as_seen
from favae_cli.tasks.session import Session
from favae_cli.tasks.train import evaluate
from favae_cli.training.build import fresh_view
from favae_cli.training.encodings import Encodings
from favae_cli.training.factor_step import keep_units
from favae_cli.training.schedule import Training
from favae_cli.training.trained_run import TrainedRun
from favae_cli.views import Encoded, InferredView, VaeView, View

logger = logging.getLogger(__name__)


def use(config: AddViewConfig, trained: TrainedRun, directory: Path) -> None:
    """Write a run of all views, which every use of a trained run takes: checkpoints, metrics.json, report.html.

    Raises:
        Interrupted: by SIGTERM or Ctrl-C.
        UserError: data that lack the new view or another, a view that does not fit its data, or too few samples of it.
    """
    model, whole = trained.factors, _whole(config, trained)
    data = loaded(whole.data, config.cache, whole.seed)
    data = data.seen_as(whole.sources)
    if "name" not in config.data:
        data = replace(data, split=_split_as_it_was(config, trained, data))
    if not len(data.having("train", config.name, any_of=model.views)):
        raise UserError(f"name: no training sample has {config.name} and another of the run's views")

    new = _built(config, trained, whole, data)
    for view in model.views.values():
        view.trainable = False
    joined = FAVAE({**model.views, config.name: new})
    session = Session(whole, directory, trained.runtime, data, joined)

    def tie(encodings: Encodings) -> None:
        joined.factors = _extended(config.name, new, model, data, config.new.copies, encodings.encoded)

    training = Training(joined, data, whole, directory, tie=tie)
    with holding(directory), watched(directory, None):
        with StopRequest().handling() as stop:
            training.run(stop)
        written = RunFolder(directory)
        written.hydra.mkdir(exist_ok=True)
        with replacing(written.config) as file:  # from now on the folder is a finished run's
            OmegaConf.save(OmegaConf.create(whole.model_dump(mode="json", by_alias=True)), file)
        session.add(training.progress.speeds())
        evaluate(session, "test")
        session.close(training.log)


def _whole(config: AddViewConfig, trained: TrainedRun) -> Config:
    """The config of a run of all views."""
    own = trained.config
    if config.name in own.views:
        raise UserError(f"name: the run has a view {config.name} already; choose another name")
    if config.warm_start is not None and config.warm_start not in own.views:
        raise UserError(f"warm_start: no view {config.warm_start}; {did_you_mean(config.warm_start, own.views)}")
    changes: dict[str, Any] = {"data": config.data, "views": {config.name: config.new.model_dump(mode="json")}}
    base = own.model_dump(mode="json", by_alias=True)
    if "name" in config.data:
        base["data"] = {}
    if base["data"].get("use") is not None and "use" not in config.data:
        changes["data"] = {**config.data, "use": [*base["data"]["use"], config.new.data or config.name]}
    changes["task"] = {"name": "train"}  # which takes any views
    changes["score"] = "predict/mean"
    changes["schedule"] = config.schedule.model_dump() | {"patience": None}
    if isinstance(own.model, FaVaeConfig):
        changes["model"] = {"feed": config.feed, "feed_rounds": None, "gamma": 0.0}
    final_rate = min(own.trainer.final_learning_rate, config.trainer.learning_rate)
    one = {"devices": 1, "nodes": 1}  # process, whatever the run had
    changes["trainer"] = config.trainer.model_dump() | one | {"final_learning_rate": final_rate}
    changes["resume"] = changes["pretrained"] = None
    return validate(OmegaConf.create(merged(base, changes)), begun=own.views)


def _split_as_it_was(config: AddViewConfig, trained: TrainedRun, data: Dataset) -> dict[str, np.ndarray]:
    """The split of `data` in which every sample that the run knows stays where it was; a further file could move it.

    Raises:
        UserError: the data of the run's own views are others than they were, which no change asks for.
    """
    changes = {key: value for key, value in config.data.items() if key not in ("views", "use")}
    if trained.seen is not None:
        require_seen(data, trained, changes)
        return split_as_seen(data, trained.seen)
    own = loaded(changed_data(trained.config.data, changes), config.cache, trained.config.seed)
    known = {key: part for part in SPLITS for key in own.keys[own.split[part]].tolist()}
    keys = data.keys.tolist()
    drawn = {keys[index]: part for part in SPLITS for index in data.split[part].tolist()}
    now = np.array([known.get(key, drawn.get(key, "")) for key in keys])
    return {part: np.flatnonzero(now == part) for part in SPLITS}


def _built(config: AddViewConfig, trained: TrainedRun, whole: Config, data: Dataset) -> View:
    name = config.name
    part = data.views[name]
    view = fresh_view(name, config.new, part, data.having("train", name), trained.runtime, whole.seed)
    if config.warm_start is not None:
        source = trained.factors.views[config.warm_start]
        if not (isinstance(source, VaeView) and isinstance(view, VaeView)):
            raise UserError(f"warm_start: {config.warm_start} and {name} must both have an encoder and a decoder")
        done = warm_start((source.encoder, source.decoder), (view.encoder, view.decoder), ())
        logger.info("warm start: %d layers copied from %s", len(done.copied), config.warm_start)
    return view


def _extended(
    name: str, view: View, trained: FAVAE, data: Dataset, copies: float, encoded: dict[str, Encoded]
) -> FactorModel:
    """The factor model with the new view, which counts as so many copies, from the training samples that have it.

    Args:
        trained: without it.
        encoded: q(z | x) of the training samples, by view.
    """
    train = data.split["train"]
    here = np.flatnonzero(np.isin(train, data.having("train", name, any_of=trained.views)))
    given = Given.of_samples(trained, data, train[here], {key: value.at(here) for key, value in encoded.items()})
    if isinstance(view, InferredView):
        local = view.local(observed_table(data, name, train[here]))
        new = NewView(local.mean, local.variance, local)
    else:
        own = FAVAE({name: view}).encode(data, train[here])[name]  # with its variances
        new = NewView(own.mean, np.zeros_like(own.mean) if own.variance is None else own.variance)
    found = extend(trained.joined, name, given.evidence, new, copies=copies)
    keep_units({name: view}, {name: new.local} if new.local else {})
    return found

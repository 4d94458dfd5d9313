"""Condition an image VAE on attributes (paper 3.1, A.1): train it alone, join it with the attributes, judge it."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

from favae_cli.config import Config
from favae_cli.data import load
from favae_cli.evaluation.attributes import attribute_metrics
from favae_cli.evaluation.condition import Conditioning
from favae_cli.evaluation.images import reconstruction_metrics
from favae_cli.model import FAVAE
from favae_cli.runtime import prepare
from favae_cli.training.epochs import Prior
from favae_cli.training.rounds import Training
from favae_cli.training.run_log import start_logging
from favae_cli.training.setup import build_model

logger = logging.getLogger(__name__)


def run(config: Config, directory: Path) -> dict[str, float]:
    """Train, evaluate and report in `directory`; returns the flat metrics."""
    start_logging(directory)
    begun = time.perf_counter()
    runtime = prepare(config.trainer)
    data = load(config.data, Path(config.cache).expanduser(), config.seed)
    data_s = time.perf_counter() - begun
    model = build_model(config, data, runtime)

    def alone(model: FAVAE) -> dict[str, float]:
        priors = {name: Prior() for name in model.trainable}
        return reconstruction_metrics(model, data, "test", priors, config.seed)

    training = Training(model, data, config, directory, alone)
    training.run()
    t = time.perf_counter()
    splits = {split: model.encode(data, data.split[split]) for split in ("train", "validation", "test")}
    image = next(iter(model.trainable))
    table = next(name for name, view in config.views.items() if view.type == "bernoulli")
    metrics = {f"before/{k}": v for k, v in training.progress.before.items()}
    metrics |= reconstruction_metrics(model, data, "test", training.priors_for("test", splits["test"]), config.seed)
    metrics |= attribute_metrics(model, data, table, "test", splits)
    logger.info("attributes %.1f", time.perf_counter() - t)
    metrics |= Conditioning(model, data, image, table, config.evaluation, runtime, config.seed).metrics()
    logger.info("conditioning %.1f", time.perf_counter() - t)
    metrics |= {f"seconds/{k}": v for k, v in training.progress.seconds.items()}
    metrics["seconds/data"] = data_s
    (directory / "metrics.json").write_text(json.dumps(metrics, indent=1))
    for k, v in metrics.items():
        logger.info("%-50s %.4f", k, v)
    return metrics

"""Mistakes that show only where sections of the config meet."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from omegaconf import DictConfig
from pydantic import TypeAdapter

from favae_cli.common.errors import UserError
from favae_cli.common.run_folder import RunFolder
from favae_cli.common.suggestions import did_you_mean
from favae_cli.config.choices import SEEN_BY, ViewConfig
from favae_cli.config.data_sets import Kind
from favae_cli.config.models import BetaVaeConfig, FaConfig, FaVaeConfig, JointModelConfig, VaeConfig
from favae_cli.config.run import TASKS, Config, TrainerConfig
from favae_cli.config.section import validated
from favae_cli.config.views import (
    AUTO,
    BernoulliViewConfig,
    ConvArch,
    FrozenViewConfig,
    NetworkViewConfig,
    RealViewConfig,
    VaeViewConfig,
)


def validate(composed: DictConfig, begun: Collection[str] = ()) -> Config:
    """Check a composed config (without its `hydra` node) as a whole.

    Args:
        begun: views that a run has already, which stays of use although new ones would be refused.

    Raises:
        UserError: with every mistake found, one a line, each beginning with its key.
    """
    config = validated(composed, TypeAdapter(Config), ["experiment"])
    mistakes = [*_contradictions(config), *_same_noise(config, begun)]
    if mistakes:
        raise UserError("\n".join(mistakes))
    return config


def _contradictions(config: Config) -> Iterator[str]:
    """Mistakes that show only where two sections meet."""
    yield from config.data.contradictions()
    yield from _too_many(config.trainer)
    if config.trainer.final_learning_rate > config.trainer.learning_rate:
        yield "trainer.final_learning_rate: must be no larger than trainer.learning_rate"
    if config.pretrained is not None and not config.pretrained.is_dir():
        yield f"pretrained: there is no folder {config.pretrained}"
    if config.pretrained is not None and not isinstance(config.model, FaVaeConfig | VaeConfig | BetaVaeConfig):
        yield f"pretrained: model={config.model.name} has no VAEs of its own to load; leave it out"
    if isinstance(config.model, FaVaeConfig) and config.model.gamma and config.model.feed:
        yield "model.feed: is for model.gamma=0, with which each view learns by itself in the rounds; use 0"
    loaded, kinds = config.data.loaded_sides(), config.data.kinds()
    sides = {}
    for name, view in config.views.items():
        source = view.data or name
        if source not in loaded:
            key = f"views.{name}" if view.data is None else f"views.{name}.data={source}"
            yield f"{key}: the data have no such view; {did_you_mean(source, loaded)}"
        else:
            sides[name] = loaded[source]
            yield from _misfits(name, view, kinds[source], sides[name])
            if isinstance(config.model, JointModelConfig) and getattr(view, "latent", None) == AUTO:
                yield f"views.{name}.latent: model={config.model.name} has one latent space; give all views one number"
            if isinstance(config.model, JointModelConfig) and getattr(view, "beta", None) not in (None, 1.0):
                yield f"views.{name}.beta: model={config.model.name} has one KL for all views; use null, and model.beta"
    yield from _lacking(config, sides)


def _same_noise(config: Config, begun: Collection[str]) -> Iterator[str]:
    """Copies whose noise is inferred: what their noise shares, which is all of it, would become factors."""
    for name, view in config.views.items():
        if name not in begun and isinstance(view, RealViewConfig) and view.weight > 1:
            yield f"views.{name}.weight: copies of the same numbers have the same noise; use 1 or less"


def _too_many(trainer: TrainerConfig) -> Iterator[str]:
    """Processes that would find nothing to do, or no GPU of their own."""
    count = trainer.devices * trainer.nodes
    if count > 1 and trainer.device.startswith("cuda:"):
        yield f"trainer.device={trainer.device}: is one GPU for {count} processes; use cuda, and each takes its own"
    if count > 1 and trainer.batch_size < 2 * count:
        yield (
            f"trainer.batch_size: {count} processes (trainer.devices * trainer.nodes) share a batch, 2 samples each at "
            f"least; must be at least {2 * count}, got {trainer.batch_size}"
        )


def _misfits(name: str, view: ViewConfig, kind: Kind, side: int | None) -> Iterator[str]:
    """Mistakes in what `view` asks of its data, which are of this `kind`: images have a `side` in pixels."""
    if view.type not in SEEN_BY[kind]:
        types = " or ".join(SEEN_BY[kind])
        yield f"views.{name}.type: a {view.type} view cannot see {kind} data, which {name} holds; use {types}"
        return
    if isinstance(view, FrozenViewConfig) and not view.run.is_dir():
        yield f"views.{name}.run: there is no folder {view.run}"
    if (
        isinstance(view, VaeViewConfig)
        and view.latent == AUTO
        and not (view.starts_linear and view.variance != "learned")
    ):
        yield f"views.{name}.latent: auto needs start=linear and a number as variance; give a number"
    if isinstance(view, VaeViewConfig) and isinstance(view.arch, ConvArch):
        if side is None:
            yield f"views.{name}.arch: conv is for images, {name} is a table; use arch@views.{name}.arch=mlp"
        elif (fitting := view.arch.layers_that_fit(side)) < len(view.arch.channels):
            yield (
                f"views.{name}.arch.channels: {len(view.arch.channels)} convolutions leave nothing of images "
                f"of {side} pixels; use at most {fitting}, or larger images"
            )


def _lacking(config: Config, sides: dict[str, int | None]) -> Iterator[str]:
    """What the task needs among the views and does not find."""
    task = config.task.name
    images = [name for name, view in config.views.items() if isinstance(view, VaeViewConfig) and sides.get(name)]
    tables = [name for name, view in config.views.items() if isinstance(view, BernoulliViewConfig)]
    if task == "train":
        if not config.views:
            yield "views: there is none; an experiment names some"
        if isinstance(config.model, JointModelConfig):
            yield f"model={config.model.name}: task train takes fa_vae, vae, beta_vae or fa"
        if isinstance(config.model, FaConfig):
            for name, view in config.views.items():
                if isinstance(view, NetworkViewConfig) and not isinstance(view, VaeViewConfig):
                    yield f"views.{name}.type: model=fa has no network, and so no place for a {view.type} view"
        return
    if task == "transfer":
        yield from _lacking_transfer(config, images)
        return
    if task not in TASKS:  # another package's
        return
    fewest, views = (2, "views") if task == "adapt" else (1, "view")
    if len(images) < fewest:
        yield f"views: task {task} needs at least {['one', 'two'][fewest - 1]} vae {views} of images"
    if len(tables) > 1 or (task == "condition" and not tables):
        named = f", not {len(tables)} ({', '.join(tables)})" if tables else ""
        yield f"views: task {task} needs {'at most' if task == 'adapt' else 'exactly'} one bernoulli view{named}"
    if task == "condition" and not isinstance(config.model, FaVaeConfig | VaeConfig | BetaVaeConfig):
        yield f"model={config.model.name}: task condition takes fa_vae, vae or beta_vae"


# In the folder of a transfer run.
TAKEN = ("transfer", "rival", "small", *(folder.name for folder in RunFolder(Path()).folders))


def _uneven(config: Config, source: VaeViewConfig, target: VaeViewConfig) -> Iterator[str]:
    """What keeps the large VAE from taking over what the small one knows."""
    transfer = config.transfer
    if (source.data or transfer.source) != (target.data or transfer.target):
        yield f"views.{transfer.target}.data: must be the data that {transfer.source} sees"
    warm = "layers" in (transfer.warm_start, *(way.warm_start for way in transfer.beside.values()))
    if warm and config.pretrained is None and source.latent != target.latent:
        yield f"views.{transfer.target}.latent: must be that of {transfer.source}, {source.latent}, for a warm start"


def _lacking_transfer(config: Config, images: list[str]) -> Iterator[str]:
    for key in ("source", "target"):
        name = getattr(config.transfer, key)
        if name not in images:
            yield f"transfer.{key}: {name} is no vae view of images; {did_you_mean(name, images)}"
    source, target = (config.views.get(name) for name in (config.transfer.source, config.transfer.target))
    if config.transfer.source == config.transfer.target:
        yield "transfer.target: must be another view than transfer.source"
    elif isinstance(source, VaeViewConfig) and isinstance(target, VaeViewConfig):
        yield from _uneven(config, source, target)
    for name in config.transfer.beside:
        if name in TAKEN:
            yield f"transfer.beside.{name}: the name is taken; choose another than {', '.join(TAKEN)}"
    if not isinstance(config.model, FaVaeConfig):
        yield f"model={config.model.name}: task transfer takes fa_vae"
    if config.schedule.round_epochs == 0:
        yield "schedule.round_epochs: the large VAE learns in the rounds only; must be at least 1"

"""Typed schema of every key of a run, with its unit. Defaults live in `configs/` alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from omegaconf import DictConfig
from pydantic import AfterValidator, Field, TypeAdapter

from favae_cli.data_config import DataConfig, Kind
from favae_cli.errors import UserError
from favae_cli.model_config import BetaVae, Fa, FaVae, JointModel, Model, Vae
from favae_cli.schema import (
    Count,
    Folder,
    Name,
    NotNegative,
    Positive,
    Section,
    Seed,
    Text,
    did_you_mean,
    validated,
)
from favae_cli.view_config import SEEN_BY, BernoulliView, ConvArch, FrozenView, VaeView, View


def _device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise ValueError(f"must be auto, cpu, cuda or cuda:N, got {name}")
    return name


class Task(Section):
    name: Literal["train", "condition", "adapt", "transfer"]


class Schedule(Section):
    alone_epochs: int = Field(ge=0, description="epochs of the VAE alone, at most")
    alone_beta: NotNegative = Field(description="weight of the KL term while the VAE trains alone")
    patience: Count | None = Field(description="epochs without a better ELBO that end them; null: never")
    rounds: Count = Field(description="rounds after the views are joined, at most")
    round_epochs: int = Field(ge=0, description="epochs of the VAE in every round")
    sweeps: Count = Field(description="sweeps of the factor engine in every round, at most")
    rotate_every: Count = Field(description="sweeps between two rotations")
    prune: bool = Field(description="drop factors that no view uses")
    tolerance: NotNegative = Field(description="relative change of the bound under which the rounds stop")

    @property
    def epochs(self) -> int:
        """Epochs of each view in all, at most."""
        return self.alone_epochs + self.rounds * self.round_epochs

    def alone(self) -> Schedule:
        """All these epochs for the VAEs alone, and no rounds."""
        return self.model_copy(update={"alone_epochs": self.epochs, "rounds": 0, "patience": None})

    def together(self) -> Schedule:
        """The rounds without the time alone."""
        return self.model_copy(update={"alone_epochs": 0})


class Machine(Section):
    """Where and how networks compute."""

    device: Annotated[str, AfterValidator(_device)]
    precision: Literal["auto", "fp32", "bf16"]
    threads: Count | None = Field(description="of torch and BLAS, on the CPU; null takes all cores")


class Trainer(Machine):
    devices: Count = Field(description="processes on each machine; on GPUs, one for each")
    nodes: Count = Field(description="machines")
    strategy: Literal["ddp"] = Field(description="how they share the work: each takes its part of every batch")
    batch_size: int = Field(ge=2, description="samples; batch norm needs two")
    accumulate: Count = Field(description="batches whose gradients are averaged for one step")
    learning_rate: Positive = Field(description="of Adam, after the warm-up")
    rate_schedule: Literal["cosine", "constant", "linear"] = Field(description="of the rate after the warm-up")
    final_learning_rate: NotNegative = Field(description="at the end of the decay, if the schedule has one")
    warm_up_steps: int = Field(ge=0, description="steps")
    clip_norm: Positive = Field(description="largest norm of the gradient of a step")
    weight_decay: NotNegative
    compile: bool = Field(description="train with networks from torch.compile")
    profile: bool = Field(description="record a few training steps of each view")


class Judge(Section):
    """The classifier that says which attributes a made image shows."""

    epochs: Count
    batch_size: int = Field(ge=2, description="samples")
    blur: NotNegative = Field(description="largest sigma of the random blur, pixels")
    shift: int = Field(ge=0, description="largest random shift, pixels")


class Generate(Section):
    per_combination: Count = Field(description="images")
    strengths: Annotated[list[Positive], Field(min_length=1)] = Field(description="candidates, of E[g | attributes]")
    show: Count = Field(description="images in the figure")


class Edit(Section):
    strengths: Annotated[list[Positive], Field(min_length=1)] = Field(description="lengths to try")
    images: Count = Field(description="test images")
    show: Count = Field(description="images in the figure")


class Translate(Section):
    """Figures of one view made from another."""

    show: Count = Field(description="test images")
    steps: int = Field(ge=3, description="images of an interpolation, its ends included")


class Traverse(Section):
    features: Count = Field(description="rows: the factors, or dimensions of z, that matter most")
    reach: Positive = Field(description="how far each way, in standard deviations")
    steps: int = Field(ge=3, description="images of a row")


class Evaluation(Section):
    judge: Judge
    generate: Generate
    edit: Edit
    translate: Translate
    traverse: Traverse
    min_combination: Count = Field(description="fewest training samples of a combination that is generated")
    samples: Count | None = Field(description="of each split that scores go by; null takes all")
    cards: int = Field(ge=0, description="factors that have a card")
    reconstructions: Count = Field(description="images in the figure")


class Start(Section):
    """How the large VAE sets out beside the small one."""

    warm_start: Literal["layers", "none"] = Field(description="copy the layers that fit, or begin anew")
    rate: float = Field(gt=0, le=1, description="share of trainer.learning_rate for the helped one")


class Help(Start):
    """What the small VAE does for the large one beside the prior."""

    feed: float = Field(ge=0, le=1, description="as model.feed")
    feed_rounds: int | None = Field(ge=0, description="as model.feed_rounds")


class Transfer(Start):
    """A large VAE learns beside a small one that is trained already."""

    source: Name = Field(description="view of the small VAE")
    target: Name = Field(description="view of the large VAE; it sees the same images")
    share: float = Field(gt=0, le=1, description="share of the training images that the large VAE sees")
    beside: dict[Name, Help] = Field(description="other ways to help, run as well for comparison")


class Config(Section):
    """A whole run, valid in itself; what only the data can show wrong comes up when they are loaded."""

    task: Task
    data: DataConfig
    views: dict[Name, View]
    model: Model
    schedule: Schedule
    trainer: Trainer
    evaluation: Evaluation
    transfer: Transfer
    seed: Seed = Field(description="of every random number in the run")
    resume: Folder | None = Field(description="folder of the run that goes on")
    pretrained: Folder | None = Field(description="folder of a run whose VAEs are loaded, not trained")
    cache: Folder = Field(description="folder for decoded images")
    score: Text = Field(description="key of metrics.json that a sweep is told")

    @property
    def plan(self) -> Schedule:
        """The schedule as the model goes through it: only FA-VAE has rounds."""
        return self.schedule if isinstance(self.model, FaVae) else self.schedule.alone()


def validate(composed: DictConfig) -> Config:
    """Check a composed config (without its `hydra` node) as a whole.

    Raises:
        UserError: with every mistake found, one a line, each beginning with its key.
    """
    config = validated(composed, TypeAdapter(Config), ["experiment"])
    mistakes = list(_contradictions(config))
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
    if config.pretrained is not None and not isinstance(config.model, FaVae | Vae | BetaVae):
        yield f"pretrained: model={config.model.name} has no VAEs of its own to load; leave it out"
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
    yield from _lacking(config, sides)


def _too_many(trainer: Trainer) -> Iterator[str]:
    """Processes that would find nothing to do, or no GPU of their own."""
    count = trainer.devices * trainer.nodes
    if count > 1 and trainer.device.startswith("cuda:"):
        yield f"trainer.device={trainer.device}: is one GPU for {count} processes; use cuda, and each takes its own"
    if count > 1 and trainer.batch_size < 2 * count:
        yield (
            f"trainer.batch_size: {count} processes (trainer.devices * trainer.nodes) share a batch, 2 samples each at "
            f"least; must be at least {2 * count}, got {trainer.batch_size}"
        )


def _misfits(name: str, view: View, kind: Kind, side: int | None) -> Iterator[str]:
    """Mistakes in what `view` asks of its data, which are of this `kind`: images have a `side` in pixels."""
    if view.type not in SEEN_BY[kind]:
        types = " or ".join(SEEN_BY[kind])
        yield f"views.{name}.type: a {view.type} view cannot see {kind} data, which {name} holds; use {types}"
        return
    if isinstance(view, FrozenView) and not view.run.is_dir():
        yield f"views.{name}.run: there is no folder {view.run}"
    if isinstance(view, VaeView) and isinstance(view.arch, ConvArch):
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
    images = [name for name, view in config.views.items() if isinstance(view, VaeView) and sides.get(name)]
    tables = [name for name, view in config.views.items() if isinstance(view, BernoulliView)]
    if task == "train":
        if not config.views:
            yield "views: there is none; an experiment names some"
        if isinstance(config.model, JointModel):
            yield f"model={config.model.name}: task train takes fa_vae, vae, beta_vae or fa"
        if isinstance(config.model, Fa):
            for name, view in config.views.items():
                if view.type in ("counts", "sequence", "text"):
                    yield f"views.{name}.type: model=fa has no network, and so no place for a {view.type} view"
        return
    if task == "transfer":
        yield from _lacking_transfer(config, images)
        return
    fewest, views = (2, "views") if task == "adapt" else (1, "view")
    if len(images) < fewest:
        yield f"views: task {task} needs at least {['one', 'two'][fewest - 1]} vae {views} of images"
    if len(tables) > 1 or (task == "condition" and not tables):
        named = f", not {len(tables)} ({', '.join(tables)})" if tables else ""
        yield f"views: task {task} needs {'at most' if task == 'adapt' else 'exactly'} one bernoulli view{named}"
    if task == "condition" and not isinstance(config.model, FaVae | Vae | BetaVae):
        yield f"model={config.model.name}: task condition takes fa_vae, vae or beta_vae"


# In the folder of a transfer run.
TAKEN = ("transfer", "rival", "small", "checkpoints", "figures", "tables", "tensorboard")


def _uneven(config: Config, source: VaeView, target: VaeView) -> Iterator[str]:
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
    elif isinstance(source, VaeView) and isinstance(target, VaeView):
        yield from _uneven(config, source, target)
    for name in config.transfer.beside:
        if name in TAKEN:
            yield f"transfer.beside.{name}: the name is taken; choose another than {', '.join(TAKEN)}"
    if not isinstance(config.model, FaVae):
        yield f"model={config.model.name}: task transfer takes fa_vae"
    if config.schedule.round_epochs == 0:
        yield "schedule.round_epochs: the large VAE learns in the rounds only; must be at least 1"

"""Typed schema of every key of a run, with its unit. Defaults live in `configs/` alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import AfterValidator, Field, ValidationError

from favae_cli.data_config import DataConfig
from favae_cli.errors import UserError
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
    problems,
)


def _device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise ValueError(f"must be auto, cpu, cuda or cuda:N, got {name}")
    return name


class Task(Section):
    name: Literal["condition"]


class ConvArch(Section):
    """Strided convolutions and a linear layer; the decoder is their mirror."""

    name: Literal["conv"]
    channels: Annotated[list[Count], Field(min_length=1)] = Field(description="of the encoder's layers")
    kernel: Count = Field(description="side, pixels")
    stride: Count = Field(description="pixels")
    padding: int = Field(ge=0, description="pixels")
    batch_norm: bool
    leak: float = Field(ge=0, lt=1, description="slope of the leaky ReLU below zero")

    def layers_that_fit(self, side: int) -> int:
        """How many of the convolutions leave something of an image of `side` pixels."""
        for depth in range(len(self.channels)):
            side = (side + 2 * self.padding - self.kernel) // self.stride + 1
            if side < 1:
                return depth
        return len(self.channels)


class MlpArch(Section):
    """Fully connected layers."""

    name: Literal["mlp"]
    hidden: list[Count] = Field(description="units of the encoder's layers")
    leak: float = Field(ge=0, lt=1, description="slope of the leaky ReLU below zero")


class VaeView(Section):
    type: Literal["vae"]
    arch: Annotated[ConvArch | MlpArch, Field(discriminator="name")]
    latent: Count = Field(description="dimensions of z")
    likelihood: Literal["gaussian", "bernoulli"] = Field(description="of the data given z")
    variance: Positive = Field(description="of the gaussian likelihood, for values in [0, 1]")


class BernoulliView(Section):
    type: Literal["bernoulli"]
    weight: Positive = Field(description="the view counts as so many copies of itself")


class FrozenView(Section):
    type: Literal["frozen"]
    run: Folder = Field(description="folder of the run that trained it")
    source: Name = Field(description="name of the view in that run")


View = Annotated[VaeView | BernoulliView | FrozenView, Field(discriminator="type")]


class Model(Section):
    name: Literal["fa_vae"]
    factors: Count = Field(description="K, the factors to start with")
    beta: NotNegative = Field(description="weight of the KL term in the rounds")
    prior: Literal["predictive", "posterior"] = Field(description="prior of z: the views it is from")


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


class Trainer(Section):
    device: Annotated[str, AfterValidator(_device)]
    precision: Literal["auto", "fp32", "bf16"]
    threads: Count | None = Field(description="CPU threads; null takes all cores")
    batch_size: int = Field(ge=2, description="samples; batch norm needs two")
    learning_rate: Positive = Field(description="of Adam, after the warm-up")
    final_learning_rate: NotNegative = Field(description="at the end of the cosine decay")
    warm_up_steps: int = Field(ge=0, description="steps")
    clip_norm: Positive = Field(description="largest norm of the gradient")
    weight_decay: NotNegative


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


class Evaluation(Section):
    judge: Judge
    generate: Generate
    edit: Edit
    min_combination: Count = Field(description="fewest training samples of a combination that is generated")
    reconstructions: Count = Field(description="images in the figure")


class Config(Section):
    """A whole run, valid in itself; what only the data can show wrong comes up when they are loaded."""

    task: Task
    data: DataConfig
    views: dict[Name, View]
    model: Model
    schedule: Schedule
    trainer: Trainer
    evaluation: Evaluation
    seed: Seed = Field(description="of every random number in the run")
    resume: Folder | None = Field(description="folder of the run that goes on")
    pretrained: Folder | None = Field(description="folder of a run whose VAEs are loaded, not trained")
    cache: Folder = Field(description="folder for decoded images")
    score: Text = Field(description="key of metrics.json that a sweep is told")


def validate(composed: DictConfig) -> Config:
    """Check a composed config (without its `hydra` node) as a whole.

    Raises:
        UserError: with every mistake found, one a line, each beginning with its key.
    """
    try:
        data = cast(dict[str, Any], OmegaConf.to_container(composed, resolve=True))
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key}: {str(error).splitlines()[0]}") from error
    unset = sorted(OmegaConf.missing_keys(composed))
    mistakes = [_ask_for(key, composed) for key in unset]
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        # `experiment` is no key, yet it is what a misspelt `experimnt=...` is to be compared with.
        told = problems(error, {**data, "experiment": None})
        mistakes += [line for line in told if line.split(": ")[0] not in unset]
        raise UserError("\n".join(mistakes)) from error
    mistakes = mistakes or list(_contradictions(config))
    if mistakes:
        raise UserError("\n".join(mistakes))
    return config


def _ask_for(key: str, composed: DictConfig) -> str:
    """A line on a key that only the user can fill; its section may say how to get what it names."""
    source = OmegaConf.select(composed, f"{key.rpartition('.')[0]}.how_to_get", default=None)
    return f"{key}: must be given, as {key}=..." + (f" ({source})" if source else "")


def _contradictions(config: Config) -> Iterator[str]:
    """Mistakes that show only where two sections meet."""
    yield from config.data.contradictions()
    if config.trainer.final_learning_rate > config.trainer.learning_rate:
        yield "trainer.final_learning_rate: must be no larger than trainer.learning_rate"
    if config.pretrained is not None and not config.pretrained.is_dir():
        yield f"pretrained: there is no folder {config.pretrained}"
    loaded = config.data.loaded_sides()
    for name, view in config.views.items():
        if name not in loaded:
            yield f"views.{name}: the data have no such view; {did_you_mean(name, loaded)}"
        else:
            yield from _misfits(name, view, loaded[name])
    yield from _lacking(config, loaded)


def _misfits(name: str, view: VaeView | BernoulliView | FrozenView, side: int | None) -> Iterator[str]:
    """Mistakes in what `view` asks of its data: images of `side` pixels, or a table where that is None."""
    if isinstance(view, FrozenView) and not view.run.is_dir():
        yield f"views.{name}.run: there is no folder {view.run}"
    if isinstance(view, BernoulliView) and side is not None:
        yield f"views.{name}.type: bernoulli is for binary attributes, but {name} holds images; use vae"
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
    vaes = [name for name, view in config.views.items() if isinstance(view, VaeView) and sides.get(name)]
    tables = [name for name, view in config.views.items() if isinstance(view, BernoulliView)]
    if not vaes:
        yield "views: task condition needs at least one vae view of images"
    if len(tables) != 1:
        named = f", not {len(tables)} ({', '.join(tables)})" if tables else ""
        yield f"views: task condition needs exactly one bernoulli view{named}"

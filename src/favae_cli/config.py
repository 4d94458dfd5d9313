"""Typed schema of every key of a run, with its unit. Defaults live in `configs/` alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from omegaconf import DictConfig
from pydantic import AfterValidator, Field, TypeAdapter

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
    validated,
)


def _device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise ValueError(f"must be auto, cpu, cuda or cuda:N, got {name}")
    return name


class Task(Section):
    name: Literal["condition", "adapt", "transfer"]


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


class ViewSection(Section):
    """What every view has."""

    data: Name | None = Field(description="view of the data that it sees; null: the one of its own name")


class VaeView(ViewSection):
    type: Literal["vae"]
    arch: Annotated[ConvArch | MlpArch, Field(discriminator="name")]
    latent: Count = Field(description="dimensions of z")
    likelihood: Literal["gaussian", "bernoulli"] = Field(description="of the data given z")
    variance: Positive = Field(description="of the gaussian likelihood, for values in [0, 1]")


class BernoulliView(ViewSection):
    type: Literal["bernoulli"]
    weight: Positive = Field(description="the view counts as so many copies of itself")


class FrozenView(ViewSection):
    type: Literal["frozen"]
    run: Folder = Field(description="folder of the run that trained it")
    source: Name = Field(description="name of the view in that run")


View = Annotated[VaeView | BernoulliView | FrozenView, Field(discriminator="type")]


class FactorModel(Section):
    """Models whose views are tied by factor analysis."""

    factors: Count = Field(description="K, the factors to start with")


class FaVae(FactorModel):
    """VAEs that learn together with the factors, round by round."""

    name: Literal["fa_vae"]
    beta: NotNegative = Field(description="weight of the KL term in the rounds")
    prior: Literal["predictive", "posterior"] = Field(description="prior of z: the views it is from")
    feed: float = Field(ge=0, le=1, description="share of the samples decoded from the mean of the prior")
    feed_rounds: int | None = Field(ge=0, description="rounds in which they are, the first ones; null: all")


class Vae(FactorModel):
    """VAEs alone for as many epochs, joined by factor analysis once they are trained."""

    name: Literal["vae"]


class BetaVae(FactorModel):
    """As `vae`, with beta > 1, or with a capacity that the KL grows along (Burgess et al., 2018)."""

    name: Literal["beta_vae"]
    beta: NotNegative = Field(description="weight of the KL term, or of its distance from the capacity")
    capacity: NotNegative = Field(description="nats of KL that are free at the end; 0: the plain beta-VAE")
    growth: Count = Field(description="epochs in which the capacity grows from 0, linearly")


class Fa(FactorModel):
    """No network: factor analysis of the standardised data themselves."""

    name: Literal["fa"]
    components: Count = Field(description="dimensions kept of each image view, at most")


class MultiVae(Section):
    """A Gaussian z for each view and one categorical c for all (Xu et al., 2021)."""

    name: Literal["multi_vae"]
    beta: NotNegative = Field(description="weight of both distances from their capacities")
    classes: int = Field(ge=2, description="values of c; z has the latent size less these")
    temperature: Positive = Field(description="of the relaxed c")
    capacity_c: NotNegative = Field(description="nats of KL(c) at the end; at most log(classes) can be used")
    capacity_z: NotNegative = Field(description="nats of KL(z) of each view at the end")
    growth: Count = Field(description="epochs in which both capacities grow from 0, linearly")


class LibraryModel(Section):
    """A joint VAE of the package multivae, its keys called as they are there."""

    name: str


class Mvae(LibraryModel):
    """Product of experts (Wu and Goodman, 2018)."""

    name: Literal["mvae"]
    beta: NotNegative = Field(description="weight of the KL term")
    use_subsampling: bool = Field(description="add the ELBO of every view alone")


class Mmvae(LibraryModel):
    """Mixture of experts (Shi et al., 2019)."""

    name: Literal["mmvae"]
    K: Count = Field(description="draws of z a sample, of an importance-weighted bound")
    prior_and_posterior_dist: Literal["laplace_with_softmax", "normal"] = Field(description="of z")
    learn_prior: bool = Field(description="learn the prior's scale")


class Jmvae(LibraryModel):
    """Joint encoder with one for each view drawn to it (Suzuki et al., 2016)."""

    name: Literal["jmvae"]
    beta: NotNegative = Field(description="weight of the KL term")
    alpha: NotNegative = Field(description="weight of the KLs from each view's encoder")


class Dmvae(LibraryModel):
    """Shared and private parts of z (Lee and Pavlovic, 2021)."""

    name: Literal["dmvae"]
    beta: NotNegative = Field(description="weight of the shared part's KL term")
    private: Count = Field(description="dimensions of each view's own part; the shared one has the rest")


class Mopoe(LibraryModel):
    """Mixture of products of experts (Sutter et al., 2021)."""

    name: Literal["mopoe"]
    beta: NotNegative = Field(description="weight of the KL term")


class Mvtcae(LibraryModel):
    """Total correlation (Hwang et al., 2021)."""

    name: Literal["mvtcae"]
    beta: NotNegative = Field(description="weight of all KL terms")
    alpha: float = Field(ge=0, le=1, description="share of the total correlation, the rest is the ELBO's")


JointModel = MultiVae | Mvae | Mmvae | Jmvae | Dmvae | Mopoe | Mvtcae
Model = Annotated[FaVae | Vae | BetaVae | Fa | JointModel, Field(discriminator="name")]


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
    threads: Count | None = Field(description="CPU threads; null takes all cores")


class Trainer(Machine):
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
    reconstructions: Count = Field(description="images in the figure")


class Help(Section):
    """What the small VAE does for the large one beside the prior."""

    warm_start: Literal["layers", "none"] = Field(description="copy the layers that fit, or begin anew")
    rate: float = Field(gt=0, le=1, description="share of trainer.learning_rate")
    feed: float = Field(ge=0, le=1, description="as model.feed")
    feed_rounds: int | None = Field(ge=0, description="as model.feed_rounds")


class Transfer(Section):
    """A large VAE learns beside a small one that is trained already."""

    source: Name = Field(description="view of the small VAE")
    target: Name = Field(description="view of the large VAE; it sees the same images")
    warm_start: Literal["layers", "none"] = Field(description="copy the layers that fit, or begin anew")
    rate: float = Field(gt=0, le=1, description="share of trainer.learning_rate for the helped one")
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
    if config.trainer.final_learning_rate > config.trainer.learning_rate:
        yield "trainer.final_learning_rate: must be no larger than trainer.learning_rate"
    if config.pretrained is not None and not config.pretrained.is_dir():
        yield f"pretrained: there is no folder {config.pretrained}"
    if config.pretrained is not None and not isinstance(config.model, FaVae | Vae | BetaVae):
        yield f"pretrained: model={config.model.name} has no VAEs of its own to load; leave it out"
    loaded = config.data.loaded_sides()
    sides = {}
    for name, view in config.views.items():
        source = view.data or name
        if source not in loaded:
            key = f"views.{name}" if view.data is None else f"views.{name}.data={source}"
            yield f"{key}: the data have no such view; {did_you_mean(source, loaded)}"
        else:
            sides[name] = loaded[source]
            yield from _misfits(name, view, sides[name])
    yield from _lacking(config, sides)


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
    task = config.task.name
    images = [name for name, view in config.views.items() if isinstance(view, VaeView) and sides.get(name)]
    tables = [name for name, view in config.views.items() if isinstance(view, BernoulliView)]
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


TAKEN = ("transfer", "rival", "small", "checkpoints", "figures", "tensorboard")  # in the folder of a transfer run


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

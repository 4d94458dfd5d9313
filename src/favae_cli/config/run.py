"""Typed schema of every key of a run, with its unit. Defaults live in `configs/` alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from favae_cli.common import extensions
from favae_cli.config.choices import DataConfig, ModelConfig, ViewConfig
from favae_cli.config.models import FaVaeConfig
from favae_cli.config.section import Count, Folder, Name, NotNegative, Positive, Section, Seed, Strength, Text
from favae_cli.config.views import OWN_CODE, OwnArch


def _device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise ValueError(f"must be auto, cpu, cuda or cuda:N, got {name}")
    return name


TASKS = ("train", "condition", "adapt", "transfer")
if TYPE_CHECKING:
    TaskName = str
else:
    TaskName = Literal[*TASKS, *extensions.names("tasks")]


class TaskConfig(Section):
    """Which task of a new run."""

    name: TaskName


class ScheduleConfig(Section):
    """How long what trains: the VAEs alone, then rounds of factor engine and VAEs."""

    alone_epochs: int = Field(ge=0, description="epochs of the VAE alone, at most")
    alone_beta: NotNegative = Field(description="weight of the KL term while the VAE trains alone")
    patience: Count | None = Field(description="epochs without a better validation score; null: never")
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

    def alone(self) -> ScheduleConfig:
        """All these epochs for the VAEs alone, and no rounds."""
        return self.model_copy(update={"alone_epochs": self.epochs, "rounds": 0})

    def together(self) -> ScheduleConfig:
        """The rounds without the time alone, all of them: beside them a rival learns for as long."""
        return self.model_copy(update={"alone_epochs": 0, "patience": None})


Threads = Annotated[Count, Field(le=1024)]


class MachineConfig(Section):
    """Where and how networks compute."""

    device: Annotated[str, AfterValidator(_device)]
    precision: Literal["auto", "fp32", "bf16"]
    threads: Threads | None = Field(description="of torch and BLAS, on the CPU; null takes all cores")


class TrainerConfig(MachineConfig):
    """How networks are trained, and on how many processes."""

    devices: Count = Field(description="processes on each machine, which share every batch; on GPUs, one for each")
    nodes: Count = Field(description="machines")
    batch_size: int = Field(ge=2, description="samples; batch norm needs two")
    accumulate: Count = Field(description="batches whose gradients are averaged for one step")
    learning_rate: Positive = Field(description="of AdamW, after the warm-up")
    rate_schedule: Literal["cosine", "constant", "linear"] = Field(description="of the rate after the warm-up")
    final_learning_rate: NotNegative = Field(description="at the end of the decay, if the schedule has one")
    warm_up_steps: int = Field(ge=0, description="steps")
    clip_norm: Positive = Field(description="largest norm of the gradient of a step")
    weight_decay: NotNegative
    compile: bool = Field(description="train with networks from torch.compile")
    profile: bool = Field(description="record a few training steps of each view")


class JudgeConfig(Section):
    """The classifier that says which attributes a made image shows."""

    epochs: Count = Field(description="over the training images, at most")
    patience: Count = Field(description="epochs without a better loss on the validation split that end them")
    batch_size: int = Field(ge=2, description="samples")
    blur: NotNegative = Field(le=100, description="largest sigma of the random blur, pixels")
    shift: int = Field(ge=0, le=1024, description="largest random shift, pixels")


class GenerationConfig(Section):
    """Images made of attributes that are asked for."""

    per_combination: Count = Field(description="images")
    show: Count = Field(description="images in the figure")


class EditingConfig(Section):
    """Images in which one attribute is changed."""

    strengths: Annotated[list[Strength], Field(min_length=1)] = Field(description="how far edits go, to try")
    likeness: NotNegative = Field(description="what R2 between edit and reconstruction counts in that choice")
    images: Count = Field(description="test images")
    show: Count = Field(description="images in the figure")


class TranslationConfig(Section):
    """Figures of one view made from another."""

    show: Count = Field(description="test images")
    steps: int = Field(ge=3, description="images of an interpolation, its ends included")


class TraversalConfig(Section):
    """Images along a factor, or along a dimension of z."""

    features: Count = Field(description="rows: the factors, or dimensions of z, that matter most")
    reach: Strength = Field(description="how far each way, in standard deviations")
    steps: int = Field(ge=3, description="images of a row")


class EvaluationConfig(Section):
    """What is measured and drawn when training has ended."""

    judge: JudgeConfig
    generate: GenerationConfig
    edit: EditingConfig
    translate: TranslationConfig
    traverse: TraversalConfig
    min_combination: Count = Field(description="fewest training samples of a combination that is generated")
    samples: Count | None = Field(description="of each split that scores go by; null takes all")
    figures: bool | None = Field(description="whether any are drawn; null: not in the runs of a sweep")
    cards: int = Field(ge=0, description="factors that have a card")
    reconstructions: Count = Field(description="images in the figure")


class StartConfig(Section):
    """How the large VAE sets out beside the small one."""

    warm_start: Literal["layers", "none"] = Field(description="copy the layers that fit, or begin anew")
    rate: float = Field(gt=0, le=1, description="share of trainer.learning_rate for the helped one")


class HelpConfig(StartConfig):
    """What the small VAE does for the large one beside the prior."""

    feed: float = Field(ge=0, le=1, description="as model.feed")
    feed_rounds: int | None = Field(ge=0, description="as model.feed_rounds")


class TransferConfig(StartConfig):
    """A large VAE learns beside a small one that is trained already."""

    source: Name = Field(description="view of the small VAE")
    target: Name = Field(description="view of the large VAE; it sees the same images")
    share: float = Field(gt=0, le=1, description="share of the training images that the large VAE sees")
    beside: dict[Name, HelpConfig] = Field(description="other ways to help, run as well for comparison")


class Config(Section):
    """A whole run, valid in itself; what only the data can show wrong comes up when they are loaded."""

    task: TaskConfig
    data: DataConfig
    views: dict[Name, ViewConfig]
    model: ModelConfig
    schedule: ScheduleConfig
    trainer: TrainerConfig
    evaluation: EvaluationConfig
    transfer: TransferConfig
    seed: Seed = Field(description="of every random number in the run")
    resume: Folder | None = Field(description="folder of the run that goes on")
    pretrained: Folder | None = Field(description="folder of a run whose VAEs are loaded, not trained")
    trust: bool = Field(description="whether the runs named may run code from elsewhere")
    cache: Folder = Field(description="folder for decoded images")
    score: Text = Field(description="key of metrics.json that a sweep is told")

    @property
    def needs_trust(self) -> bool:
        """Whether it names code that does not come with the program: its folder alone is no reason to run that."""
        archs = [getattr(view, "arch", None) for view in self.views.values()]
        return any(isinstance(arch, OwnArch) and not arch.class_path.startswith(OWN_CODE) for arch in archs)

    @property
    def sources(self) -> dict[str, str]:
        """By view, the view of the data that it sees."""
        return {name: view.data or name for name, view in self.views.items()}

    @property
    def plan(self) -> ScheduleConfig:
        """The schedule as the model goes through it: only FA-VAE has rounds."""
        return self.schedule if isinstance(self.model, FaVaeConfig) else self.schedule.alone()

"""Typed schema of the views and of their networks."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from favae_cli.config.data_base import Kind
from favae_cli.config.section import Count, Folder, Name, NotNegative, Positive, Section, Text


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


# Tagged, so that a mistake is told once and not for either side of the union.
Variance = Annotated[
    Annotated[Positive, Tag("number")] | Annotated[Literal["learned"], Tag("learned")],
    Discriminator(lambda value: "learned" if value == "learned" else "number"),
]


def _dotted(path: str) -> str:
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)+", path):
        raise ValueError("must be the dotted path of a class, such as mypackage.MyNets")
    return path


OWN_CODE = "favae_cli."  # begins the dotted path of all that comes with the program


class OwnArch(Section):
    """A class of the user's; what it is called with are keys that only it knows."""

    model_config = ConfigDict(extra="allow")

    name: Literal["own"]
    class_path: Annotated[str, AfterValidator(_dotted)] = Field(alias="_target_", description="dotted path")

    @property
    def arguments(self) -> dict[str, Any]:
        """What it is called with, beside the shape."""
        return dict(self.model_extra or {})

    @model_serializer(mode="wrap")
    def _as_written(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = dump(self)
        return {"_target_" if key == "class_path" else key: value for key, value in written.items()}


def _own(arch: Any) -> Any:
    """`name: own` may be left out, as only that arch has a _target_."""
    if not isinstance(arch, dict) or "_target_" not in arch:
        return arch
    if arch.get("name", "own") != "own":
        raise ValueError(f"{arch['name']} has no _target_; a class of your own needs arch@views.VIEW.arch=own")
    return {"name": "own", **arch}


ImageArch = Annotated[ConvArch | MlpArch | OwnArch, Field(discriminator="name"), BeforeValidator(_own)]
TableArch = Annotated[MlpArch | OwnArch, Field(discriminator="name"), BeforeValidator(_own)]


class BaseViewConfig(Section):
    """What every view has."""

    sees: ClassVar[tuple[Kind, ...]]
    """Kinds of data that it can see."""

    data: Name | None = Field(description="view of the data that it sees; null: the one of its own name")

    @model_validator(mode="before")
    @classmethod
    def _without_transform(cls, section: Any) -> Any:
        if isinstance(section, dict) and "transform" in section and "transform" not in cls.model_fields:
            raise ValueError("transform is for views without a network: type real sees vectors and counts too")
        return section

    @property
    def copies(self) -> float:
        """As how many of itself the view counts in the factor model."""
        return 1.0


class GruArch(Section):
    """Gated recurrent units over time, in both directions."""

    name: Literal["gru"]
    hidden: Count = Field(description="units of each direction")
    layers: Count = Field(description="of the encoder and of the decoder")


class Conv1dArch(Section):
    """Strided convolutions over time; the decoder is their mirror."""

    name: Literal["conv1d"]
    channels: Annotated[list[Count], Field(min_length=1)] = Field(description="of the encoder's layers")
    kernel: Count = Field(description="length, steps")
    stride: Count = Field(description="steps")
    leak: float = Field(ge=0, lt=1, description="slope of the leaky ReLU below zero")


class TokenArch(Section):
    """Fully connected layers over tokens in their places; the decoder makes all tokens at once."""

    name: Literal["tokens"]
    embedding: Count = Field(description="dimensions of a token")
    hidden: Count = Field(description="units of the layers for a whole text")
    layers: Count = Field(description="for a whole text, of the encoder and of the decoder")


class NetworkViewConfig(BaseViewConfig):
    """What every view with an encoder and a decoder of its own is."""

    beta: NotNegative | None = Field(description="weight of its KL, times that of all views; null: 1, of a text 0.1")


class SizedViewConfig(NetworkViewConfig):
    """One that has to be told how large its z is."""

    latent: Count = Field(description="dimensions of z")


AUTO = "auto"
MOST_LATENT = 256  # dimensions of a z of size auto

Latent = Annotated[
    Annotated[Count, Tag("number")] | Annotated[Literal["auto"], Tag(AUTO)],
    Discriminator(lambda value: AUTO if value == AUTO else "number"),
]


class VaeViewConfig(NetworkViewConfig):
    """Images or vectors."""

    sees = ("image", "vector", "real", "binary")

    type: Literal["vae"]
    latent: Latent = Field(
        description=f"dimensions of z; auto: as many components as stand out of the variance, up to {MOST_LATENT}"
    )
    arch: ImageArch
    likelihood: Literal["gaussian", "bernoulli"] = Field(description="of the data given z")
    variance: Variance = Field(
        description="of the gaussian likelihood: for pixels in [0, 1], or for standardised columns"
    )
    start: Literal["linear", "random"] | None = Field(
        description="of the networks: linear adds them to the optimum of a linear VAE; null: linear if gaussian"
    )

    @field_validator("start")
    @classmethod
    def _fits(cls, start: str | None, info: ValidationInfo) -> str | None:
        if start == "linear" and info.data.get("likelihood") == "bernoulli":
            raise ValueError("linear is for likelihood=gaussian; use random, or null")
        return start

    def sized(self, latent: int) -> Self:
        """The same with so many dimensions."""
        return self.model_copy(update={"latent": latent})

    @property
    def starts_linear(self) -> bool:
        """Whether the networks begin at the optimum of a linear VAE."""
        return self.likelihood == "gaussian" if self.start is None else self.start == "linear"


class CountsViewConfig(SizedViewConfig):
    """Vectors of counts."""

    sees = ("counts",)

    type: Literal["counts"]
    arch: TableArch
    likelihood: Literal["poisson", "negative_binomial", "zinb"] = Field(description="of the counts given z")
    start: Literal["linear", "random"] = Field(
        description="of the networks: linear adds them to the logarithms' optimum"
    )


class SequenceViewConfig(SizedViewConfig):
    """A VAE of sequences, which may differ in length."""

    sees = ("sequence",)

    type: Literal["sequence"]
    arch: Annotated[GruArch | Conv1dArch, Field(discriminator="name")]
    variance: Variance = Field(description="of the gaussian likelihood, for standardised channels")


class TextViewConfig(SizedViewConfig):
    """A VAE of texts, token by token."""

    sees = ("text",)

    type: Literal["text"]
    arch: TokenArch
    vocabulary: int = Field(ge=257, description="different tokens at most; the end of a text and 256 bytes are some")
    length: Count = Field(description="tokens of a text at most; what is longer is cut")


class FactorViewConfig(BaseViewConfig):
    """What every view without networks has: its z is inferred from the factors."""

    weight: Positive = Field(description="the view counts as so many copies of itself")

    @property
    def copies(self) -> float:
        """The weight."""
        return self.weight


class BernoulliViewConfig(FactorViewConfig):
    """Binary columns with a logit each, in closed form."""

    sees = ("binary",)

    type: Literal["bernoulli"]


class CategoricalViewConfig(FactorViewConfig):
    """One-hot categories through the softmax link, in closed form."""

    sees = ("categorical",)

    type: Literal["categorical"]


class OrdinalViewConfig(FactorViewConfig):
    """Ordered levels with thresholds between them, in closed form."""

    sees = ("ordinal",)

    type: Literal["ordinal"]


Transform = Literal["log", "log1p", "rank", "counts"]


class RealViewConfig(FactorViewConfig):
    """Columns of numbers, standardised, in closed form."""

    sees = ("real", "vector", "counts")

    type: Literal["real"]
    transform: dict[Transform, list[Text]] = Field(
        description="log, log1p (log of 1 + x), rank or counts (log of 1/2 + x, zeros that no count explains missing) "
        "-> columns, or patterns of them, that are modelled by it"
    )


class FrozenViewConfig(BaseViewConfig):
    """A view as another run trained it; its networks do not train."""

    sees = ("image", "vector", "real", "binary")

    type: Literal["frozen"]
    run: Folder = Field(description="folder of the run that trained it")
    source: Name = Field(description="name of the view in that run")


TrainedViewConfig = VaeViewConfig | CountsViewConfig | SequenceViewConfig | TextViewConfig  # networks that a run trains

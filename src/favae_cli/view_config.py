"""Typed schema of the views and of their networks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from favae_cli.schema import Count, Folder, Name, Positive, Section


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

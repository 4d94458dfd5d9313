"""Typed schema of the `data` section: one class a loader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from favae_cli.common.suggestions import did_you_mean
from favae_cli.config.data_base import BaseDataConfig, Gap, Kind, OnBadImage, Pixels, RandomSplitConfig, SplitConfig
from favae_cli.config.own_files import ManifestConfig
from favae_cli.config.section import Count, Folder, Name, Names, Section, Seed, Text

__all__ = [
    "ArraysConfig",
    "AvatarsConfig",
    "CartoonSetConfig",
    "CelebAConfig",
    "Kind",
    "ManifestConfig",
    "PairsConfig",
    "Pixels",
]

AVATAR_BINARY_FACTORS = ("Male", "Smiling", "Eyeglasses", "Wearing_Lipstick", "Wearing_Hat")
HAIR_COLOURS = ("Black_Hair", "Brown_Hair", "Blond_Hair", "Gray_Hair")
AVATAR_ATTRIBUTES = AVATAR_BINARY_FACTORS + HAIR_COLOURS
AvatarSource = Literal["photo", "cartoon", "attributes"]


def _avatar_attributes(names: list[str]) -> list[str]:
    for name in names:
        if name not in AVATAR_ATTRIBUTES:
            raise ValueError(f"unknown attribute {name}; {did_you_mean(name, AVATAR_ATTRIBUTES)}")
    return names


AvatarAttributes = Annotated[Names, AfterValidator(_avatar_attributes)]


class AvatarsConfig(BaseDataConfig):
    """Faces that the project draws itself."""

    name: Literal["avatars"]
    samples: Count = Field(description="people drawn")
    size: int = Field(ge=8, le=1024, description="side of the pictures, pixels")
    seed: Seed = Field(description="decides on people, gaps and split")
    views: dict[Name, AvatarSource] = Field(min_length=1, description="what to draw")
    attributes: AvatarAttributes = Field(description="columns of the table")
    missing: dict[Name, Gap] = Field(description="share of samples that lack a view")
    split: SplitConfig

    def sides(self) -> dict[str, int | None]:
        """All views but those whose source is `attributes` are drawn, as squares of `size`."""
        return {name: None if source == "attributes" else self.size for name, source in self.views.items()}

    def contradictions(self) -> Iterator[str]:
        """Also a view under `missing` that there is not."""
        yield from super().contradictions()
        for name in self.missing:
            if name not in self.views:
                yield f"data.missing.{name}: no such view; {did_you_mean(name, self.views)}"


class ImageFiles(Pixels):
    """A collection of labelled images in a layout of its own."""

    images: Count | None = Field(description="images to take; null takes all")
    on_bad_image: OnBadImage = Field(description="what to do with an image that cannot be read")


class CelebASplitConfig(RandomSplitConfig):
    official: bool = Field(description="take the split of list_eval_partition.txt where there is one")


class CelebAFiles(ImageFiles):
    root: Folder = Field(description="folder of img_align_celeba and the lists")
    download: bool = Field(description="fetch what is missing through torchvision")
    split: CelebASplitConfig


class CelebAConfig(BaseDataConfig, CelebAFiles):
    """CelebA in its official layout, complete or any subset."""

    name: Literal["celeba"]
    attributes: Names = Field(description="columns of list_attr_celeba.txt")

    def sides(self) -> dict[str, int | None]:
        """`face` is the one image."""
        return {"face": self.size, "attributes": None}

    def pixels(self) -> dict[str, Pixels]:
        """The section itself has the keys of a face's pixels."""
        return {"face": self}


Variant = Annotated[int, Field(ge=0)]
Variants = dict[Text, Annotated[list[Variant], Field(min_length=1)]]


class CartoonFiles(ImageFiles):
    root: Folder = Field(description="folder of the PNG files with a .csv beside each, or of cartoonset10k")
    split: RandomSplitConfig


class CartoonSetConfig(BaseDataConfig, CartoonFiles):
    """The Cartoon Set in its official layout, complete or any subset."""

    name: Literal["cartoonset"]
    attributes: dict[Name, Annotated[Variants, Field(min_length=1)]] = Field(
        min_length=1, description="attribute -> column -> the variants that count as 1, in every column named"
    )

    def sides(self) -> dict[str, int | None]:
        """`cartoon` is the one image."""
        return {"cartoon": self.size, "attributes": None}

    def pixels(self) -> dict[str, Pixels]:
        """The section itself has the keys of a cartoon's pixels."""
        return {"cartoon": self}


class PairedClass(Section):
    """A class that faces and cartoons can have in common."""

    faces: list[Text] = Field(description="CelebA attributes, any of which makes a face one; empty: the rest")
    cartoons: Variants = Field(description="column -> its variants that make a cartoon one; empty: the rest")


class PairCount(Section):
    """Pairs of each split, each at least one."""

    train: Count
    validation: Count
    test: Count


class PairingConfig(Section):
    """Which faces and cartoons make pairs, and how many."""

    by: dict[Name, Annotated[dict[Name, PairedClass], Field(min_length=2)]] = Field(
        min_length=1, description="group -> class -> what it is on either side; a pair agrees in every group"
    )
    count: PairCount = Field(description="pairs to draw, at most")
    balanced: bool = Field(description="as many pairs of each combination; else as many as there are faces of it")
    seed: Seed | None = Field(description="draws the pairs; null takes the run's seed")


class PairsConfig(BaseDataConfig):
    """CelebA faces and Cartoon Set drawings that agree in the classes of `pairing`."""

    name: Literal["pairs"]
    faces: CelebAFiles
    cartoons: CartoonFiles
    attributes: Names = Field(description="classes of pairing.by that are columns of the table")
    pairing: PairingConfig

    def sides(self) -> dict[str, int | None]:
        """Either image has its own size; `attributes` are what a pair agrees in."""
        return {"face": self.faces.size, "cartoon": self.cartoons.size, "attributes": None}

    def pixels(self) -> dict[str, Pixels]:
        """Of either side as its own section says."""
        return {"face": self.faces, "cartoon": self.cartoons}

    def contradictions(self) -> Iterator[str]:
        """Also classes of `pairing` that are not told apart, and attributes that are none of them."""
        yield from super().contradictions()
        classes = [name for group in self.pairing.by.values() for name in group]
        for name in sorted({name for name in classes if classes.count(name) > 1}):
            yield f"data.pairing.by: several groups have a class {name}; names must differ"
        for name in self.attributes:
            if name not in classes:
                yield f"data.attributes: no class {name} in data.pairing.by; {did_you_mean(name, set(classes))}"
        for group, members in self.pairing.by.items():
            for side in ("faces", "cartoons"):
                rest = [name for name, member in members.items() if not getattr(member, side)]
                if len(rest) > 1:
                    yield f"data.pairing.by.{group}: {side} is empty, for the rest, in {' and '.join(rest)}; one may be"


class HolesConfig(Section):
    """What is hidden of complete data, at random."""

    views: Gap = Field(description="share of the samples that lack a view")
    entries: Gap = Field(description="share of the entries hidden of the tables")


class CompleteConfig(BaseDataConfig):
    """Data that come with the program, from scikit-learn, and that can be given holes."""

    missing: HolesConfig
    seed: Seed = Field(description="decides on gaps and split")
    split: SplitConfig

    def sides(self) -> dict[str, int | None]:
        return {name: 8 if kind == "image" else None for name, kind in self.kinds().items()}


class DigitsConfig(CompleteConfig):
    """Handwritten digits, their Fourier and profile features, and which digits they are."""

    name: Literal["digits"]

    def kinds(self) -> dict[str, Kind]:
        return {"image": "image", "fourier": "vector", "profile": "vector", "label": "categorical"}


class BundledConfig(CompleteConfig):
    """Small tables of numbers and categories."""

    name: Literal["bundled"]
    set: Literal["wine", "breast_cancer", "diabetes", "iris"] = Field(description="which of them")

    def kinds(self) -> dict[str, Kind]:
        return {"numbers": "real", "categories": "categorical"}


class ArraysConfig(BaseDataConfig):
    """Arrays in memory, to which `favae_cli.FAVAE` was fitted; a run does not keep them."""

    name: Literal["arrays"]
    views: dict[Name, Kind] = Field(min_length=1, description="what the data of each view are")
    size: dict[Name, Count] = Field(description="shorter side of the images of each view that has some, pixels")

    def kinds(self) -> dict[str, Kind]:
        """As `FAVAE.fit` was told, or guessed from the arrays."""
        return self.views

    def sides(self) -> dict[str, int | None]:
        """Only images have one."""
        return {name: self.size.get(name) for name in self.views}

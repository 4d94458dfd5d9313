"""Typed schema of the `data` section: one class a loader."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from favae_cli.data.avatars import ATTRIBUTES
from favae_cli.schema import Count, Folder, Name, Names, Section, Seed, Text, did_you_mean

Share = Annotated[float, Field(gt=0, lt=1)]
Gap = Annotated[float, Field(ge=0, lt=1)]
OnBadImage = Literal["skip", "stop"]
AvatarSource = Literal["photo", "cartoon", "attributes"]


def _avatar_attributes(names: list[str]) -> list[str]:
    for name in names:
        if name not in ATTRIBUTES:
            raise ValueError(f"unknown attribute {name}; {did_you_mean(name, ATTRIBUTES)}")
    return names


AvatarAttributes = Annotated[Names, AfterValidator(_avatar_attributes)]


Kind = Literal["image", "binary", "real", "categorical", "counts", "vector", "sequence", "text"]


class Split(Section):
    validation: Share = Field(description="share of the samples that tune the model")
    test: Share = Field(description="share of the samples that judge it")

    @model_validator(mode="after")
    def _leave_some_to_train(self) -> Split:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together must be below 1, or nothing is left to train on")
        return self


class Data(Section):
    """What the config of every data set offers to the rest of the config."""

    use: Names | None = Field(description="views to load; null takes all")

    @abstractmethod
    def sides(self) -> dict[str, int | None]:
        """Side of the images of every view in pixels; None for what is no image."""

    def pixels(self) -> dict[str, Pixels]:
        """What is made of the image files of each view; nothing of views that are drawn."""
        return {}

    def kinds(self) -> dict[str, Kind]:
        """What the data of every view are."""
        return {name: "binary" if side is None else "image" for name, side in self.sides().items()}

    def loaded_sides(self) -> dict[str, int | None]:
        """`sides` of the views that `use` names."""
        return {name: side for name, side in self.sides().items() if self.use is None or name in self.use}

    def contradictions(self) -> Iterator[str]:
        """A line for each mistake that shows only where two keys of the section meet."""
        for name in self.use or ():
            if name not in self.sides():
                yield f"data.use: no view {name}; {did_you_mean(name, self.sides())}"


class Avatars(Data):
    """Faces that the project draws itself."""

    name: Literal["avatars"]
    samples: Count = Field(description="people drawn")
    size: int = Field(ge=8, le=1024, description="side of the pictures, pixels")
    seed: Seed = Field(description="decides on people, gaps and split")
    views: dict[Name, AvatarSource] = Field(min_length=1, description="what to draw")
    attributes: AvatarAttributes = Field(description="columns of the table")
    missing: dict[Name, Gap] = Field(description="share of samples that lack a view")
    split: Split

    def sides(self) -> dict[str, int | None]:
        return {name: None if source == "attributes" else self.size for name, source in self.views.items()}

    def contradictions(self) -> Iterator[str]:
        yield from super().contradictions()
        for name in self.missing:
            if name not in self.views:
                yield f"data.missing.{name}: no such view; {did_you_mean(name, self.views)}"


class Pixels(Section):
    """What is made of an image file."""

    size: Count = Field(description="side after resizing, pixels")
    channels: Literal[1, 3] = Field(description="1 for grey, 3 for RGB")
    crop: Count | None = Field(description="side of a centre crop before resizing, pixels; null takes all")


class ImageColumn(Pixels):
    """A view of images, their paths in one column."""

    kind: Literal["image"]
    column: Text = Field(description="image paths, relative to root")


class BinaryColumns(Section):
    """A view of binary attributes."""

    kind: Literal["binary"]
    columns: list[Annotated[str, Field(pattern=r"^[^/]+$")]] = Field(  # a slash would split the names of metrics
        description="columns of 0/1, true/false or yes/no"
    )
    binarise: dict[str, dict[Name, Annotated[list[Text], Field(min_length=1)]]] = Field(
        description="column of categories -> attribute -> the values that count as 1"
    )
    empty: Literal["missing", "zero"] = Field(description="what an empty category cell means")


ManifestView = Annotated[ImageColumn | BinaryColumns, Field(discriminator="kind")]


class ManifestSplit(Split):
    by: Text = Field(description="'row', or a column whose equal values stay in one split")
    column: Text | None = Field(description="column that holds train, validation or test")
    seed: Seed | None = Field(description="picks the random split; null takes the run's seed")

    @model_validator(mode="after")
    def _one_way(self) -> ManifestSplit:
        if self.column is not None and self.by != "row":
            raise ValueError("column already says the split, so by must be row")
        return self


class Manifest(Data):
    """The user's own data: a table with one row a sample."""

    name: Literal["manifest"]
    root: Folder = Field(description="folder of the table and the images")
    table: Text = Field(description="CSV or Parquet file")
    key: Text | None = Field(description="column that names the samples; null takes row numbers")
    how_to_get: str | None = Field(description="where the data come from, said when they are not there")
    on_bad_image: OnBadImage = Field(description="what to do with an image that cannot be read")
    split: ManifestSplit
    views: dict[Name, ManifestView] = Field(min_length=1)

    def sides(self) -> dict[str, int | None]:
        return {name: getattr(view, "size", None) for name, view in self.views.items()}

    def pixels(self) -> dict[str, Pixels]:
        return {name: view for name, view in self.views.items() if isinstance(view, ImageColumn)}

    def contradictions(self) -> Iterator[str]:
        yield from super().contradictions()
        for name, view in self.views.items():
            if isinstance(view, BinaryColumns) and not (view.columns or view.binarise):
                yield f"data.views.{name}: has no attribute; list some under columns or binarise"


class ImageFiles(Pixels):
    """A collection of labelled images in a layout of its own."""

    images: Count | None = Field(description="images to take; null takes all")
    on_bad_image: OnBadImage = Field(description="what to do with an image that cannot be read")


class RandomSplit(Split):
    seed: Seed | None = Field(description="draws the images and the random split; null takes the run's seed")


class CelebASplit(RandomSplit):
    official: bool = Field(description="take the split of list_eval_partition.txt where there is one")


class CelebAFiles(ImageFiles):
    root: Folder = Field(description="folder of img_align_celeba and the lists")
    download: bool = Field(description="fetch what is missing through torchvision")
    split: CelebASplit


class CelebA(Data, CelebAFiles):
    """CelebA in its official layout, complete or any subset."""

    name: Literal["celeba"]
    attributes: Names = Field(description="columns of list_attr_celeba.txt")

    def sides(self) -> dict[str, int | None]:
        return {"face": self.size, "attributes": None}

    def pixels(self) -> dict[str, Pixels]:
        return {"face": self}


Variant = Annotated[int, Field(ge=0)]
Variants = dict[Text, Annotated[list[Variant], Field(min_length=1)]]


class CartoonFiles(ImageFiles):
    root: Folder = Field(description="folder of the PNG files with a .csv beside each, or of cartoonset10k")
    split: RandomSplit


class CartoonSet(Data, CartoonFiles):
    """The Cartoon Set in its official layout, complete or any subset."""

    name: Literal["cartoonset"]
    attributes: dict[Name, Annotated[Variants, Field(min_length=1)]] = Field(
        min_length=1, description="attribute -> column -> the variants that count as 1, in every column named"
    )

    def sides(self) -> dict[str, int | None]:
        return {"cartoon": self.size, "attributes": None}

    def pixels(self) -> dict[str, Pixels]:
        return {"cartoon": self}


class PairedClass(Section):
    """A class that faces and cartoons can have in common."""

    faces: list[Text] = Field(description="CelebA attributes, any of which makes a face one; empty: the rest")
    cartoons: Variants = Field(description="column -> its variants that make a cartoon one; empty: the rest")


class PairCount(Section):
    train: Count
    validation: Count
    test: Count


class Pairing(Section):
    by: dict[Name, Annotated[dict[Name, PairedClass], Field(min_length=2)]] = Field(
        min_length=1, description="group -> class -> what it is on either side; a pair agrees in every group"
    )
    count: PairCount = Field(description="pairs to draw, at most")
    balanced: bool = Field(description="as many pairs of each combination; else as many as there are faces of it")
    seed: Seed | None = Field(description="draws the pairs; null takes the run's seed")


class Pairs(Data):
    """CelebA faces and Cartoon Set drawings that agree in the classes of `pairing`."""

    name: Literal["pairs"]
    faces: CelebAFiles
    cartoons: CartoonFiles
    attributes: Names = Field(description="classes of pairing.by that are columns of the table")
    pairing: Pairing

    def sides(self) -> dict[str, int | None]:
        return {"face": self.faces.size, "cartoon": self.cartoons.size, "attributes": None}

    def pixels(self) -> dict[str, Pixels]:
        return {"face": self.faces, "cartoon": self.cartoons}

    def contradictions(self) -> Iterator[str]:
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


DataConfig = Annotated[Avatars | Manifest | CelebA | CartoonSet | Pairs, Field(discriminator="name")]

"""Typed schema of the user's own data: which columns of which files make which view."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from favae_cli.common.suggestions import did_you_mean
from favae_cli.config.data_base import BaseDataConfig, Kind, OnBadImage, Pixels, SplitConfig
from favae_cli.config.own_columns import (
    Columns,
    DateColumn,
    Encoding,
    Levels,
    MayBeLeftOut,
    Separator,
    without_equals,
    without_slash,
)
from favae_cli.config.section import Count, Folder, Name, Seed, Text

NPY = ".npy"  # suffix of the files that hold one array
ANNOTATED = (".h5ad", ".h5mu")  # suffixes of AnnData and MuData files
MOFA = ".hdf5"  # of files that MOFA's tools read


class OwnView(MayBeLeftOut):
    """A view of the user's own data."""

    table: Text | None = Field(description="file of the view, relative to root; null: data.table")

    def reads(self) -> list[str]:
        """The columns and arrays that it needs of its file; patterns among them."""
        named = [getattr(self, key, None) for key in ("column", "array", "time")]
        return [name for name in named if name] + [*(getattr(self, "columns", None) or ())]

    @property
    def own_array(self) -> str | None:
        """The .npy file that holds all of the view, relative to root, if it is one."""
        name: str = getattr(self, "array", None) or ""
        return name if name.endswith(NPY) else None

    def _one_of(self, *keys: str) -> None:
        given = [key for key in keys if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"give {' or '.join(keys)}" + (", not both" if given else ""))


class ImageData(OwnView, Pixels):
    """Image files named in a column, or images in an array."""

    kind: Literal["image"]
    column: Text | None = Field(description="image paths, relative to root")
    array: Text | None = Field(description="of an .npz file, or an .npy file: uint8 (N, H, W) or (N, H, W, C)")

    @model_validator(mode="after")
    def _one_source(self) -> ImageData:
        self._one_of("column", "array")
        return self


class _Columns(OwnView):
    """A view of columns, some of which patterns name."""

    without: list[Text] | None = Field(description="columns to leave out, of those that patterns name")


class OneRow(_Columns):
    """A view of one row a sample, or of what is made of several."""

    repeated: Literal["last", "mean"] | None = Field(
        description="of several rows of a sample, the last value that is there, or the mean; null: keys must differ"
    )
    time: Text | None = Field(description="column that orders the rows of each sample; null: they are in order")

    @model_validator(mode="after")
    def _repeated_numbers(self) -> OneRow:
        if self.repeated == "mean" and not isinstance(self, _Rows):
            raise ValueError("repeated: only numbers have a mean, which no category, level or bit would be; use last")
        if self.repeated is not None and getattr(self, "array", None) is not None:
            raise ValueError("repeated: is of columns; rows of an array are a sample each")
        return self


class _Matrix(OneRow):
    columns: Columns | None = Field(
        description="columns of numbers; of a real view also of dates and times that data.dates names"
    )
    array: Text | None = Field(
        description="of an .npz file, an .npy file, or a matrix of an .h5ad or .h5mu file, as X or rna/layers/counts"
    )
    where: Text | None = Field(
        description="column of true and false on the variables of a matrix that says which to take; null: all"
    )

    @model_validator(mode="after")
    def _where_of_a_matrix(self) -> _Matrix:
        if self.where is not None and self.array is None:
            raise ValueError("where says which variables of an array to take, so array must name it")
        return self


class _Rows(_Matrix):
    """Numbers of one length."""

    @model_validator(mode="after")
    def _one_source(self) -> _Rows:
        self._one_of("columns", "array")
        return self


class BinaryData(_Matrix):
    """Attributes, 0 or 1 each: columns as they are, and categories of other columns; or a matrix of them."""

    kind: Literal["binary"]
    columns: Annotated[list[Text], AfterValidator(without_slash)] = Field(
        description="columns of 0/1, true/false or yes/no, in one of several languages"
    )
    binarise: dict[str, dict[Name, Annotated[list[Text], Field(min_length=1)]]] = Field(
        description="column of categories -> attribute -> the values that count as 1"
    )
    empty: Literal["missing", "zero"] = Field(description="what an empty category cell means")

    def reads(self) -> list[str]:
        """The matrix, the columns of attributes, then those of the categories to binarise."""
        return [*super().reads(), *self.binarise]

    @model_validator(mode="after")
    def _matrix_alone(self) -> BinaryData:
        if self.array is not None and (self.columns or self.binarise):
            raise ValueError("give columns and binarise, or array, not both")
        return self


class RealData(_Rows):
    """Columns of numbers, each with a unit of its own."""

    kind: Literal["real"]


class CategoricalData(OneRow):
    """Columns of categories, which need no order."""

    kind: Literal["categorical"]
    columns: Annotated[Columns, AfterValidator(without_equals)] = Field(
        description="columns of categories, a variable each"
    )
    most: Count | None = Field(
        description="categories of a column, at most: the rarest of more are one, called other; null: as they are"
    )


class OrdinalData(OneRow):
    """Columns of ordered levels, such as none, mild and severe."""

    kind: Literal["ordinal"]
    columns: Annotated[Columns, AfterValidator(without_equals)] = Field(
        description="columns of levels, a variable each"
    )
    levels: Levels | None = Field(
        description="of every column, or by column, the lowest first; null, or none of a column: numbers in their order"
    )

    def levels_of(self, column: str) -> list[str] | None:
        """Those of a column, the lowest first; None: its numbers in their own order."""
        return self.levels.get(column) if isinstance(self.levels, dict) else self.levels


class TextData(OwnView):
    """Texts, which the view cuts into tokens."""

    kind: Literal["text"]
    column: Text = Field(description="texts")


class VectorData(_Rows):
    """Numbers that belong together, as an embedding's do."""

    kind: Literal["vector"]


class CountsData(_Rows):
    """Whole numbers from 0 up."""

    kind: Literal["counts"]


class SequenceData(_Columns):
    """Numbers over time.

    One channel whose steps are `columns`, in order; or an `array` (N, T) or (N, T, C); or with `time` a long table:
    a row a step, in which `columns` are the channels.
    """

    kind: Literal["sequence"]
    columns: Columns | None = Field(description="columns of numbers")
    array: Text | None = Field(description="of an .npz file, or an .npy file")
    time: Text | None = Field(description="column of a long table that orders the steps of each key")

    @model_validator(mode="after")
    def _one_source(self) -> SequenceData:
        self._one_of("columns", "array")
        if self.time is not None and self.columns is None:
            raise ValueError("time orders the rows of a long table, so columns must name its channels")
        return self


_Categories = CategoricalData | OrdinalData
OwnViewKind = Annotated[
    ImageData | BinaryData | RealData | _Categories | CountsData | VectorData | SequenceData | TextData,
    Field(discriminator="kind"),
]


class ManifestSplitConfig(SplitConfig):
    """A split by a column of the user's, or drawn by row or by group."""

    by: Text = Field(description="'row', or a column whose equal values stay in one split")
    column: Text | None = Field(description="column that holds train, validation or test")
    seed: Seed | None = Field(description="picks the random split; null takes the run's seed")

    @model_validator(mode="after")
    def _one_way(self) -> ManifestSplitConfig:
        if self.column is not None and self.by != "row":
            raise ValueError("column already says the split, so by must be row")
        return self

    def reads(self) -> dict[str, str]:
        """The column of the main table that it needs, by its key."""
        if self.column is not None:
            return {"column": self.column}
        return {} if self.by == "row" else {"by": self.by}


class ManifestConfig(BaseDataConfig):
    """The user's own data: tables, joined by key, with one row a sample."""

    name: Literal["manifest"]
    root: Folder = Field(description="folder of the tables and the images")
    table: Text | None = Field(description="file with a row a sample; null where every view has its own")
    sep: Separator | None = Field(description="what stands between the cells of text; null: as each file seems to be")
    decimal: Literal[".", ","] | None = Field(description="before the tenths of a number in text; null: as it seems")
    encoding: Encoding | None = Field(description="of text, such as utf-8 or latin-1; null: as it seems to be")
    key: Text | None = Field(description="column, or array, that names the samples; null takes row numbers")
    transposed: list[Text] | None = Field(
        description="files whose rows are features and whose columns are samples; null: none"
    )
    how_to_get: str | None = Field(description="where the data come from, said when they are not there")
    missing: list[str] = Field(description="cells that hold no value")
    missing_values: dict[Text, list[Text]] = Field(
        description="by column, more of its cells that hold no value, such as -999 or unknown"
    )
    dates: dict[Text, DateColumn] = Field(description="by column, how it writes dates or times, which are then days")
    on_bad_image: OnBadImage = Field(description="what to do with an image that cannot be read")
    split: ManifestSplitConfig
    views: dict[Name, OwnViewKind] = Field(min_length=1)

    def files(self) -> dict[str, str]:
        """The file of every view, relative to root; "" for one that has none.

        Without a table, .npy files have the same samples, those of the first of them.
        """
        first = next((view.own_array for view in self.views.values() if view.own_array and not view.table), None)
        return {name: view.table or self.table or (view.own_array and first) or "" for name, view in self.views.items()}

    def sides(self) -> dict[str, int | None]:
        """A view of images has a `size`, no other has."""
        return {name: getattr(view, "size", None) for name, view in self.views.items()}

    def pixels(self) -> dict[str, Pixels]:
        """The view's own section has the keys."""
        return {name: view for name, view in self.views.items() if isinstance(view, ImageData)}

    def kinds(self) -> dict[str, Kind]:
        """As the `kind` of each view says."""
        return {name: view.kind for name, view in self.views.items()}

    def contradictions(self) -> Iterator[str]:
        """Also views without a column, without a table, or without the key that they are joined or ordered by."""
        yield from super().contradictions()
        for name, view in self.views.items():
            if isinstance(view, BinaryData) and not (view.columns or view.binarise or view.array):
                yield f"data.views.{name}: has no attribute; list some under columns or binarise, or give an array"
            if self.key is None and (getattr(view, "time", None) or getattr(view, "repeated", None)):
                yield f"data.key: must name the column that says which rows of {name} are of one sample"
            if not self.files()[name]:
                yield f"data.views.{name}.table: must be given where data.table is null"
        if self.table is None:
            for key, column in self.split.reads().items():
                yield f"data.split.{key}: {column} would be a column of data.table, which is null"
        files = {file for file in (self.table, *self.files().values()) if file}
        for file in [file for file in self.transposed or () if file not in files]:
            yield f"data.transposed: no view is of {file}; {did_you_mean(file, files)}"
        if self.key is None and len(files) > 1:
            yield f"data.key: must name the column by which {', '.join(sorted(files))} are joined"

"""What the user's files hold together: whose rows are the same samples, how they are split, which views there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from os.path import commonpath
from pathlib import Path

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.config.own_files import ANNOTATED
from favae_cli.data.dates import Dates
from favae_cli.data.files.delimited import GZ, TextFormat, how_written, is_delimited
from favae_cli.data.files.delimited import SUFFIXES as TEXT
from favae_cli.data.files.foreign import FOREIGN
from favae_cli.data.files.table import NUMPY, Table, read_table
from favae_cli.data.files.turned import turned
from favae_cli.preparation.codes_for_missing import WORDS
from favae_cli.preparation.guess_bends import groups_of, looked_into
from favae_cli.preparation.guess_columns import find_key, guess_column, is_unique, less_misnamed
from favae_cli.preparation.guess_matrices import guess_matrices, without_computed
from favae_cli.preparation.guess_numbers import KEY_NAME, ColumnKind, Guess
from favae_cli.preparation.guess_orientation import named_samples
from favae_cli.preparation.guess_repeated import Repeated, guess_repeated
from favae_cli.preparation.guess_views import GuessedView, apart, as_name, distinct, guess_views

SUFFIXES = (*TEXT, *FOREIGN, NUMPY, *ANNOTATED)


@dataclass(frozen=True)
class File:
    """One file and what its columns hold.

    Attributes:
        name: relative to the folder of all files.
        table: its rows.
        cells: of every column, (N,) of str, "" where there is no value; and of weekdays and months of dates.
        guesses: of every one of these but the key.
    """

    name: str
    table: Table
    cells: dict[str, np.ndarray]
    guesses: dict[str, Guess]

    def first(self, kind: ColumnKind) -> str | None:
        """The first column that holds this."""
        return next((name for name, guess in self.guesses.items() if guess.kind == kind), None)

    def repeats(self, key: str) -> bool:
        """Whether it has several rows of a sample."""
        return len(set(self.cells[key])) < len(self.cells[key])

    def knows(self, other: File, key: str) -> bool:
        """Whether it has every sample of the other."""
        return set(other.cells[key]) <= set(self.cells[key])


@dataclass(frozen=True)
class Found:
    """What there is to make an experiment of.

    Attributes:
        root: folder of all files; image paths are relative to it.
        table: the main file, relative to root: the only one, or the one whose column splits the samples.
        rows: of the longest file.
        key, split, group: columns that name the samples, say their split, or name groups of them.
        transposed: files whose rows are features.
        views: those of several files have their `table` in their source.
        left_out: a line on each column that no view has.
        missing_values: by column, cells that seem to stand for no value.
        dates: by column, how it writes dates or times.
        written: how all files of text are written, where that is not plain; None where they differ or are.
        notes: on what was made of the files.
    """

    root: Path
    table: str | None
    rows: int
    key: str | None
    split: str | None
    group: str | None
    transposed: tuple[str, ...]
    views: tuple[GuessedView, ...]
    left_out: tuple[str, ...]
    missing_values: dict[str, list[str]]
    dates: dict[str, Dates]
    written: TextFormat | None
    notes: tuple[str, ...]


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The tables among `paths`, and those in folders among them, in which .txt is the suffix of texts to read.

    Raises:
        UserError: a path that is not there, is no table, or a folder without one.
    """
    files: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise UserError(f"input: there is no file or folder {path}")
        inside = [each for each in (sorted(path.iterdir()) if path.is_dir() else ()) if each.suffix.lower() != ".txt"]
        tables = [each for each in (inside if path.is_dir() else [path]) if _is_table(each)]
        if not tables:
            raise UserError(f"input: {path} {'holds' if path.is_dir() else 'is'} no {', '.join(SUFFIXES)} file")
        files |= dict.fromkeys(tables)
    return [*files]


def _is_table(path: Path) -> bool:
    return is_delimited(path) or path.suffix.lower() in SUFFIXES


def guess_files(
    paths: Sequence[Path],
    missing: Collection[str],
    repeated: Repeated | None = None,
    transposed: Collection[Path] = (),
) -> Found:
    """Look at every column of every file.

    Args:
        paths: at least one file; several are joined by the column that names their samples.
        missing: cells that hold no value.
        repeated: what is made of several rows of a sample; None: steps of a sequence, or their mean of few samples.
        transposed: absolute paths of files whose rows are features, as others may seem to be.

    Raises:
        UserError: a file that cannot be read, several that share no column to be joined by, or not one view.
    """
    if any(path.is_absolute() for path in paths):
        paths = [path.absolute() for path in paths]
    root = Path(commonpath([path.parent for path in paths]))
    # Words for no value are told later, by column; meanwhile they must not hide how numbers are written.
    every = [*missing, *(way for word in WORDS for way in (word, word.capitalize(), word.upper()))]
    read = {path.relative_to(root).as_posix(): read_table(path, missing=every) for path in paths}
    tables = {name: replace(table, missing=missing) for name, table in read.items()}
    asked = [path.relative_to(root).as_posix() for path in paths if path.absolute() in transposed]
    cells = {name: _cells(table) for name, table in tables.items()}
    key, across = named_samples(tables, cells, asked)
    for name, table in tables.items():
        tables[name] = named = _named(table, key, name in across)
        if named is not table:
            cells[name] = _cells(named)
    if key is None:
        key = find_key(*cells.values()) if len(paths) == 1 else _shared_key(cells)
    files = [_file(name, table, cells[name], key, root) for name, table in tables.items()]
    main, split, group = _split(files, key)
    knowing = {} if group is None else next(file.cells for file in files if file.name == main)
    views: list[GuessedView] = []
    left_out: list[str] = []
    for file in files:
        rest = {name: guess for name, guess in file.guesses.items() if name not in (split, group)}
        own = [*guess_matrices(file.table, stem_of(file.name))]
        if key is not None and file.repeats(key):
            own += guess_repeated(file.table, rest, file.cells, repeated)
        else:
            own += guess_views(file.table, rest, file.cells, root, alone=len(files) == 1)
        if len(files) == len(own) == 1 and not file.table.matrices:
            own = apart(own[0], rest, file.cells)
        groups = groups_of(file.cells, knowing, key, group)
        own = [looked_into(view, file.table, file.cells, groups) for view in own]
        views += own if len(files) == 1 else [_of_file(view, file, len(own) == 1) for view in own]
        left_out += _left_out(file, rest, own)
    if not views:
        told = f"input: no view could be made of any column of {', '.join(tables)}"
        raise UserError("\n".join([told, *left_out]))
    rows = max(len(set(file.cells[key])) if key else len(file.table) for file in files)
    notes = [note for table in tables.values() for note in table.notes]
    notes += [view.why[0] for view in views if view.source.get("time")]
    ways = {table.written for table in tables.values() if table.written}
    written = ways.pop() if len(ways) == 1 and any(how_written(way) for way in ways) else None
    used = _used(views)
    kept = {name: guess for file in files for name, guess in file.guesses.items() if _is_read(name, guess, used)}
    marks = {name: [*guess.missing] for name, guess in kept.items() if guess.missing}
    dates = {name: guess.date for name, guess in kept.items() if guess.date}
    return Found(
        root=root,
        table=main,
        rows=rows,
        key=key,
        split=split,
        group=group,
        transposed=across,
        views=distinct(views),
        left_out=tuple(left_out),
        missing_values=marks,
        dates=dates,
        written=written,
        notes=tuple(notes),
    )


def _used(views: Iterable[GuessedView]) -> set[str]:
    """Columns that views are made of, or ordered by."""
    named = {column for view in views for column in view.columns}
    return named | {view.source["time"] for view in views if view.source.get("time")}


def _is_read(name: str, guess: Guess, used: Collection[str]) -> bool:
    """Whether a view has the column, or what is made of its dates."""
    return name in used or any(f"{name} {part}" in used for part in (guess.date.parts if guess.date else ()))


def _named(table: Table, key: str | None, across: bool) -> Table:
    """The table with a row a sample, whose names are called by the key."""
    if across:
        note = f"{table.path.name} is read with features in its rows and samples in its columns"
        return turned(replace(table, notes=(*table.notes, note)), key)
    if table.matrices and key and key not in table.frame.columns:
        return replace(table, frame=table.frame.rename(columns={table.key: key}), key=key)
    return table


def _cells(table: Table) -> dict[str, np.ndarray]:
    return {str(name): table.values(str(name), "input") for name in table.frame.columns}


def _file(name: str, table: Table, cells: dict[str, np.ndarray], key: str | None, root: Path) -> File:
    found: dict[str, Guess] = {}
    cells = dict(cells)
    for column, values in [*cells.items()]:
        if column == key:
            continue
        guess = found[column] = less_misnamed(column, guess_column(column, values, root))
        cells[column] = np.where(np.isin(values.astype(str), guess.missing), "", values)
        for part in guess.date.parts if guess.date else ():
            made = f"{column} {part}"
            if guess.date and made not in cells:
                cells[made] = guess.date.named(cells[column], part)
                found[made] = Guess("categorical", f"is made of the dates in {column}")
    return File(name, replace(table, key=key), cells, without_computed(table, found))


def _shared_key(cells: dict[str, dict[str, np.ndarray]]) -> str:
    """The column that every file has, with another value in each row of all of them, or else of some."""
    first, *others = cells.values()
    filled = [name for name in first if all(name in file and "" not in file[name] for file in (first, *others))]
    unique = {name: sum(is_unique(file[name]) for file in cells.values()) for name in filled}
    most = max(unique.values(), default=0)
    shared = [name for name in filled if unique[name] == most > 0]
    if not shared:
        raise UserError(
            f"input: {', '.join(cells)} share no column that is filled, and another in every row of one, to join them "
            "by; add one to each, or give one file at a time"
        )
    return next((name for name in shared if KEY_NAME.search(name)), shared[0])


def _split(files: Sequence[File], key: str | None) -> tuple[str | None, str | None, str | None]:
    """The main file, its column that says the split, and its column of groups; never both columns."""
    # What splits the samples has to know all of them.
    knowing = [
        file
        for file in files
        if key is None or (not file.repeats(key) and all(file.knows(other, key) for other in files))
    ]
    for file in knowing:
        if (split := file.first("split")) is not None:
            return file.name, split, None
    for file in knowing:
        if (group := file.first("group")) is not None:
            return file.name, None, group
    return files[0].name if len(files) == 1 else None, None, None


def stem_of(name: str) -> str:
    """A file's name without folders, suffix, and .gz."""
    return Path(Path(name).name.removesuffix(GZ)).stem


def _of_file(view: GuessedView, file: File, alone: bool) -> GuessedView:
    """A view of one file among several, called after the file as well."""
    stem = as_name(stem_of(file.name))
    source = {"kind": view.kind, "table": file.name} | view.source
    if view.source.get("array") in file.table.matrices:  # called after its modality
        return replace(view, source=source)
    return replace(view, name=stem if alone else f"{stem}_{view.name}", source=source)


def _left_out(file: File, guesses: dict[str, Guess], views: Sequence[GuessedView]) -> Iterator[str]:
    used = _used(views)
    for name, guess in guesses.items():
        if name not in used:
            again = guess.kind in ("split", "group")
            yield f"{name} {guess.why}" + ("; another column splits the samples already" if again else "")
    arrays = {view.source.get("array") for view in views}
    for name, array in file.table.arrays.items():
        if name not in arrays:
            yield f"{name} is an array {array.shape} of {array.dtype}, which fits no kind of view"

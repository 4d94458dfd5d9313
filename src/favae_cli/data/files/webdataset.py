"""WebDataset shards: tar files in which a sample is the files of one name, such as 17.jpg, 17.json and 17.txt.

They are read with Python's tarfile, for the `webdataset` package streams samples, where here a table of all of them is
wanted and the place of every image, so that none is unpacked.
Source: the tar format as github.com/webdataset/webdataset describes it.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from favae_cli.common.errors import UserError, gather

TAR = ".tar"
KEY = "__key__"  # WebDataset's column of the samples' names
JSON = "json"
TEXTS = ("txt", "text", "cls")
RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
MOST_SHARDS = 1_000_000
NAME = re.compile(r"(?:\./)?((?:.*/)?[^/.]+)\.([^/]+)")  # of a sample, then what its file holds
MEMBER = re.compile(r"(.+\.(?i:tar))!(.+)@(\d+)\+(\d+)")


@dataclass(frozen=True)
class Member:
    """A file in a shard, and the bytes of the shard that hold it."""

    shard: str
    name: str
    start: int
    length: int

    @classmethod
    def named(cls, text: str) -> Member | None:
        """What `str` has made of one; None for any other text."""
        found = MEMBER.fullmatch(text)
        return cls(found[1], found[2], int(found[3]), int(found[4])) if found else None

    def __str__(self) -> str:
        return f"{self.shard}!{self.name}@{self.start}+{self.length}"

    def read(self) -> bytes:
        """Its bytes, without a look at the rest of the shard."""
        with open(self.shard, "rb") as file:
            file.seek(self.start)
            return file.read(self.length)


def expanded(path: Path) -> list[Path]:
    """The shards that a name stands for, in order: {000..015} and *, ? and [] as in a shell.

    A name that is no shard's, and one that fits nothing, stands for itself.
    """
    if path.suffix.lower() != TAR:
        return [path]
    found = RANGE.search(str(path))
    if found:
        numbers = range(int(found[1]), int(found[2]) + 1)
        if len(numbers) > MOST_SHARDS:
            raise UserError(f"{path}: stands for {len(numbers)} files; no more than {MOST_SHARDS} can be named")
        text = str(path)
        names = (f"{text[: found.start()]}{number:0{len(found[1])}}{text[found.end() :]}" for number in numbers)
        return [shard for name in names for shard in expanded(Path(name))]
    try:
        return sorted(path.parent.glob(path.name)) or [path]
    except ValueError:  # no pattern, as ** within a name
        return [path]


def read_shards(path: Path) -> pd.DataFrame:
    """A row a sample, of text: its name as `KEY`, each key of its .json, its .txt, and where each other file is.

    Columns are called as the extensions, or keys of JSON, are; a cell is empty where the sample has no such file. A
    cell of a file that is no text is the `str` of its `Member`.

    Args:
        path: of a shard, or of several as `expanded` reads it.

    Raises:
        UserError: a shard that cannot be read to its end, a file in it that is not what its name says, a name that
            several samples have, or no sample at all.
    """
    shards = expanded(path)
    frames = gather(partial(_read_shard, shard) for shard in shards)
    frame = pd.concat(frames, ignore_index=True).fillna("")
    if frame.empty:
        raise UserError(f"{path}: holds no sample, whose files would be named KEY.jpg, KEY.json and such")
    twice = frame.index[frame[KEY].duplicated()]
    if twice.size:
        name = frame[KEY][twice[0]]
        where = [shard for shard, part in zip(shards, frames, strict=True) if not part.empty and name in set(part[KEY])]
        raise UserError(
            f"{path}: sample {name!r} is in {' and in '.join(map(str, where[:2]))}; names differ over all shards"
        )
    return frame


def _read_shard(path: Path) -> pd.DataFrame:
    samples: dict[str, dict[str, str]] = {}
    last = None
    for name, what, cells in _files(path):
        if name in samples and name != last:
            raise UserError(f"{path}: files of {name!r} do not stand together, or are of two samples")
        sample = samples.setdefault(name, {KEY: name})
        for column in cells.keys() & sample:
            raise UserError(f"{path}: sample {name!r} has {column!r} in {name}.{what} and in a file before it")
        sample |= cells
        last = name
    return pd.DataFrame([*samples.values()])


def _files(path: Path) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Of every file of a sample the sample's name, the extension and the cells of its columns."""
    shard = str(path.absolute())
    try:
        with tarfile.open(path, "r:") as tar:
            for file in tar:
                found = NAME.fullmatch(file.name)
                if not (found and file.isfile()):
                    continue
                name, what = found[1], found[2].lower()
                if what.rpartition(".")[2] in (JSON, *TEXTS):
                    held = tar.extractfile(file)
                    assert held is not None  # as of any regular file
                    yield name, what, _cells(held.read(), what, f"{path}!{file.name}")
                else:
                    yield name, what, {what: str(Member(shard, file.name, file.offset_data, file.size))}
        with path.open("rb") as whole:  # tarfile takes a block that is no header for the end
            whole.seek(tar.offset)
            ends = whole.read(tarfile.BLOCKSIZE) == bytes(tarfile.BLOCKSIZE)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UserError(f"{path}: cannot be read as a plain .tar ({error})") from error
    if not ends:
        raise UserError(f"{path}: is damaged or cut short at byte {tar.offset}; make it anew")


def _cells(data: bytes, what: str, where: str) -> dict[str, str]:
    """The columns of a file of text."""
    try:
        text = data.decode()
        if not what.endswith(JSON):
            return {what: text}
        held = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: is no {'JSON' if what.endswith('json') else 'text'} in UTF-8 ({error})") from error
    if not isinstance(held, dict):
        raise UserError(f"{where}: must hold an object, its keys the columns, not {type(held).__name__}")
    return {str(name): _cell(value) for name, value in held.items()}


def _cell(value: Any) -> str:
    """A value of JSON as a table has it: text as it is, nothing for null."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)

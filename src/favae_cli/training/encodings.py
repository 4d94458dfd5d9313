"""q(z | x) of a whole split in one pass: the means in a table, all else only as moments."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.common.files import take_room
from favae_cli.data import Dataset
from favae_cli.factors.moments import Moments
from favae_cli.machine.world import World
from favae_cli.models.fa_vae import CHUNK, FAVAE
from favae_cli.views import Encoded

LARGEST = 1 << 26  # bytes of a table that stays in memory; larger ones are files, mapped into it


@dataclass(frozen=True)
class Tables:
    """Makes tables with a row a sample: in memory, or as files where they are large or several processes share them.

    Attributes:
        folder: of the files.
        world: whose processes each write their own rows, and may read all.
    """

    folder: Path
    world: World

    def make(self, name: str, rows: int, columns: int) -> np.ndarray:
        """float32 (rows, columns), not yet filled; every process must ask for it."""
        if self.world.size == 1 and 4 * rows * columns <= LARGEST:
            return np.empty((rows, columns), np.float32)
        path = self.folder / f"{name}.npy"
        if self.world.is_main:
            self.folder.mkdir(exist_ok=True)
            path.unlink(missing_ok=True)  # who still maps the old file keeps it
            try:
                table = np.lib.format.open_memmap(path, "w+", np.float32, (rows, columns))
                take_room(path, table.offset + table.nbytes)
            except OSError as error:
                size = 4 * rows * columns
                raise UserError(
                    f"{path}: no room for {size:,} bytes ({error.strerror}); free some, and resume"
                ) from error
        self.world.wait()
        return np.lib.format.open_memmap(path, "r+")

    def clear(self) -> None:
        """Remove the files; what is mapped stays readable. To be called by the main process, or by all."""
        if self.world.is_main:
            shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Encodings:
    """What the encoders say of the N samples of a split.

    Attributes:
        tables: by trainable view, float32 (N, D_m) means, NaN where the view is missing.
        still: by view that does not train, q(z | x) of this process's samples.
        own: which of the samples are this process's.
        moments: of its samples, with inferred views as they begin; empty where they were not asked for.
    """

    tables: dict[str, np.ndarray]
    still: dict[str, Encoded]
    own: slice
    moments: Moments

    @property
    def encoded(self) -> dict[str, Encoded]:
        """By view, the means of this process's samples; of trainable views without their variances."""
        return self.still | {name: Encoded(table[self.own], None) for name, table in self.tables.items()}

    def stretched(self, scales: Mapping[str, float]) -> Encodings:
        """The same with trainable embeddings `scales` times as large; the tables are changed in place."""
        for name, scale in scales.items():
            self.tables[name][self.own] *= np.float32(scale)
        return Encodings(self.tables, self.still, self.own, self.moments.stretched(scales))


def encode(
    model: FAVAE,
    data: Dataset,
    indices: np.ndarray,
    trained: Iterable[str],
    still: dict[str, Encoded],
    tables: Tables,
    name: str,
    summed: bool = True,
) -> Encodings:
    """Encode this process's share of the samples, a chunk at a time.

    Args:
        indices: N samples.
        trained: the trainable views.
        still: of the others that have an encoder, q(z | x) of this process's share, as `FAVAE.encode` gives it.
        tables: where the means go; `name` is part of a file's name.
        summed: whether moments are wanted.
    """
    own = tables.world.share(len(indices))
    made = {view: tables.make(f"{name}-{view}", len(indices), model.views[view].size) for view in trained}
    moments = Moments({view: part.size for view, part in model.views.items()}, {})
    for start in range(own.start, own.stop, CHUNK):
        rows = slice(start, min(start + CHUNK, own.stop))
        here = slice(rows.start - own.start, rows.stop - own.start)
        part = model.encode(data, indices[rows], made)
        for view, table in made.items():
            table[rows] = part[view].mean
        if summed:
            part |= {view: known.at(here) for view, known in still.items()}
            moments = moments.merge(model.embeddings(data, indices[rows], part).moments())
    return Encodings(made, still, own, moments)

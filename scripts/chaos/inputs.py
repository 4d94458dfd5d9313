"""The user's files, damaged: they are refused, or what is read of them is what stands there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from attempt import Ending, favae_run, forked
from damage import damaged, damaged_inside
from forms import ARRAYS, COLUMNS, ENGINE, FORMS, TEXTS, as_yaml, experiment
from verdict import Verdict, judged
from world import World

if TYPE_CHECKING:
    from favae_cli.config.choices import DataConfig
    from favae_cli.data import Dataset
    from favae_cli.preparation.check_findings import Findings

CHECKED = (".npz", ".png", ".gz", ".xlsx")  # whose checksums cover all that is read
PACKED = (".npz", ".gz", ".xlsx")  # in which damage can have a right checksum
RUN = "train"


@dataclass(frozen=True)
class Reader:
    """A task that reads the user's files.

    Attributes:
        work: what it does with a form of the data, for `forked`.
        forms: those that it reads.
        made: the file that it leaves, the same for the same data.
    """

    work: Callable[[World, str], Callable[[], int]]
    forms: tuple[str, ...]
    made: str


def damaged_input(form: str, world: World, rng: np.random.Generator, folder: Path) -> Verdict:
    """A task that reads one of the forms of the data, when a file of it is damaged."""
    able = [name for name, reader in _readers(world).items() if form in reader.forms]
    name = able[0] if rng.random() < 0.6 else str(rng.choice(able))
    expected = expected_outcome(world, name, form, folder / "whole")
    own = _own(world, name, form, folder / "damaged")
    files = sorted((own.data / "pictures").iterdir()) if form == "pictures" else [own.data / form]
    file = files[int(rng.integers(len(files)))]
    inside = file.suffix in PACKED and rng.random() < 0.4
    told = damaged_inside(file, rng) if inside else damaged(file, rng)
    ending = _read(own, name, form)
    outcome = own.folder / READERS[name].made
    same = outcome.exists() and outcome.read_text() == expected
    seen = not inside and (file.suffix in CHECKED or (": cut" in told and form not in TEXTS))
    named = form == "pictures" and file.name in ending.told  # and left out
    return judged(ending, f"{name}, {told}", True if same else False if seen and not named else None)


def expected_outcome(world: World, name: str, form: str, folder: Path) -> str:
    """What a task makes of a form of the data that nobody has damaged; kept beside the world."""
    kept = world.folder / f"{form}.{name}"
    if not kept.exists():
        own = _own(world, name, form, folder)
        ending = _read(own, name, form)
        if ending.code:
            raise RuntimeError(f"task={name} of {form} as it should be failed:\n{ending.told}")
        kept.write_text((folder / READERS[name].made).read_text())
    return kept.read_text()


def checked(digest: Path, cache: Path | None = None) -> Callable[[], int]:
    """`favae-run task=check experiment=mine`, which leaves a hash of all data that were loaded in a file."""

    def work() -> int:
        from favae_cli.preparation import check_loading
        from favae_cli.tasks import check

        load = check_loading.load_sound

        def noted(config: DataConfig, place: Path, seed: int, findings: Findings) -> Dataset | None:
            data = load(config, place, seed, findings)
            if data is not None:
                digest.write_text(digest_of(data))
            return data

        vars(check)["load_sound"] = noted
        if cache is not None:
            os.environ["FAVAE_CACHE"] = str(cache)
        return favae_run(["task=check", "experiment=mine"])()

    return work


def digest_of(data: Dataset) -> str:
    """One hash over all that a run would learn from."""
    digest = hashlib.sha256(repr([*data.keys]).encode())
    for name, view in data.views.items():
        values = view.gather(np.flatnonzero(view.present))
        stored = repr(values.tolist()).encode() if values.dtype == object else np.ascontiguousarray(values).tobytes()
        digest.update(repr((name, view.columns, view.groups, view.row.tolist())).encode() + stored)
    for split, samples in data.split.items():
        digest.update(repr((split, samples.tolist())).encode())
    return digest.hexdigest()


def _check(world: World, form: str) -> Callable[[], int]:
    return checked(world.folder / READERS["check"].made)


def _init(world: World, form: str) -> Callable[[], int]:
    return favae_run(["task=init", f"input=data/{form}", "name=first"])


def _predict(world: World, form: str) -> Callable[[], int]:
    made = READERS["predict"].made
    return favae_run(["task=predict", f"run={RUN}", f"input=data/{form}", f"output={made}", *ENGINE[:2]])


READERS = {
    "check": Reader(_check, FORMS, "digest"),
    "init": Reader(_init, (*COLUMNS, *ARRAYS), "configs/experiment/first.yaml"),
    "predict": Reader(_predict, COLUMNS, "predicted.csv"),
}


def _readers(world: World) -> dict[str, Reader]:
    """The tasks that can read in a world: one of them needs a trained run."""
    return {name: reader for name, reader in READERS.items() if name != "predict" or RUN in world.tasks}


def _own(world: World, name: str, form: str, folder: Path) -> World:
    own = world.copied(folder, (RUN,) if name == "predict" else ())
    own.experiment.write_text(as_yaml(experiment(form)))
    return own


def _read(own: World, name: str, form: str) -> Ending:
    return forked(READERS[name].work(own, form), own.folder, own.folder / "told.log")

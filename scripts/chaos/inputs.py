"""The user's files, damaged: they are refused, or what is read of them is what stands there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from attempt import favae_run, forked
from damage import damaged
from verdict import Verdict, judged
from world import World, as_yaml, experiment

if TYPE_CHECKING:
    from favae_cli.config.choices import DataConfig
    from favae_cli.data import Dataset
    from favae_cli.preparation.check_findings import Findings

TABLES = ("table.csv", "table.csv.gz", "table.parquet", "table.feather", "table.dta")
FORMS = (*TABLES, "table.npz", "packed.npz", "table.tar")
CHECKED = (".npz", ".png", ".gz")  # whose checksums cover all that is read


def damaged_input(world: World, rng: np.random.Generator, folder: Path) -> Verdict:
    """`task=check` of one of the forms of the data, when one of its files is damaged."""
    form = str(rng.choice(FORMS))
    expected = expected_digest(world, form, folder / "whole")
    own = world.copied(folder / "damaged")
    own.experiment.write_text(as_yaml(experiment(form)))
    pictures = form in TABLES and rng.random() < 0.2
    files = sorted((own.data / "pictures").iterdir()) if pictures else [own.data / form]
    file = files[int(rng.integers(len(files)))]
    told = damaged(file, rng)
    digest = own.folder / "digest"
    ending = forked(checked(digest), own.folder, own.folder / "told.log")
    same = digest.exists() and digest.read_text() == expected
    noted = file.name in ending.told or file.suffix not in CHECKED
    return judged(ending, f"{form}, {told}", True if same else None if noted else False)


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


def expected_digest(world: World, form: str, folder: Path) -> str:
    """That of a form of the data that nobody has damaged; kept beside the world."""
    kept = world.folder / f"{form}.digest"
    if not kept.exists():
        own = world.copied(folder)
        own.experiment.write_text(as_yaml(experiment(form)))
        ending = forked(checked(folder / "digest"), folder, folder / "told.log")
        if ending.code:
            raise RuntimeError(f"task=check of {form} as it should be failed:\n{ending.told}")
        kept.write_text((folder / "digest").read_text())
    return kept.read_text()

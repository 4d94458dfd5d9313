"""Caches, checkpoints and the other files of finished runs, damaged: named, made anew, or of no consequence."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from attempt import favae_run, forked
from damage import damaged
from forms import ENGINE
from inputs import checked, expected_outcome
from results import differences
from verdict import Verdict, judged
from world import World


def damaged_cache(world: World, rng: np.random.Generator, folder: Path) -> Verdict:
    """`task=check` of pictures that an earlier one has decoded, when a file of the cache is damaged."""
    expected = expected_outcome(world, "check", "table.csv", folder / "whole")
    own = world.copied(folder / "damaged")
    work = checked(own.folder / "digest", own.folder / "cache")
    first = forked(work, own.folder, own.folder / "told.log")
    if first.code:
        return judged(first, "filling the cache")
    files = sorted(path for path in (own.folder / "cache").iterdir() if path.suffix != ".lock")
    told = damaged(files[int(rng.integers(len(files)))], rng)
    (own.folder / "digest").unlink()
    ending = forked(work, own.folder, own.folder / "told.log")
    same = (own.folder / "digest").exists() and (own.folder / "digest").read_text() == expected
    return judged(ending, told, same)


def damaged_checkpoint(world: World, rng: np.random.Generator, folder: Path) -> Verdict:
    """A resume or an evaluation of a finished run of which a file of a checkpoint is damaged."""
    return _damaged_run(world, rng, folder, "checkpoints/**/*")


def damaged_run_folder(world: World, rng: np.random.Generator, folder: Path) -> Verdict:
    """The same, when its config, its numbers or its log are."""
    return _damaged_run(world, rng, folder, str(rng.choice([".hydra/*", "metrics.*"])))


def _damaged_run(world: World, rng: np.random.Generator, folder: Path, pattern: str) -> Verdict:
    task = str(rng.choice(world.tasks))
    evaluated = _evaluated(world, task, folder / "whole")
    own = world.copied(folder / "damaged", (task,))
    files = sorted(path for path in own.run(task).glob(pattern) if path.is_file())
    file = files[int(rng.integers(len(files)))]
    told = f"{task}, {file.parent.relative_to(own.folder)}, {damaged(file, rng)}"
    if rng.random() < 0.5:
        ending = forked(favae_run([f"resume={task}"]), own.folder, own.folder / "told.log")
        differing = differences(own.run(task), world.run(task)) if ending.code == 0 else []
        if file.parent.name not in ("last", task):  # a checkpoint of before, which no resume reads
            differing = [name for name in differing if name != file.relative_to(own.run(task)).as_posix()]
        noted = differing == [file.name] and f"{file.name} is gone" in ending.told
        return judged(ending, f"{told}; resume; differing: {differing}", None if noted else not differing)
    ending = forked(favae_run(_evaluation(task)), own.folder, own.folder / "told.log")
    differing = differences(own.folder / "evaluated", evaluated) if ending.code == 0 else []
    return judged(ending, f"{told}; evaluate; differing: {differing}", not differing)


def _evaluation(task: str) -> list[str]:
    return ["task=evaluate", f"run={task}", "hydra.run.dir=evaluated", *ENGINE[:2]]


def _evaluated(world: World, task: str, folder: Path) -> Path:
    """The evaluation of the undamaged run; kept beside the world."""
    kept = world.folder / f"evaluated-{task}"
    if not kept.exists():
        own = world.copied(folder, (task,))
        ending = forked(favae_run(_evaluation(task)), own.folder, own.folder / "told.log")
        if ending.code:
            raise RuntimeError(f"task=evaluate of the run of task {task} failed:\n{ending.told}")
        with suppress(OSError):  # another worker has just put the same there
            (own.folder / "evaluated").rename(kept)
    return kept

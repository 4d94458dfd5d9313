"""Runs that are killed, that lack room and that get in each other's way: they end as one that nobody disturbed."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from attempt import Ending, ended, favae_run, forked, kill, started
from results import differences, litter
from verdict import Verdict, judged
from world import TASKS, World

RUN = "run"
LONG = 6.0  # seconds, about, of a run: kills come within them
KILLS = 3  # at most
TRIES = 20  # of going on while another process has the run


def killed_run(world: World, rng: np.random.Generator, folder: Path) -> Verdict:
    """SIGKILL at any moment, up to three times, then a resume to the end."""
    task = str(rng.choice(world.tasks))
    world.copied(folder)
    moments = rng.uniform(0, LONG, int(rng.integers(1, 1 + KILLS))).round(2)
    told = f"{task}, killed after {', '.join(map(str, moments))} s"
    for moment in moments:
        child = started(favae_run(_going_on(task, folder)), folder, folder / "told.log")
        time.sleep(float(moment))
        kill(child)
        ending = ended(child, folder / "told.log")
        if ending.is_bug or ending.code == 2:
            return judged(ending, told)
    ending = forked(favae_run(_going_on(task, folder)), folder, folder / "told.log")
    return _as_undisturbed(ending, world, task, folder, told)


def crowded_run(world: World, rng: np.random.Generator, folder: Path) -> Verdict:
    """Two or three processes at once that want to do the same run."""
    task = str(rng.choice(world.tasks))
    world.copied(folder)
    waits = rng.uniform(0, LONG / 2, int(rng.integers(1, 3))).round(2)
    told = f"{task}, others after {', '.join(map(str, waits))} s"
    logs = [folder / f"told-{number}.log" for number in range(1 + len(waits))]
    children = [started(favae_run(_going_on(task, folder)), folder, logs[0])]
    for wait, log in zip(waits, logs[1:], strict=True):
        time.sleep(float(wait))
        children.append(started(favae_run(_going_on(task, folder)), folder, log))
    endings = [ended(child, log) for child, log in zip(children, logs, strict=True)]
    for ending in endings:
        if ending.is_bug:
            return judged(ending, told)
    last = forked(favae_run(_going_on(task, folder)), folder, folder / "told.log")
    return _as_undisturbed(last, world, task, folder, told)


def run_without_room(world: World, rng: np.random.Generator, folder: Path) -> Verdict:
    """A disk that is full before the run is done, which goes on once there is room."""
    task, size = str(rng.choice(world.tasks)), int(rng.integers(60, 1500))
    told = f"{task}, on {size} KiB"
    disk = folder / "disk"
    disk.mkdir(parents=True)
    with small_disk(disk, size) as growing:
        if not growing:
            return Verdict("skipped", "a small disk can be made by root alone, where mounting is allowed")
        for name in ("data", "configs"):
            (folder / name).symlink_to(world.folder / name)
        arguments = [*TASKS[task], "hydra.run.dir=disk/run"]
        if rng.random() < 0.5:
            arguments.append("cache=disk/cache")
        ending = forked(favae_run(arguments), folder, folder / "told.log")
        if ending.code == 0 or ending.is_bug:
            return judged(ending, told, None if ending.code else _same(world, task, disk / RUN))
        subprocess.run(["mount", "-o", "remount,size=1G", disk], check=True)
        begun = (disk / RUN / ".hydra" / "config.yaml").exists()
        ending = forked(favae_run(["resume=disk/run"] if begun else arguments), folder, folder / "told.log")
        return _as_undisturbed(ending, world, task, disk, told)


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[bool]:
    """A file system of so many KiB at a folder, if that can be had."""
    made = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", place], capture_output=True, check=False
        ).returncode
    )
    try:
        yield made
    finally:
        if made:
            subprocess.run(["umount", "-l", place], check=True)


def _going_on(task: str, folder: Path) -> list[str]:
    begun = (folder / RUN / ".hydra" / "config.yaml").exists()
    return [f"resume={RUN}"] if begun else [*TASKS[task], f"hydra.run.dir={RUN}"]


def _same(world: World, task: str, run: Path) -> bool:
    return not differences(run, world.run(task)) and not litter(run)


def _as_undisturbed(ending: Ending, world: World, task: str, folder: Path, told: str) -> Verdict:
    if ending.code:
        return judged(ending, told)
    left = litter(folder / RUN)
    differing = differences(folder / RUN, world.run(task))
    return judged(ending, f"{told}; left: {left}; differing: {differing}", not left and not differing)

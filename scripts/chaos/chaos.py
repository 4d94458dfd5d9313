"""Attack the program at random until told to stop: `make chaos [SECONDS=N | MINUTES=N] [SEED=N] [JOBS=N]`.

Each attempt has a seed of its own, its number added to SEED, so that one that failed comes first where it is given as
SEED. The exit status is 1 if any ended in a traceback, or with other numbers and nothing said.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import filter as matching
from functools import partial
from pathlib import Path
from types import FrameType

import numpy as np
from attempt import kill, running, warm_up
from folders import damaged_cache, damaged_checkpoint, damaged_run_folder
from forms import FORMS
from fuzzing import fuzzed_config
from inputs import damaged_input
from runs import crowded_run, killed_run, run_without_room
from verdict import Verdict, table
from world import World

Attempt = Callable[[World, np.random.Generator, Path], Verdict]
KINDS: dict[str, tuple[Attempt, float]] = {
    "killed runs": (killed_run, 1.0),
    "crowded runs": (crowded_run, 0.5),
    "full disks": (run_without_room, 0.5),
    "damaged caches": (damaged_cache, 1.0),
    "damaged checkpoints": (damaged_checkpoint, 1.0),
    "damaged folders of runs": (damaged_run_folder, 1.0),
    "fuzzed configs": (fuzzed_config, 4.0),
    **{f"damaged {form}": (partial(damaged_input, form), 3 / len(FORMS)) for form in FORMS},
}
"""By name, what is done, and how often beside the others."""


def main(argv: list[str] | None = None) -> int:
    """Go on until the time is up, the number is reached or Ctrl-C, then print the table."""
    arguments = _parsed(argv)
    warm_up()
    with tempfile.TemporaryDirectory(prefix="chaos-") as place:
        os.environ["FAVAE_CACHE"] = f"{place}/cache"
        world = World.made(Path(place) / "world")
        print(f"seed {arguments.seed}, kinds: {', '.join(arguments.only)}", flush=True)
        found = [*_attempts(world, Path(place), arguments)]
    print(table((kind, verdict.word) for kind, _, verdict in found))
    return int(any(verdict.is_bad for _, _, verdict in found))


def _attempts(world: World, place: Path, arguments: argparse.Namespace) -> Iterator[tuple[str, int, Verdict]]:
    """What comes of each attempt, as it ends; several workers share them."""
    reading, writing = os.pipe()
    workers = [_worker(job, writing, world, place, arguments) for job in range(arguments.jobs)]
    os.close(writing)
    begun = time.monotonic()
    try:
        with os.fdopen(reading) as lines:
            for line in lines:
                kind, seed, word, told = json.loads(line)
                if word in ("traceback", "silent"):
                    print(f"\n{word.upper()} in {kind}, SEED={seed}: {told}\n", flush=True)
                elif arguments.verbose:
                    print(f"{time.monotonic() - begun:6.0f} s  {kind}, seed {seed}: {word}; {told}", flush=True)
                yield kind, seed, Verdict(word, told)
    except KeyboardInterrupt:
        print("\nstopped")
    finally:
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGTERM)
            os.waitpid(worker, 0)


def _worker(job: int, writing: int, world: World, place: Path, arguments: argparse.Namespace) -> int:
    """A process that makes every so-manieth attempt and writes a line of JSON on each; returns its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process, which tells the workers
        signal.signal(signal.SIGTERM, _stop)
        end = time.monotonic() + arguments.seconds
        names, weights = arguments.only, np.array([KINDS[name][1] for name in arguments.only])
        for number in range(job, arguments.count, arguments.jobs):
            if time.monotonic() > end:
                break
            seed = arguments.seed + number
            rng = np.random.default_rng(seed)
            kind = str(rng.choice(names, p=weights / weights.sum()))
            with _scratch(place / f"attempt-{seed}") as folder:
                verdict = KINDS[kind][0](world, rng, folder)
            os.write(writing, json.dumps([kind, seed, verdict.word, verdict.told]).encode() + b"\n")
        code = 0
    except BaseException:  # noqa: BLE001  of this script's own mistakes
        traceback.print_exc()
    finally:
        os._exit(code)


def _stop(number: int, frame: FrameType | None) -> None:
    """End a worker, and whom it attacks."""
    for child in running:
        kill(child)
    os._exit(0)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _parsed(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--count", type=int, default=1 << 30, help="attempts at most")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 31))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="attempts at a time")
    parser.add_argument(
        "--only", nargs="+", default=["*"], metavar="KIND", help="kinds of attempts, or patterns of them"
    )
    parser.add_argument("--verbose", action="store_true", help="a line on every attempt")
    parsed = parser.parse_args(argv)
    parsed.only = [kind for kind in KINDS if any(matching([kind], pattern) for pattern in parsed.only)]
    if not parsed.only:
        parser.error(f"--only: there are {', '.join(KINDS)}")
    return parsed


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    sys.exit(main())

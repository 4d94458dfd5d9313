"""Runs of favae-run that together make a larger piece of work: each is done once, and goes on where it stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

import yaml

from favae_cli.common.run_folder import RunFolder

MISTAKE = 2  # exit code of favae-run
STOPPED = (128 + signal.SIGINT, 128 + signal.SIGTERM)  # and its exit codes where somebody wanted it to end

Failures = dict[Path, int]  # exit code of every run that failed


def work(runs: Mapping[Path, Sequence[str]], after: Callable[[Failures], object]) -> int:
    """Complete one run after the other; those that fail do not hold up the others.

    Args:
        runs: folder and arguments of each.
        after: called with what has failed so far when a run has ended, however it did.

    Returns:
        The exit code of the first that failed, else 0.
    """
    failures: Failures = {}
    for place, (run, arguments) in enumerate(runs.items(), 1):
        print(f"{place} of {len(runs)}: {run.name}", flush=True)
        code = complete(run, arguments)
        if code:
            failures[run] = code
        after(failures)
        if code in STOPPED:
            print("stopped; the same command goes on from here", file=sys.stderr)
            break
        if code:
            print(f"{run.name} failed (exit code {code}); the others go on", file=sys.stderr)
    return next(iter(failures.values()), 0)


def complete(run: Path, arguments: Sequence[str]) -> int:
    """Do a run, or what is left of it; the exit code is that of favae-run.

    Args:
        run: its folder.
        arguments: of favae-run, without the folder.
    """
    if not RunFolder(run).taken:
        return favae_run([*arguments, f"hydra.run.dir={run}"])
    if recorded(run) != list(arguments):
        told = f"{run}: holds a run with other settings, so it is left alone; delete it, or choose another folder"
        print(told, file=sys.stderr)
        return MISTAKE
    return 0 if finished(run) else favae_run([f"resume={run}"])


def finished(run: Path) -> bool:
    """Whether the run came to its end."""
    return RunFolder(run).report.is_file()


def recorded(run: Path) -> list[str]:
    """The arguments that the run was begun with; none where none was begun."""
    path = RunFolder(run).overrides
    return [line.lstrip("+") for line in yaml.safe_load(path.read_text()) or []] if path.is_file() else []


def favae_run(arguments: Sequence[str]) -> int:
    """The exit code of favae-run in a process of its own, 128 and the signal's number if one killed it.

    Ctrl-C reaches that process as well, and a SIGTERM is passed on to it: it saves and ends, and is waited for.
    """
    process = subprocess.Popen([sys.executable, "-m", "favae_cli", *arguments])

    def pass_on(number: int, frame: FrameType | None) -> None:
        process.terminate()

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        while True:
            try:
                code = process.wait()
            except KeyboardInterrupt:
                continue
            return code if code >= 0 else 128 - code
    finally:
        signal.signal(signal.SIGTERM, before)

"""Chaos judges what comes of its attacks rightly, and goes on by the same seeds."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from favae_cli.reporting import style

Script = Callable[[str], ModuleType]


@pytest.fixture
def attempt(script: Script) -> ModuleType:
    return script("attempt")


def failing() -> int:
    raise ValueError("a bug")


def killed() -> int:
    os.kill(os.getpid(), signal.SIGUSR1)
    return 0


def refused() -> int:
    os.write(2, b"favae-run: seed: must be a number\n")
    return 2


def hung() -> int:
    signal.pause()
    return 0


@pytest.mark.parametrize(
    ("work", "same", "word"),
    [
        (lambda: 0, None, "survived"),
        (lambda: 0, True, "exact"),
        (lambda: 0, False, "silent"),
        (refused, False, "refused"),
        (failing, True, "traceback"),
        (killed, True, "traceback"),
        (hung, True, "traceback"),
    ],
)
def test_an_ending_is_told_by_its_kind(
    work: Callable[[], int], same: bool | None, word: str, attempt: ModuleType, script: Script, tmp_path: Path
) -> None:
    ending = attempt.forked(work, tmp_path, tmp_path / "told", patience=0.5)
    verdict = script("verdict").judged(ending, "what was done", same)
    assert verdict.word == word
    assert verdict.is_bad == (word in ("traceback", "silent"))
    if work is failing:
        assert "ValueError: a bug" in verdict.told


def test_the_table_has_a_row_a_kind_and_one_for_all(script: Script) -> None:
    table = script("verdict").table([("a", "exact"), ("a", "refused"), ("b", "exact")])
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert rows[0] == ["what", "attempts", "exact", "survived", "refused", "skipped", "traceback", "silent"]
    assert rows[2:] == [
        ["a", "2", "1", "0", "1", "0", "0", "0"],
        ["b", "1", "1", "0", "0", "0", "0", "0"],
        ["all", "3", "2", "0", "1", "0", "0", "0"],
    ]


def test_damage_is_damage_and_the_same_by_the_same_seed(script: Script, tmp_path: Path) -> None:
    damage, whole = script("damage"), b'{"a": 1}\n{"b": 2}\n' * 20
    for kind in damage.KINDS:
        found = []
        for _ in range(2):
            file = tmp_path / f"{kind}.json"
            file.write_bytes(whole)
            damage.damaged(file, np.random.default_rng(3), (kind,))
            found.append(file.read_bytes() if file.is_file() else None)
            if file.is_dir():
                file.rmdir()
        assert found[0] == found[1] != whole


@pytest.fixture
def chaos(script: Script, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script, with a world that nobody made and one kind of attempt: the seeds of 3 end badly."""
    chaos, world, verdict = script("chaos"), script("world"), script("verdict")
    monkeypatch.setattr(chaos, "warm_up", lambda: None)
    monkeypatch.setattr(world.World, "made", classmethod(lambda cls, folder: cls(folder)))
    monkeypatch.setenv("FAVAE_CACHE", "unchanged")

    def attempted(world: Any, rng: np.random.Generator, folder: Path) -> Any:
        assert folder.is_dir()
        seed = int(folder.name.partition("-")[2])
        return verdict.Verdict("silent" if seed == 3 else "exact", f"drew {rng.integers(1 << 30)}")

    monkeypatch.setitem(chaos.KINDS, "nothing", (attempted, 1.0))
    return chaos


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_it_goes_on_after_a_failure_tells_its_seed_and_ends_badly(
    jobs: str, chaos: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--only", "nothing", "--jobs", jobs]
    assert chaos.main(["--seed", "1", "--count", "5", *asked]) == 1
    told = capsys.readouterr().out
    assert "| all | 5 | 4 | 0 | 0 | 0 | 0 | 1 |" in told
    (line,) = [line for line in told.splitlines() if "SEED=" in line]
    assert line.startswith("SILENT in nothing, SEED=3: drew ")
    assert chaos.main(["--seed", "3", "--count", "1", *asked]) == 1
    assert line in capsys.readouterr().out  # the same attempt, first
    assert chaos.main(["--seed", "4", "--seconds", "0", *asked]) == 0


@pytest.mark.slow
def test_an_attempt_of_each_quick_kind(
    script: Script,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    quick_figures: Callable[[], AbstractContextManager[None]],
) -> None:
    monkeypatch.setenv("FAVAE_CACHE", str(tmp_path / "cache"))
    # What is then quick and coarse is to be as it was for the tests that follow.
    monkeypatch.setattr(style, "DPI", style.DPI)
    monkeypatch.setattr(style.blank, "__kwdefaults__", dict(style.blank.__kwdefaults__ or {}))
    with quick_figures():
        script("attempt").warm_up()
        world = script("world").World.made(tmp_path / "world", ("train",))
        rng = np.random.default_rng(0)
        verdicts = [
            script("inputs").damaged_input("table.csv", world, rng, tmp_path / "input"),
            script("folders").damaged_run_folder(world, rng, tmp_path / "folder"),
            script("fuzzing").fuzzed_config(world, rng, tmp_path / "config"),
        ]
    for verdict in verdicts:
        assert verdict.word in ("exact", "survived", "refused"), verdict

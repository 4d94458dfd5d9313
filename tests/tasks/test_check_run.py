"""task=check of a finished run: what is whole is said to be, and whatever was changed since is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from favae_cli import FAVAE
from favae_cli.cli import main

Change = Callable[[Path], object]

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def checked(mixed_run: Path, tmp_path: Path) -> Path:
    """A copy of a run, with what its evaluation would have left."""
    folder = shutil.copytree(mixed_run, tmp_path / "run")
    (folder / "metrics.json").write_text('{"predict/mean": 0.5}')
    (folder / "report.html").write_text("<html>")
    (folder / "health.json").write_text(
        json.dumps([{"kind": "few samples", "view": "bits", "told": "only 3 test samples", "advice": "take more"}])
    )
    return folder


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_what_is_as_it_was_left_is_said_to_be(checked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in checked.rglob("*") if path.is_file() and path.name != ".lock"}
    assert main(["task=check", f"run={checked}"]) == 0
    told = capsys.readouterr().err
    for part in ("files", "checkpoints", "model", "data"):
        assert f"{part:<12} as they were left" in told
    assert "warning: bits: only 3 test samples; take more" in told
    after = {path: path.stat().st_mtime_ns for path in checked.rglob("*") if path.is_file() and path.name != ".lock"}
    assert after == before


def swap(run: Path) -> None:
    config = run / ".hydra" / "config.yaml"
    text = config.read_text()
    first = text.index("new", text.index("bits"))
    config.write_text(text[:first] + "sold" + text[first + 3 :].replace("sold", "new", 1))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda run: (run / "metrics.json").unlink(), "metrics.json: is missing; favae-run resume="),
        (lambda run: (run / "metrics.json").write_text("{"), "metrics.json: is damaged"),
        (lambda run: (run / "metrics.jsonl").write_text('{"kind": 3}'), "metrics.jsonl, line 1: is damaged"),
        (lambda run: (run / "health.json").write_text("{}"), "health.json: is damaged"),
        (lambda run: flip(run / "checkpoints" / "last" / "tensors.safetensors"), "the hash is not the one"),
        (lambda run: flip(run / "checkpoints" / "alone" / "samples.keys.npy"), "samples.keys.npy"),
        (lambda run: shutil.rmtree(run / "checkpoints" / "last"), "no checkpoint at"),
        (swap, "was trained by another config than it holds now (data.views.bits.columns is"),
        (lambda run: (run.parent / "mixed.csv").write_text("id"), "mixed.csv: the table has no row"),
    ],
    ids=["missing", "json", "lines", "health", "tensors", "table", "checkpoint", "config", "data"],
)
def test_what_was_changed_is_named(
    change: Change, told: str, checked: Path, mixed_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(mixed_run.parent / "mixed.csv", checked.parent)
    config = checked / ".hydra" / "config.yaml"
    config.write_text(config.read_text().replace(f"root: {mixed_run.parent}", f"root: {checked.parent}"))
    change(checked)
    assert main(["task=check", f"run={checked}"]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("favae-run: ")]
    assert any(told in line for line in lines), lines


@pytest.mark.slow
def test_a_run_from_python_is_whole_without_data_and_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    X = {"a": np.random.default_rng(0).normal(size=(50, 3))}
    FAVAE(factors=2, device="cpu", directory=tmp_path / "run").fit(X)
    assert main(["task=check", f"run={tmp_path / 'run'}"]) == 0
    assert "data         not kept with a run that was fitted on arrays" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run=nowhere"], "run: there is no folder"),
        (["run=.", "data.root=x"], "data.root: task=check of a run takes run and trust"),
        (["run=.", "trust=yes"], "trust=yes: must be true or false"),
    ],
)
def test_mistakes_are_a_line(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["task=check", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"favae-run: {told}")

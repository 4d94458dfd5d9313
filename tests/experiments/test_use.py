"""A run from its training to its use, all from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

Metrics = dict[str, float]
MetricsOf = Callable[[Path], Metrics]
Run = Callable[..., int]


def only(folder: Path) -> Path:
    (directory,) = folder.iterdir()
    return directory


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture of another size, shape and kind than the run's."""
    path = tmp_path / "me.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 70), np.uint8)).save(path)
    return path


@pytest.mark.slow
def test_scored_again_a_run_has_the_same_numbers(
    finished: Path, favae_run: Run, metrics_of: MetricsOf, untimed: Callable[[Metrics], Metrics]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    assert favae_run("task=evaluate", f"run={finished}", "trainer.threads=1") == 0
    trained = {key: value for key, value in untimed(metrics_of(finished)).items() if not key.startswith("before/")}
    assert untimed(metrics_of(only(Path("outputs/evaluate")))) == trained
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before


@pytest.mark.slow
def test_a_photo_is_edited(finished: Path, favae_run: Run, photo: Path) -> None:
    asked = "attributes.Smiling=1", "attributes.Male=0", "format=parquet"
    assert favae_run("task=edit", f"run={finished}", f"input={photo}", *asked) == 0
    made = only(Path("outputs/edit"))
    with Image.open(made / "images" / "me.png") as image:
        assert (image.size, image.mode) == ((16, 16), "RGB")
    assert pd.read_parquet(made / "attributes.parquet")["key"].tolist() == ["me.png"]
    assert (made / "figures" / "editing.png").is_file()
    log = (made / "run.log").read_text()
    assert "1 of 1 inputs resized to the 16 x 16 pixels of face; not square and therefore squeezed: 1" in log
    assert "1 of 1 inputs in grey; taken as colour" in log


@pytest.mark.slow
def test_what_the_run_cannot_do_is_a_line(
    finished: Path, favae_run: Run, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = f"run={finished}"
    for asked, told in (
        (["task=translate", run, f"input={photo}"], f"run: {finished} has no view of images beside face"),
        (["task=generate", run, "attributes.smile=1"], "attributes.smile: the run has no such attribute; did you"),
        (["task=interpolate", run, f"input={photo}"], "input: a way needs two images at least"),
    ):
        assert favae_run(*asked) == 2
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("favae-run: ")]
        assert len(lines) == 1
        assert lines[0].startswith(f"favae-run: {told}")

"""Runs of earlier versions are loaded, gone on with and judged; `make.py` keeps another whenever the schema changes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pandas as pd
import pytest

from favae_cli import FAVAE
from favae_cli.cli import main
from favae_cli.training.checkpoint import READABLE, SCHEMA

HERE = Path(__file__).parent
KEPT = sorted(HERE.glob("schema*"))
DATA = "DATA"  # stands for the folder of the table

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("elsewhere")]

Golden = Callable[[str], Path]


@pytest.fixture(params=KEPT, ids=lambda folder: folder.name)
def golden(
    request: pytest.FixtureRequest, tmp_path: Path, quick_figures: Callable[[], AbstractContextManager[None]]
) -> Iterator[Golden]:
    """A copy of a run that a version has left: `golden("whole")`, `golden("half")`."""
    shutil.copy(HERE / "people.csv", tmp_path)

    def copied(name: str) -> Path:
        folder = shutil.copytree(request.param / name, tmp_path / name)
        config = folder / ".hydra" / "config.yaml"
        config.write_text(config.read_text().replace(DATA, str(tmp_path)))
        return folder

    with quick_figures():
        yield copied


def numbers(folder: Path, *kinds: str) -> dict[str, float]:
    """What a run measured of its test samples, of these kinds; of neighbours equally near, any may be taken."""
    found: dict[str, float] = json.loads((folder / "metrics.json").read_text())
    return {key: value for key, value in found.items() if key.startswith(kinds) and not re.search("base|_knn$", key)}


def require_alike(now: dict[str, float], then: dict[str, float]) -> None:
    """Other machines round otherwise, and a later version may measure more."""
    assert len(now.keys() & then.keys()) > 3
    for key in now.keys() & then.keys():
        assert now[key] == pytest.approx(then[key], rel=2e-2, abs=2e-2), key


def test_there_is_one_of_every_schema_that_is_read_but_the_first() -> None:
    assert [folder.name for folder in KEPT] == [f"schema{number}" for number in READABLE if number > 2]
    assert f"schema{SCHEMA}" in {folder.name for folder in KEPT}


def test_a_finished_run_is_judged_as_it_was(golden: Golden) -> None:
    run = golden("whole")
    assert main(["task=evaluate", f"run={run}", "hydra.run.dir=again", "trainer.device=cpu"]) == 0
    require_alike(numbers(Path("again"), "test/", "predict/"), numbers(run, "test/", "predict/"))


def test_a_stopped_run_goes_on_and_its_networks_end_as_if_it_had_never_stopped(golden: Golden) -> None:
    run = golden("half")
    last = run / "checkpoints" / "last"
    shutil.copytree(last, last.with_name("best"))  # the best so far is a few steps older, and was not kept
    assert main([f"resume={run}"]) == 0
    # Not what the views say of each other, nor what hangs on the factors: today's version fits these otherwise.
    kinds = [f"test/body/{score}" for score in ("r2", "rmse", "mae", "log_likelihood")]
    require_alike(numbers(run, *kinds), numbers(golden("whole"), *kinds))


def test_a_finished_run_fills_holes(golden: Golden) -> None:
    run = golden("whole")
    assert main(["task=impute", f"run={run}", "split=all", "output=filled.csv", "trainer.device=cpu"]) == 0
    assert pd.read_csv("filled.csv").notna().all().all()
    model = FAVAE.load(run, device="cpu")
    X = {"size": [[180.0, None]], "colour": [["red"]]}
    known = {name: values for name, values in X.items() if name in model.views_}
    assert set(model.predict(known)) == model.views_.keys() - {"colour"}

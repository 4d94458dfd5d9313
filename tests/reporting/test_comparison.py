"""The page with several runs: what differs comes first, the best is marked, and nothing is loaded or left elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from PIL import Image

from favae_cli.cli import main
from favae_cli.common.run_folder import RunFolder
from favae_cli.reporting.comparison import write_comparison
from favae_cli.reporting.measures import is_headline, measure_of
from favae_cli.sweeps.table import RESULTS, SweepTable


def run(folder: Path, beta: float, metrics: dict[str, float], *figures: str) -> Path:
    """A folder with what a run leaves of its config, numbers and figures."""
    left = RunFolder(folder)
    left.hydra.mkdir(parents=True)
    left.config.write_text(f"model: {{name: fa_vae, beta: {beta}}}\nseed: 0\nviews: {{}}\n")
    left.metrics.write_text(json.dumps(metrics))
    epochs = [
        {"kind": "epoch", "epoch": n, "view": "face", "phase": "alone", "round": 0, "validation/elbo": -beta / n}
        for n in (1, 2, 3)
    ]
    rounds = [{"kind": "round", "round": n, "bound": -10.0 + beta * n, "factors/active": 3} for n in (1, 2)]
    left.records.write_text("".join(json.dumps(line) + "\n" for line in epochs + rounds))
    for name in figures:
        left.figures.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4), "red").save(left.figure(name))
    return folder


@pytest.fixture
def unseen(quick_figures: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """Nobody looks at the curves."""
    with quick_figures():
        yield


@pytest.fixture
def two(tmp_path: Path) -> dict[str, Path]:
    first = {"test/face/r2": 0.5, "test/face/rmse": 0.8, "factors/active": 3, "predict/face/r2_usual": 0.1}
    second = {"test/face/r2": 0.7, "test/face/rmse": 0.9, "factors/active": 5, "predict/face/r2_usual": 0.2}
    return {
        "one": run(tmp_path / "runs" / "one", 1.0, first, "translation", "factor_3"),
        "<two>": run(tmp_path / "runs" / "two", 4.0, second, "translation", "factor_3", "race"),
    }


def cells(page: str, name: str) -> list[tuple[str, str]]:
    """Class and text of every cell in the row of that name."""
    (row,) = re.findall(rf"<tr><td[^>]*>{re.escape(name)}</td>(.*?)</tr>", page)
    return [(kind.strip(), text) for kind, text in re.findall(r'<td(?: class="([^"]*)")?>(.*?)</td>', row)]


@pytest.mark.usefixtures("unseen")
def test_what_differs_comes_first_and_the_best_is_marked(two: dict[str, Path], tmp_path: Path) -> None:
    write_comparison(two, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.index("What differs") < page.index("<h3>Scores</h3>") < page.index("<h2>Training</h2>")
    assert [text for _, text in cells(page, "model.beta")] == ["1.0", "4.0"]
    assert "model.name" not in page
    assert [("best" in kind, text) for kind, text in cells(page, "test/face/r2")[2:]] == [
        (False, "0.500"),
        (True, "0.700"),
    ]
    assert [("best" in kind, text) for kind, text in cells(page, "test/face/rmse")] == [
        (False, "lower"),
        (False, "standard deviations"),
        (True, "0.800"),
        (False, "0.900"),
    ]
    assert not any("best" in kind for kind, _ in cells(page, "factors/active") + cells(page, "predict/face/r2_usual"))


@pytest.mark.usefixtures("unseen")
def test_long_values_that_differ_in_the_middle_differ(two: dict[str, Path], tmp_path: Path) -> None:
    for place, folder in enumerate(two.values()):
        columns = [f"column_{n}" for n in range(40)]
        columns[20] += f"_{place}"
        with RunFolder(folder).config.open("a") as file:
            file.write(f"columns: {json.dumps(columns)}\n")
    write_comparison(two, tmp_path / "page.html")
    one, other = (text for _, text in cells((tmp_path / "page.html").read_text(), "columns"))
    assert "column_20_0" in one
    assert "column_20_1" in other


def test_records_without_validation_samples_have_no_curves(two: dict[str, Path], tmp_path: Path) -> None:
    for folder in two.values():
        RunFolder(folder).records.write_text('{"kind": "epoch", "epoch": 1, "view": "face", "phase": "alone"}\n')
    write_comparison(two, tmp_path / "page.html")
    assert "<svg " not in (tmp_path / "page.html").read_text()


def test_figures_stand_in_rows_and_curves_in_one_picture(two: dict[str, Path], tmp_path: Path) -> None:
    write_comparison(two, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/png;base64,") == 2  # translation of both; no cards, nothing that only one has
    assert page.count("<svg ") == 2
    assert "&lt;two&gt;" in page
    assert "<two>" not in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)


def test_numbers_have_their_units_and_directions() -> None:
    assert measure_of("predict/label/log_loss") == ("nats", "lower")
    assert measure_of("test/face/attributes/ece") == ("", "lower")
    assert measure_of("translate/a-b/median_rank").better == "lower"
    assert measure_of("translate/a-b/chance_median_rank").better == ""
    assert measure_of("images_per_second/alone") == ("samples a second", "higher")
    assert measure_of("seconds/alone") == ("s", "lower")
    assert measure_of("before/test/face/r2").better == ""
    assert measure_of("test/face/kl") == ("nats a sample", "")
    assert is_headline("predict/mean")
    assert is_headline("edit/flip")
    assert not is_headline("seconds/alone")
    assert not is_headline("test/attributes/Smiling/auc")


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    folder = tmp_path / "sweep"
    rows = {}
    for job, beta in (("0", "1"), ("1", "4")):
        run(folder / job, float(beta), {"predict/mean": float(beta) / 10})
        rows[job] = {"job": job, "model.beta": beta, "status": "finished", "score": beta}
    SweepTable(["job", "model.beta", *RESULTS], rows).write(folder)
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("unseen")
def test_a_sweep_is_its_runs(elsewhere: None, sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in sweep.rglob("*")}
    assert main(["task=compare", "runs=sweep"]) == 0
    assert capsys.readouterr().out == "2 runs: compare.html\n"
    page = Path("compare.html").read_text()
    assert "1, model.beta=4" in page
    assert {path: path.stat().st_mtime_ns for path in sweep.rglob("*")} == before
    assert main(["task=compare", "runs=sweep"]) == 2
    assert main(["task=compare", "runs=sweep", "overwrite=true"]) == 0
    assert main(["task=compare", "runs=sweep/0", "output=other.html"]) == 2
    assert main(["task=compare", "runs=[sweep,nowhere]", "output=other.html"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "favae-run: output: compare.html is there already; overwrite=true replaces it",
        "favae-run: runs: 1 run to compare; name two, a sweep, or a folder that holds them",
        f"favae-run: runs: there is no folder {tmp_path / 'nowhere'}",
    ]


@pytest.mark.usefixtures("unseen")
def test_a_folder_is_what_is_in_it(elsewhere: None, sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("outputs").mkdir()
    sweep.rename("outputs/sweep")
    run(Path("outputs/alone"), 2.0, {"predict/mean": 0.2})
    Path("outputs/alone/.lock").touch()
    assert main(["task=compare", "runs=outputs"]) == 0
    assert capsys.readouterr().out == "3 runs: compare.html\n"
    Path("empty").mkdir()
    assert main(["task=compare", "runs=empty", "output=other.html"]) == 2
    assert "empty is not the folder of a run" in capsys.readouterr().err


@pytest.mark.usefixtures("unseen")
def test_what_somebody_else_keeps_for_himself_is_passed_over_unless_it_is_named(
    elsewhere: None,
    sweep: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    others_unreadable: None,
) -> None:
    for name in ("outputs", "outputs/others"):
        Path(name).mkdir()
    sweep.rename("outputs/sweep")
    assert main(["task=compare", "runs=outputs"]) == 0
    assert capsys.readouterr().out == "2 runs: compare.html\n"
    assert caplog.messages == ["outputs/others cannot be read, and is passed over"]
    assert main(["task=compare", "runs=[outputs/sweep,outputs/others]", "output=other.html"]) == 2
    assert capsys.readouterr().err == "favae-run: runs: outputs/others cannot be read: permission denied\n"

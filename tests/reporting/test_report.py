"""The report: everything a run has, on one page that needs nothing else."""

import base64
import json
import re
from pathlib import Path

import pytest

from favae_cli.common.errors import UserError
from favae_cli.reporting.report import write_report
from favae_cli.reporting.sections import CAPTIONS
from favae_cli.reporting.table import Table, number
from favae_cli.reporting.tables import headline, tables

METRICS = {
    "before/test/face/r2_mean": 0.9,
    "test/face/r2_mean": 0.895,
    "test/face/log_likelihood": 1234.56,
    "test/attributes/smiling/auc": 0.8,
    "test/attributes/smiling/auc_probe": 0.85,
    "test/attributes/male/auc": 0.9,
    "test/attributes/auc": 0.85,
    "judge/accuracy": 0.99,
    "judge/smiling/accuracy": 0.98,
    "edit/smiling/flip": 0.75,
    "edit/flip": 0.7,
    "factors/active": 23,
    "factors/shared": 7,
    "factors/private/face": 16,
    "seconds/alone": 61.25,
    "images_per_second/alone": 180.4,
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a finished run."""
    folder = tmp_path / "outputs" / "faces & more" / "2026-03-04_15-06-07-000001"
    (folder / ".hydra").mkdir(parents=True)
    (folder / "figures").mkdir()
    (folder / ".hydra" / "config.yaml").write_text("seed: 0 # <b>every</b> number\n")
    (folder / ".hydra" / "overrides.yaml").write_text("- data.attributes=[Smiling,Male]\n")
    (folder / "metrics.json").write_text(json.dumps(METRICS))
    records = [
        {"kind": "epoch", "epoch": 12, "round": 1, "view": "face", "phase": "round"},
        {"kind": "round", "round": 1, "bound": -7.0, "factors/active": 2},
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records) + '{"kind": "ep')
    return folder


def add_figure(run: Path, name: str) -> bytes:
    content = b"\x89PNG of " + name.encode()
    (run / "figures" / f"{name}.png").write_bytes(content)
    return content


def table(title: str, metrics: dict[str, float] = METRICS) -> Table:
    return next(table for table in tables(metrics) if table.title == title)


def test_the_page_tells_what_ran_when_and_how_to_repeat_it(run: Path) -> None:
    page = write_report(run).read_text()

    assert "<h1>faces &amp; more</h1>" in page
    assert "04 March 2026, 15:06 · 12 epochs · 1 round" in page
    assert "favae-run &#39;data.attributes=[Smiling,Male]&#39;" in page
    assert "favae-run &#39;resume=outputs/faces &amp; more/2026-03-04_15-06-07-000001&#39;" in page
    assert "seed: 0 # &lt;b&gt;every&lt;/b&gt; number" in page
    for name, value in METRICS.items():
        assert f"<code>{name}</code></td><td>{value}</td>" in page


def test_figures_are_inside_the_page_known_ones_first(run: Path) -> None:
    contents = [add_figure(run, name) for name in ("curves", "editing_face", "a_chart")]

    page = write_report(run).read_text()

    images = re.findall(r'src="data:image/png;base64,([^"]*)"', page)
    assert [base64.b64decode(image) for image in images] == [contents[1], contents[0], contents[2]]
    assert re.findall(r"<figcaption><h3>(.*?)</h3>", page) == ["Editing: face", "Curves", "a_chart.png"]
    assert CAPTIONS["editing"] in page


def test_the_page_loads_nothing(run: Path) -> None:
    add_figure(run, "bound")
    page = write_report(run).read_text()
    assert not re.search(r"https?://|<script[^>]|<link|@import", page)
    assert all(source.startswith(("data:", "#")) for source in re.findall(r'(?:src|href)="([^"]*)"', page))


def test_files_that_somebody_put_there_are_shown_and_do_nothing(run: Path) -> None:
    add_figure(run, 'a" onerror="x()')
    (run / "figures" / 'a" onerror="x().svg').write_bytes(b"\xff no text")
    add_figure(run, "bound")
    (run / "figures" / "bound.svg").write_text('<svg viewBox="0 0 1 1"><script>x()</script></svg>')
    page = write_report(run).read_text()
    assert page.count("data:image/png;base64,") == 2
    assert 'onerror="' not in page
    assert "x()</script>" not in page


def test_a_run_that_has_nothing_yet_still_has_a_page(tmp_path: Path) -> None:
    page = write_report(tmp_path).read_text()
    assert f"<h1>{tmp_path.name}</h1>" in page
    assert "<table" not in page
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("name", "held"),
    [
        *(
            (".hydra/hydra.yaml", held)
            for held in (b"[", b"[1]", b"hydra: 3", b"hydra: {runtime: {choices: [a]}}", b"\xff")
        ),
        *(
            (name, held)
            for name in (".hydra/overrides.yaml", ".hydra/resumed.yaml")
            for held in (b"{", b"a: 1", b"\xff")
        ),
        *(("metrics.jsonl", held) for held in (b"{]}\n", b'{"kind": 3}\n', b'{"kind": "round"}\n', b"\xff}\n")),
        *((name, held) for name in ("metrics.json", "health.json") for held in (b"{", b"3", b"\xff")),
    ],
)
def test_a_damaged_file_of_the_run_is_a_line_that_names_it(name: str, held: bytes, run: Path) -> None:
    (run / name).write_bytes(held)
    with pytest.raises(UserError) as refused:
        write_report(run)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(str(run / name))


def test_reconstruction_is_compared_before_and_after() -> None:
    assert table("Reconstruction").rows == [
        ["face", "R2, mean over images", "0.900", "0.895", "-0.005"],
        ["face", "log-likelihood (nats)", "-", "1,234.6", "-"],
    ]


def test_attributes_have_a_row_each_and_their_mean() -> None:
    made = table("Prediction of attributes")
    assert [row[:3] for row in made.rows] == [
        ["smiling", "0.800", "0.850"],
        ["male", "0.900", "-"],
        ["mean", "0.850", "0.850"],
    ]
    assert all(len(row) == len(made.header) for row in made.rows)


def test_the_judge_is_told_whole_and_by_attribute() -> None:
    assert [row[1] for row in table("Generation and editing").rows] == ["0.990", "0.700"]
    assert table("Generation and editing by attribute").rows == [
        ["smiling", "-", "0.980", "-", "-", "0.750", "-", "-", "-"]
    ]


def test_factors_and_phases() -> None:
    assert [row[1] for row in table("Factors").rows] == ["23", "7", "16"]
    assert table("Time").rows == [["alone", "61.2", "180"]]


def test_headline_holds_only_what_was_measured() -> None:
    assert headline(METRICS) == [
        ("R2 of face", "0.895", "0.900 by the VAE alone"),
        ("AUC of attributes", "0.850", "0.850 by a probe on z"),
        ("Edits that flip", "0.700", "by the judge"),
        ("Active factors", "23", "7 shared"),
    ]
    assert headline({}) == []
    mixed = {"predict/r2": 0.4, "predict/accuracy": 0.8, "predict/mean": 0.6}  # R2 and accuracy have no mean
    assert [(label, value) for label, value, _ in headline(mixed)] == [
        ("Prediction, R2", "0.400"),
        ("Prediction, accuracy", "0.800"),
    ]
    assert tables({}) == []


def test_what_is_worse_than_the_usual_is_marked() -> None:
    scores = {"r2": -0.3, "coverage": 0.7, "r2_usual": -0.01, "r2_knn": 0.2}
    metrics = {f"predict/a/{name}": value for name, value in scores.items()} | {"predict/b/r2": 0.4}
    made, full = tables(metrics)
    assert made.rows == [
        ["a", "R2", "-0.300 (!)", "-0.010", "-", "0.200", "0.700"],
        ["b", "R2", "0.400", "-", "-", "-", "-"],
    ]
    assert full.rows == [
        ["a", "-0.300 (!)", "0.700"],
        ["  what is usual", "-0.010", "-"],
        ["  nearest neighbours", "0.200", "-"],
        ["b", "0.400", "-"],
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.123"),
        (-0.0001, "0.000"),
        (12345.678, "12,345.7"),
        (1.0, "1.000"),
        (20.0, "20"),
        (None, "-"),
    ],
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert number(value) == text


def test_a_number_that_is_none_is_a_dash() -> None:
    assert number(float("nan")) == "-"

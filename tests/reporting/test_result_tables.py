"""What evaluations leave as tables, on the page."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from favae_cli.common.run_folder import RunFolder
from favae_cli.reporting.report import write_report
from favae_cli.reporting.result_tables import result_tables
from favae_cli.reporting.table_figures import COUNT, presence, top_weights


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Forty columns, the first the best; two factors, one of which nobody uses."""
    run = RunFolder(tmp_path)
    run.results.mkdir()
    names = [f"gene {i}" if i else "NA" for i in range(40)]  # a column of that name is one
    columns = pd.DataFrame({"view": "rna", "column": names, "measure": "R2", "score": [1 - i / 40 for i in range(40)]})
    columns.assign(usual=0.0, coverage=0.9, samples=1200).to_csv(run.result("columns"), index=False)
    explained = pd.DataFrame(
        {"factor": [3, 3, 1, 1], "use": ["shared rna, age"] * 2 + ["unused"] * 2, "view": ["rna", "age"] * 2}
    ).assign(active=[True, True, False, False], embedding_total=[0.25, -0.015, 0.0, 0.0])
    explained.to_csv(run.result("explained"), index=False)
    top = pd.DataFrame({"view": "rna", "column": ["gene 1", "gene 2"], "factor": 3, "weight": [0.5, -0.25]})
    top.assign(deviation=float("nan")).to_csv(run.result("top_columns"), index=False)
    return run


def test_of_many_columns_the_best_the_middle_and_the_worst_are_shown(folder: RunFolder) -> None:
    columns, _ = result_tables(folder)
    shown = [row[1] for row in columns.rows]
    assert shown[:5] == ["NA", "gene 1", "gene 2", "gene 3", "gene 4"]
    assert shown[5:10] == [f"gene {i}" for i in range(17, 22)]
    assert shown[10:] == [f"gene {i}" for i in range(35, 40)]
    assert columns.rows[0][2:] == ["R2", "1.000", "0.000", "0.900", "1,200"]
    assert "all 40: results/columns.csv" in columns.note


def test_factors_are_told_by_what_they_explain_and_their_columns(folder: RunFolder) -> None:
    _, factors = result_tables(folder)
    assert factors.rows == [["3", "shared", "rna 25.0 %, age -1.5 %", "rna: +gene 1, -gene 2"]]


def test_a_run_in_which_no_view_uses_a_factor_has_its_page(folder: RunFolder) -> None:
    unused = pd.read_csv(folder.result("explained")).assign(use="unused", active=False)
    unused.to_csv(folder.result("explained"), index=False)
    assert "Factors, one by one" not in write_report(folder.path).read_text()


def test_the_page_has_them_in_sections_that_links_reach_and_that_sort(folder: RunFolder) -> None:
    page = write_report(folder.path).read_text()
    assert '<a href="#prediction">Prediction</a>' in page
    assert page.index('<h2 id="prediction">') < page.index("Predicted columns") < page.index('<h2 id="factors">')
    assert '<table class="sortable">' in page


def test_top_columns_are_shared_out_among_the_views_and_views_have_a_legend() -> None:
    table = pd.DataFrame({"view": ["a"] * 10 + ["b"], "column": [f"c{i}" for i in range(11)], "factor": 0})
    figure = top_weights(table.assign(weight=1.0, deviation=0.1), [(0, "shared a, b")])
    assert figure is not None
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["c0", "c1", "c2", "c3", "c10"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]
    assert top_weights(table[:0], [(0, "unused")]) is None


def test_views_that_samples_have_are_dots_below_how_many_there_are() -> None:
    figure = presence(pd.DataFrame({"rna": [1, 1], "samples": [1, 0], COUNT: [30, 12]}))
    above, below = figure.axes
    assert [bar.get_height() for bar in above.containers[0]] == [30, 12]
    assert [label.get_text() for label in below.get_yticklabels()] == ["rna  42", "samples  30"]

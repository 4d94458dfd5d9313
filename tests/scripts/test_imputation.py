"""The bench of imputed entries: what it prints and draws, and that its yardsticks are what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def bench(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("bench.imputation")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_both_tables_are_printed_and_the_figure_is_drawn(
    bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = tmp_path / "imputation.png"
    small = "--sets", "iris", "--shares", "0.2", "0.5", "--samples", "60", "--seeds", "1", "--sweeps", "30"
    bench.main([*small, "--figure", str(figure)])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    tables = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    sets, views, planted = tables[:3], tables[3:6], tables[6:]
    assert [row[0] for row in sets] == ["data", "---", "iris"]
    assert [row[0] for row in planted] == ["share hidden", "---", "0.2", "0.5"]
    iris = dict(zip(sets[0], sets[2], strict=True))
    assert float(iris["FA-VAE"]) < 0.8 * float(iris["column means"])
    halves = dict(zip(views[0], views[2], strict=True))
    assert float(halves["FA-VAE"]) < 0.8 * float(halves["column means"])
    assert 0.75 < float(halves["coverage"]) <= 1
    for row in planted[2:]:
        found = dict(zip(planted[0], row, strict=True))
        assert float(found["best possible"]) < float(found["FA-VAE"]) < float(found["column means"])
        assert 0.75 < float(found["coverage"]) <= 1
    with Image.open(figure) as picture:
        assert len(picture.convert("L").getcolors() or ()) > 10


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_as_many_entries_are_hidden_as_asked_and_no_row_loses_all(bench: ModuleType, share: float) -> None:
    whole = np.random.default_rng(0).standard_normal((2000, 10))
    holes = bench.hide(whole, share, seed=1)
    seen = ~np.isnan(holes)
    assert seen.any(axis=1).all()
    kept = 1 - share + share**10 / 10  # the entry that a row keeps of which all would go
    assert seen.mean() == pytest.approx(kept, abs=0.01)
    np.testing.assert_array_equal(holes[seen], whole[seen])


def test_the_best_possible_error_is_that_of_the_conditional_mean(bench: ModuleType) -> None:
    """Two correlated columns, by hand: E[y | x] = rho x."""
    holes = np.array([[2.0, np.nan], [np.nan, -1.0], [0.5, 3.0]])
    made = bench.expected(holes, np.array([[1.0, 0.6], [0.6, 1.0]]))
    np.testing.assert_allclose(made, [[2.0, 1.2], [-0.6, -1.0], [0.5, 3.0]])


@pytest.mark.parametrize("asked", [["--share", "1"], ["--shares", "0"], ["--seeds", "0"]])
def test_what_makes_no_sense_is_refused(
    bench: ModuleType, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        bench.main(asked)
    assert ended.value.code == 2
    assert asked[0].strip("-").rstrip("s") in capsys.readouterr().err

"""Benchmarks that print one table, at tiny size: of which size, and that the numbers are what the table is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from favae_cli.preparation import first_experiment

Script = Callable[[str], ModuleType]


def cells(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """Of what was printed, its header first."""
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.slow
def test_networks(script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    networks = script("bench.networks")
    monkeypatch.setattr(first_experiment, "STEPS", 100)
    networks.main(["--cases", "folded-400", "--seeds", "3"])
    header, row = cells(capsys)
    assert header[-2:] == ["lines", "neighbours"]
    assert row[0] == "folded, 300"
    r2, seconds, shares = np.split(np.array(row[1:], float), [4, 6])
    assert (r2 < 1).all()
    assert r2[1] > 0
    assert (seconds > 0).all()
    view, _ = networks.pair_of("folded-400", 3, None)
    np.testing.assert_allclose(shares, networks.told(view), atol=5e-4)


def test_networks_are_those_that_init_writes(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    networks = script("bench.networks")
    section, overrides = networks.network_settings(100, 3000)
    assert section == {"type": "vector", "latent": 16, "arch": "mlp"}
    assert overrides[-2:] == ["schedule.alone_epochs=43", "schedule.round_epochs=5"]
    monkeypatch.setattr(first_experiment, "STEPS", 1000)
    monkeypatch.setattr(first_experiment, "FEW_ROWS", 5000)
    section, overrides = networks.network_settings(100, 3000)
    assert section["arch"] == "mlp_small"
    assert overrides[-2:] == ["schedule.alone_epochs=22", "schedule.round_epochs=2"]


@pytest.mark.slow
def test_large_means(script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    large_means = script("bench.large_means")
    monkeypatch.setattr(large_means, "ROWS", 80)
    large_means.main(["--seeds", "1"])
    header, here, imputer = cells(capsys)
    assert header[1:] == list(large_means.COLUMNS)
    assert [here[0], imputer[0]] == ["here, 1", "IterativeImputer, 1"]
    noise = [spread / slope for _, slope, spread in large_means.COLUMNS.values()]
    for row in (here, imputer):
        errors = np.array(row[1:], float)
        assert (errors > 0.5 * np.array(noise)).all()
        assert (errors < 4 * np.array(noise)).all()


@pytest.mark.slow
def test_structure(script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    structure = script("bench.structure")
    monkeypatch.setattr(structure, "SIZES", {"a": 30, "b": 25, "c": 15})
    structure.main(["--draws", "1", "--samples", "1000"])
    header, *lines = cells(capsys)
    assert header == ["noise", "draws", "exact", "seconds"]
    assert [line[:2] for line in lines] == [["equal", "1"], ["unequal", "1"]]
    assert all(int(line[2]) in (0, 1) and float(line[3]) > 0 for line in lines)


def test_factors_of_a_structure_count_by_who_uses_them(script: Script) -> None:
    structure = script("bench.structure")
    uses, embeddings = structure.drawn("equal", 200, seed=0)
    assert set(uses) == set(structure.KINDS)
    counts = {"".join(sorted(pattern)): moments.count for pattern, moments in embeddings.moments().patterns.items()}
    assert sum(counts.values()) == 200
    assert 40 < counts["ac"] < 80  # without b
    active = {name: np.array([name in use for use in (*uses, "")]) for name in "abc"}
    assert structure.found(SimpleNamespace(active=active)) == Counter(uses)

"""When one training is as good as another."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from favae_cli.evaluation.transfer import Course, race, race_metrics


def course(*likelihoods: float, seconds: float = 1.0) -> Course:
    values = np.array(likelihoods)
    return Course(values, np.ones_like(values), seconds * np.arange(1, len(values) + 1))


def test_ratios_count_epochs_and_seconds_until_the_best_of_the_rival_is_reached() -> None:
    rival = course(0.0, 5.0, 8.0, 10.0, 9.0)
    found = race_metrics(course(4.0, 10.0, 12.0, 11.0, seconds=3.0), rival)
    assert found["epoch_ratio"] == 2 / 4
    assert found["seconds_ratio"] == 6 / 4
    assert (found["log_likelihood"], found["final_log_likelihood"], found["epochs"]) == (12.0, 11.0, 3.0)


def test_without_reaching_it_there_is_no_ratio() -> None:
    found = race_metrics(course(4.0, 9.9), course(10.0))
    assert found["reached"] == 0
    assert "epoch_ratio" not in found


def test_a_rival_beside_itself_is_even() -> None:
    rival = course(1.0, 3.0, 2.0)
    found = race_metrics(rival, rival)
    assert found["epoch_ratio"] == found["seconds_ratio"] == 1


def test_seconds_hold_the_rounds_and_what_came_before(tmp_path: Path) -> None:
    epoch = {"kind": "epoch", "epoch": 1, "phase": "alone", "view": "large", "seconds": 3.0}
    records = [
        {"kind": "round", "round": 1, "bound": 1.0, "factors/active": 2, "seconds": 2.0},
        {**epoch, "test/log_likelihood": 7.0, "test/kl": 1.0},
        {**epoch, "test/log_likelihood": 8.0, "test/kl": 1.0},
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    read = Course.read(tmp_path, "large", start=10.0)
    assert read is not None
    assert read.seconds.tolist() == [15.0, 18.0]
    assert read.log_likelihood.tolist() == [7.0, 8.0]


@pytest.mark.parametrize("first", [None, 2])
def test_a_record_without_its_beginning_says_nothing_of_when(first: int | None, tmp_path: Path) -> None:
    record = {"kind": "epoch", "epoch": first, "phase": "alone", "view": "large", "seconds": 3.0}
    line = json.dumps({**record, "test/log_likelihood": 7.0, "test/kl": 1.0}) + "\n"
    (tmp_path / "metrics.jsonl").write_text("" if first is None else line)
    assert Course.read(tmp_path, "large") is None


@pytest.mark.parametrize("likelihoods", [(1.0, 2.0, 3.0), (-1e6, 2.0, 3.0, 3.5)])
def test_the_picture_shows_every_course_and_names_it(likelihoods: tuple[float, ...]) -> None:
    figure = race({"rival": course(*likelihoods), "transfer": course(*likelihoods)})
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["rival", "transfer"]
    low, high = figure.axes[0].get_ylim()
    assert low < likelihoods[-1] < high

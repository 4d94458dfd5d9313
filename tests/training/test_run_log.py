"""Numbers go to metrics.jsonl and TensorBoard once each, also when a part of the run is computed again."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imsave
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from favae_cli.common.errors import UserError
from favae_cli.common.log_lines import logging_to, silent
from favae_cli.training.records import read_records
from favae_cli.training.run_log import RunLog, SilentLog


def epoch(number: int, elbo: float) -> dict[str, object]:
    return {"epoch": number, "view": "face", "phase": "alone", "train/elbo": elbo}


def board(directory: Path) -> EventAccumulator:
    found = EventAccumulator(str(directory / "tensorboard"))
    found.Reload()
    return found


def scalars(directory: Path, tag: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in board(directory).Scalars(tag)]


def test_what_the_run_did_not_write_is_refused_and_may_be_removed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = RunLog(tmp_path)
    log.record("round", {"round": 1, "bound": 2.5, "factors/active": 3})
    log.close()
    written, digest = log.written, log.digest
    path = tmp_path / "metrics.jsonl"
    RunLog(tmp_path, written, digest).close()
    for held in (path.read_text().replace("2.5", "2.6"), ""):
        path.write_text(held)
        with pytest.raises(UserError, match=r"metrics\.jsonl: is not as the run left it; put it back, or remove it"):
            RunLog(tmp_path, written, digest)
    path.unlink()
    assert not caplog.text
    for _ in range(2):  # whoever goes on leaves no empty one
        RunLog(tmp_path, written, digest).close()
        assert f"{path} is gone; the run goes on without its record of what was" in caplog.text
    path.mkdir()
    with pytest.raises(UserError, match=r"metrics\.jsonl: is no file; remove it to go on"):
        RunLog(tmp_path, written, digest)


def test_records_are_lines_of_json_and_scalars(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.record("epoch", epoch(1, -30.5))
    log.record("epoch", epoch(2, -20.25))
    log.record("round", {"round": 1, "bound": -7.0, "factors/active": 2})
    log.numbers({"test/face/r2": 0.5}, 2)
    log.close()
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[0]) == {"kind": "epoch", **epoch(1, -30.5)}
    assert len(read_records(tmp_path)) == 3
    assert read_records(tmp_path, "round") == [{"kind": "round", "round": 1, "bound": -7.0, "factors/active": 2}]
    assert scalars(tmp_path, "face/train/elbo") == [(1, -30.5), (2, -20.25)]
    assert scalars(tmp_path, "round/bound") == [(1, -7.0)]
    assert scalars(tmp_path, "final/test/face/r2") == [(2, 0.5)]
    shown = {"face/train/elbo", "round/bound", "round/factors/active", "final/test/face/r2"}
    assert set(board(tmp_path).Tags()["scalars"]) == shown


def test_pictures_are_on_tensorboard(tmp_path: Path) -> None:
    path = tmp_path / "editing.png"
    imsave(path, np.full((4, 6, 3), 200, np.uint8))
    log = RunLog(tmp_path)
    log.picture("editing", path, 3)
    log.close()
    (event,) = board(tmp_path).Images("editing")
    assert (event.step, event.width, event.height) == (3, 6, 4)
    assert event.encoded_image_string == path.read_bytes()


def test_what_was_written_after_the_checkpoint_is_dropped(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.record("epoch", epoch(1, -30.0))
    written = log.written
    log.record("epoch", epoch(2, -20.0))
    log.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "epoch", "epo')  # the line at which the process was killed
    again = RunLog(tmp_path, written)
    assert again.written == written
    assert [record["train/elbo"] for record in read_records(tmp_path)] == [-30.0]
    again.record("epoch", epoch(2, -10.0))
    again.close()
    assert [record["train/elbo"] for record in read_records(tmp_path)] == [-30.0, -10.0]


@pytest.mark.parametrize("kept", range(7))
def test_a_resumed_run_has_every_point_once_on_tensorboard(kept: int, tmp_path: Path) -> None:
    def records(log: RunLog, first: int, last: int) -> list[int]:
        ends = []
        for i, step in enumerate([1, 2, -1, 3, -2, 4, 5][first:last], first):
            if step > 0:
                log.record("epoch", epoch(step, float(i)))
            else:
                log.record("round", {"round": -step, "bound": float(i), "factors/active": 2})
            ends.append(log.written)
        return ends

    log = RunLog(tmp_path)
    ends = [0, *records(log, 0, 7)]
    log.close()
    again = RunLog(tmp_path, ends[kept])
    records(again, kept, 7)
    again.close()
    assert scalars(tmp_path, "face/train/elbo") == [(1, 0.0), (2, 1.0), (3, 3.0), (4, 5.0), (5, 6.0)]
    assert scalars(tmp_path, "round/bound") == [(1, 2.0), (2, 4.0)]


def test_no_records_where_none_were_written(tmp_path: Path) -> None:
    assert read_records(tmp_path) == []


def test_log_lines_go_to_the_screen_and_to_run_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("favae_cli.training.somewhere")
    for line in ("first", "second"):
        with logging_to(tmp_path):
            logger.info(line)
    logger.info("third")
    assert capsys.readouterr().err == "first\nsecond\n"
    assert [line.split()[-2:] for line in (tmp_path / "run.log").read_text().splitlines()] == [
        ["INFO", "first"],
        ["INFO", "second"],
    ]


def test_a_process_that_does_not_lead_says_nothing_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with silent():
        logging.getLogger("favae_cli.training.somewhere").warning("told by another")
    log = SilentLog()
    log.record("round", {"round": 1, "bound": -1.0, "factors/active": 2})
    log.numbers({"test/r2": 0.5}, 1)
    log.picture("curves", tmp_path / "curves.png", 1)
    log.close()
    assert log.written == 0
    assert capsys.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def test_log_lines_of_others_are_left_alone(tmp_path: Path, make_noise: Callable[[], None]) -> None:
    with logging_to(tmp_path):
        make_noise()
    assert (tmp_path / "run.log").read_text() == ""


@pytest.fixture
def make_noise() -> Callable[[], None]:
    return lambda: logging.getLogger("someone.else").warning("noise")

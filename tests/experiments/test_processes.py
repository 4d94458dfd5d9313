"""A run of two processes: the numbers of one, whoever starts them, stops them or goes on with them."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

pytestmark = pytest.mark.slow

Begin = Callable[..., subprocess.Popen[str]]
Run = Callable[..., int]

PATIENCE = 300.0  # seconds
TWO = "trainer.devices=2"


@pytest.fixture
def command(avatars: list[str]) -> list[str]:
    """A tiny run whose numbers hang on rounding nowhere: in float32, and with every factor kept."""
    return [*avatars, "data.samples=130", "trainer.precision=fp32", "schedule.prune=false"]


def records(directory: str, kind: str) -> list[dict[str, Any]]:
    lines = (Path(directory) / "metrics.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] == kind]


def assert_same_course(one: str, two: str) -> None:
    """The ELBO of every epoch to 1e-4 of its size, bounds to 1e-3, the noises to 2e-2, and the networks' parameters.

    The bound of so few samples hardly hangs on tau, that of the attributes least: other roundings move it by 3e-3.
    """
    for key in ("train/elbo", "validation/elbo"):
        expected = [record[key] for record in records(one, "epoch")]
        assert [record[key] for record in records(two, "epoch")] == pytest.approx(expected, rel=1e-4)
    for key, tolerance in (("bound", 1e-3), ("tau/face", 2e-2), ("tau/attributes", 2e-2)):
        expected = [record[key] for record in records(one, "round")]
        assert [record[key] for record in records(two, "round")] == pytest.approx(expected, rel=tolerance)
    ends = [load_file(Path(run) / "checkpoints" / "last" / "tensors.safetensors") for run in (one, two)]
    assert ends[0].keys() == ends[1].keys()
    for name, tensor in ends[0].items():
        if name.startswith("networks/"):
            assert ends[1][name] == pytest.approx(tensor, rel=1e-2, abs=1e-3), name


def test_two_processes_end_where_one_does_and_either_goes_on_with_the_other(
    command: list[str], undrawn: Run, begin: Begin, fork: Callable[..., Any], forking: None
) -> None:
    assert undrawn(*command, "hydra.run.dir=one") == 0
    assert undrawn(*command, TWO, "hydra.run.dir=two") == 0
    assert_same_course("one", "two")
    assert {path.name for path in Path().iterdir()} == {"one", "two"}

    for start, begun, resumed in ((begin, TWO, "trainer.devices=1"), (fork, "trainer.devices=1", TWO)):
        folder = f"from-{begun[-1]}"
        process = start(*command, begun, f"hydra.run.dir={folder}")
        stop_after(process, Path(folder) / "metrics.jsonl", 3)
        _, told = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130, told
        assert "Traceback" not in told
        assert re.fullmatch(r"favae-run: stopped and saved; go on with: .* resume=\S+", told.splitlines()[-1])
        assert told.count("stopped and saved") == 1
        assert undrawn(f"resume={folder}", resumed) == 0
        assert_same_course("one", folder)


def stop_after(process: Any, path: Path, count: int) -> None:
    """Send SIGTERM once a file has so many lines."""
    end = time.monotonic() + PATIENCE
    while not (path.is_file() and path.read_bytes().count(b"\n") >= count):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)


def under_torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    starter = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.run([*starter, "-m", "favae_cli", *arguments], capture_output=True, text=True, check=False)


def test_torchrun_starts_them_and_one_folder_is_left(command: list[str]) -> None:
    ended = under_torchrun(*command, TWO, "evaluation.figures=false")
    assert ended.returncode == 0, ended.stderr
    (folder,) = Path("outputs/avatars_condition").iterdir()
    assert [path.name for path in Path().iterdir()] == ["outputs"]
    assert (folder / ".hydra" / "config.yaml").is_file()
    assert len(records(str(folder), "round")) == 3
    assert ended.stderr.count("face alone  epoch 1 ") == 1


NONE_ASKED_FOR = r"trainer\.devices=1 trainer\.nodes=1: 1 processes asked for, 2 started; .*"


def told_once(told: str, expected: str) -> bool:
    (line,) = (line for line in told.splitlines() if line.startswith("favae-run: "))
    return re.fullmatch(expected, line.removeprefix("favae-run: ")) is not None


def test_a_mistake_under_torchrun_is_told_once() -> None:
    ended = under_torchrun()
    assert ended.returncode != 0
    assert told_once(ended.stderr, NONE_ASKED_FOR)
    assert "exitcode: 2" in ended.stderr or "exitcode  : 2" in ended.stderr


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["model.beta=-1"], r"model\.beta: must be .* got -1"),
        (["data.root=nowhere", "experiment=celeba_condition", TWO], r"data\.root: .*"),
        (["task=demo"], r"2 processes were started: only one training run can be shared among them"),
        (["-m", "seed=1,2", TWO], r"2 processes were started: only one training run can be shared among them"),
    ],
)
def test_a_mistake_of_processes_that_others_start_is_told_once(
    wrong: list[str], told: str, fork: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = []
    for rank in range(2):  # as torchrun does
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        for name, value in place.items():
            monkeypatch.setenv(name, str(value))
        started.append(fork(*wrong))
    assert told_once("".join(process.communicate(PATIENCE)[1] for process in started), told)
    assert [process.returncode for process in started] == [2, 2]


def test_a_mistake_of_processes_that_it_starts_itself_is_told_once(begin: Begin) -> None:
    process = begin("experiment=celeba_condition", "data.root=.", "trainer.batch_size=16", TWO)
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    (line,) = told.splitlines()
    assert line.startswith("favae-run: data.root: ")

"""A run of two processes: the numbers of one, whoever starts them, stops them or goes on with them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import parse_args, run

import favae_cli

pytestmark = pytest.mark.slow

Run = Callable[..., int]

PATIENCE = 300.0  # seconds
TWO = "trainer.devices=2"


@pytest.fixture
def command(avatars: list[str]) -> list[str]:
    """A tiny run whose numbers hang on rounding nowhere: in float32, and with every factor kept. It draws nothing."""
    exact = "data.samples=130", "trainer.precision=fp32", "schedule.prune=false"
    return [*avatars, *exact, "evaluation.figures=false"]


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
    command: list[str], favae_run: Run, forking: None, capfd: pytest.CaptureFixture[str]
) -> None:
    assert favae_run(*command, "hydra.run.dir=one") == 0
    assert favae_run(*command, TWO, "hydra.run.dir=two") == 0
    assert_same_course("one", "two")
    assert {path.name for path in Path().iterdir()} == {"one", "two"}

    for begun, resumed in ((TWO, "trainer.devices=1"), ("trainer.devices=1", TWO)):
        folder = f"from-{begun[-1]}"
        capfd.readouterr()
        with terminated_at(Path(folder) / "metrics.jsonl", 3):
            assert favae_run(*command, begun, f"hydra.run.dir={folder}") == 130
        told = capfd.readouterr().err
        assert "Traceback" not in told
        assert re.fullmatch(r"favae-run: stopped and saved; go on with: .* resume=\S+", told.splitlines()[-1])
        assert told.count("stopped and saved") == 1
        assert favae_run(f"resume={folder}", resumed) == 0
        assert_same_course("one", folder)


@contextmanager
def terminated_at(path: Path, count: int) -> Iterator[None]:
    """Send this process SIGTERM once a file has so many lines."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            if path.is_file() and path.read_bytes().count(b"\n") >= count:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    before = signal.signal(signal.SIGTERM, lambda number, frame: None)  # what comes too late is not to end the tests
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        signal.signal(signal.SIGTERM, before)


@pytest.fixture
def torchrun(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Runs torchrun, in this process, with two processes on this machine; raises where one of them fails."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # or it sets that itself
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
    before = {number: signal.getsignal(number) for number in numbers}
    yield lambda *arguments: run(parse_args(["--standalone", "--nproc-per-node=2", *arguments]))
    for number, handler in before.items():
        signal.signal(number, handler)


def test_torchrun_starts_them_and_one_folder_is_left(
    command: list[str], torchrun: Callable[..., None], forking: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    aside = tmp_path_factory.mktemp("aside")
    script = aside / "favae_run.py"  # in a process that has imported everything, and has to return from it
    script.write_text("from favae_cli.cli import main\nassert main() == 0\n")
    told = ["--redirects=2", f"--log-dir={aside}"]
    torchrun(*told, "--start-method=forkserver", "--run-path", str(script), *command, TWO)
    (folder,) = Path("outputs/avatars_condition").iterdir()
    assert [path.name for path in Path().iterdir()] == ["outputs"]
    assert (folder / ".hydra" / "config.yaml").is_file()
    assert len(records(str(folder), "round")) == 3
    assert "".join(path.read_text() for path in aside.rglob("stderr.log")).count("face alone  epoch 1 ") == 1


NONE_ASKED_FOR = r"trainer\.devices=1 trainer\.nodes=1: 1 processes asked for, 2 started; .*"


def told_once(told: str, expected: str) -> bool:
    (line,) = (line for line in told.splitlines() if line.startswith("favae-run: "))
    return re.fullmatch(expected, line.removeprefix("favae-run: ")) is not None


def test_a_mistake_under_torchrun_is_told_once(
    torchrun: Callable[..., None], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(favae_cli.__file__).parents[1]))
    with pytest.raises(ChildFailedError) as failed:
        torchrun("-m", "favae_cli")
    assert told_once(capfd.readouterr().err, NONE_ASKED_FOR)
    assert 2 in {failure.exitcode for failure in failed.value.failures.values()}


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


def test_a_mistake_of_processes_that_it_starts_itself_is_told_once(
    favae_run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    assert favae_run("experiment=celeba_condition", "data.root=.", "trainer.batch_size=16", TWO) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("favae-run: data.root: ")

"""The benchmarks at tiny size: what they write, and that their yardsticks are what they say."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from favae_cli.cli import main
from favae_cli.factors import linalg

Script = Callable[[str], ModuleType]

QUICK = [  # of a run that a benchmark starts
    *("data.samples=80", "data.size=16", "arch@views.face.arch=conv16", "views.face.latent=8", "model.factors=4"),
    *("schedule.sweeps=5", "trainer.threads=1", "evaluation.judge.epochs=1", "evaluation.generate.per_combination=2"),
    *("evaluation.edit.strengths=[1.0]", "evaluation.edit.images=4", "evaluation.figures=false"),
]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page with a line of somebody's own; processes that a benchmark starts compute with one thread."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "src"))
    path = tmp_path / "page.md"
    path.write_text("# Benchmarks\n\nby hand\n")
    return path


def rows(page: Path) -> list[list[str]]:
    """The cells of the one table of the page, its header first."""
    lines = [line for line in page.read_text().splitlines() if line.startswith("|") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def drawn(page: Path, name: str) -> bool:
    with Image.open(page.parent / f"bench_{name}.png") as picture:
        return len(picture.convert("L").getcolors() or ()) > 10


# What all of them share


def test_a_section_replaces_itself_and_nothing_else(script: Script, page: Path) -> None:
    write = script("page").write
    for name, text in (("one", "old"), ("two", "other"), ("one", "new")):
        write(page, name, f"Title of {name}", text, "| a |")
    lines = page.read_text().splitlines()
    assert lines[:3] == ["# Benchmarks", "", "by hand"]
    assert [line for line in lines if line.startswith("## ")] == ["## Title of one", "## Title of two"]
    assert "new" in lines
    assert "old" not in lines


def test_the_command_is_told_without_where_it_writes(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["x/engine.py", "--page", "a b.md", "--seed", "1", "--run", "here", "it's"])
    assert script("page").command() == "python scripts/bench/engine.py --seed 1 'it'\"'\"'s'"


def test_all_sides_take_turns_and_none_is_always_first(script: Script) -> None:
    asked: list[str] = []

    def side(name: str) -> Callable[[], float]:
        return lambda: float(not asked.append(name)) * len(asked)

    measure = script("measure")
    found = measure.interleaved({name: side(name) for name in "abc"}, 3)
    assert asked == [*"abc", *"bca", *"cab"]
    assert found == {"a": [1, 6, 8], "b": [2, 4, 9], "c": [3, 5, 7]}
    assert measure.ratio([2.0, 9.0, 40.0], [1.0, 3.0, 10.0]) == 3


def test_a_side_that_dies_is_told(script: Script, capfd: pytest.CaptureFixture[str]) -> None:
    measure = script("measure")
    with measure.Apart(float, "no number") as side, pytest.raises(RuntimeError, match="ended"):
        side()
    assert "could not convert" in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_memory_of_a_command_is_its_own(script: Script, tmp_path: Path) -> None:
    measure = script("measure")
    hold = "import time; held = b'x' * (200 << 20); time.sleep(0.5)"
    peak = max(sample.own for sample in measure.memory([sys.executable, "-c", hold], tmp_path))
    assert 200 < peak / measure.MIB < 300
    with pytest.raises(RuntimeError, match="said so"):
        list(measure.memory([sys.executable, "-c", "raise SystemExit('said so')"], tmp_path))


@pytest.mark.parametrize(
    ("name", "asked", "told"),
    [
        ("engine", ["--samples", "1"], "--samples"),
        ("threads", ["--sizes", "1x5"], "--sizes"),
        ("recovery", ["--seeds", "0"], "--seeds"),
        ("training", ["--kernel", "4"], "--kernel"),
        ("training", ["--device", "abacus"], "--device abacus"),
        ("memory", ["--samples", "10"], "--samples"),
        ("phases", ["avatars"], "KEY=VALUE"),
        ("scaling", ["--processes", "0"], "--processes"),
        ("networks", ["--cases", "wine", "omics"], "--omics"),
        ("networks", ["--cases", "wine", "straight-400"], "straight-400"),
        ("networks", ["--cases", "curved"], "curved-3000"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(
    script: Script, name: str, asked: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        script(name).main(asked)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err.splitlines()[-1]


# Each


@pytest.mark.slow
def test_engine(script: Script, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = script("engine")
    monkeypatch.setattr(engine, "DRAWN", 2000)
    small = "--samples", "500", "2000", "9000", "--factors", "8", "--repeats", "1", "--plain-up-to", "2000"
    engine.main([*small, "--page", str(page)])
    header, *lines = rows(page)
    assert header == ["samples", "moments", "per sample", "ratio", "per sample, sums shared", "ratio"]
    assert [line[0] for line in lines] == ["500", "2,000", "9,000"]
    assert all(float(cell) > 0 for line in lines[:2] for cell in line[1:])
    assert lines[2][2:] == ["-"] * 4
    apart = re.search(r"same weights \(to (.*?)\)", page.read_text())
    assert apart is not None
    assert float(apart[1]) < 1e-9  # the three forms are one
    assert drawn(page, "engine")


def test_threads(script: Script, page: Path) -> None:
    threads = script("threads")
    small = "--sizes", "6x3", "--threads", "1", "2", "--samples", "50", "--repeats", "1"
    threads.main([*small, "--page", str(page)])
    header, *lines = rows(page)
    assert header == ["D, K: stage", "1", "2", "2 is x"]
    assert len(lines) == 6
    assert all(float(cell) > 0 for line in lines for cell in line[1:])


def test_threads_are_set_for_a_stage_and_no_longer(script: Script) -> None:
    threads, seen = script("threads"), []
    before = linalg.THREADS
    threads.with_threads(lambda: seen.append(linalg.THREADS), 3)
    assert (seen, linalg.THREADS) == ([3], before)


def test_moments_of_many_samples_are_those_of_the_first_several_times(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = script("engine")
    monkeypatch.setattr(engine, "DRAWN", 2000)
    moments, held = engine.gather([1500, 2000, 6000], 1500, seed=0)
    assert [len(view) for view in held[1500].values()] == [1500, 1500]
    assert all(moments[count].count == count for count in moments)
    (large,), (small,) = moments[6000].patterns.values(), moments[2000].patterns.values()
    np.testing.assert_allclose(large.outer.dense(), 3 * small.outer.dense())


@pytest.mark.slow
def test_recovery(script: Script, page: Path) -> None:
    script("recovery").main(
        ["--samples", "500", "--factors", "18", "--seeds", "1", "--rivals", "FactorAnalysis", "--page", str(page)]
    )
    header, *lines = rows(page)
    found = {line[0]: dict(zip(header[1:], line[1:], strict=True)) for line in lines}
    assert found["planted"] == {
        **{"factors": "16", "in view 1": "12", "in view 2": "10", "shared": "6"},
        **{"R2": "-", "seconds": "-"},
    }
    ours, other = found["FA-VAE's engine"], found["FactorAnalysis"]
    assert 1 >= float(ours["R2"]) > float(other["R2"]) > 0
    assert min(float(ours["seconds"]), float(other["seconds"])) > 0
    assert drawn(page, "recovery")


def test_what_is_found_counts_up_to_a_rotation_and_only_in_its_views(script: Script) -> None:
    recovery = script("recovery")
    planted = recovery.plant(300, seed=0)
    rng = np.random.default_rng(1)
    turned = planted.latent.copy()
    for views in ([True, True], [True, False], [False, True]):
        group = (views == planted.used.T).all(axis=1)
        turned[:, group] = turned[:, group] @ np.linalg.qr(rng.standard_normal((group.sum(), group.sum())))[0]
    assert recovery.recovered(planted, recovery.Found(planted.used, turned)) == pytest.approx(1, abs=1e-3)
    all_shared = recovery.Found(np.ones_like(planted.used), turned)
    assert recovery.recovered(planted, all_shared) == pytest.approx(6 / 16, abs=0.02)


class Here:
    """Work in this process, where it need not be apart."""

    def __init__(self, make: Callable[..., Callable[[], float]], *arguments: object, context: object) -> None:
        self.threads = torch.get_num_threads()
        self.work = make(*arguments)

    def __enter__(self) -> Callable[[], float]:
        return self.work

    def __exit__(self, *error: object) -> None:
        torch.set_num_threads(self.threads)


@pytest.mark.slow
def test_training(script: Script, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script("training"), "Apart", Here)
    monkeypatch.setattr(script("training_sides"), "REPEATS", 1)
    small = "--channels 4 8 --side 8 --latent 2 --batch 4 --steps 1 --rounds 1 --threads 1 --precisions fp32 --rivals"
    script("training").main([*small.split(), "--page", str(page)])
    header, plain, ours = rows(page)
    assert header == ["", "images/s", "ours, fp32 is x", "share of product", "share of convolution"]
    assert [plain[0], ours[0]] == ["plain loop, fp32", "ours, fp32"]
    assert float(ours[2]) == 1
    assert float(plain[2]) == pytest.approx(float(ours[1]) / float(plain[1]), rel=0.02)
    assert all(cell.endswith("%") for line in (plain, ours) for cell in line[3:])
    assert drawn(page, "training")


def test_a_step_needs_the_operations_that_it_is_said_to(script: Script) -> None:
    """By hand, for one layer: 2 a weight and pixel forward, and as much again for each of the two gradients."""
    load = script("training_sides").Load((4,), 3, 2, 8, 2, 1, 1, "cpu")
    down, up, last = 9 * 3 * 4 * 16, 9 * 4 * 4 * 16, 9 * 4 * 3 * 64
    head, stem = 64 * 2 * 2, 2 * 64
    forward = 2 * (down + up + last + head + stem)
    images_want_no_gradient = 2 * down
    assert load.flops() == 3 * forward - images_want_no_gradient


def test_ours_and_the_plain_loop_have_the_same_networks(script: Script) -> None:
    sides = script("training_sides")
    (height, width, colours), channels = (16, 16, 3), (4, 8)
    plain, ours = (sides.PaperNets((height, width, colours), channels, 3, kind) for kind in (False, True))
    for part in ("encoder", "decoder"):
        shapes = [
            {name: value.shape for name, value in getattr(nets, part).state_dict().items()} for nets in (plain, ours)
        ]
        assert shapes[0] == shapes[1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory(script: Script, page: Path, fork: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(command: list[str], cwd: Path, **told: object) -> object:
        assert command[:3] == [sys.executable, "-m", "favae_cli"]
        with monkeypatch.context() as patch:
            patch.chdir(cwd)
            return fork(*command[3:])

    memory = script("memory")
    monkeypatch.setattr(script("measure"), "subprocess", SimpleNamespace(Popen=begin, STDOUT=None))
    quick = "round_epochs: 1, sweeps: 5}\ntrainer: {threads: 1}\nevaluation: {figures: false}"
    monkeypatch.setattr(memory, "EXPERIMENT", memory.EXPERIMENT.replace("round_epochs: 1}", quick))
    monkeypatch.setattr(memory, "HELD_OUT", 50)
    memory.main(["--samples", "250", "500", "--side", "16", "--page", str(page)])
    header, small, large = rows(page)
    assert header[0] == "samples"
    assert [small[0], large[0]] == ["250", "500"]
    assert float(small[1]) > 50  # a Python with PyTorch
    assert float(large[2]) == pytest.approx(float(large[1]) - float(small[1]), abs=1)
    assert drawn(page, "memory")


def test_what_lies_between_epochs_is_told_apart(script: Script) -> None:
    phases, measure = script("phases"), script("measure")
    samples = [measure.Sample(time, own, 0) for time, own in enumerate([5, 7, 9, 8, 3, 4])]
    spans = [phases.Span(0.5, 2.5, "alone"), phases.Span(3.5, 4.5, "factors")]
    assert phases.summary(samples, spans) == {
        "start and data": (0, 5),
        "alone": (2, 9),
        "factors": (1, 3),
        "between epochs": (1, 8),
        "evaluation": (1, 4),
    }


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_phases(script: Script, page: Path) -> None:
    plan = "schedule.alone_epochs=2", "schedule.rounds=1", "schedule.round_epochs=1"
    overrides = ["experiment=avatars_condition", *QUICK, *plan]
    script("phases").main([*overrides, "--page", str(page), "--run", str(page.parent / "kept")])
    assert (page.parent / "kept" / "run.log").is_file()
    _, *lines = rows(page)
    found = {line[0]: [float(cell.replace(",", "")) for cell in line[1:]] for line in lines}
    *phases, whole = found.values()
    assert {"start and data", "evaluation", "whole run"} <= found.keys()
    assert sum(spent for spent, _ in phases) == pytest.approx(whole[0], abs=0.5)
    assert max(peak for _, peak in phases) == whole[1]
    assert drawn(page, "phases")


@pytest.mark.slow
def test_scaling(script: Script, page: Path, elsewhere: None, forking: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **asked: object) -> SimpleNamespace:
        assert command[:3] == [sys.executable, "-m", "favae_cli"]
        return SimpleNamespace(returncode=main(command[3:]))

    monkeypatch.setattr(script("scaling"), "subprocess", SimpleNamespace(run=run))  # four processes import nothing
    script("scaling").main([*QUICK, "--rounds", "1", "--page", str(page)])
    header, one, two = rows(page)
    assert header == ["processes", "images/s", "speed-up", "training ELBO at the end"]
    assert float(one[2]) == 1
    assert float(two[2]) > 0
    assert float(two[3]) == pytest.approx(float(one[3]), rel=0.05)
    assert drawn(page, "scaling")

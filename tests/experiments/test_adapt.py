"""Every shipped experiment that translates between views, and every model that does, in small."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from favae_cli.training import checkpoint

Metrics = dict[str, float]
MetricsOf = Callable[[Path], Metrics]
Run = Callable[..., int]
Check = Callable[[Path, Metrics, str, str], set[str]]

TRANSLATION = ("r2", "top1", "top5", "median_rank", "agreement")


@pytest.fixture
def check_translations(check_report: Callable[[Path], set[str]]) -> Check:
    """Looks at what every run leaves behind that translates between two views; the names of the figures."""

    def check(directory: Path, metrics: Metrics, one: str, other: str) -> set[str]:
        ways = f"{one}-{other}", f"{other}-{one}"
        kept = {f"translate/{way}/{key}" for way in ways for key in TRANSLATION}
        kept |= {f"test/{view}/{key}" for view in (one, other) for key in ("r2", "r2_mean")}
        assert kept - set(metrics) == set()
        assert [key for key, value in metrics.items() if not math.isfinite(value)] == []
        for way in ways:
            assert 0 <= metrics[f"translate/{way}/top1"] <= metrics[f"translate/{way}/top5"] <= 1
            assert 0 <= metrics[f"translate/{way}/agreement"] <= 1
            assert 0 <= metrics[f"translate/{way}/median_rank"] < metrics[f"translate/{way}/partners"]
        figures = check_report(directory)
        assert {f"translation_{way}" for way in ways} | {f"reconstructions_{view}" for view in (one, other)} <= figures
        _, state = checkpoint.load(directory / "checkpoints" / "last")
        assert state["finished"]
        return figures

    return check


@pytest.mark.slow
@pytest.mark.parametrize("model", ["fa_vae", "vae", "beta_vae", "fa"])
def test_avatars_are_translated_and_again_with_the_same_numbers(
    model: str,
    adapt: list[str],
    adapted: Path,
    favae_run: Run,
    undrawn: Run,
    metrics_of: MetricsOf,
    untimed: Callable[[Metrics], Metrics],
    check_translations: Check,
) -> None:
    command = [*adapt, f"model={model}", "model.factors=8"]
    once = adapted if model == "fa_vae" else Path("once")
    assert once == adapted or favae_run(*command, f"hydra.run.dir={once}") == 0
    assert undrawn(*command, "hydra.run.dir=again") == 0
    metrics = metrics_of(once)
    assert untimed(metrics) == untimed(metrics_of(Path("again")))
    figures = check_translations(once, metrics, "face", "cartoon")
    assert {"relevance", "bound", "interpolation_face", "interpolation_cartoon"} <= figures
    assert metrics["factors/active"] >= 1
    # Only what learned by itself has a past to be compared with, and a likelihood.
    assert ("before/test/cartoon/r2" in metrics) == ("test/face/log_likelihood" in metrics) == (model != "fa")
    epochs = [json.loads(line) for line in (once / "metrics.jsonl").read_text().splitlines()]
    told = [(record["view"], record["phase"]) for record in epochs if record["kind"] == "epoch"]
    ends = {"fa_vae": ["alone", "round"], "vae": ["alone", "alone"], "beta_vae": ["alone", "alone"], "fa": []}[model]
    assert sorted(told) == sorted((view, phase) for view in ("face", "cartoon") for phase in ends)


@pytest.mark.slow
def test_emoji_are_translated(
    emoji: Path, tiny: Callable[..., list[str]], favae_run: Run, metrics_of: MetricsOf, check_translations: Check
) -> None:
    small = [*tiny("noto"), *tiny("blob"), "trainer.batch_size=64"]
    small += [f"data.views.{view}.size=16" for view in ("noto", "blob")]
    assert favae_run("experiment=emoji_adapt", f"data.root={emoji}", *small, "hydra.run.dir=run") == 0
    check_translations(Path("run"), metrics_of(Path("run")), "noto", "blob")


@pytest.fixture
def cartoons(tmp_path: Path) -> Path:
    """A hundred and twenty drawings: three hair colours, every other three with glasses."""
    folder = tmp_path / "cartoonset10k"
    folder.mkdir()
    for i in range(120):
        hair, glasses = i % 3, i // 3 % 2
        image = Image.new("RGBA", (50, 50), (0, 0, 0, 0))
        image.paste((40 + 90 * hair, 200 * glasses, i, 255), (5, 5, 45, 45))
        image.save(folder / f"cs{i}.png")
        chosen = {"hair_color": ((0, 5, 8)[hair], 10), "glasses": (0 if glasses else 11, 12)}
        lines = [f'"{name}", {variant}, {number}\n' for name, (variant, number) in chosen.items()]
        (folder / f"cs{i}.csv").write_text("".join(lines))
    return folder


@pytest.mark.slow
def test_faces_are_translated_into_cartoons_with_the_same_hair(
    write_celeba: Callable[..., None],
    cartoons: Path,
    tmp_path: Path,
    tiny: Callable[..., list[str]],
    favae_run: Run,
    metrics_of: MetricsOf,
    check_translations: Check,
) -> None:
    i = np.arange(150)
    labels = np.stack([i % 3 == 0, i % 6 == 1, i % 6 == 4, i % 3 == 2, i // 3 % 2 == 1], axis=1)
    images = np.random.default_rng(0).integers(0, 60, (150, 27, 22, 3))
    images[..., 0] += 90 * (i % 3)[:, None, None]
    names = ["Blond_Hair", "Brown_Hair", "Black_Hair", "Gray_Hair", "Eyeglasses"]
    write_celeba(tmp_path / "celeba", names, labels, images.astype(np.uint8))
    roots = f"data.faces.root={tmp_path / 'celeba'}", f"data.cartoons.root={cartoons}"
    sizes = "data.faces.size=16", "data.cartoons.size=16", "data.cartoons.split.test=0.2"
    counts = [
        f"data.pairing.count.{split}={count}" for split, count in (("train", 80), ("validation", 10), ("test", 20))
    ]
    small = [*tiny("face"), *tiny("cartoon"), *sizes, *counts, "hydra.run.dir=run"]
    assert favae_run("experiment=celeba_cartoon", *roots, *small) == 0
    check_translations(Path("run"), metrics_of(Path("run")), "face", "cartoon")


@pytest.mark.slow
def test_avatars_without_pairs_are_refused_before_any_training(
    adapt: list[str], favae_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert favae_run(*adapt, "data.missing.cartoon=0.97") == 2
    (told,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("favae-run: ")]
    assert "samples have both face and cartoon" in told
    assert not list(Path("outputs").rglob("metrics.json"))

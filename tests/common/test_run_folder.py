"""Names of files, which earlier runs have as well and which therefore stay."""

from __future__ import annotations

from pathlib import Path

from favae_cli.common.run_folder import RunFolder, SweepFolder


def test_the_files_of_a_run_are_where_they_always_were() -> None:
    run = RunFolder(Path("run"))
    found = [run.config, run.overrides, run.settings, run.last, run.best, run.alone, run.metrics, run.records]
    found += [run.log, run.figure("curves"), run.images, run.cards, run.report, run.lock, run.holder]
    assert [path.relative_to("run").as_posix() for path in found] == [
        ".hydra/config.yaml",
        ".hydra/overrides.yaml",
        ".hydra/hydra.yaml",
        "checkpoints/last",
        "checkpoints/best",
        "checkpoints/alone",
        "metrics.json",
        "metrics.jsonl",
        "run.log",
        "figures/curves.png",
        "images",
        "cards.json",
        "report.html",
        ".lock",
        ".holder",
    ]


def test_the_files_of_a_sweep_are_where_they_always_were() -> None:
    sweep = SweepFolder(Path("sweep"))
    found = [sweep.config, sweep.table, sweep.lock, sweep.figure, sweep.run("3").metrics]
    assert [path.relative_to("sweep").as_posix() for path in found] == [
        "multirun.yaml",
        "sweep.csv",
        ".sweep.csv.lock",
        "sweep.png",
        "3/metrics.json",
    ]

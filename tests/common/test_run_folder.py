"""Names of files, which earlier runs have as well and which therefore stay."""

from __future__ import annotations

from pathlib import Path

from favae_cli.common.run_folder import RunFolder


def test_the_files_of_a_run_are_where_they_always_were() -> None:
    run = RunFolder(Path("run"))
    found = [run.config, run.last, run.best, run.alone, run.metrics, run.records, run.log, run.figures, run.report]
    assert [path.relative_to("run").as_posix() for path in found] == [
        ".hydra/config.yaml",
        "checkpoints/last",
        "checkpoints/best",
        "checkpoints/alone",
        "metrics.json",
        "metrics.jsonl",
        "run.log",
        "figures",
        "report.html",
    ]

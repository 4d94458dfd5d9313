"""Keep a run of today's version, for later ones to load, go on with and judge.

    python tests/golden/make.py tests/golden/schemaN [EXPERIMENT]

It leaves `whole`, a finished run, and `half`, the same one stopped in the middle of an epoch: as much of each as a
later version reads, with DATA in the place of the folder of the table. Nothing of it is a pickle.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from favae_cli.cli import main

HERE = Path(__file__).resolve().parent
EXPERIMENT = sys.argv[2] if len(sys.argv) > 2 else "golden"
STOPPED = 10  # steps, of which the second epoch of the body ends with the eighth
KEPT = (".hydra/config.yaml", ".hydra/overrides.yaml", "checkpoints/last", "metrics.json", "metrics.jsonl")


def run(folder: Path, *overrides: str) -> None:
    """Train in `folder`."""
    sys.argv = ["favae-run"]
    arguments = ["--config-dir", str(HERE / "configs"), f"experiment={EXPERIMENT}", f"data.root={HERE}", *overrides]
    code = main([*arguments, f"hydra.run.dir={folder}"])
    if code not in (0, 130):
        raise SystemExit(code)


def stop_at(step: int) -> None:
    """Have this process asked to stop after so many steps of the optimiser."""
    take, taken = torch.optim.AdamW.step, 0

    def counted(self: torch.optim.AdamW, *arguments: Any) -> Any:
        nonlocal taken
        taken += 1
        if taken == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return take(self, *arguments)

    torch.optim.AdamW.step = counted  # type: ignore[assignment]


def keep(source: Path, target: Path) -> None:
    """Copy what a later version reads."""
    for name in KEPT:
        if (file := source / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if file.is_dir() else shutil.copy)(file, target / name)
    for name in KEPT[:2]:
        (target / name).write_text((target / name).read_text().replace(str(HERE), "DATA"))


if __name__ == "__main__":
    place = Path(sys.argv[1]).resolve()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        run(Path(folder) / "whole")
        stop_at(STOPPED)
        run(Path(folder) / "half")
        for each in ("whole", "half"):
            keep(Path(folder) / each, place / each)

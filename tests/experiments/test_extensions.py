"""A view type, a data set, a rival and a task from another package, which is installed beside this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import favae_cli
from tests.forked import QUICK_FIGURES

PACKAGE = {
    "toy/__init__.py": "",
    "toy/config.py": """
from typing import Literal

from favae_cli.config.data_sets import CompleteConfig
from favae_cli.config.models import JointModelConfig
from favae_cli.config.section import Positive
from favae_cli.config.views import FactorViewConfig


class ScaledViewConfig(FactorViewConfig):
    sees = ("real",)
    type: Literal["scaled"]
    scale: Positive


class LineConfig(CompleteConfig):
    name: Literal["line"]

    def kinds(self):
        return {"whole": "real", "noisy": "real"}


class HalvesConfig(JointModelConfig):
    name: Literal["halves"]
""",
    "toy/views.py": '''
import numpy as np

from favae_cli.views import RealView


class ScaledView(RealView):
    """Columns that are seen and made in another unit."""

    def __init__(self, size, scale):
        super().__init__(size)
        self.factor = scale

    def fit(self, values):
        super().fit(values * np.float32(self.factor))

    def local(self, values):
        return super().local(values * np.float32(self.factor))

    def decode(self, mean, variance=None):
        return super().decode(mean, variance) / self.factor

    def deviation(self, mean, variance):
        return super().deviation(mean, variance) / self.factor


def scaled_view(config, data, runtime, generator):
    return ScaledView(data.shape[0], config.scale)
''',
    "toy/data.py": """
import numpy as np

from favae_cli.data.masked_tables import masked_view
from favae_cli.data.sets.random_gaps import dataset_with_holes


def load(config, cache, seed):
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((200, 2))
    views = {
        "whole": masked_view(hidden @ rng.standard_normal((2, 3)), ["a", "b", "c"]),
        "noisy": masked_view(hidden + 0.1 * rng.standard_normal((200, 2)), ["d", "e"]),
    }
    return dataset_with_holes("line", views, config)
""",
    "toy/models.py": '''
import numpy as np
import torch
from torch import nn

from favae_cli.models import JointVAE
from favae_cli.views.objective import VaeLoss, gaussian_kl


class Halves(JointVAE):
    """Every view alone, with its z in the place of that of any other."""

    def __init__(self, settings, views, generator):
        super().__init__(views)
        self.networks = nn.ModuleDict({f"of_{name}": view.networks for name, view in views.items()})

    def draw(self, count, generator):
        return {name: torch.randn(count, view.size, generator=generator) for name, view in self.views.items()}

    def loss_of(self, batch, present, drawn):
        fit, kl = 0.0, 0.0
        for name, view in self.views.items():
            loss = view.loss(batch[name], drawn[name], torch.zeros_like(drawn[name]), 1.0)
            fit, kl = fit + present[name] * loss.log_likelihood, kl + present[name] * loss.kl
        return VaeLoss(fit, kl)

    def embed(self, view, stored):
        return self.views[view].encode(stored).mean

    def translate(self, source, target, stored):
        return self.views[target].decode(self.embed(source, stored))
''',
    "toy/tasks.py": """
from favae_cli.tasks.session import Session


def run(config, directory, stop):
    session = Session.open(config, directory)
    session.add({f"count/{split}": float(len(rows)) for split, rows in session.data.split.items()})
    return session.metrics
""",
    "toy-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n",
    "toy-1.0.dist-info/entry_points.txt": """
[favae_run.config.views]
scaled = toy.config:ScaledViewConfig
[favae_run.views]
scaled = toy.views:scaled_view
[favae_run.config.data]
line = toy.config:LineConfig
[favae_run.data]
line = toy.data:load
[favae_run.config.models]
halves = toy.config:HalvesConfig
[favae_run.models]
halves = toy.models:Halves
[favae_run.tasks]
count = toy.tasks:run
""",
    "configs/view/scaled.yaml": "# Columns in another unit\ntype: scaled\nscale: 10.0\nweight: 1.0\ndata: null\n",
    "configs/data/line.yaml": """# Points near a plane
name: line
seed: 0
use: null
missing: {views: 0.0, entries: 0.2}
split: {validation: 0.1, test: 0.2}
""",
    "configs/model/halves.yaml": "# Views that know nothing of each other\nname: halves\n",
    "configs/task/count.yaml": """# @package _global_
# Count the samples
task: {name: count}
score: count/train
""",
    "configs/experiment/line.yaml": """# @package _global_
# Two views of points near a plane
defaults:
  - /view@views.whole: scaled
  - /view@views.noisy: real
  - override /task: train
  - override /data: line
score: predict/mean
""",
}


@pytest.mark.slow
def test_what_another_package_adds_is_there_as_what_is_shipped(
    tmp_path: Path, adapt: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in PACKAGE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    small = ["model.factors=4", "schedule.sweeps=40", "trainer.threads=1", "evaluation.cards=1"]
    others = [change for change in adapt if not change.startswith("model.")]
    commands = [
        ["experiment=line", *small, "hydra.run.dir=joined"],
        [*others, "model=halves", "evaluation.figures=false", "hydra.run.dir=rival"],
        ["experiment=line", "task=count", "score=count/train", "hydra.run.dir=counted"],
        ["task=impute", "run=joined", "output=filled.csv", "trainer.threads=1"],
        ["experiment=line", "views.whole.scale=-1"],
    ]
    calls = f"import sys\nfrom favae_cli.cli import main\nsys.exit(str([main(c) for c in {commands!r}]))"
    path = os.pathsep.join((str(tmp_path), str(Path(favae_cli.__file__).parents[1])))
    run = subprocess.run(
        [sys.executable, "-c", QUICK_FIGURES + calls],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr.splitlines()[-1] == "[0, 0, 0, 0, 2]", run.stderr
    assert "favae-run: views.whole.scale: must be greater than 0, got -1" in run.stderr
    joined, rival, counted = (
        json.loads(Path(folder, "metrics.json").read_text()) for folder in ("joined", "rival", "counted")
    )
    assert joined["predict/whole/r2"] > 0.7  # in the data's own unit
    assert "translate/face-cartoon/r2" in rival
    assert sum(value for key, value in counted.items() if key.startswith("count/")) == 200

"""A small folder to do damage in: data of every form, an experiment of each task, and finished runs of them."""

from __future__ import annotations

import json
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from attempt import favae_run, forked
from PIL import Image

ROWS = 60
SIDE = 8  # pixels
ENGINE = ["trainer.device=cpu", "trainer.threads=1", "trainer.precision=fp32"]
BRIEF = [
    "model.factors=4",
    "schedule.alone_epochs=2",
    "schedule.rounds=1",
    "schedule.round_epochs=1",
    "schedule.sweeps=10",
    "trainer.batch_size=16",
    "evaluation.cards=0",
    "evaluation.reconstructions=1",
    *ENGINE,
]
JUDGED = [
    "evaluation.judge.epochs=1",
    "evaluation.generate.per_combination=1",
    "evaluation.generate.strengths=[1.0]",
    "evaluation.generate.show=1",
    "evaluation.edit.strengths=[1.0]",
    "evaluation.edit.images=4",
    "evaluation.edit.show=1",
    "evaluation.min_combination=1",
    "evaluation.translate.show=1",
    "evaluation.translate.steps=3",
]
AVATARS = ["data.samples=60", "data.size=16", *BRIEF, *JUDGED]


def _network(view: str) -> list[str]:
    return [f"views.{view}.arch.channels=[4]", f"views.{view}.latent=4"]


TASKS = {
    "train": ["experiment=mine"],
    "condition": ["experiment=avatars_condition", *_network("face"), *AVATARS],
    "adapt": ["experiment=avatars_adapt", *_network("face"), *_network("cartoon"), *AVATARS],
    "transfer": [
        *["experiment=avatars_transfer", *_network("small"), *_network("large"), *AVATARS],
        "transfer.warm_start=none",
    ],
}
"""By task, the arguments of a training of a second or two."""

USES = {
    "evaluate": ("train", []),
    "factors": ("train", []),
    "impute": ("train", ["split=all", "output=filled.csv"]),
    "predict": ("train", ["input=data/table.csv"]),
    "translate": ("adapt", ["from=face", "count=2"]),
    "edit": ("condition", ["attributes.Smiling=1", "count=2"]),
    "generate": ("condition", ["attributes.Smiling=1", "count=2"]),
    "interpolate": ("adapt", ["from=face", "in=both", "count=2", "steps=3"]),
    "traverse": ("adapt", ["from=face", "features=2", "steps=3"]),
    "add_view": ("train", ["name=more", "data.views.more={kind: real, columns: [extra]}"]),
}
"""By task that uses a trained run, the task that makes one and further arguments."""


@dataclass(frozen=True)
class World:
    """The folder, of which nothing is changed once it is made: attempts copy what they damage.

    Attributes:
        folder: of everything.
    """

    folder: Path

    @property
    def data(self) -> Path:
        """The user's files."""
        return self.folder / "data"

    @property
    def experiment(self) -> Path:
        """The user's experiment about them."""
        return self.folder / "configs" / "experiment" / "mine.yaml"

    @property
    def tasks(self) -> tuple[str, ...]:
        """The trainings of which there is a finished run."""
        return tuple(task for task in TASKS if self.run(task).is_dir())

    def run(self, task: str) -> Path:
        """A finished run of a task."""
        return self.folder / task

    @classmethod
    def made(cls, folder: Path, tasks: tuple[str, ...] = tuple(TASKS)) -> World:
        """Make one in an empty folder, with a run of each of the tasks."""
        world = cls(folder)
        world.data.mkdir(parents=True)
        world.experiment.parent.mkdir(parents=True)
        _write_data(world.data)
        world.experiment.write_text(as_yaml(experiment("table.csv")))
        for task in tasks:
            ending = forked(
                favae_run([*TASKS[task], f"hydra.run.dir={world.run(task)}"]), folder, folder / f"{task}.log"
            )
            if ending.code:
                raise RuntimeError(f"the run of task {task} that others are compared with failed:\n{ending.told}")
        return world

    def copied(self, folder: Path, runs: tuple[str, ...] = ()) -> World:
        """Data, experiment and some of the runs in another folder; the runs have its data."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.data, folder / "data")
        shutil.copytree(self.experiment.parents[1], folder / "configs")
        for task in runs:
            shutil.copytree(self.run(task), folder / task)
        return World(folder)


def experiment(table: str) -> dict[str, Any]:
    """The experiment about one of the forms that the data have."""
    columns = not table.endswith(".npz")
    kinds: dict[str, dict[str, object]] = {
        "numbers": {"kind": "real", "columns": ["height", "age"]},
        "colour": {"kind": "categorical", "columns": ["colour"]},
        "bits": {"kind": "binary", "columns": ["new", "sold"], "binarise": {}, "empty": "missing"},
        "course": {"kind": "vector", "columns": ["day*"]} if columns else {"kind": "vector", "array": "days"},
    }
    if not table.endswith(".npz"):
        picture = "png" if table.endswith(".tar") else "picture"
        kinds["picture"] = {"kind": "image", "column": picture, "size": SIDE, "channels": 1, "crop": None}
    key = "__key__" if table.endswith(".tar") else "id"
    types = {"numbers": "real", "colour": "categorical", "bits": "bernoulli", "course": "vector", "picture": "image"}
    archs = {"course": "mlp_small", "picture": "conv8"}
    views: dict[str, object] = {"course": {"latent": 2}, "picture": {"latent": 4, "arch": {"channels": [4]}}}
    defaults = [
        *({f"/view@views.{name}": types[name]} for name in kinds),
        {"override /task": "train"},
        {"override /data": "manifest"},
        *({f"override /arch@views.{name}.arch": arch} for name, arch in archs.items() if name in kinds),
    ]
    composed: dict[str, Any] = {
        "defaults": defaults,
        "data": {"root": "data", "table": table, "key": key, "views": kinds},
        "views": {name: section for name, section in views.items() if name in kinds},
        "score": "predict/mean",
    }
    for line in BRIEF:
        key, _, value = line.partition("=")
        *path, name = key.split(".")
        part = composed
        for step in path:
            part = part.setdefault(step, {})
        part[name] = yaml.safe_load(value)
    return composed


def as_yaml(config: dict[str, Any]) -> str:
    """The text of an experiment's file."""
    return "# @package _global_\n" + yaml.safe_dump(config, sort_keys=False)


def _write_data(folder: Path) -> None:
    """The same samples in every form that the program reads, and their pictures."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((ROWS, 2))
    table = pd.DataFrame({"id": [f"s{number:02}" for number in range(ROWS)]})
    table["height"] = (170 + 10 * hidden[:, 0]).round(2)
    table["age"] = (40 + 9 * hidden[:, 1]).round(1)
    table["colour"] = np.array(["red", "green", "blue"])[np.digitize(hidden[:, 0], [-0.4, 0.4])]
    table["new"] = (hidden[:, 0] > 0).astype(int)
    table["sold"] = (hidden[:, 1] > 0).astype(int)
    days = (hidden @ rng.standard_normal((2, 4)) + 0.1 * rng.standard_normal((ROWS, 4))).round(3)
    for day in range(4):
        table[f"day{day}"] = days[:, day]
    table["extra"] = (hidden.sum(axis=1)).round(3)
    table["picture"] = [f"pictures/{name}.png" for name in table["id"]]
    (folder / "pictures").mkdir()
    for name, (one, other) in zip(table["picture"], hidden, strict=True):
        ramp = np.linspace(0, 1, SIDE)
        pixels = 128 + 40 * one * ramp[:, None] + 40 * other * ramp[None, :] + 4 * rng.standard_normal((SIDE, SIDE))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name)
    table.to_csv(folder / "table.csv", index=False)
    table.to_csv(folder / "table.csv.gz", index=False)
    table.to_parquet(folder / "table.parquet", index=False, write_page_checksum=True)
    table.to_feather(folder / "table.feather")
    table.to_stata(folder / "table.dta", write_index=False)
    arrays: dict[str, Any] = {name: table[name].to_numpy() for name in ("height", "age", "new", "sold")}
    arrays |= {name: table[name].to_numpy().astype(str) for name in ("id", "colour")} | {"days": days}
    np.savez(folder / "table.npz", **arrays)
    np.savez_compressed(folder / "packed.npz", **arrays)
    with tarfile.open(folder / "table.tar", "w") as shard:
        for row in table.to_dict("records"):
            cells = folder / f"{row['id']}.json"
            cells.write_text(json.dumps({name: cell for name, cell in row.items() if name not in ("id", "picture")}))
            shard.add(cells, f"{row['id']}.json")
            shard.add(folder / str(row["picture"]), f"{row['id']}.png")
            cells.unlink()

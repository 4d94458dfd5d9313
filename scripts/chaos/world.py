"""A small folder to do damage in: data of every form, an experiment of each task, and finished runs of them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from attempt import favae_run, forked
from forms import BRIEF, as_yaml, experiment, write_forms

JUDGED = [
    "evaluation.judge.epochs=1",
    "evaluation.generate.per_combination=1",
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
        write_forms(world.data)
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

"""How much sooner a VAE learns with help than alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from favae_cli.config.run import TraversalConfig
from favae_cli.data import Dataset
from favae_cli.evaluation.disentanglement import disentanglement_metrics
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.traverse import factor_name, most_relevant, most_used, traversed
from favae_cli.reporting.grids import image_grid, traversal
from favae_cli.reporting.style import INK, blank, colour, dress
from favae_cli.training.records import read_records
from favae_cli.views import VaeView


@dataclass(frozen=True)
class Course:
    """How one view learned, epoch by epoch.

    Attributes:
        log_likelihood, kl: of the test split, nats a sample, (E,).
        seconds: of training until the end of each epoch, the factors' share included, (E,).
    """

    log_likelihood: np.ndarray
    kl: np.ndarray
    seconds: np.ndarray

    @classmethod
    def read(cls, directory: Path, view: str, start: float = 0.0) -> Course | None:
        """From the folder of a training whose test split was watched.

        Args:
            start: seconds spent before its first epoch.

        Returns:
            None where the record lacks the first epochs: when the others were reached cannot be said.
        """
        spent, rows, epochs = start, [], []
        for record in read_records(directory):
            if record["kind"] == "round":
                spent += record["seconds"]
            elif record["view"] == view:
                spent += record["seconds"]
                rows.append((record["test/log_likelihood"], record["test/kl"], spent))
                epochs.append(record["epoch"])
        if not epochs or epochs[0] != 1:
            return None
        return cls(*np.array(rows, dtype=float).reshape(-1, 3).T)

    @property
    def best(self) -> int:
        """The epoch, from 0, with the best test likelihood."""
        return int(self.log_likelihood.argmax())

    def reaches(self, log_likelihood: float) -> int | None:
        """The first epoch, from 0, at whose end the test likelihood is as good; None if none is."""
        there = np.flatnonzero(self.log_likelihood >= log_likelihood)
        return int(there[0]) if len(there) else None


def race_metrics(course: Course, rival: Course) -> dict[str, float]:
    """When `course` reached the best test likelihood of `rival`, over when the rival had it.

    `reached` is 1 or 0; without it there are no `epoch_ratio` and `seconds_ratio`.
    """
    best = rival.best
    when = course.reaches(rival.log_likelihood[best])
    metrics = {
        "log_likelihood": float(course.log_likelihood.max()),
        "final_log_likelihood": float(course.log_likelihood[-1]),
        "epochs": float(course.best + 1),
        "seconds": float(course.seconds[course.best]),
        "reached": float(when is not None),
    }
    if when is not None:
        metrics["epoch_ratio"] = (when + 1) / (best + 1)
        metrics["seconds_ratio"] = float(course.seconds[when] / rival.seconds[best])
    return metrics


def race(courses: Mapping[str, Course]) -> Figure:
    """Test likelihood and KL of several ways to learn, by epoch and by second (paper's Fig. 12)."""
    figure = blank(9.6, 6.0)
    grid = figure.subplots(2, 2, sharex="col", sharey="row")
    for index, (name, course) in enumerate(courses.items()):
        epochs = np.arange(1, len(course.seconds) + 1)
        style = {"color": INK, "linestyle": "--"} if name == "rival" else {"color": colour(index)}
        for row, values in enumerate((course.log_likelihood, course.kl)):
            grid[row, 0].plot(epochs, values, linewidth=1.4, label=name, **style)
            grid[row, 1].plot(course.seconds, values, linewidth=1.4, **style)
    dress(grid[0, 0], "test log-likelihood", "", "nats a sample")
    dress(grid[0, 1], "", "")
    dress(grid[1, 0], "test KL, each to the prior that it learned with", "epoch", "nats a sample")
    dress(grid[1, 1], "", "seconds of training")
    shown = np.concatenate([course.log_likelihood for course in courses.values()])
    low, high = np.quantile(shown, [0.3, 1.0])
    grid[0, 0].set_ylim(low - 0.1 * (high - low), high + 0.05 * (high - low))
    grid[0, 0].legend(fontsize=8, frameon=False, loc="lower right")
    return figure


def side_by_side(models: Mapping[str, FAVAE], small: VaeView, data: Dataset, target: str, count: int) -> Figure:
    """Test images, and their reconstructions by the small VAE and by every way to learn (Fig. 13)."""
    stored = data.views[target].gather(data.having("test", target)[:count])
    rows, labels = [list(stored)], ["original"]
    for name, model in {"small": FAVAE({target: small}), **models}.items():
        view = model.views[target]
        rows.append(list(view.decode(model.embed(target, stored))))
        labels.append(name)
    return image_grid(rows, labels)


def disentanglement(main: FAVAE, rival: FAVAE, data: Dataset, target: str, seed: int) -> dict[str, float]:
    """DCI and MIG of the rival's z, and of g given the helped view; nothing where no true factor is known."""
    if not data.truth:
        return {}
    parts = [data.having(split, target) for split in ("train", "test")]
    truth = [{name: values[indices] for name, values in data.truth.items()} for indices in parts]
    metrics: dict[str, float] = {}
    for name, model in (("rival", rival), ("transfer", main)):
        read = [_read_off(model, target, data.views[target].gather(indices)) for indices in parts]
        metrics |= disentanglement_metrics(name, read[0], truth[0], read[1], truth[1], seed)
    return metrics


def _read_off(model: FAVAE, target: str, stored: np.ndarray) -> np.ndarray:
    """What is to be one number for each true factor: g where there are factors, else z."""
    z = model.embed(target, stored)
    return z if model.factors is None else model.factors.posterior({target: z})[0]


def traversals(main: FAVAE, rival: FAVAE, data: Dataset, target: str, settings: TraversalConfig) -> dict[str, Figure]:
    """The most relevant factors of the helped VAE, and the most used dimensions of its rival's z, around the mean."""
    factors, view, alone = main.joined, main.views[target], rival.views[target]
    chosen = most_relevant(factors, target, settings.features)
    points = traversed(np.zeros(factors.factors), chosen, np.full(len(chosen), settings.reach), settings.steps)
    part = factors.views[target]
    z = rival.embed(target, data.views[target].gather(data.having("train", target)))
    used = most_used(z, settings.features)
    reach = settings.reach * z.std(axis=0)[used]
    around = traversed(z.mean(axis=0), used, reach, settings.steps)
    return {
        "traversal_transfer": traversal(
            points, lambda g: view.decode(part.expected(g)), [factor_name(factors, k, target) for k in chosen]
        ),
        "traversal_rival": traversal(around, alone.decode, [f"z {dimension}" for dimension in used]),
    }

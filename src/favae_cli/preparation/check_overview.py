"""What an experiment's data are, and what the run will need, as tables."""

from __future__ import annotations

import resource
from collections.abc import Mapping

import numpy as np

from favae_cli.config.data_base import Kind
from favae_cli.data import SPLITS, Dataset, ViewData
from favae_cli.preparation.check_cost import Cost
from favae_cli.preparation.check_presence import overlap
from favae_cli.reporting.table import Table, number

MIB = 1 << 20


def data_tables(data: Dataset, kinds: Mapping[str, Kind], weights: Mapping[str, float] | None = None) -> list[Table]:
    """The views, and how many samples have each two of them.

    Args:
        data: with its views.
        kinds: of the data of every view.
        weights: as how many copies of itself each view counts in the factor model, where a config says so.
    """
    names, together = [*data.views], overlap(data, "train")
    rows = [
        [
            name,
            kinds[name],
            _shape(view),
            *_shares(data, name),
            number(view.values.nbytes / MIB, 1),
            *([f"{weights[name]:g}"] if weights else []),
        ]
        for name, view in data.views.items()
    ]
    sizes = ", ".join(f"{len(data.split[split])} {split}" for split in SPLITS)
    header = ["view", "kind", "shape", "present", "entries missing", "MiB", *(["weight"] if weights else [])]
    pairs = [[name, *map(str, together[i].tolist())] for i, name in enumerate(names)]
    tables = [
        Table(f"{data.name}: {len(data.keys)} samples ({sizes})", "", header, rows),
        Table("Training samples with both", "", ["", *names], pairs),
    ]
    return tables[: len(names)]  # one view meets no other


def cost_table(costs: Mapping[str, Cost]) -> Table:
    """What networks cost; times are of a few steps on this machine, memory is that of this process after them."""
    rows = [
        [
            name,
            str(cost.parameters),
            number(cost.bytes / MIB, 1),
            number(cost.seconds, 2),
            str(cost.epochs),
            _lasting(cost.seconds * cost.epochs),
            "" if cost.beta is None else f"{cost.beta:g}",
        ]
        for name, cost in costs.items()
    ]
    header = [
        "networks",
        "parameters",
        "MiB, optimiser and all",
        "seconds an epoch",
        "epochs at most",
        "in all",
        "beta",
    ]
    return _tried("a training step of each", header, rows)


def time_table(seconds: Mapping[str, float]) -> Table:
    """What each phase of a run without networks takes; memory is that of this process after a trial of each."""
    rows = [[phase, _lasting(spent)] for phase, spent in seconds.items()]
    rows.append(["in all", _lasting(sum(seconds.values()))])
    return _tried("a trial of each phase", ["phase", "time"], rows)


def _tried(what: str, header: list[str], rows: list[list[str]]) -> Table:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Table(f"Time and memory, roughly: {number(peak, 0)} MiB in use after {what}", "", header, rows)


def _shape(view: ViewData) -> str:
    return " x ".join(map(str, view.shape)) or "text"


def _shares(data: Dataset, name: str) -> tuple[str, str]:
    """Shares of the samples that have the view, and of its entries that are missing there."""
    view = data.views[name]
    entries = np.isnan(view.values).mean() if view.values.dtype.kind == "f" and view.values.size else 0.0
    return f"{view.present.mean():.1%}", f"{entries:.1%}"


def _lasting(seconds: float) -> str:
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{number(seconds / size, 1)} {unit}"
    return f"{number(seconds, 1)} s"

"""Time and peak memory of a short run, phase by phase.

    python scripts/bench/phases.py
    python scripts/bench/phases.py experiment=emoji_adapt data.root=DIR --page mine.md

The run is favae-run in a process of its own; what it logs of every epoch and every round says which phase it was in
when its memory was read. Memory is what no file backs. Linux only.
"""

from __future__ import annotations

import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_table import table
from matplotlib.figure import Figure
from measure import MIB, Sample, memory
from page import Page, write

from favae_cli.reporting.style import blank, colour, dress
from favae_cli.training.records import read_records

QUICK = (
    *("experiment=avatars_condition", "data.samples=1000", "evaluation.judge.epochs=3"),
    *("schedule.alone_epochs=4", "schedule.rounds=2", "schedule.round_epochs=2"),
)
START, REST, END = "start and data", "between epochs", "evaluation"
PHASES = (START, "alone", "factors", "round", REST, END)


@dataclass(frozen=True)
class Span:
    """A stretch of the run that it told of: seconds of `time.time`."""

    begin: float
    end: float
    phase: str


def main(argv: Sequence[str] | None = None) -> None:
    options = parse(argv)
    overrides = options.overrides or list(QUICK)
    with tempfile.TemporaryDirectory() as folder:
        run = options.run or Path(folder) / "run"
        samples, spans = watch([*overrides, f"hydra.run.dir={run}"], run)
    found = summary(samples, spans)
    text = (
        f"`favae-run {' '.join(overrides)}`: seconds in each phase, and the largest memory of the process's own "
        "meanwhile. Scores of a checkpoint and saving are between epochs."
    )
    lines = [[phase, f"{spent:.1f}", f"{own / MIB:,.0f}"] for phase, (spent, own) in found.items()]
    total = samples[-1].time - samples[0].time
    lines.append(["whole run", f"{total:.1f}", f"{max(sample.own for sample in samples) / MIB:,.0f}"])
    rows = table(["phase", "seconds", "peak memory, MiB"], lines)
    write(options.page, "phases", "A short run by phase", text, rows, draw(samples, spans))


def parse(argv: Sequence[str] | None) -> Namespace:
    parser = Page(__doc__)
    parser.add_argument("overrides", nargs="*", help=f"of favae-run; default: {' '.join(QUICK)}")
    parser.add_argument("--run", type=Path, help="its folder, which stays; by default one that is removed")
    options = parser.parse_args(argv)
    if sys.platform != "linux":
        parser.error("the memory of a process is read from /proc, which only Linux has")
    wrong = [given for given in options.overrides if "=" not in given]
    if wrong:
        parser.error(f"{wrong[0]}: overrides are KEY=VALUE")
    return options


def watch(arguments: Sequence[str], run: Path) -> tuple[list[Sample], list[Span]]:
    """Do the run; its memory from moment to moment, and what it was doing.

    A record is written when its epoch or round is over, and says how long that took.
    """
    samples: list[Sample] = []
    spans: list[Span] = []
    for sample in memory([sys.executable, "-m", "favae_cli", *arguments], Path.cwd()):
        samples.append(sample)
        for record in read_records(run)[len(spans) :]:
            phase = "factors" if record["kind"] == "round" else record["phase"]
            now = time.time()
            spans.append(Span(now - record["seconds"], now, phase))
    return samples, spans


def summary(samples: Sequence[Sample], spans: Sequence[Span]) -> dict[str, tuple[float, int]]:
    """By phase, seconds and bytes at the peak; the phases that there were, in order."""
    found: dict[str, tuple[float, int]] = {}
    before = samples[0].time
    for sample in samples:
        phase = phase_at(sample.time, spans)
        spent, peak = found.get(phase, (0.0, 0))
        found[phase] = (spent + sample.time - before, max(peak, sample.own))
        before = sample.time
    return {phase: found[phase] for phase in sorted(found, key=_order)}


def phase_at(moment: float, spans: Sequence[Span]) -> str:
    """What the run was doing."""
    inside = [span.phase for span in spans if span.begin <= moment <= span.end]
    if inside:
        return inside[0]
    if not spans or moment < spans[0].begin:
        return START
    return END if moment > spans[-1].end else REST


def _order(phase: str) -> int:
    return PHASES.index(phase)


def draw(samples: Sequence[Sample], spans: Sequence[Span]) -> Figure:
    figure = blank(5.5, 2.8)
    axes = figure.subplots()
    dress(axes, "Memory over the run", "seconds", "MiB")
    start = samples[0].time
    for phase in PHASES:
        sizes = [one.own / MIB if phase_at(one.time, spans) == phase else float("nan") for one in samples]
        if any(size == size for size in sizes):
            times = [one.time - start for one in samples]
            axes.plot(times, sizes, ".", markersize=2, color=colour(PHASES.index(phase)), label=phase)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=6, frameon=False)
    return figure


if __name__ == "__main__":
    main()

"""Images a second with one process and with several, which share every batch.

    python scripts/bench/scaling.py
    python scripts/bench/scaling.py --processes 1 2 4 --threads 4 trainer.batch_size=256

Each is a whole run of favae-run with `trainer.devices`, and takes its turn in every round; the speed is what the run
logs of its epochs, but for the first. The last training ELBO says whether all learn the same.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from markdown_table import table
from matplotlib.figure import Figure
from measure import interleaved, ratio
from page import Page, write

from favae_cli.reporting.style import INK, blank, colour, dress
from favae_cli.training.records import read_records

QUICK = (
    *("experiment=avatars_condition", "data.samples=1000", "evaluation.judge.epochs=1"),
    *("schedule.alone_epochs=3", "schedule.rounds=1", "schedule.round_epochs=1"),
)


def main(argv: Sequence[str] | None = None) -> None:
    options = parse(argv)
    overrides = [*QUICK, *options.overrides, f"trainer.threads={options.threads}"]
    learned: dict[int, float] = {}
    sides: dict[str, Callable[[], float]] = {
        str(count): partial(seconds_an_image, count, overrides, learned) for count in options.processes
    }
    times = {int(name): found for name, found in interleaved(sides, options.rounds).items()}
    text = (
        f"`favae-run {' '.join(overrides)} trainer.devices=...`, {options.threads} thread(s) in each process; medians "
        f"of {options.rounds} runs in turns. The processes share every batch, so that they learn the same but for "
        "rounding, which training magnifies."
    )
    write(options.page, "scaling", "Several processes", text, rows(times, learned), draw(times))


def parse(argv: Sequence[str] | None) -> Namespace:
    parser = Page(__doc__)
    parser.add_argument("overrides", nargs="*", help=f"of favae-run, after {' '.join(QUICK)}")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2], help="trainer.devices; the first is 1x")
    parser.add_argument("--threads", type=int, default=1, help="of each process (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each (default %(default)s)")
    options = parser.parse_intermixed_args(argv)
    if min(*options.processes, options.threads, options.rounds) < 1:
        parser.error("--processes, --threads and --rounds must be 1 or more")
    wrong = [given for given in options.overrides if "=" not in given]
    if wrong:
        parser.error(f"{wrong[0]}: overrides are KEY=VALUE")
    return options


def seconds_an_image(processes: int, overrides: Sequence[str], learned: dict[int, float]) -> float:
    """Of the epochs of a run, but for its first; keeps the last ELBO that it logs.

    Raises:
        RuntimeError: the run fails; holds the end of what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        arguments = [*overrides, f"trainer.devices={processes}", f"hydra.run.dir={folder}/run"]
        done = subprocess.run([sys.executable, "-m", "favae_cli", *arguments], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"favae-run {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
        epochs = read_records(Path(folder) / "run", "epoch")
    learned[processes] = epochs[-1]["train/elbo"]
    return median(1 / epoch["images_per_second"] for epoch in epochs[1:])


def rows(times: dict[int, list[float]], learned: dict[int, float]) -> str:
    """A line for each number of processes."""
    first = next(iter(times.values()))
    lines = [
        [str(count), f"{1 / median(spent):.4g}", f"{ratio(first, spent):.2f}", f"{learned[count]:.6g}"]
        for count, spent in times.items()
    ]
    return table(["processes", "images/s", "speed-up", "training ELBO at the end"], lines)


def draw(times: dict[int, list[float]]) -> Figure:
    figure = blank(3.2, 2.8)
    axes = figure.subplots()
    dress(axes, "Several processes", "processes", "speed-up")
    counts, first = list(times), next(iter(times.values()))
    axes.plot(counts, [ratio(first, times[count]) for count in counts], "o-", color=colour(0))
    axes.plot(counts, [count / counts[0] for count in counts], ":", color=INK, linewidth=0.8)
    axes.set_xticks(counts)
    return figure


if __name__ == "__main__":
    main()

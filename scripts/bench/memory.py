"""Peak memory of a whole run as the number of samples grows.

    python scripts/bench/memory.py
    python scripts/bench/memory.py --samples 100000 1000000 --folder /scratch

Each run has images of 64x64 as one .npy file, which favae-run maps into memory, and a small table; a tiny network
trains for one epoch and one round with the factors. Every run is a process of its own. Its memory is what no file
backs: pages of the mapped images come and go as the system pleases. A million images take 12 GB of disk; Linux only.
"""

from __future__ import annotations

import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from markdown_table import table
from matplotlib.figure import Figure
from measure import MIB, memory
from page import Page, write

from favae_cli.reporting.style import blank, colour, dress

LATENT, NUMBERS = 64, 8
HELD_OUT = 200  # samples of the validation and of the test split
BLOCK = 1000  # images written at a time
EXPERIMENT = f"""# @package _global_
defaults:
  - /view@views.image: image
  - /view@views.numbers: real
  - override /task: train
  - override /data: manifest

data:
  root: .
  table: null
  views:
    image: {{kind: image, array: images.npy, size: SIDE, channels: 3}}
    numbers: {{kind: vector, array: numbers.npy}}
views:
  image: {{latent: {LATENT}, arch: {{channels: [4, 4, 4]}}}}
model: {{factors: 16}}
schedule: {{alone_epochs: 1, rounds: 1, round_epochs: 1}}
"""


def main(argv: Sequence[str] | None = None) -> None:
    options = parse(argv)
    found = {}
    for count in sorted(set(options.samples)):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            write_data(Path(folder), count, options.side)
            samples = list(memory(command(count), Path(folder)))
        own, mapped = (max(sizes) for sizes in zip(*((one.own, one.mapped) for one in samples), strict=True))
        found[count] = (own, mapped, samples[-1].time - samples[0].time)
    text = (
        f"Whole runs on N images of {options.side}x{options.side}, memory-mapped, and a table of {NUMBERS} numbers: "
        f"one epoch of a tiny network alone, one round, evaluation on {HELD_OUT} samples. Memory is the process's own "
        f"at its peak; the table of embedding means is N x {LATENT + NUMBERS} in float32."
    )
    write(options.page, "memory", "Peak memory of a run", text, rows(found), draw(found))


def parse(argv: Sequence[str] | None) -> Namespace:
    parser = Page(__doc__)
    parser.add_argument("--samples", type=int, nargs="+", default=[10**4, 10**5], metavar="N", help="numbers of images")
    parser.add_argument("--side", type=int, default=64, help="of the images, pixels (default %(default)s)")
    parser.add_argument("--folder", type=Path, help="where the images go while a run lasts; default: the system's")
    options = parser.parse_args(argv)
    if min(options.samples) < 5 * HELD_OUT:
        parser.error(f"--samples must be {5 * HELD_OUT} or more")
    if options.side < 16:
        parser.error("--side must be 16 or more")
    if options.folder is not None and not options.folder.is_dir():
        parser.error(f"--folder: there is no folder {options.folder}")
    if sys.platform != "linux":
        parser.error("the memory of a process is read from /proc, which only Linux has")
    return options


def write_data(folder: Path, count: int, side: int) -> None:
    """images.npy, uint8 (N, side, side, 3), numbers.npy, float32 (N, 8), of which one is their brightness."""
    rng = np.random.default_rng(0)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, (count, side, side, 3))
    numbers = rng.standard_normal((count, NUMBERS), dtype=np.float32)
    grain = rng.integers(0, 60, (BLOCK, side, side, 3))
    for start in range(0, count, BLOCK):
        bright = np.clip(100 + 30 * numbers[start : start + BLOCK, 0], 0, 195)
        images[start : start + BLOCK] = grain[: len(bright)] + bright[:, None, None, None]
    images.flush()
    np.save(folder / "numbers.npy", numbers)
    # favae-run looks for experiments of the user's own here.
    experiments = folder / "configs" / "experiment"
    experiments.mkdir(parents=True)
    (experiments / "bench.yaml").write_text(EXPERIMENT.replace("SIDE", str(side)))


def command(count: int) -> list[str]:
    """The run, in the folder of the data."""
    shares = [f"data.split.{split}={HELD_OUT / count}" for split in ("validation", "test")]
    return [sys.executable, "-m", "favae_cli", "experiment=bench", *shares, "cache=cache", "hydra.run.dir=run"]


def rows(found: dict[int, tuple[int, int, float]]) -> str:
    """A line for each number of samples: N, MiB of the process, more than the line before, MiB of the table."""
    lines, before = [], None
    for count, (own, mapped, spent) in found.items():
        means = 4 * count * (LATENT + NUMBERS)
        more = "-" if before is None else f"{(own - before) / MIB:,.0f}"
        sizes = [f"{own / MIB:,.0f}", more, f"{means / MIB:,.0f}", f"{mapped / MIB:,.0f}"]
        lines.append([f"{count:,}", *sizes, f"{spent:,.0f}"])
        before = own
    header = ["samples", "peak, MiB", "more than above", "table of means, MiB", "mapped files, MiB", "seconds"]
    return table(header, lines)


def draw(found: dict[int, tuple[int, int, float]]) -> Figure:
    figure = blank(4.5, 3)
    axes = figure.subplots()
    dress(axes, "Peak memory of a run", "samples", "MiB")
    counts = list(found)
    for index, (label, place) in enumerate({"its own": 0, "mapped files in memory": 1}.items()):
        axes.semilogx(counts, [found[count][place] / MIB for count in counts], "o-", color=colour(index), label=label)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=6, frameon=False)
    return figure


if __name__ == "__main__":
    main()

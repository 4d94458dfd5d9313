"""Images a second of our training step beside a plain loop and other packages' trainers, with the same networks.

    python scripts/bench/training.py
    python scripts/bench/training.py --channels 64 128 256 512 --rounds 10
    python scripts/bench/training.py --device cuda --steps 100

The paper's five convolutions of stride 2 and their mirror, batches of 64 images of 64x64. The plain loop is fp32 with a
DataLoader, torch.distributions and Adam, as the code that came with the paper has it. Every side is a process of its
own, since how a process keeps its memory holds for all of it; they take turns of a few steps. The peaks of the device,
a matrix product and a convolution of the same precision, take turns with them. Rivals need the extra: pip install
'favae-run[multivae]'.
"""

from __future__ import annotations

import multiprocessing
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from statistics import median

from markdown_table import table
from matplotlib.figure import Figure
from measure import SPAWN, Apart, interleaved, ratio
from page import Page, write
from training_rivals import make_multivae, make_pythae
from training_sides import Load, make_convolution, make_ours, make_plain, make_product

from favae_cli.common.errors import UserError
from favae_cli.machine.runtime import find_device
from favae_cli.reporting.style import blank, colour, dress
from favae_cli.reporting.table import number

PRECISIONS = {"fp32": "ours, fp32", "bf16": "ours, bf16"}
PLAIN = "plain loop, fp32"
RIVALS = {
    "pythae": ("pythae's trainer, VAE", make_pythae),
    "multivae": ("MultiVae's trainer, JMVAE of two views", make_multivae),
}
PEAKS = {"product": make_product, "convolution": make_convolution}
FORKSERVER = multiprocessing.get_context("forkserver")
# What takes most of the start of a side is imported once for all on a CPU; beside a GPU each process does it for
# itself, on a core of its own: in one whose parent has looked at the GPU, CUDA does not start.
IMPORTED = ["torch._dynamo", "matplotlib.figure", "hydra", "favae_cli.training.vae_trainer"]

Times = dict[str, list[float]]  # seconds an image, or of the peaks an operation, in every round


def main(argv: Sequence[str] | None = None) -> None:
    options = parse(argv)
    load = Load(
        tuple(options.channels),
        options.kernel,
        options.latent,
        options.side,
        options.batch,
        options.steps,
        options.threads,
        options.device,
    )
    loops = {PLAIN: (make_plain,)} | {PRECISIONS[name]: (make_ours, name) for name in options.precisions}
    loops |= {RIVALS[name][0]: (RIVALS[name][1],) for name in options.rivals}
    peaks = {f"{kind} {name}": (PEAKS[kind], name) for name in options.precisions for kind in PEAKS}
    context = FORKSERVER if find_device(options.device).type == "cpu" else SPAWN
    with ExitStack() as stack:
        sides = {
            side: told(side, stack.enter_context(Apart(make, load, *arguments, context=context)))
            for side, (make, *arguments) in (loops | peaks).items()
        }
        interleaved(sides, 1)  # to warm up
        times = interleaved(sides, options.rounds)
    flops = load.flops()
    text = (
        f"Whole training steps of the paper's networks: {len(load.channels)} convolutions of {load.channels[0]} to "
        f"{load.channels[-1]} channels, kernel {load.kernel}, and their mirror, {flops / 1e9:.3g} GFLOP an image; "
        f"{load.side}x{load.side}x3, batch {load.batch}. Medians of {options.rounds} rounds of {load.steps} steps, all "
        "sides in turns, each with the malloc that it comes with. The shares are of what a large matrix product and a "
        "3x3 convolution of the same precision reach in the same rounds."
    )
    lines = rows({name: times[name] for name in loops}, {peak: times[peak] for peak in peaks}, flops)
    write(options.page, "training", "Training step", text, lines, draw({name: times[name] for name in loops}))


def told(side: str, work: Callable[[], float]) -> Callable[[], float]:
    """The same work; how fast it was is told at once, in case there is no end: images or operations a second."""

    def aloud() -> float:
        spent = work()
        print(f"{side}: {1 / spent:.4g}/s", flush=True)
        return spent

    return aloud


def parse(argv: Sequence[str] | None) -> Namespace:
    parser = Page(__doc__)
    parser.add_argument("--channels", type=int, nargs="+", default=[64, 128, 256, 512, 1024], help="of each layer")
    parser.add_argument("--kernel", type=int, default=3, help="pixels (default %(default)s)")
    parser.add_argument("--latent", type=int, default=100, help="dimensions of z (default %(default)s)")
    parser.add_argument("--side", type=int, default=64, help="of the images, pixels (default %(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="images (default %(default)s)")
    parser.add_argument("--steps", type=int, default=4, help="of a side's turn (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="turns of every side (default %(default)s)")
    parser.add_argument("--threads", type=int, help="of every side; all cores where not given")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default %(default)s)")
    parser.add_argument("--precisions", nargs="+", choices=list(PRECISIONS), default=list(PRECISIONS), help="of ours")
    parser.add_argument(
        "--rivals",
        nargs="*",
        choices=list(RIVALS),
        default=[name for name in RIVALS if find_spec(name)],
        help="default: those that are installed",
    )
    options = parser.parse_args(argv)
    if min(*options.channels, options.kernel, options.latent, options.side, options.steps, options.rounds) < 1:
        parser.error("--channels, --kernel, --latent, --side, --steps and --rounds must be 1 or more")
    if options.kernel % 2 == 0 or options.side % 2 ** len(options.channels):
        parser.error("--kernel must be odd, and --side a multiple of 2 to the power of the number of channels")
    if options.batch < 2 or (options.threads or 1) < 1:
        parser.error("--batch must be 2 or more, --threads 1 or more")
    missing = [name for name in options.rivals if not find_spec(name)]
    if missing:
        parser.error(f"--rivals {missing[0]}: is not installed; pip install 'favae-run[multivae]'")
    try:
        find_device(options.device)
    except (UserError, RuntimeError) as error:
        parser.error(f"--device {options.device}: {error}")
    return options


def rows(loops: Times, peaks: Times, flops: float) -> str:
    """A line for each loop: its speed, how ours compare, and the share of the peaks; `flops` an image."""
    ours = [name for name in PRECISIONS.values() if name in loops]
    lines = []
    for side, times in loops.items():
        line = [side, f"{1 / median(times):.4g}", *(f"{ratio(times, loops[name]):.2f}" for name in ours)]
        for kind in PEAKS:
            peak = peaks.get(f"{kind} {side.rpartition(' ')[2]}") if side in (PLAIN, *ours) else None
            line.append(f"{flops * ratio(peak, times):.0%}" if peak else number(None))
        lines.append(line)
    return table(["", "images/s", *(f"{name} is x" for name in ours), *(f"share of {kind}" for kind in PEAKS)], lines)


def draw(loops: Times) -> Figure:
    figure = blank(5, 0.6 + 0.35 * len(loops))
    axes = figure.subplots()
    dress(axes, "Training step", "images/s")
    names = list(loops)[::-1]
    fast = [name in PRECISIONS.values() for name in names]
    axes.barh(names, [1 / median(loops[name]) for name in names], color=[colour(not ours) for ours in fast])
    return figure


if __name__ == "__main__":
    FORKSERVER.set_forkserver_preload(IMPORTED)
    main()

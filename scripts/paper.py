"""Run the paper's experiments on the data that are here, and set every figure and table beside the published ones.

    python scripts/paper.py
    python scripts/paper.py --celeba DIR --cartoons DIR --emoji DIR
    python scripts/paper.py --quick

Without CelebA, faces that the program draws itself stand in. Each experiment is a run of its own in outputs/paper
(outputs/paper-quick); those that are finished are not run again, an interrupted one goes on, one that fails does not
hold up the others. The page is outputs/paper/index.html, written anew after every run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import steps
from paper_page import write_page
from paper_plan import PLAN, Roots, why_not

EMOJI = Path("data/emoji")  # where scripts/prepare_emoji.py is told to build it


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is not there yet; the exit code is that of the first run that fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--celeba", type=Path, help="folder of CelebA")
    parser.add_argument("--cartoons", type=Path, help="folder of the Cartoon Set")
    parser.add_argument("--emoji", type=Path, help=f"folder of the emoji pairs; {EMOJI} where it is there")
    parser.add_argument("--quick", action="store_true", help="in small, to fit 20 minutes on two cores")
    parser.add_argument("--out", type=Path, help="folder of the runs and of the page")
    given = parser.parse_args(argv)
    roots = find_data(given)
    for option, root in roots.items():
        if not root.is_dir():
            parser.error(f"--{option}: there is no folder {root}")
    out = given.out or Path("outputs/paper-quick" if given.quick else "outputs/paper")
    return make_paper(out, roots, given.quick)


def find_data(given: argparse.Namespace) -> Roots:
    """The folders that were given, and the emoji where they are looked for."""
    found = {"celeba": given.celeba, "cartoons": given.cartoons, "emoji": given.emoji}
    if given.emoji is None and (EMOJI / "emoji.csv").is_file():
        found["emoji"] = EMOJI
    return {option: root.expanduser() for option, root in found.items() if root is not None}


def make_paper(out: Path, roots: Roots, quick: bool) -> int:
    """Every step that the data allow, and the page after each."""
    out.mkdir(parents=True, exist_ok=True)
    runs = {out / step.name: step.arguments(roots, quick) for step in PLAN if why_not(step, roots) is None}
    page = write_page(out, roots, quick, {})
    code = steps.work(runs, lambda failures: write_page(out, roots, quick, failures))
    print(f"page: {page}")
    return code


if __name__ == "__main__":
    sys.exit(main())

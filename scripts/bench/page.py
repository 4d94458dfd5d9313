"""docs/benchmarks.md: each benchmark has a section of its own there, which it replaces, and a figure beside it."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from pathlib import Path

import torch
from matplotlib.figure import Figure

from favae_cli.common.files import replacing
from favae_cli.reporting.style import save

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


class Page(argparse.ArgumentParser):
    """The options of a benchmark, `--page` among them.

    Args:
        description: the script's docstring.
    """

    def __init__(self, description: str | None) -> None:
        super().__init__(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
        self.add_argument(
            "--page", type=Path, default=PAGE, help="Markdown file whose section is replaced; the figure goes beside it"
        )


def write(page: Path, name: str, title: str, text: str, rows: str, figure: Figure | None = None) -> None:
    """Replace the section `name` of the page, or add it at the end, and the picture bench_<name>.png beside it.

    Args:
        page: the Markdown file; is made where there is none.
        name: of the script.
        title: of the section.
        text: what was measured, and how.
        rows: the table.
        figure: of the same numbers.
    """
    page.parent.mkdir(parents=True, exist_ok=True)
    parts = [f"## {title}", text, rows.strip()]
    if figure is not None:
        save(figure, page.parent / f"bench_{name}.png")
        parts.append(f"![{title}](bench_{name}.png)")
    parts.append(f"`{command()}`, {machine()}.")
    begin, end = f"<!-- {name}: written by scripts/bench/{name}.py -->", f"<!-- end of {name} -->"
    section = "\n\n".join([begin, *parts, end]) + "\n"
    before = page.read_text() if page.exists() else "# Benchmarks\n"
    found = re.search(f"{re.escape(begin)}.*?{re.escape(end)}\n", before, re.DOTALL)
    after = before[: found.start()] + section + before[found.end() :] if found else f"{before.rstrip()}\n\n{section}"
    with replacing(page) as file:
        file.write_text(after)
    print(f"{section}\n{page}", flush=True)


def command() -> str:
    """How this script was called, without where it writes."""
    given = list(sys.argv[1:])
    for option in ("--page", "--run"):
        if option in given:
            place = given.index(option)
            del given[place : place + 2]
    return shlex.join(["python", f"scripts/bench/{Path(sys.argv[0]).name}", *given])


def machine() -> str:
    """What it ran on."""
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else None
    parts = [f"{os.cpu_count()} cores of {found[1] if found else 'unknown make'}"]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return ", ".join([*parts, f"PyTorch {torch.__version__}"])

"""The text of `favae-run --help`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

GROUPS = {
    "task": "Tasks (task=NAME)",
    "experiment": "Experiments (experiment=NAME)",
    "data": "Data (data=NAME)",
    "view": "Views (view@views.VIEW=NAME)",
    "model": "Models (model=NAME)",
    "transfer": "Help in task transfer (transfer=NAME)",
    "arch": "Archs (arch@views.VIEW.arch=NAME)",
    "sweep": "Sweeps (-m sweep=NAME)",
    "launch": "Where the runs of a sweep go (-m launch=NAME)",
}

USAGE = """\
favae-run: factor analysis over the latent spaces of variational autoencoders

Usage: favae-run [KEY=VALUE ...]

  favae-run task=demo                            first steps: a small run, and a page to look into it

  favae-run task=init input=DIR/mine.csv         looks at own data and writes configs/experiment/mine.yaml
  favae-run task=check experiment=mine           looks for everything wrong with it, before anything is computed
  favae-run experiment=mine                      trains, evaluates, writes the report

  favae-run                                      the experiment avatars_condition; needs no data
  favae-run experiment=celeba_condition data.root=DIR
  favae-run experiment=emoji_condition data.root=DIR
  favae-run -m experiment=avatars_condition model.beta=1,4 model.factors=20,50
                                                 a run for every combination; sweep.csv compares them
  favae-run -m ... sweep.resume=true             goes on with the newest sweep of that kind: only what is missing
  favae-run resume=outputs/EXPERIMENT/TIME       goes on as if the run had never stopped
  favae-run task=status                          how far runs are, and whether they still live
  favae-run task=translate run=outputs/EXPERIMENT/TIME input=me.jpg
                                                 uses a finished run
  favae-run task=check run=outputs/EXPERIMENT/TIME
                                                 looks whether a finished run is whole, and its data the same
  favae-run experiment=NAME --cfg job            prints every key with its value and runs nothing
  favae-run --help | --version | --hydra-help
"""

CLOSING = """\
Own choices: YAML files in ./configs/experiment, ./configs/data, ./configs/arch ... come before these.
"""


def help_text(folders: Sequence[Path]) -> str:
    """How to call the program and what there is to choose in `folders`, the first searched first."""
    sections = [_section(title, _options(folders, group)) for group, title in GROUPS.items()]
    return "\n".join([USAGE, *sections, CLOSING])


def _options(folders: Sequence[Path], group: str) -> dict[str, str]:
    """Options of a config group and their descriptions, by name."""
    found = {
        path.relative_to(folder / group).with_suffix("").as_posix(): _description(path)
        for folder in reversed(folders)
        for path in (folder / group).rglob("*.yaml")
    }
    return dict(sorted(found.items()))


def _description(path: Path) -> str:
    """The first comment line that is not one of Hydra's own."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("#") and not line.startswith("# @"):
            return line.lstrip("# ")
    return ""


def _section(title: str, options: dict[str, str]) -> str:
    lines = [f"  {name:<22} {description}".rstrip() for name, description in options.items()]
    return "\n".join([f"{title}:", *lines, ""])

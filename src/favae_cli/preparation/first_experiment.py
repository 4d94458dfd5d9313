"""Sizes for a first experiment, and the experiment as commented YAML."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from favae_cli.common.errors import printable
from favae_cli.config.data_base import Kind
from favae_cli.data.dates import Dates
from favae_cli.preparation.bending import ENOUGH, TRAINED
from favae_cli.preparation.guess_files import Found
from favae_cli.preparation.guess_views import GuessedView

PRESETS: dict[Kind, str] = {"binary": "bernoulli"}  # of configs/view; others are called like the kind
NETWORKS: tuple[Kind, ...] = ("image", "vector", "counts", "sequence", "text")
SIDES = (8, 16, 32, 64, 128, 256)  # of images in pixels, that a preset of configs/arch is for
STEPS = 2000  # of a VAE alone, about
BATCH = 64  # samples, as configs/trainer/default.yaml has it
FEW_ROWS = 1000  # to train on; below, networks and embeddings are smaller
LONG_SEQUENCE = 200  # steps, from which convolutions are quicker
WIDTH = 110  # characters of a line of names


def experiment(found: Found, name: str, files: Iterable[Path]) -> str:
    """The YAML of configs/experiment/`name`.yaml.

    Args:
        found: what the files hold, as of `without_vain_networks`.
        name: of the experiment.
        files: that it was made from.
    """
    rows, views = learned_from(found.rows), found.views
    presets = {view.name: "real" if view.settings else PRESETS.get(view.kind, view.kind) for view in views}
    networks = [view for view in views if presets[view.name] in NETWORKS]
    sizes = {view.name: network_sizes(view, rows) for view in networks}
    alone, round_epochs = network_epochs(rows)
    text = _template().render(
        found=found,
        name=name,
        files=[" ".join(str(file).split()) for file in files],
        presets=presets,
        archs={name: arch for name, (arch, _) in sizes.items()},
        latents={name: latent for name, (_, latent) in sizes.items()},
        networks=networks,
        alone=alone,
        round_epochs=round_epochs,
        score=f"test/{networks[0].name}/log_likelihood" if len(networks) == len(views) == 1 else "predict/mean",
    )
    return printable(text)  # names of files and columns stand in comments, or in quotes, which read it back


def without_vain_networks(found: Found) -> Found:
    """The same, numbers seen as they are where a network would tell no more."""
    return replace(found, views=tuple(_without_network(view) if _in_vain(view) else view for view in found.views))


def learned_from(rows: int) -> int:
    """Training samples, about."""
    return max(int(TRAINED * rows), 1)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # it makes no HTML
    )
    environment.filters |= {"flow": _flow, "shown": _shown, "key": _key, "date": _date}
    return environment.get_template("first_experiment.yaml.j2")


def _in_vain(view: GuessedView) -> bool:
    """Whether a network of numbers would tell no more than factors of the columns, or of their logarithms, do."""
    rows = learned_from(view.rows)
    return (view.kind == "counts" and rows < FEW_ROWS) or (view.kind == "vector" and (rows < ENOUGH or not view.bends))


def _without_network(view: GuessedView) -> GuessedView:
    if view.kind == "counts":
        return replace(view, settings={"transform": {"counts": ["*"]}})
    source = {**view.source, "kind": "real"}
    return replace(view, source=source, why=(f"need no network: {_why_none(view)}", *view.why))


def _why_none(view: GuessedView) -> str:
    if (rows := learned_from(view.rows)) < ENOUGH:
        return f"about {rows} rows to learn from, fewer than {ENOUGH}"
    if view.bends is None:
        return "too few, or in too few groups, to see whether neighbours tell more of them than lines do"
    return "neighbours tell hardly more of them than lines do"


def image_arch(side: int) -> str:
    """The preset in configs/arch for images of `side` pixels."""
    return f"conv{max(fitting for fitting in SIDES if fitting <= max(side, SIDES[0]))}"


def network_sizes(view: GuessedView, rows: int) -> tuple[str, int]:
    """The network's preset in configs/arch and the dimensions of z, where `rows` are learned from."""
    return _arch(view, rows), _latent(view, rows)


def network_epochs(rows: int) -> tuple[int, int]:
    """Of the VAEs alone, about STEPS steps, and of each round."""
    alone = min(max(round(STEPS / max(rows // BATCH, 1)), 10), 150)
    return alone, max(alone // 8, 2)


def _latent(view: GuessedView, rows: int) -> int:
    """Dimensions of z: fewer than the data have, and fewer where there is little to learn them from."""
    if view.kind == "image":
        return 32 if rows >= FEW_ROWS else 16
    return 16 if view.kind == "text" else min(16, max(2, view.size // 2))


def _arch(view: GuessedView, rows: int) -> str:
    """The network's preset in configs/arch."""
    if view.kind == "image":
        return image_arch(view.source["size"])
    if view.kind == "sequence":
        return "gru" if view.size < LONG_SEQUENCE else "conv1d"
    if view.kind == "text":
        return "tokens"
    return "mlp_small" if rows < FEW_ROWS or view.size <= 32 else "mlp"


def _flow(value: Any, indent: int) -> str:
    """As one line of YAML, or where that is too long a line for every few items of the list, `indent` characters in."""
    if isinstance(value, dict):
        return (
            "{" + f",\n{' ' * indent}".join(f"{_key(name)}: {_flow(one, indent)}" for name, one in value.items()) + "}"
        )
    if not isinstance(value, list):
        return _quoted(value)
    lines = [""]
    for item in map(_quoted, value):
        if lines[-1] and len(lines[-1]) + len(item) + indent > WIDTH:
            lines.append("")
        lines[-1] += f"{item}, "
    return "[" + f"\n{' ' * indent}".join(lines).removesuffix(", ").replace(", \n", ",\n") + "]"


def _key(name: str) -> str:
    """A name as a key of YAML, in which nothing stands for a value of another."""
    return json.dumps(name, ensure_ascii=False)


def _date(way: Dates) -> str:
    parts = f", parts: [{', '.join(way.parts)}]" if way.parts else ""
    return f"{{format: {_quoted(way.format)}, first: {_quoted(way.first)}{parts}}}"


def _quoted(value: Any) -> str:
    """As YAML that says just this, also where it has what would stand for a value of another key."""
    return json.dumps(value, ensure_ascii=False).replace("${", r"\\${")


def _shown(lines: Iterable[str], most: int) -> list[str]:
    """The first lines, and how many more there are; in one line each."""
    told = [" ".join(line.split()) for line in lines]
    return told if len(told) <= most + 1 else [*told[:most], f"and {len(told) - most} more alike"]

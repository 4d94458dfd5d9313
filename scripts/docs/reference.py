#!/usr/bin/env python3
"""Write docs/reference/config/: every key of the schema, with its values, its default and what configs/ say of it.

Keys, values and bounds are read from the schema, defaults and meanings from the YAML files and their comments; where a
file is silent, the schema's own description stands. `make docs` calls this, and a test keeps the pages up to date.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from json_schema import Node, Schema
from options import Key, Option, option, options
from pydantic import TypeAdapter

from favae_cli.config.aside_tasks import AsideConfig
from favae_cli.config.folders import shipped_configs
from favae_cli.config.run import Config
from favae_cli.config.trained_run_tasks import UseConfig

FOLDER = Path(__file__).parents[2] / "docs" / "reference" / "config"
LONG = 60  # characters of a default that a table has room for

Titled = tuple[str, str]
"""A heading, and the Markdown under it."""

RUN = """\
Keys of `favae-run experiment=NAME`. With `--cfg job` behind it, the command prints all of them with their values."""
DATA = """\
Keys of the section `data`, by data set: `data=NAME` picks a file of `configs/data`, and every key can be set behind it.
The views that a data set has are those that an experiment may join."""
VIEWS = """\
Keys of the sections `views.NAME`: `view@views.NAME=OPTION` picks a file of `configs/view`, and
`arch@views.NAME.arch=OPTION` one of `configs/arch`."""
MODELS = """\
Keys of the section `model`: `model=NAME` picks a file of `configs/model`. How they compare is on the page of
[results](../../results.md#all-models-on-one-data-set)."""
TASKS = """\
Keys of `favae-run task=NAME run=FOLDER`, and of the tasks that need no model, from `task=init` on. The tasks that train
have those of [a run](run.md), and so has `task=check`."""
SWEEPS = """\
Keys of Hydra's that a sweep (`favae-run -m`) looks at; the schema leaves them to Hydra and its plugins. Beside them,
`hydra.run.dir` and `hydra.sweep.dir` say where results are written, and `sweep.resume=true` goes on with a sweep."""


def table(schema: Schema, node: Node, given: list[Option], prefix: str = "", below: str = "") -> str:
    """Markdown with a row a key.

    Args:
        schema: that `node` is of.
        node: the section.
        given: the options that fill it, whose defaults are told.
        prefix: what the user types before each key.
        below: where in the files the section lies.
    """
    rows = ["| key | values | default | meaning |", "| --- | --- | --- | --- |"]
    for path, leaf in schema.leaves(node):
        said = {part.name: part.keys[below + path] for part in given if below + path in part.keys}
        meaning = next((key.comment for key in said.values() if key.comment), "") or leaf.get("description", "")
        if not meaning and "const" in leaf:
            meaning = "which kind of section this is"
        elif not meaning and path.endswith("arch"):
            meaning = "the networks, below"
        cells = [f"`{prefix}{path}`", schema.values(leaf), _defaults(said), meaning]
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows)


def _defaults(said: Mapping[str, Key]) -> str:
    values = {name: _default(key.value) for name, key in said.items() if key.value}
    if len(set(values.values())) <= 1:
        return next(iter(values.values()), "")
    return ", ".join(f"{value} ({name})" for name, value in values.items())


def _default(value: str) -> str:
    if value == "???":
        return "must be given"
    return "" if not value else f"`{value}`" if len(value) <= LONG else "as in the file"


def presets(given: list[Option], call: str) -> str:
    """A list of options, each with its line."""
    return "\n".join(f"- `{call.format(part.name)}`: {part.about}" for part in given)


def page(title: str, about: str, *sections: Titled) -> str:
    """Markdown of a page."""
    parts = [
        f"# {title}",
        "<!-- written by scripts/docs/reference.py from the schema and configs/; do not edit -->",
        about,
    ]
    for heading, text in sections:
        parts += [f"## {heading}", text]
    return "\n\n".join(parts) + "\n"


def of_union(schema: Schema, node: Node, tag: str, group: str, call: str, prefix: str) -> list[Titled]:
    """A section of a page for each kind in a union: which options make it, and its keys."""
    sections: list[Titled] = []
    without: list[Titled] = []  # which no file makes
    for kind in schema.kinds(node):
        member = schema.resolved({"$ref": node["discriminator"]["mapping"][kind]})
        given = [part for part in options(group) if part.keys.get(tag, Key("", "")).value == kind]
        given.sort(key=lambda part: part.name != kind)  # what it says of a key holds for the others too
        about = [member.get("description", ""), presets(given, call), table(schema, member, given, prefix)]
        (sections if given else without).append((f"`{kind}`", "\n\n".join(filter(None, about))))
    return [*sections, *without]


def pages() -> dict[str, str]:
    """By file, its text."""
    run, use, aside = Schema(TypeAdapter(Config)), Schema(TypeAdapter(UseConfig)), Schema(TypeAdapter(AsideConfig))
    return {
        "run.md": page("A run", RUN, *_run(run)),
        "data.md": page(
            "Data",
            DATA,
            *of_union(run, run.at("data"), "name", "data", "data={}", "data."),
            *((f"`manifest`: a view of kind `{kind}`", text) for kind, text in _own_views(run)),
        ),
        "views.md": page("Views and networks", VIEWS, *_views(run)),
        "models.md": page("Models", MODELS, *of_union(run, run.at("model"), "name", "model", "model={}", "model.")),
        "tasks.md": page(
            "Tasks on a trained run, and beside runs",
            TASKS,
            *(_task(use, use.at(kind), kind, option(shipped_configs() / "use.yaml")) for kind in use.kinds(use.root)),
            *(_task(aside, aside.at(kind), kind, Option("")) for kind in aside.kinds(aside.root)),
        ),
        "sweeps.md": page(
            "Sweeps and launchers",
            SWEEPS,
            *((f"`{group}={part.name}`", _hydra(part)) for group in ("sweep", "launch") for part in options(group)),
            *(
                (
                    f"`hydra.{kind}` of {name}",
                    _hydra(option(shipped_configs() / "hydra" / kind / file), f"hydra.{kind}."),
                )
                for kind, name, file in (("sweeper", "Optuna", "optuna.yaml"), ("launcher", "Ray", "ray.yaml"))
            ),
        ),
    }


def _run(schema: Schema) -> list[Titled]:
    """The keys of no group, the tasks that train, and the groups that every run has."""
    top = option(shipped_configs() / "run.yaml")
    own = {key: part for key, part in schema.at()["properties"].items() if key in top.keys and key != "views"}
    training = [part for part in options("task") if part.name in schema.at("task", "name")["enum"]]
    groups = [
        (f"`{group}`", f"{presets(given, group + '={}')}\n\n{table(schema, schema.at(group), given, f'{group}.')}")
        for group in ("schedule", "trainer", "evaluation", "transfer")
        for given in (options(group),)
    ]
    return [
        ("Of no group", table(schema, {"properties": own}, [top])),
        ("`task`", presets(training, "task={}")),
        *groups,
    ]


def _views(schema: Schema) -> list[Titled]:
    """Every type of view, then the networks of all of them, each once."""
    union = schema.within(schema.at("views"))
    sections = of_union(schema, union, "type", "view", "view@views.NAME={}", "views.NAME.")
    archs: dict[str, str] = {}
    for reference in union["discriminator"]["mapping"].values():
        arch = schema.resolved({"$ref": reference})["properties"].get("arch")
        if arch is None:
            continue
        kinds = schema.resolved(arch)
        if "discriminator" not in kinds:  # one kind only
            kinds = {"discriminator": {"mapping": {kinds["properties"]["name"]["const"]: arch["$ref"]}}}
        archs |= of_union(schema, kinds, "name", "arch", "arch@views.NAME.arch={}", "views.NAME.arch.")
    return [*sections, *((f"arch {title}", text) for title, text in archs.items())]


def _task(schema: Schema, node: Node, name: str, base: Option) -> Titled:
    found = option(shipped_configs() / "task" / f"{name}.yaml")
    found.keys = base.keys | found.keys
    calls = "\n".join(["```sh", *found.calls, "```"])
    return f"`task={name}`", "\n\n".join([f"{found.about}.", calls, table(schema, node, [found])])


def _hydra(part: Option, prefix: str = "") -> str:
    calls = ["\n".join(["```sh", *part.calls, "```"])] if part.calls else []
    rows = ["| key | default | meaning |", "| --- | --- | --- |"]
    rows += [
        f"| `{prefix}{path}` | {_default(key.value)} | {key.comment.replace('|', chr(92) + '|')} |"
        for path, key in part.keys.items()
        if key.value and not path.endswith(("_target_", "_partial_"))
    ]
    return "\n\n".join([f"{part.about}.", *calls, *(["\n".join(rows)] if len(rows) > 2 else [])])


def _own_views(schema: Schema) -> list[Titled]:
    """What `data.views.NAME` may be where the data are the user's own."""
    union = schema.within(schema.at("data", "manifest", "views"))
    return [
        (kind, table(schema, schema.resolved({"$ref": part}), [], "data.views.NAME."))
        for kind, part in union["discriminator"]["mapping"].items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pages go")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

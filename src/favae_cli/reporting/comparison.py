"""One page with several runs side by side: what differs in their configs, their scores, their curves, their figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from os.path import commonprefix
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from matplotlib.figure import Figure
from omegaconf import OmegaConf

from favae_cli.common.files import replacing
from favae_cli.common.run_folder import RunFolder
from favae_cli.common.stored_files import read_config
from favae_cli.reporting.comparison_figures import MOST, overlaid_epochs, overlaid_rounds
from favae_cli.reporting.measures import is_headline, measure_of
from favae_cli.reporting.report import TEMPLATES
from favae_cli.reporting.sections import Shown, element, kind_of, title_of
from favae_cli.reporting.style import save
from favae_cli.reporting.table import ABSENT, Table, clipped, number
from favae_cli.training.records import final_numbers, read_records

LONG = 80  # characters of a value of the config
_APART = ("factor", "curves", "bound")  # cards, whose numbers mean other factors in another run; what is overlaid

Runs = Mapping[str, Path]
"""By what they are called on the page, the folders of runs."""


def write_comparison(runs: Runs, output: Path) -> None:
    """Write the page; nothing is written to the runs, and of what one lacks the page says that it is not there.

    Raises:
        UserError: a file of a run is damaged.
    """
    metrics = {name: final_numbers(folder) for name, folder in runs.items()}
    page = TEMPLATES.get_template("compare.html.j2").render(
        runs=runs,
        tables=[table for table in (_differences(runs), _scores(metrics), _all_numbers(metrics)) if table.rows],
        curves=_curves(runs),
        rows=list(_figures(runs)),
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    with replacing(output) as file:
        file.write_text(page, encoding="utf-8")


def _differences(runs: Runs) -> Table:
    """The keys whose values are not the same everywhere."""
    configs = {name: dict(_keys(_config(folder))) for name, folder in runs.items()}
    keys = dict.fromkeys(key for config in configs.values() for key in config)
    found = {key: [config.get(key, ABSENT) for config in configs.values()] for key in keys}
    rows = [[key, *_told_apart(values)] for key, values in found.items() if len(set(values)) > 1]
    note = "Keys of the configs that are not the same in all runs."
    return Table("What differs", note, ["key", *runs], rows, sortable=False)


def _config(folder: Path) -> Any:
    return OmegaConf.to_container(read_config(RunFolder(folder).config))


def _keys(value: Any, key: str = "") -> Iterable[tuple[str, str]]:
    """Each key with its value as text."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _keys(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _told_apart(values: list[str]) -> list[str]:
    """The values in so many characters: long ones with the same ends from shortly before they first differ."""
    short = {value: clipped(value, LONG) for value in values}
    for text in set(short.values()):
        alike = [value for value in short if short[value] == text]
        if len(alike) > 1:
            begin = len(commonprefix(alike)) - LONG // 4  # noqa: RUF071  characters are meant
            short |= {value: f"...{value[begin : begin + LONG - 6]}..." for value in alike}
    return [short[value] for value in values]


def _scores(metrics: Mapping[str, Mapping[str, float]]) -> Table:
    """The scores of the runs as a whole, the best of each marked."""
    note = (
        "By their names in metrics.json. The best of each row is bold; a log-likelihood can be compared between runs "
        "that have the same variance of the likelihood, and times between those of one machine."
    )
    return _numbers("Scores", note, metrics, [name for name in _names(metrics) if is_headline(name)])


def _all_numbers(metrics: Mapping[str, Mapping[str, float]]) -> Table:
    """Everything else that they measured."""
    names = [name for name in _names(metrics) if not is_headline(name)]
    return _numbers("Other numbers", "", metrics, names, aside=True)


def _names(metrics: Mapping[str, Mapping[str, float]]) -> list[str]:
    return list(dict.fromkeys(name for found in metrics.values() for name in found))


def _numbers(
    title: str, note: str, metrics: Mapping[str, Mapping[str, float]], names: list[str], aside: bool = False
) -> Table:
    rows, best = [], set()
    for place, name in enumerate(names):
        unit, better = measure_of(name)
        values = [found.get(name) for found in metrics.values()]
        rows.append([name, better or ABSENT, unit or ABSENT, *map(number, values)])
        best |= {(place, 3 + column) for column in _best(values, better)}
    return Table(title, note, ["score", "better", "unit", *metrics], rows, True, aside, frozenset(best))


def _best(values: list[float | None], better: str) -> list[int]:
    """Places of the best of the values; none where nothing is better, or all that can be seen is the same."""
    known = [value for value in values if value is not None]
    if not better or len({number(value) for value in known}) < 2:
        return []
    best = number(max(known) if better == "higher" else min(known))
    return [place for place, value in enumerate(values) if value is not None and number(value) == best]


def _curves(runs: Runs) -> list[Shown]:
    """Of the first runs, as many as can be told apart."""
    shown = dict(list(runs.items())[:MOST])
    some = "" if len(shown) == len(runs) else f" The first {len(shown)} of {len(runs)} runs."
    captions: dict[str, tuple[str, str, Callable[[Any], Figure | None]]] = {
        "epoch": ("Curves", f"The validation samples, epoch by epoch.{some}", overlaid_epochs),
        "round": ("Bound", f"The evidence lower bound and the factors in use, round by round.{some}", overlaid_rounds),
    }
    made: list[Shown] = []
    with TemporaryDirectory() as folder:
        for kind, (title, caption, draw) in captions.items():
            records = {name: read_records(path, kind) for name, path in shown.items()}
            if any(records.values()) and (figure := draw(records)) is not None:
                path = Path(folder) / f"{kind}.png"
                save(figure, path)
                made.append(Shown(title, caption, element(path, title, len(made))))
    return made


def _figures(runs: Runs) -> Iterable[tuple[str, list[tuple[str, str | None]]]]:
    """Title of each figure that two runs or more have, and by run the element, None where it lacks it."""
    drawn = {
        name: {path.stem: path for path in RunFolder(folder).figures.glob("*.png")} for name, folder in runs.items()
    }
    stems = dict.fromkeys(stem for found in drawn.values() for stem in sorted(found) if kind_of(stem) not in _APART)
    place = len(runs)  # after those of the curves
    for stem in stems:
        having = sum(stem in found for found in drawn.values())
        if having < 2:
            continue
        row: list[tuple[str, str | None]] = []
        for name, found in drawn.items():
            place += 1
            row.append((name, element(found[stem], f"{stem} of {name}", place) if stem in found else None))
        yield title_of(stem), row

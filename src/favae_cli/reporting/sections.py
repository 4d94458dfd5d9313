"""What stands where on a report, and what is said of each figure."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from favae_cli.reporting.table import Table
from favae_cli.reporting.vectors import inlined

CAPTIONS = {
    "editing": "Each row begins with a test image and its reconstruction; then the same image, edited toward "
    "what stands above the column. What is asked should change, and nothing else.",
    "generated": "Images made from attributes alone. What stands beside a row was asked; the rest is random.",
    "strengths": "What longer steps of an edit bring and cost, on the validation split: edits that flip the attribute, "
    "others that stay, R2 to the reconstruction. The dotted line is the strength that was chosen.",
    "translation": "Test images, their reconstruction, their translation, what the other view makes of the true "
    "partner, and the partner itself.",
    "race": "Test log-likelihood and KL while the large VAE learns: alone (the rival), and with help.",
    "prediction": "The view as all others predict it, against the truth: images above their predictions; numbers "
    "(logarithms and ranks, where they are modelled so) around the dotted line, with their 90 % intervals; the AUC "
    "of binary columns; how often each category (row) was taken for which; predicted sequences dashed. Of many columns "
    "those that are foretold best, worst, and in between.",
    "calibration": "What was promised against what was seen, all columns of a view together: how many numbers lie in "
    "intervals that were to hold so many, and how often what was given a probability is true. Below the dotted line "
    "the model is too sure.",
    "reliability": "Predicted probability against the observed share; on the dotted line the probabilities "
    "can be taken at their word. Pale bars show how many samples there are.",
    "explained": "The share of each view's variance that each factor explains. Total: what the factor explains alone, "
    "which is below 0 where it would lead away from the view and others are there to undo that; unique: what is lost "
    "without it.",
    "map": "Samples by the two factors that tell most of a label, in its colours. The label's own view is not among "
    "those that say where they stand, so that what is apart here can be told apart without it.",
    "top_columns": "The columns that rise or fall most with each factor, a few of each view: in standard deviations of "
    "the column, or of what its odds are made of, for one of the factor. A line is a deviation of the weight each way.",
    "relevance": "How much each view uses each factor: the weights |W|, and 1 / alpha below. Shared factors "
    "carry what views have in common, private ones what is a view's own.",
    "factor": "What a factor does to every view while the others stay at their mean, the columns that it goes with, "
    "and the samples that have most and least of it.",
    "interpolation": "The way from one test image to another: in the embedding of its view, and in the factors, "
    "from where every view can be decoded.",
    "traversal": "One factor, or one dimension of z, changed at a time, the most relevant first.",
    "reconstructions": "Test images above, what the model makes of them below.",
    "presence": "How many samples have which views together; beside each view, how many have it at all.",
    "curves": "ELBO, log-likelihood and KL, epoch by epoch. The dotted line is where the view was joined "
    "with the others: reconstruction should not get worse after it.",
    "bound": "The evidence lower bound, the factors in use and the noise precision of every view by round.",
}
_TITLES = {"map": "Map of samples", "top_columns": "Top columns", "presence": "Views that samples have"}
_SECTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # how its tables begin, and its figures
    "Generation and editing": (("Generation",), ("editing", "generated", "strengths")),
    "Translation": (("Translation",), ("translation",)),
    "Transfer": (("Transfer", "Disentanglement"), ("race",)),
    "Prediction": (("Predict",), ("prediction", "calibration", "reliability")),
    "Factors": (
        ("Factor",),
        ("explained", "map", "top_columns", "relevance", "factor", "interpolation", "traversal"),
    ),
    "Reconstruction": (("Reconstruction",), ("reconstructions",)),
    "Data": ((), ("presence",)),
    "Training": (("Time",), ("curves", "bound")),
}
OTHERS = "Other figures"


@dataclass(frozen=True)
class Shown:
    """A figure as it is shown: what it is called, what is said of it, and the element that is it."""

    title: str
    caption: str
    element: str


@dataclass
class Section:
    """A part of a report."""

    title: str
    tables: list[Table] = field(default_factory=list)
    figures: list[Shown] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """By which a link finds it."""
        return self.title.lower().replace(" ", "-")


def sections(tables: Sequence[Table], figures: Path) -> list[Section]:
    """The sections that have anything, in reading order.

    Args:
        tables: each goes by how its title begins.
        figures: folder of the run's.
    """
    found = {title: Section(title) for title in (*_SECTIONS, OTHERS)}
    for table in tables:
        title = next((title for title, (begins, _) in _SECTIONS.items() if table.title.startswith(begins)), OTHERS)
        found[title].tables.append(table)
    homes = {kind: title for title, (_, kinds) in _SECTIONS.items() for kind in kinds}
    order = [*homes]
    paths = [(kind_of(path.stem), path) for path in sorted(figures.glob("*.png"), key=lambda path: path.stem)]
    paths.sort(key=lambda each: len(order) if each[0] is None else order.index(each[0]))
    for place, (kind, path) in enumerate(paths):
        title = title_of(path.stem)
        shown = Shown(title, CAPTIONS[kind] if kind else "", element(path, title, place))
        found[homes[kind] if kind else OTHERS].figures.append(shown)
    return [section for section in found.values() if section.tables or section.figures]


def kind_of(stem: str) -> str | None:
    """Which of `CAPTIONS` is that of a figure, by the name of its file."""
    return next((kind for kind in CAPTIONS if stem == kind or stem.startswith(f"{kind}_")), None)


def title_of(stem: str) -> str:
    """What a figure is called, by the name of its file."""
    kind = kind_of(stem)
    return f"{stem}.png" if kind is None else _title(kind, stem.removeprefix(kind).lstrip("_"))


def _title(kind: str, rest: str) -> str:
    if kind == "factor" and rest.isdecimal():
        return f"Factor {int(rest)}"
    name = _TITLES.get(kind, kind.capitalize())
    return f"{name}: {rest}" if rest else name


def element(path: Path, title: str, place: int) -> str:
    """The figure itself: its vectors, where it has any that matplotlib may have written."""
    vectors = path.with_suffix(".svg")
    if vectors.is_file():
        with suppress(ValueError):  # some other SVG, or none
            return inlined(vectors.read_text(encoding="utf-8"), title, place)
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{html.escape(title)}">'

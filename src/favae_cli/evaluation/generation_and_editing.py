"""Images made from attributes: generated for a combination, or edited towards one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from favae_cli.common.pixels import unit
from favae_cli.evaluation.images import border, r2_per_image
from favae_cli.evaluation.judge import Judge, agreement
from favae_cli.evaluation.labelled import Labelled
from favae_cli.queries.generate_and_edit import Editor


@dataclass(frozen=True)
class Combinations:
    """Attribute combinations that the training data hold.

    Attributes:
        values: (C, D) of 0 and 1, the most frequent first.
        counts: (C,) training samples of each.
    """

    values: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, fewest: int) -> Combinations:
        """From (N, D) training labels; rows with NaN do not count.

        Args:
            fewest: combinations of fewer samples are left out, unless none is left.
        """
        values, counts = np.unique(labels[~np.isnan(labels).any(axis=1)], axis=0, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        order = order[counts[order] >= min(fewest, counts.max())]
        return cls(values[order], counts[order])

    def flipped(self, labels: np.ndarray, column: int) -> np.ndarray:
        """(R, D) the known combination nearest to each row that has the other value in `column`.

        Nearest in attributes changed, then the most frequent; where none has it, the column alone is flipped. So an
        attribute that excludes another (two skin tones) takes the other's place.
        """
        target = labels.copy()
        target[:, column] = 1 - labels[:, column]
        for row, wanted in enumerate(target):
            fitting = self.values[self.values[:, column] == wanted[column]]
            if len(fitting):
                target[row] = fitting[np.argmin(np.abs(fitting - wanted).sum(axis=1))]
        return target


def generation_metrics(
    editor: Editor, judge: Judge, asked: np.ndarray, real: Labelled, names: tuple[str, ...], rng: np.random.Generator
) -> dict[str, float]:
    """Of images generated for each row of `asked` (R, D), what the judge sees and how much they differ.

    `generate/accuracy`: share of asked attributes (present or absent) that the judge sees; also by attribute.
    `generate/variety`: variance of pixels among images of the same attributes, as a share of that among real ones.
    """
    images = editor.generate(asked, rng)
    scores = agreement(judge.read(images), asked).mean(axis=0)
    metrics = {"generate/accuracy": float(scores.mean())}
    shares = []
    for combination in np.unique(asked, axis=0):
        own, others = images[(asked == combination).all(axis=1)], real.images[(real.labels == combination).all(axis=1)]
        if min(len(own), len(others)) > 1:
            shares.append((own.var(axis=0, ddof=1).mean(), unit(others).var(axis=0, ddof=1).mean()))
    if shares:
        made, found = np.sum(shares, axis=0)
        metrics["generate/variety"] = float(made / found) if found > 0 else float("nan")
    return metrics | {f"generate/{name}/accuracy": float(score) for name, score in zip(names, scores, strict=True)}


@dataclass(frozen=True)
class Edit:
    """What an edit of R images asks for.

    Attributes:
        column: the attribute that is to flip.
        wanted: (R, D) all attributes then.
        step: (R, D_m) how z has to go.
    """

    column: int
    wanted: np.ndarray
    step: np.ndarray


def edits(editor: Editor, combinations: Combinations, z: np.ndarray, labels: np.ndarray) -> list[Edit]:
    """Every attribute of every image flipped, one at a time.

    Args:
        z: (R, D_m) of the images.
        labels: (R, D) of 0 and 1.
    """
    asked = [combinations.flipped(labels, column) for column in range(labels.shape[1])]
    steps = editor.steps(z, labels, asked)
    return [Edit(column, wanted, step) for column, (wanted, step) in enumerate(zip(asked, steps, strict=True))]


@dataclass(frozen=True)
class EditScores:
    """Judged edits, (D,) each, by the attribute that was to flip.

    Attributes:
        flip: share of edits whose wanted attribute the judge sees.
        keep: share of the attributes not asked to change that the judge still sees.
        r2: mean R2 between edit and original.
        r2_reconstruction: mean R2 between edit and reconstruction, which differ by the edit alone.
        brightness: mean absolute change of the reconstruction's mean value, of 1.
        border: mean absolute change of its outermost sixteenth on every side, of 1.
    """

    flip: np.ndarray
    keep: np.ndarray
    r2: np.ndarray
    r2_reconstruction: np.ndarray
    brightness: np.ndarray
    border: np.ndarray

    def worth(self, likeness: float) -> np.ndarray:
        """(D,) what strengths are chosen by: the smaller of flip and keep, and `likeness` times the R2."""
        return np.minimum(self.flip, self.keep) + likeness * self.r2_reconstruction


def edit_scores(
    editor: Editor, judge: Judge, samples: Labelled, z: np.ndarray, asked: Sequence[Edit], strengths: np.ndarray
) -> EditScores:
    """Judge what comes of `edits`.

    Args:
        samples: the images, with all labels.
        z: (R, D_m) of them.
        strengths: (D,) how many times each step is taken, by the attribute that is to flip.
    """
    view, images, labels = editor.model.views[editor.view], unit(samples.images), samples.labels
    plain, scores = view.decode(z), []
    for edit in asked:
        edited = view.decode(z + strengths[edit.column] * edit.step)
        right = agreement(judge.read(edited), edit.wanted)
        kept, change = right[edit.wanted == labels], edited - plain
        scores.append(
            (
                right[:, edit.column].mean(),
                kept.mean() if kept.size else 1.0,
                r2_per_image(images, edited).mean(),
                r2_per_image(plain, edited).mean(),
                np.abs(change.mean(axis=(1, 2, 3))).mean(),
                np.abs(change[:, border(*change.shape[1:3])]).mean(),
            )
        )
    return EditScores(*np.array(scores).T)


def edit_metrics(scores: EditScores, strengths: np.ndarray, names: tuple[str, ...]) -> dict[str, float]:
    """Flat metrics of the edits: means over attributes, and each attribute's own."""
    table = vars(scores) | {"strength": strengths}
    metrics = {f"edit/{key}": float(values.mean()) for key, values in table.items()}
    for i, name in enumerate(names):
        metrics |= {f"edit/{name}/{key}": float(values[i]) for key, values in table.items()}
    return metrics


def curve_metrics(tried: Mapping[float, EditScores]) -> dict[str, float]:
    """What longer steps bring and cost, means over attributes: `edit_curve/<strength>/flip` and so on."""
    return {
        f"edit_curve/{strength:g}/{key}": float(getattr(scores, key).mean())
        for strength, scores in tried.items()
        for key in ("flip", "keep", "r2_reconstruction")
    }

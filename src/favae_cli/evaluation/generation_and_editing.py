"""Images made from attributes: generated for a combination, or edited towards one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from favae_cli.common.pixels import unit
from favae_cli.evaluation.images import border, r2_per_image
from favae_cli.evaluation.judge import Judge, agreement
from favae_cli.queries.generate_and_edit import Editor

NEARLY = 0.01  # of a score


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


def generation_scores(
    editor: Editor, judge: Judge, asked: np.ndarray, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """(D,) share of images generated for each row of `asked` (R, D) in which the judge sees what was asked."""
    return agreement(judge.read(editor.generate(asked, rng, strength)), asked).mean(axis=0)


def generation_metrics(scores: np.ndarray, strength: float, names: tuple[str, ...]) -> dict[str, float]:
    """`generate/accuracy`: share of asked attributes (present or absent) that the judge sees; also by attribute."""
    metrics = {"generate/accuracy": float(scores.mean()), "generate/strength": strength}
    return metrics | {f"generate/{name}/accuracy": float(score) for name, score in zip(names, scores, strict=True)}


def enough(candidates: Sequence[float], scores: np.ndarray) -> np.ndarray:
    """For each column the smallest candidate that scores nearly as well as the best.

    A larger step that does but little better is not worth what else it changes.

    Args:
        candidates: (C,) strengths.
        scores: (C, ...) of each.
    """
    order = np.argsort(candidates)
    table = scores[order]
    return np.array(candidates, dtype=float)[order][(table >= table.max(axis=0) - NEARLY).argmax(axis=0)]


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
    editor: Editor,
    judge: Judge,
    combinations: Combinations,
    stored: np.ndarray,
    labels: np.ndarray,
    strengths: np.ndarray,
) -> EditScores:
    """Flip every attribute of every image, one at a time, and judge what comes out.

    Args:
        stored: uint8 (R, H, W, C).
        labels: (R, D) of 0 and 1.
        strengths: (D,) as in `Editor.edit`.
    """
    z = editor.model.embed(editor.view, stored)
    images, plain, scores = unit(stored), editor.model.views[editor.view].decode(z), []
    for column in range(labels.shape[1]):
        wanted = combinations.flipped(labels, column)
        edited = editor.edit(z, labels, wanted, strengths)
        right = agreement(judge.read(edited), wanted)
        kept, change = right[wanted == labels], edited - plain
        scores.append(
            (
                right[:, column].mean(),
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

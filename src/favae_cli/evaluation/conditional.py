"""Images made from attributes: generated for a combination, or edited towards one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from favae_cli.evaluation.images import r2_per_image, unit
from favae_cli.evaluation.judge import Judge, agreement
from favae_cli.factors.embeddings import Embeddings
from favae_cli.model import FAVAE


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


@dataclass(frozen=True)
class Editor:
    """Conditional generation and editing of one image view by one attribute view.

    Attributes:
        model: joined.
        view: the image view.
        attributes: the attribute view.
    """

    model: FAVAE
    view: str
    attributes: str

    def latents(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """<g> (R, K) and Sigma_G (K, K) given attributes (R, D) alone, their bound iterated to its fixed point.

        NaN is an attribute that is not given; a row of NaN is the prior.
        """
        local = self.model.views[self.attributes].local(labels)
        assert local is not None
        evidence = Embeddings({}, {}, {self.attributes: local}, (self.attributes,))
        evidence.settle(self.model.joined)
        mean, covariances = evidence.latents(self.model.joined)
        return mean, next(iter(covariances.values()))

    def generate(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """An image (R, H, W, C) in [0, 1] for each row of attributes (R, D): g, then z, then its decoding."""
        mean, covariance = self.latents(labels)
        z = self.model.joined.sample(self.view, mean, covariance, rng)
        return self.model.views[self.view].decode(z)

    def direction(self, labels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """(R, D_m) the step W (E[g | wanted] - E[g | labels]) in z, from the attributes alone (DESIGN 4)."""
        step = self.latents(wanted)[0] - self.latents(labels)[0]
        return step @ self.model.joined.views[self.view].weights.T

    def edit(self, z: np.ndarray, labels: np.ndarray, wanted: np.ndarray, strength: float) -> np.ndarray:
        """Images (R, H, W, C) in [0, 1]: z moved from attributes `labels` to `wanted`, (R, D) each, and decoded."""
        return self.model.views[self.view].decode(z + strength * self.direction(labels, wanted))


def generation_metrics(
    editor: Editor,
    judge: Judge,
    combinations: Combinations,
    each: int,
    names: tuple[str, ...],
    rng: np.random.Generator,
) -> dict[str, float]:
    """`generate/accuracy`: share of asked attributes (present or absent) that the judge sees; also by attribute."""
    asked = np.repeat(combinations.values, each, axis=0)
    right = agreement(judge.read(editor.generate(asked, rng)), asked)
    metrics = {"generate/accuracy": float(right.mean())}
    return metrics | {f"generate/{name}/accuracy": float(right[:, i].mean()) for i, name in enumerate(names)}


@dataclass(frozen=True)
class EditScores:
    """Judged edits.

    Attributes:
        flip: (D,) by attribute, share of edits whose wanted attribute the judge sees.
        keep: share of the attributes not asked to change that the judge still sees.
        r2: mean R2 between edit and original.
    """

    flip: np.ndarray
    keep: float
    r2: float

    @property
    def score(self) -> float:
        """What the strength is chosen by: the worse of flip and keep."""
        return min(float(self.flip.mean()), self.keep)


def edit_scores(
    editor: Editor,
    judge: Judge,
    combinations: Combinations,
    stored: np.ndarray,
    labels: np.ndarray,
    strength: float,
) -> EditScores:
    """Flip every attribute of every image, one at a time, and judge what comes out.

    Args:
        stored: uint8 (R, H, W, C).
        labels: (R, D) of 0 and 1.
        strength: s of the step.
    """
    encoded = editor.model.views[editor.view].encode(stored)
    assert encoded is not None
    images, flips, kept, likeness = unit(stored), [], [], []
    for column in range(labels.shape[1]):
        wanted = combinations.flipped(labels, column)
        edited = editor.edit(encoded.mean, labels, wanted, strength)
        right = agreement(judge.read(edited), wanted)
        flips.append(float(right[:, column].mean()))
        kept.append(right[wanted == labels])
        likeness.append(r2_per_image(images, edited).mean())
    return EditScores(np.array(flips), float(np.concatenate(kept).mean()), float(np.mean(likeness)))


def edit_metrics(scores: EditScores, strength: float, names: tuple[str, ...]) -> dict[str, float]:
    """Flat metrics of the edits at the chosen strength."""
    return {
        "edit/flip": float(scores.flip.mean()),
        "edit/keep": scores.keep,
        "edit/r2": scores.r2,
        "edit/strength": strength,
        **{f"edit/{name}/flip": float(share) for name, share in zip(names, scores.flip, strict=True)},
    }

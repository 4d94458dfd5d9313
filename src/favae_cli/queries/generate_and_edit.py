"""Images from attributes: drawn for a combination, or moved towards one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.factors.class_gaussians import ClassGaussians
from favae_cli.models.class_gaussians import believed
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.given import Given
from favae_cli.reporting.grids import as_stored

LOOKS = 6  # at an image on its way, each of which halves what is left to be known of where to stop


@dataclass(frozen=True)
class Edited:
    """What came of an edit of R images by D attributes.

    Attributes:
        z: (R, D_m) of the images before.
        labels, wanted: (R, D) the attributes as they are, and as they are asked for.
        images: (R, H, W, C) in [0, 1].
        before, after: (R, D) probability of each attribute as the image shows it.
    """

    z: np.ndarray
    labels: np.ndarray
    wanted: np.ndarray
    images: np.ndarray
    before: np.ndarray
    after: np.ndarray


@dataclass(frozen=True)
class Editor:
    """Conditional generation and editing of one image view by one attribute view.

    Attributes:
        model: joined, with its class Gaussians.
        view: the image view.
        attributes: the attribute view.
    """

    model: FAVAE
    view: str
    attributes: str

    @property
    def gaussians(self) -> ClassGaussians:
        """Where images with and without each attribute lie.

        Raises:
            UserError: the model has not learned it.
        """
        found = self.model.gaussians.get((self.view, self.attributes))
        if found is None:
            raise UserError(
                f"{self.view}: the run does not know where images with given {self.attributes} lie: it had too few "
                "training samples with both, or an earlier version of favae-run trained it; train it again"
            )
        return found

    def latents(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """<g> (R, K) and Sigma_G (R, K, K) given attributes (R, D) alone; NaN is an attribute that is not given."""
        given = Given.of_table(self.model, self.attributes, labels)
        return given.latents(), given.spreads()

    def generate(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """An image (R, H, W, C) in [0, 1] for each row of attributes (R, D).

        g and z are drawn from the factor model, z is carried to where images with these attributes lie, and on from
        there as far as it has to go until its image is believed to show them (`enough`): all at once, as of half of
        real images, so that many attributes do not carry it to where no image is.

        Args:
            labels: what is asked; an attribute that is NaN is drawn with the rest.
            rng: of all draws; every image has its own.
        """
        asked = self._completed(labels, rng)
        means, spreads = self.latents(asked)
        part = self.model.joined.views[self.view]
        z = self.model.joined.sample(self.view, means, spreads, rng)
        combinations, kind = np.unique(asked, axis=0, return_inverse=True)
        for number, combination in enumerate(combinations):
            rows = np.flatnonzero(kind.reshape(-1) == number)
            mean, spread = part.expected(means[rows[0]]), spreads[rows[0]]
            covariance = part.weights @ spread @ part.weights.T + np.eye(part.size) * part.noise_variance
            z[rows] = self.gaussians.carried(z[rows], mean, covariance, combination)
        z = self.gaussians.shaped(z, asked)
        sure = self.gaussians.sure_of_all
        short = self._short(z, asked, sure)
        away = z - self.gaussians.moved(z, asked, np.where(short, 1 - asked, asked))
        return self._decoded(z + self.enough(z, away, asked, short, sure) * away)

    def _completed(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(R, D) with a value drawn for each attribute that is NaN, given the others of its row."""
        open_ = np.isnan(labels)
        chance = rng.random(labels.shape)  # drawn in any case, so that what follows is the same for every view
        means, spreads = self.latents(labels)
        logits = self.model.joined.sample(self.attributes, means, spreads, rng)
        return np.where(open_, chance < self.model.views[self.attributes].decode(logits), labels)

    def step(self, z: np.ndarray, labels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """(R, D_m) from z on to where it would lie if the image had the attributes `wanted` and not `labels`, (R, D).

        Each goes as far as its image has to (`enough`).
        """
        return self.steps(z, labels, [wanted])[0]

    def steps(self, z: np.ndarray, labels: np.ndarray, asked: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The `step` to each of several (R, D) that are wanted; sooner done than one by one."""
        before, many = (np.tile(part, (len(asked), 1)) for part in (z, labels))
        ways = np.split(self.gaussians.moved(before, many, np.concatenate(asked)) - before, len(asked))
        return [self._as_far_as_needed(z, way, labels, wanted) for way, wanted in zip(ways, asked, strict=True)]

    def _as_far_as_needed(self, z: np.ndarray, way: np.ndarray, labels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        step, changes = np.zeros(z.shape), wanted != labels
        if len(rows := np.flatnonzero(changes.any(axis=1))):
            far = self.enough(z[rows], way[rows], wanted[rows], changes[rows], self.gaussians.sure)
            step[rows] = far * way[rows]
        return step

    def enough(
        self, z: np.ndarray, way: np.ndarray, wanted: np.ndarray, asked: np.ndarray, sure: np.ndarray
    ) -> np.ndarray:
        """(R, 1) how much of its way each image has to go; the whole way, where less is not enough.

        It is enough where the model, that sees the image on its way anew, is as sure of what is asked as it is of
        real images.

        Args:
            z, way: (R, D_m).
            wanted: (R, D) attributes.
            asked: (R, D) bool, those that count.
            sure: (2, D) logits of real images without and with each.
        """
        low, high = np.zeros((len(z), 1)), np.ones((len(z), 1))
        for _ in range(LOOKS):
            middle = (low + high) / 2
            seen = self.model.embed(self.view, as_stored(self._decoded(z + middle * way)))
            there = ~(self._short(seen, wanted, sure) & asked).any(axis=1, keepdims=True)
            low, high = np.where(there, low, middle), np.where(there, middle, high)
        return high

    def _short(self, z: np.ndarray, wanted: np.ndarray, sure: np.ndarray) -> np.ndarray:
        """(R, D) bool: attributes of which the model is less sure, given z, than it is of real images."""
        told = believed(self.model, self.view, self.attributes, z)
        return np.asarray(np.where(wanted == 1, told < sure[1], -told < sure[0]))

    def edit(self, z: np.ndarray, labels: np.ndarray, wanted: np.ndarray, strengths: np.ndarray) -> np.ndarray:
        """Images (R, H, W, C) in [0, 1]: z moved from attributes `labels` to `wanted`, (R, D) each, and decoded.

        Args:
            strengths: (D,) how many times the `step` is taken, for each attribute. An edit takes the mean over the
                attributes that it switches on, or off if it switches none on.
        """
        on, changed = (wanted > labels), (wanted != labels)
        deciding = np.where(on.any(axis=1, keepdims=True), on, changed)
        count = np.maximum(deciding.sum(axis=1, keepdims=True), 1)
        strength = (deciding * strengths).sum(axis=1, keepdims=True) / count
        return self._decoded(z + strength * self.step(z, labels, wanted))

    def edited(self, stored: np.ndarray, known: np.ndarray, asked: np.ndarray, strengths: np.ndarray) -> Edited:
        """Images with other attributes, all else about them as it was.

        What is known of the attributes counts as it is, what is not as the image shows it (P > 1/2).

        Args:
            stored: uint8 (R, H, W, C).
            known: (R, D) attributes of the images, NaN where they are not known.
            asked: (D,) attributes to have, NaN where they are to stay.
            strengths: (D,) as in `edit`.
        """
        z = self.model.embed(self.view, stored)
        before = self._shown(z)
        labels = np.where(np.isnan(known), before > 0.5, known)
        wanted = np.where(np.isnan(asked), labels, asked)
        images = self.edit(z, labels, wanted, strengths)
        after = self._shown(self.model.embed(self.view, as_stored(images)))
        return Edited(z, labels, wanted, images, before, after)

    def _shown(self, z: np.ndarray) -> np.ndarray:
        """(R, D) P(attribute = 1 | z of the image)."""
        return Given.of_embedding(self.model, self.view, z).decoded(self.attributes)

    def _decoded(self, z: np.ndarray) -> np.ndarray:
        return self.model.views[self.view].decode(z)


def best_strengths(metrics: Mapping[str, float], columns: Sequence[str]) -> np.ndarray:
    """(D,) strength of an edit of each attribute as a run found it best, else 1.

    Args:
        metrics: of the run.
        columns: names of the attributes.
    """
    return np.array([metrics.get(f"edit/{name}/strength", 1.0) for name in columns])

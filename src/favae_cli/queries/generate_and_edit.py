"""Images from attributes: drawn for a combination, or moved towards one."""

from __future__ import annotations

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
        """Where images with each combination of attributes lie.

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
        there as far as it has to go until its image is believed to show them (`enough`).

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
            mean, spread = means[rows[0]] @ part.weights.T + part.bias, spreads[rows[0]]
            covariance = part.weights @ spread @ part.weights.T + np.eye(part.size) * part.noise_variance
            z[rows] = self.gaussians.carried(z[rows], mean, covariance, combination)
        short = self._short(z, asked)
        away = z - self.gaussians.moved(z, asked, np.where(short, 1 - asked, asked))
        return self._decoded(z + self.enough(z, away, asked, short) * away)

    def _completed(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(R, D) with a value drawn for each attribute that is NaN, given the others of its row."""
        open_ = np.isnan(labels)
        chance = rng.random(labels.shape)  # drawn in any case, so that what follows is the same for every view
        means, spreads = self.latents(labels)
        logits = self.model.joined.sample(self.attributes, means, spreads, rng)
        return np.where(open_, chance < self.model.views[self.attributes].decode(logits), labels)

    def way(self, z: np.ndarray, labels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """(R, D_m) from z to where it would lie, if the image had the attributes `wanted` and not `labels`, (R, D)."""
        return self.gaussians.moved(z, labels, wanted) - z

    def enough(self, z: np.ndarray, way: np.ndarray, wanted: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """(R, 1) how much of its way each image has to go; the whole way, where less is not enough.

        It is enough where the model, that sees the image on its way anew, is as sure of what is asked as it is of
        real images.

        Args:
            z, way: (R, D_m).
            wanted: (R, D) attributes.
            asked: (R, D) bool, those that count.
        """
        low, high = np.zeros((len(z), 1)), np.ones((len(z), 1))
        for _ in range(LOOKS):
            middle = (low + high) / 2
            seen = self.model.embed(self.view, as_stored(self._decoded(z + middle * way)))
            there = ~(self._short(seen, wanted) & asked).any(axis=1, keepdims=True)
            low, high = np.where(there, low, middle), np.where(there, middle, high)
        return high

    def _short(self, z: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """(R, D) bool: attributes of which the model is less sure, given z, than it is of real images."""
        told = believed(self.model, self.view, self.attributes, z)
        sure = self.gaussians.sure
        return np.asarray(np.where(wanted == 1, told < sure[1], -told < sure[0]))

    def edit(
        self, z: np.ndarray, labels: np.ndarray, wanted: np.ndarray, strengths: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """z moved from attributes `labels` to `wanted`, (R, D) each, and decoded.

        Args:
            strengths: (D,) how much of the way an edit of each attribute goes, 1: to where images with the wanted
                attributes lie; NaN, or None for all: `enough`. An image goes by the mean of those that it changes.

        Returns:
            Images (R, H, W, C) in [0, 1], and how much of its way each went, (R,).
        """
        changed, way = wanted != labels, self.way(z, labels, wanted)
        given = np.zeros(labels.shape[1]) if strengths is None else np.nan_to_num(strengths)
        count = (changed & (given > 0)).sum(axis=1, keepdims=True)
        gone = (changed * given).sum(axis=1, keepdims=True) / np.maximum(count, 1)
        if len(free := np.flatnonzero(count == 0)):
            gone[free] = self.enough(z[free], way[free], wanted[free], changed[free])
        return self._decoded(z + gone * way), gone[:, 0]

    def edited(
        self, stored: np.ndarray, known: np.ndarray, asked: np.ndarray, strengths: np.ndarray | None = None
    ) -> Edited:
        """Images with other attributes, all else about them as it was.

        What is known of the attributes counts as it is, what is not as the image shows it (P > 1/2).

        Args:
            stored: uint8 (R, H, W, C).
            known: (R, D) attributes of the images, NaN where they are not known.
            asked: (D,) attributes to have, NaN where they are to stay.
            strengths: as in `edit`.
        """
        z = self.model.embed(self.view, stored)
        before = self._shown(z)
        labels = np.where(np.isnan(known), before > 0.5, known)
        wanted = np.where(np.isnan(asked), labels, asked)
        images, _ = self.edit(z, labels, wanted, strengths)
        after = self._shown(self.model.embed(self.view, as_stored(images)))
        return Edited(z, labels, wanted, images, before, after)

    def _shown(self, z: np.ndarray) -> np.ndarray:
        """(R, D) P(attribute = 1 | z of the image)."""
        return Given.of_embedding(self.model, self.view, z).decoded(self.attributes)

    def _decoded(self, z: np.ndarray) -> np.ndarray:
        return self.model.views[self.view].decode(z)

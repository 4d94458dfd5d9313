"""Images from attributes: drawn for a combination, or moved towards one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.given import Given
from favae_cli.reporting.grids import as_stored


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
        model: joined.
        view: the image view.
        attributes: the attribute view.
    """

    model: FAVAE
    view: str
    attributes: str

    def latents(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """<g> (R, K) and Sigma_G (R, K, K) given attributes (R, D) alone; NaN is an attribute that is not given."""
        given = self._given(labels)
        return given.latents(), given.spreads()

    def _given(self, labels: np.ndarray) -> Given:
        return Given.of_table(self.model, self.attributes, labels)

    def generate(self, labels: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
        """An image (R, H, W, C) in [0, 1] for each row of attributes (R, D): g, then z, then its decoding.

        Args:
            labels: what is asked.
            rng: of the draws of g and z; every image has its own.
            strength: how many times E[g | attributes] is taken. A factor that follows a binary attribute has two
                humps; the mean under its Gaussian prior falls short of both, and what it makes can look undecided.
        """
        mean, covariance = self.latents(labels)
        z = self.model.joined.sample(self.view, strength * mean, covariance, rng)
        return self.model.views[self.view].decode(z)

    def step(self, z: np.ndarray, labels: np.ndarray, wanted: np.ndarray, strength: np.ndarray | float) -> np.ndarray:
        """(R, D_m) how z moves in an edit: by the factors that the attributes move, and as far as this image has to go.

        The way leads from E[g | labels] to E[g | wanted], the attributes alone. An image that is further on it than
        its attributes say has less to go, half the way at least, and one that is not so far has more; the rest of g,
        and what the factors do not explain, stay as they are.

        Args:
            z: (R, D_m).
            labels, wanted: (R, D) attributes as they are, and as they are asked for.
            strength: how many times that is taken; one for all, or (R, 1).
        """
        told, asked = (self._given(rows).latents() for rows in (labels, wanted))
        factors, here = self.model.joined, Given.of_embedding(self.model, self.view, z).latents()
        way = (asked - told) * (wanted != labels).any(axis=1, keepdims=True)
        length = np.linalg.norm(way, axis=1, keepdims=True)
        way /= np.where(length > 0, length, 1)
        along = way @ factors.views[self.view].weights.T
        # z tells this share of where on the way g lies; by the rest E[g | z] falls back to the prior.
        seen = (along @ factors.given((self.view,))[0] * way).sum(axis=1, keepdims=True)
        further = ((here - seen * told) * way).sum(axis=1, keepdims=True)
        return strength * np.maximum(length - further, length / 2) * along

    def edit(self, z: np.ndarray, labels: np.ndarray, wanted: np.ndarray, strengths: np.ndarray) -> np.ndarray:
        """Images (R, H, W, C) in [0, 1]: z moved from attributes `labels` to `wanted`, (R, D) each, and decoded.

        Args:
            strengths: (D,) as in `step`, for each attribute. An edit takes the mean over the attributes that it
                switches on, or off if it switches none on.
        """
        on, changed = (wanted > labels), (wanted != labels)
        deciding = np.where(on.any(axis=1, keepdims=True), on, changed)
        count = np.maximum(deciding.sum(axis=1, keepdims=True), 1)
        strength = (deciding * strengths).sum(axis=1, keepdims=True) / count
        return self.model.views[self.view].decode(z + self.step(z, labels, wanted, strength))

    def edited(self, stored: np.ndarray, known: np.ndarray, asked: np.ndarray, strengths: np.ndarray) -> Edited:
        """Images with other attributes, all else about them as it was.

        What is known of the attributes counts as it is, what is not as the image shows it (P > 1/2).

        Args:
            stored: uint8 (R, H, W, C).
            known: (R, D) attributes of the images, NaN where they are not known.
            asked: (D,) attributes to have, NaN where they are to stay.
            strengths: (D,) as in `step`, for each attribute.
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


def best_strengths(metrics: Mapping[str, float], columns: Sequence[str]) -> np.ndarray:
    """(D,) strength of an edit of each attribute as a run found it best, else 1.

    Args:
        metrics: of the run.
        columns: names of the attributes.
    """
    return np.array([metrics.get(f"edit/{name}/strength", 1.0) for name in columns])

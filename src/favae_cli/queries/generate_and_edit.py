"""Images from attributes: drawn for a combination, or moved towards one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.given import Given


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

    def direction(self, labels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """(R, D_m) the step W (E[g | wanted] - E[g | labels]) in z, from the attributes alone."""
        step = self._given(wanted).latents() - self._given(labels).latents()
        return step @ self.model.joined.views[self.view].weights.T

    def edit(self, z: np.ndarray, labels: np.ndarray, wanted: np.ndarray, strengths: np.ndarray) -> np.ndarray:
        """Images (R, H, W, C) in [0, 1]: z moved from attributes `labels` to `wanted`, (R, D) each, and decoded.

        Args:
            strengths: (D,) how many times the step is taken for each attribute. An edit takes the mean over the
                attributes that it switches on, or off if it switches none on.
        """
        on, changed = (wanted > labels), (wanted != labels)
        deciding = np.where(on.any(axis=1, keepdims=True), on, changed)
        count = np.maximum(deciding.sum(axis=1, keepdims=True), 1)
        strength = (deciding * strengths).sum(axis=1, keepdims=True) / count
        return self.model.views[self.view].decode(z + strength * self.direction(labels, wanted))

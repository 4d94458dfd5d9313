"""One image view made from another, by any model that can."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from favae_cli.data import Dataset
from favae_cli.models import JointVAE
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.given import Given
from favae_cli.views import LinearView


class Translator(Protocol):
    """A model of paired image views; `stored` images are uint8 (R, H, W, C), made ones float in [0, 1]."""

    def translate(self, source: str, target: str, stored: np.ndarray) -> np.ndarray:
        """The images of `target` that belong to these of `source`; the same view reconstructs."""
        ...

    def match(self, source: str, target: str, given: np.ndarray, partners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where `given` images of `source` are expected among embeddings of `target`, and where `partners` are.

        Returns:
            (R, D) each, from the embedding's mean; the smaller the angle of two rows, the better they belong together.
        """
        ...


class FactorTranslator:
    """FA-VAE: what g says of the target's z, given the source's z alone.

    Args:
        model: joined.
    """

    def __init__(self, model: FAVAE) -> None:
        self.model = model

    def translate(self, source: str, target: str, stored: np.ndarray) -> np.ndarray:
        """From the expected prior mean of the target's z; within a view from its embedding, unless that is linear."""
        view = self.model.views[target]
        # z of a linear view is the data themselves: what the model makes of them has passed through g.
        if source == target and not isinstance(view, LinearView):
            return view.decode(self.model.embed(source, stored))
        return view.decode(self._expected(source, target, stored))

    def match(self, source: str, target: str, given: np.ndarray, partners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both without the target's bias, which all images of it share."""
        bias = self.model.joined.views[target].bias
        return self._expected(source, target, given) - bias, self.model.embed(target, partners) - bias

    def _expected(self, source: str, target: str, stored: np.ndarray) -> np.ndarray:
        return Given.of_embedding(self.model, source, self.model.embed(source, stored)).expected(target)


class JointTranslator:
    """A joint VAE, which has one latent variable for all views."""

    def __init__(self, model: JointVAE) -> None:
        self.model = model

    def translate(self, source: str, target: str, stored: np.ndarray) -> np.ndarray:
        """As the model does itself."""
        return self.model.translate(source, target, stored)

    def match(self, source: str, target: str, given: np.ndarray, partners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both are means of the one shared variable."""
        return self.model.embed(source, given), self.model.embed(target, partners)


def translator_of(model: FAVAE | JointVAE) -> Translator:
    """What translates with this model."""
    return JointTranslator(model) if isinstance(model, JointVAE) else FactorTranslator(model)


def image_views(model: FAVAE | JointVAE, data: Dataset) -> list[str]:
    """The views of the model that are images, in order."""
    return [name for name in model.views if data.views[name].is_image]

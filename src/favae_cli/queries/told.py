"""What a model says of samples, given some of their views, and where moved factors lead."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.given import Given
from favae_cli.queries.impute import Made, embedding_of, made_of
from favae_cli.queries.samples import Samples
from favae_cli.queries.translate import FactorTranslator
from favae_cli.training.trained_run import empty_view


def with_only(samples: Samples, views: Collection[str]) -> Samples:
    """The same samples as if they lacked all other views."""
    data = samples.data.taken(samples.indices, {})
    count = len(data.keys)
    kept = {name: view if name in views else empty_view(view, count) for name, view in data.views.items()}
    return Samples(replace(data, views=kept), np.arange(count))


def foretold(given: Given, samples: Samples, name: str) -> Made:
    """What the model makes of a whole view, known or not: a view with an encoder from its own z where it is given.

    Args:
        given: all views of the samples.
        samples: that are given.
        name: of a table, of texts or of sequences.
    """
    nothing = with_only(samples, [other for other in samples.data.views if other != name])
    return made_of(given.model, nothing, embedding_of(samples, given, name), name)


def told_images(given: Given, samples: Samples, name: str, rows: np.ndarray) -> np.ndarray:
    """(R, H, W, C) in [0, 1] of a view of images: reconstructions of those that are given, the others foretold.

    Args:
        given: all views of the samples.
        samples: that are given.
        name: of the view.
        rows: (R,) which of the samples.
    """
    images = given.model.views[name].decode(embedding_of(samples, given, name).mean[rows])
    indices, view = samples.indices[rows], samples.data.views[name]
    own = view.present[indices]
    if own.any():
        images[own] = FactorTranslator(given.model).translate(name, name, view.gather(indices[own]))
    return images


@dataclass(frozen=True)
class Place:
    """Where one sample stands, or the mean of all: z of each view, (1, D_m), and g, (1, K)."""

    model: FAVAE
    z: Mapping[str, np.ndarray]
    g: np.ndarray

    @classmethod
    def of_mean(cls, model: FAVAE) -> Place:
        """Where all factors are 0."""
        factors = model.joined
        return cls(
            model, {name: view.bias[None] for name, view in factors.views.items()}, np.zeros((1, factors.factors))
        )

    @classmethod
    def of_sample(cls, model: FAVAE, samples: Samples) -> Place:
        """Of the one sample, given all that it has."""
        given = Given.of_samples(model, samples.data, samples.indices)
        z = {name: embedding_of(samples, given, name).mean for name in model.views}
        return cls(model, z, given.latents())

    def decoded(self, g: np.ndarray, name: str) -> np.ndarray:
        """(R, ...) what a view becomes at g (R, K); what the factors do not explain stays: z' = z + W (g' - g)."""
        z = self.z[name] + (g - self.g) @ self.model.joined.weights[name].T
        return self.model.views[name].decode(z)

"""The FA-VAE: views joined by one factor model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import nn

from favae_cli.data import Dataset
from favae_cli.factors import FactorModel
from favae_cli.factors.class_gaussians import ClassGaussians
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.moments import Gather, Moments, Pattern, alone
from favae_cli.factors.read_out import ReadOut
from favae_cli.views import Encoded, EncodedView, InferredView, VaeView, View

CHUNK = 4096  # samples read from the data set at a time


@dataclass
class FAVAE:
    """Named views, and the factors that tie their embeddings together once they are joined.

    Attributes:
        views: by name, in the order of the config.
        factors: None until the views are joined.
        read_outs: by table and the views that are given, what foretells it of samples that lack it.
        gaussians: by view of images and view of attributes, where images that have them lie.
    """

    views: dict[str, View]
    factors: FactorModel | None = None
    read_outs: dict[tuple[str, Pattern], ReadOut] = field(default_factory=dict)
    gaussians: dict[tuple[str, str], ClassGaussians] = field(default_factory=dict)

    @property
    def joined(self) -> FactorModel:
        """The factor model; asking before the views are joined is a bug."""
        if self.factors is None:
            raise RuntimeError("the views are not joined yet")
        return self.factors

    @property
    def joins(self) -> bool:
        """Whether there is anything for factors to explain: several views, or the columns of one."""
        return len(self.views) > 1 or bool(self.inferred_views)

    @property
    def encoded_views(self) -> dict[str, EncodedView]:
        """The views whose embedding is made from their data alone."""
        return {name: view for name, view in self.views.items() if not isinstance(view, InferredView)}

    @property
    def inferred_views(self) -> dict[str, InferredView]:
        """The views whose embedding is inferred together with g."""
        return {name: view for name, view in self.views.items() if isinstance(view, InferredView)}

    @property
    def trainable(self) -> dict[str, VaeView]:
        """The views whose networks the rounds train."""
        return {name: view for name, view in self.views.items() if isinstance(view, VaeView) and view.trainable}

    @property
    def networks(self) -> nn.ModuleDict:
        """The networks of all views, by view; `of_` keeps their names apart from ModuleDict's own attributes."""
        return nn.ModuleDict({f"of_{name}": view.networks for name, view in self.views.items() if view.networks})

    def embed(self, view: str, stored: np.ndarray) -> np.ndarray:
        """(R, D) mean of q(z | x) of stored samples; asking a view without an encoder is a bug."""
        return self.encoded_views[view].encode(stored).mean

    def encode(self, data: Dataset, indices: np.ndarray, views: Iterable[str] | None = None) -> dict[str, Encoded]:
        """q(z | x) of every view that has an encoder, (N, D_m) each; rows of NaN where the view is missing.

        Args:
            data: where they are read.
            indices: N samples.
            views: only these; all when None.
        """
        able, encoded = self.encoded_views, {}
        wanted = able if views is None else {name: able[name] for name in views if name in able}
        for name, view in wanted.items():
            mean = np.full((len(indices), view.size), np.nan, np.float32)
            variance: np.ndarray | None = None
            here = np.flatnonzero(data.views[name].present[indices])
            for start in range(0, len(here), CHUNK):
                rows = here[start : start + CHUNK]
                part = view.encode(data.views[name].gather(indices[rows]))
                mean[rows] = part.mean
                if part.variance is not None:
                    variance = np.full_like(mean, np.nan) if variance is None else variance
                    variance[rows] = part.variance
            encoded[name] = Encoded(mean, variance)
        return encoded

    def embeddings(
        self,
        data: Dataset,
        indices: np.ndarray,
        encoded: dict[str, Encoded],
        given: Sequence[str] | None = None,
        moments: Moments | None = None,
        gather: Gather = alone,
    ) -> Embeddings:
        """The embeddings of the samples `indices`, as evidence about g.

        Args:
            data: where views without an encoder read their values.
            indices: N samples.
            encoded: of the same samples, from `encode`.
            given: views to take as evidence; all when None.
            moments, gather: as `Embeddings` takes them, where samples were summed already or several processes have
                them.
        """
        names = tuple(self.views) if given is None else tuple(name for name in self.views if name in given)
        inferred = {name: view for name, view in self.inferred_views.items() if name in names and name not in encoded}
        local = {name: view.local(observed_table(data, name, indices)) for name, view in inferred.items()}
        return Embeddings(
            {name: encoded[name].mean for name in names if name in encoded},
            {name: variance for name in names if name in encoded and (variance := encoded[name].variance) is not None},
            local,
            names,
            moments,
            gather,
        )


def observed_table(data: Dataset, view: str, indices: np.ndarray) -> np.ndarray:
    """A table view's values for the samples `indices` as float64 (N, D), NaN where anything is missing."""
    part = data.views[view]
    values = np.full((len(indices), *part.shape), np.nan)
    here = part.present[indices]
    values[here] = part.gather(indices[here])
    return values

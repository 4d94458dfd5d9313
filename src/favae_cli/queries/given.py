"""What is given of some samples, as evidence about g: every other query begins with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from favae_cli.data import Dataset
from favae_cli.factors.embeddings import Embeddings
from favae_cli.models.fa_vae import FAVAE
from favae_cli.models.read_outs import foretold
from favae_cli.views import Encoded


@dataclass(frozen=True)
class Given:
    """The posterior of g of N samples, given some of their views.

    Attributes:
        model: joined.
        encoded: q(z | x) of the samples, by view with an encoder; others may be among them.
        evidence: the views that are given, settled.
    """

    model: FAVAE
    encoded: Mapping[str, Encoded]
    evidence: Embeddings

    @classmethod
    def of_samples(
        cls,
        model: FAVAE,
        data: Dataset,
        indices: np.ndarray,
        encoded: Mapping[str, Encoded] | None = None,
        views: Sequence[str] | None = None,
    ) -> Given:
        """Samples of a data set.

        Args:
            model: joined.
            data: has the views; a sample may lack them.
            indices: (N,) of the samples.
            encoded: q(z | x) of these samples, where they are encoded already.
            views: that are given; all when None.
        """
        known = model.encode(data, indices, views) if encoded is None else dict(encoded)
        return cls._settled(model, known, model.embeddings(data, indices, known, views))

    @classmethod
    def of_embedding(cls, model: FAVAE, view: str, z: np.ndarray) -> Given:
        """The embedding (N, D) of one view with an encoder, and nothing else."""
        return cls._settled(model, {view: Encoded(z, None)}, Embeddings({view: z}, {}, {}, (view,)))

    @classmethod
    def of_table(cls, model: FAVAE, view: str, values: np.ndarray) -> Given:
        """The values (N, D) of one view that is inferred, NaN where they are not known, and nothing else."""
        local = model.inferred_views[view].local(values)
        return cls._settled(model, {}, Embeddings({}, {}, {view: local}, (view,)))

    @classmethod
    def _settled(cls, model: FAVAE, encoded: Mapping[str, Encoded], evidence: Embeddings) -> Given:
        evidence.settle(model.joined)
        return cls(model, encoded, evidence)

    def latents(self) -> np.ndarray:
        """(N, K) <g> of each sample."""
        return self.evidence.latents(self.model.joined)

    def spreads(self) -> np.ndarray:
        """(N, K, K) Sigma_G of each sample."""
        factors = self.model.joined
        spread = np.empty((self.evidence.count, factors.factors, factors.factors))
        for rows, covariance in self.evidence.covariances(factors):
            spread[rows] = covariance
        return spread

    def expected(self, view: str) -> np.ndarray:
        """(N, D) mean of z of any view."""
        return self.evidence.expect(self.model.joined, view)

    def predicted(self, view: str) -> Encoded:
        """Mean and variance, (N, D) each, of z of any view; of a table that samples lack, as its read-outs have it."""
        return foretold(self.model, self.evidence, self.encoded, view)

    def decoded(self, view: str) -> np.ndarray:
        """(N, ...) what is expected of any view in data space, as `View.decode` gives it."""
        z = self.predicted(view)
        return self.model.views[view].decode(z.mean, z.variance)

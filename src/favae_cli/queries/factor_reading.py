"""Who uses each factor, and how the samples lie along it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from favae_cli.data import Dataset
from favae_cli.factors import FactorModel
from favae_cli.factors.updates import ViewSums, update_latents
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.given import Given


def factor_use(model: FactorModel, factor: int) -> str:
    """Who uses a factor: "unused", "private VIEW" or "shared VIEW, VIEW"."""
    users = [name for name, active in model.active.items() if active[factor]]
    if not users:
        return "unused"
    return f"{'private' if len(users) == 1 else 'shared'} {', '.join(users)}"


def factor_table(
    model: FactorModel, order: np.ndarray, more: Mapping[str, Mapping[str, np.ndarray]] | None = None
) -> pd.DataFrame:
    """A row for each factor and view: factor, use, view, active, relevance.

    Args:
        order: of the factors.
        more: further columns, by name and then by view, (K,) each.
    """
    columns: dict[str, Mapping[str, np.ndarray]] = {
        "active": model.active,
        "relevance": model.relevance,
        **(more or {}),
    }
    names = list(model.views)
    return pd.DataFrame(
        {
            "factor": order.repeat(len(names)),
            "use": np.repeat([factor_use(model, factor) for factor in order], len(names)),
            "view": names * len(order),
            **{key: np.column_stack([part[name][order] for name in names]).ravel() for key, part in columns.items()},
        }
    )


@dataclass(frozen=True)
class Reading:
    """Samples by which the factors of a model are read.

    Attributes:
        model: joined.
        data: has every view of the model; a sample may lack it.
        indices: (N,) of the samples.
        latent: (N, K) <g> of each, given all that it has.
        sums: by view that any of them has, the moments of z and g over those samples.
    """

    model: FAVAE
    data: Dataset
    indices: np.ndarray
    latent: np.ndarray
    sums: Mapping[str, ViewSums]

    @classmethod
    def of(cls, model: FAVAE, data: Dataset, split: str) -> Reading:
        """Encode the samples of a split; at least one of them must have a view."""
        indices, factors = data.split[split], model.joined
        given = Given.of_samples(model, data, indices)
        moments, _ = given.evidence.refresh(factors)
        return cls(model, data, indices, given.latents(), update_latents(factors, moments).views)

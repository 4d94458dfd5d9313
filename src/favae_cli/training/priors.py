"""What the factors say of each view before it is seen: the priors of a round."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from favae_cli.config.models import FactorModelConfig, FaVaeConfig
from favae_cli.data import Dataset
from favae_cli.models.fa_vae import CHUNK, FAVAE
from favae_cli.training.epoch_state import Prior
from favae_cli.views import Encoded


def expected_priors(
    model: FAVAE,
    data: Dataset,
    settings: FactorModelConfig,
    split: str,
    encoded: dict[str, Encoded],
    stage: int,
) -> dict[str, Prior]:
    """What the factors say of each trainable view: from all other views, or from all (`model.prior`).

    Args:
        model: joined.
        settings: of the model.
        split: whose samples.
        encoded: q(z | x) of these samples, by view.
        stage: the round that the priors are for.
    """
    indices = data.split[split]
    tables = {
        name: np.empty((int(data.views[name].present[indices].sum()), view.size), np.float32)
        for name, view in model.trainable.items()
    }
    write_prior_means(model, data, settings, indices, encoded, tables)
    return {name: prior_of(model, data, settings, name, split, table, stage) for name, table in tables.items()}


def write_prior_means(
    model: FAVAE,
    data: Dataset,
    settings: FactorModelConfig,
    indices: np.ndarray,
    encoded: Mapping[str, Encoded],
    tables: Mapping[str, np.ndarray],
) -> None:
    """Write down the means of `expected_priors`, a chunk of samples at a time.

    Args:
        indices: N samples.
        encoded: of these.
        tables: by trainable view, (R, D) for the R of the samples that have it, in their order. They may begin where
            the means of `encoded` begin: a row is written once it has been read for the last time.
    """
    factors = model.joined
    posterior = isinstance(settings, FaVaeConfig) and settings.prior == "posterior"
    written = dict.fromkeys(tables, 0)
    for start in range(0, len(indices), CHUNK):
        rows = slice(start, start + CHUNK)
        part, found = {name: known.at(rows) for name, known in encoded.items()}, {}
        for name in tables:
            given = [view for view in model.views if posterior or view != name]
            evidence = model.embeddings(data, indices[rows], part, given)
            evidence.settle(factors)
            found[name] = evidence.expect(factors, name)[data.views[name].present[indices[rows]]]
        for name, mean in found.items():
            tables[name][written[name] : written[name] + len(mean)] = mean
            written[name] += len(mean)


def prior_of(
    model: FAVAE, data: Dataset, settings: FactorModelConfig, name: str, split: str, mean: np.ndarray, stage: int
) -> Prior:
    """The prior with these means, (R, D), in a round.

    As published, its variance is 1/tau, as if g were known. Views that learn through the factors have that of z given
    the other views, or what the private factors of a view explain would count as an error of its prior's mean.
    """
    prior = Prior(mean, model.joined.views[name].tau)
    if isinstance(settings, FaVaeConfig):  # else VAEs that learned alone
        prior.feed = settings.feed if settings.feed_rounds is None or stage <= settings.feed_rounds else 0.0
        if settings.gamma and settings.prior == "predictive":
            prior.variance, prior.kind = _variance(model, data, name, split)
    return prior


def _variance(model: FAVAE, data: Dataset, name: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Var z given the other views, (P, D) by which of them a sample has, and which of the P each of the R has."""
    others, factors = [view for view in model.views if view != name], model.joined
    indices, origin = data.having(split, name), np.zeros((1, factors.factors))
    present = np.stack([data.views[view].present[indices] for view in others], axis=1)
    patterns, kind = np.unique(present, axis=0, return_inverse=True)
    given = [tuple(view for view, here in zip(others, row, strict=True) if here) for row in patterns]
    found = [factors.predict(name, origin, factors.given(pattern)[1])[1] for pattern in given]
    variance = np.concatenate([np.zeros((0, model.views[name].size)), *found]).astype(np.float32)
    return variance, kind.reshape(-1)

"""Datasets as named, masked views with a fixed split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from favae_cli.common import extensions
from favae_cli.data.dataset import SPLITS, Dataset, ViewData
from favae_cli.data.empty_samples import without_empty

if TYPE_CHECKING:
    from favae_cli.config.choices import DataConfig

__all__ = ["SPLITS", "Dataset", "ViewData", "load"]


def load(config: DataConfig, cache: Path, seed: int) -> Dataset:
    """Load the data set that `config.name` picks, less the samples that have none of its views.

    Args:
        config: the validated data config.
        cache: folder where decoded or drawn images are kept between runs.
        seed: the run's seed, for whatever the data config leaves to it.

    Raises:
        UserError: a mistake in the config or the data.
    """
    dataset = _loader(config.name)(config, cache, seed)
    kinds = config.kinds()
    views = {name: replace(view, kind=kinds[name]) for name, view in dataset.views.items()}
    return without_empty(replace(dataset, views=views))


def _loader(name: str) -> Callable[[DataConfig, Path, int], Dataset]:
    """That of a data set: a module of `sets`, or what another package adds."""
    shipped = name not in extensions.names("data")
    found: Callable[[DataConfig, Path, int], Dataset] = (
        import_module(f"{__name__}.sets.{name}").load if shipped else extensions.added("data", name)
    )
    return found

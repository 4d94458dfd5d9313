"""View types, one module each, behind one protocol."""

from __future__ import annotations

import torch

from favae_cli.common.errors import UserError
from favae_cli.config.views import (
    BernoulliViewConfig,
    CategoricalViewConfig,
    FrozenViewConfig,
    RealViewConfig,
    ViewConfig,
)
from favae_cli.data import ViewData
from favae_cli.machine.runtime import Runtime
from favae_cli.views.base import Encoded, View
from favae_cli.views.bernoulli import BernoulliView
from favae_cli.views.categorical import CategoricalView
from favae_cli.views.counts import CountsView
from favae_cli.views.frozen import FrozenView
from favae_cli.views.principal_components import LinearView
from favae_cli.views.real import RealView
from favae_cli.views.sequence import SequenceView
from favae_cli.views.text import TextView
from favae_cli.views.vae import VaeView

__all__ = [
    "BernoulliView",
    "CategoricalView",
    "CountsView",
    "Encoded",
    "FrozenView",
    "LinearView",
    "RealView",
    "SequenceView",
    "TextView",
    "VaeView",
    "View",
    "build_view",
]

_WITH_NETWORKS = {"vae": VaeView, "counts": CountsView, "sequence": SequenceView, "text": TextView}


def build_view(name: str, config: ViewConfig, data: ViewData, runtime: Runtime, generator: torch.Generator) -> View:
    """The view that `config.type` asks for, with fresh weights where it has networks.

    Args:
        name: of the view, for messages.
        config: the view's section.
        data: what it will see; only its shape and its groups are used.
        runtime: device and precision.
        generator: of the initial weights.

    Raises:
        UserError: the architecture cannot take data of this shape; the message begins with the key below the view's.
    """
    try:
        return _built(config, data, runtime, generator)
    except UserError as error:  # what it says begins with a key of the view's section
        raise UserError(f"views.{name}.{error}") from error


def _built(config: ViewConfig, data: ViewData, runtime: Runtime, generator: torch.Generator) -> View:
    if isinstance(config, BernoulliViewConfig):
        return BernoulliView(data.shape[0])
    if isinstance(config, CategoricalViewConfig):
        return CategoricalView(data.groups)
    if isinstance(config, RealViewConfig):
        return RealView(data.shape[0])
    assert not isinstance(config, FrozenViewConfig)  # its networks come from another run
    return _WITH_NETWORKS[config.type](config, data.shape, runtime, generator)

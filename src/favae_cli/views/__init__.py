"""View types, one module each, behind two protocols: a view is encoded, or inferred."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from favae_cli.common import extensions
from favae_cli.common.errors import UserError
from favae_cli.config.choices import ViewConfig
from favae_cli.data import ViewData
from favae_cli.machine.runtime import Runtime
from favae_cli.views.base import Encoded, EncodedView, InferredView, View
from favae_cli.views.bernoulli import BernoulliView
from favae_cli.views.categorical import CategoricalView
from favae_cli.views.counts import CountsView
from favae_cli.views.frozen import FrozenView
from favae_cli.views.ordinal import OrdinalView
from favae_cli.views.principal_components import LinearView
from favae_cli.views.real import RealView
from favae_cli.views.sequence import SequenceView
from favae_cli.views.text import TextView
from favae_cli.views.transforms import Transforms
from favae_cli.views.vae import VaeView

__all__ = [
    "VIEWS",
    "BernoulliView",
    "CategoricalView",
    "CountsView",
    "Encoded",
    "EncodedView",
    "FrozenView",
    "InferredView",
    "LinearView",
    "OrdinalView",
    "RealView",
    "SequenceView",
    "TextView",
    "VaeView",
    "View",
    "build_view",
]

Maker = Callable[[Any, ViewData, Runtime, torch.Generator], View]


def _with_networks(view: type[VaeView]) -> Maker:
    return lambda config, data, runtime, generator: view(config, data.shape, runtime, generator)


VIEWS: dict[str, Maker] = {
    "bernoulli": lambda config, data, runtime, generator: BernoulliView(data.shape[0]),
    "categorical": lambda config, data, runtime, generator: CategoricalView(data.groups),
    "ordinal": lambda config, data, runtime, generator: OrdinalView(data.groups),
    "real": lambda config, data, runtime, generator: RealView(
        data.shape[0], Transforms.of(config.transform, data.columns)
    ),
    "vae": _with_networks(VaeView),
    "counts": _with_networks(CountsView),
    "sequence": _with_networks(SequenceView),
    "text": _with_networks(TextView),
}
"""By type, what makes a view from its section, its data, the runtime, and a generator of its weights; a frozen view's
networks come from another run."""


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
    make = VIEWS.get(config.type) or extensions.added("views", config.type)
    try:
        made: View = make(config, data, runtime, generator)
    except UserError as error:  # what it says begins with a key of the view's section
        raise UserError(f"views.{name}.{error}") from error
    return made

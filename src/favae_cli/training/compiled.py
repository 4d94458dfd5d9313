"""Networks that run compiled while they train."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from favae_cli.nets import Decoder, Encoder

logger = logging.getLogger(__name__)


class Compiled:
    """The encoders and decoders of a model, for the time of a context run by what `torch.compile` makes of them.

    Names and numbers of their parameters stay what they are, and so does what runs them outside of the context, in
    batches of any size. If they cannot be compiled here, they run as they are, with one warning.

    Args:
        networks: among whose modules they are.
    """

    def __init__(self, networks: nn.Module) -> None:
        self._works = True
        self._forwards = [
            (module, self._or_plain(module.forward))
            for module in networks.modules()
            if isinstance(module, Encoder | Decoder)
        ]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Compiled for as long as the context lasts."""
        for module, forward in self._forwards:
            module.forward = forward  # type: ignore[method-assign]
        try:
            yield
        finally:
            for module, _ in self._forwards:
                del module.forward  # the instance's own; that of its class comes back

    def _or_plain(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        """`plain` compiled, at its first call; or itself, once that has failed."""
        compiled: Callable[..., Any] | None = None

        def forward(*inputs: Any) -> Any:
            nonlocal compiled
            if not self._works:
                return plain(*inputs)
            try:
                compiled = compiled or torch.compile(plain, dynamic=False)
                return compiled(*inputs)
            except RuntimeError as error:  # what the network itself raises, it raises again
                self._works = False
                told = str(error).strip().splitlines() or [type(error).__name__]
                logger.warning("trainer.compile: the networks cannot be compiled here and run as they are: %s", told[0])
                return plain(*inputs)

        return forward

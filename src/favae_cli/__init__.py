"""Factor analysis over the latent spaces of variational autoencoders: conditioning and translation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from favae_cli.api import FAVAE

__version__ = "0.1.0"
__all__ = ["FAVAE", "__version__"]


def __getattr__(name: str) -> Any:
    # Imported when it is asked for: torch takes seconds, and favae-run --help does without it.
    if name == "FAVAE":
        from favae_cli.api import FAVAE

        return FAVAE
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The Python interface: `from favae_cli import FAVAE`."""

from favae_cli.api.estimator import FAVAE

__all__ = ["FAVAE"]

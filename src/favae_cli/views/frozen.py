"""A view given by networks that an earlier run trained and that are never trained again."""

from __future__ import annotations

from favae_cli.views.vae import VaeView


class FrozenView(VaeView):
    """A VAE whose q(z | x) is data to the factor model."""

    trainable = False

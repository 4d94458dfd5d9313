"""Factor analysis over the latent spaces of variational autoencoders: conditioning and translation."""

__version__ = "0.1.0"

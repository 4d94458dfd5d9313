"""The trainers of other packages that training.py compares, made as those of training_sides.py."""

from __future__ import annotations

import atexit
import contextlib
import io
import logging
import shutil
import tempfile
from typing import Any

import torch
from measure import seconds
from torch import Tensor
from training_sides import Load, Work

from favae_cli.common.vision import torchvision
from favae_cli.machine.runtime import find_device
from favae_cli.nets import Decoder, Encoder


def make_pythae(load: Load) -> Work:
    """The package's VAE in its own trainer."""
    _prepare_library(load)
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    encoder, decoder = _library_networks(load)
    model = VAE(VAEConfig(input_dim=(3, load.side, load.side), latent_dim=load.latent), encoder, decoder)
    settings = BaseTrainerConfig(**_settings(load))
    data = BaseDataset(load.tensors(), torch.zeros(load.images))
    return _epochs(BaseTrainer(model, data, training_config=settings), load.images)


def make_multivae(load: Load) -> Work:
    """JMVAE, the fastest of the package's models here, of two views in its own trainer; each view's images count."""
    _prepare_library(load)
    from multivae.data.datasets import MultimodalBaseDataset
    from multivae.models import JMVAE, JMVAEConfig
    from multivae.trainers import BaseTrainer, BaseTrainerConfig

    networks = {name: _library_networks(load) for name in ("one", "two")}
    sizes = dict.fromkeys(networks, (3, load.side, load.side))
    model = JMVAE(
        JMVAEConfig(n_modalities=2, latent_dim=load.latent, input_dims=sizes),
        {name: encoder for name, (encoder, _) in networks.items()},
        {name: decoder for name, (_, decoder) in networks.items()},
    )
    settings = BaseTrainerConfig(**_settings(load))
    data = MultimodalBaseDataset({name: load.tensors() for name in networks})
    return _epochs(BaseTrainer(model, data, training_config=settings), 2 * load.images)


def _prepare_library(load: Load) -> None:
    load.settle()
    torchvision()  # which multivae imports
    logging.disable(logging.INFO)


def _settings(load: Load) -> dict[str, Any]:
    """Of a library's trainer, which makes a folder when it is set up."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    no_cuda = find_device(load.device).type == "cpu"
    return {"output_dir": folder, "per_device_train_batch_size": load.batch, "no_cuda": no_cuda}


def _library_networks(load: Load) -> tuple[Any, Any]:
    """Our networks as the encoder and the decoder that pythae and multivae take."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    class LibraryEncoder(BaseEncoder):  # type: ignore[misc]
        def __init__(self, network: Encoder) -> None:
            super().__init__()
            self.network, self.latent_dim = network, load.latent

        def forward(self, x: Tensor) -> Any:
            mean, log_variance = self.network(x)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class LibraryDecoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self, network: Decoder) -> None:
            super().__init__()
            self.network = network

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=torch.sigmoid(self.network(z)))

    encoder, decoder = load.networks()
    return LibraryEncoder(encoder), LibraryDecoder(decoder)


def _epochs(trainer: Any, images: int) -> Work:
    """Epochs of a library's trainer, without what it does between them."""
    trainer.prepare_training()
    epochs = iter(range(1, 10**6))

    def epoch() -> None:
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            trainer.train_step(next(epochs))

    return lambda: seconds(epoch) / images

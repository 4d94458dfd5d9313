"""The training loops of training.py, ours and plain torch; each is made, and then called, in a process of its own.

`make_...` sets up a loop over the same networks and images and returns what trains for some steps; that gives the
seconds it took an image. The malloc of a process stays as it comes, but for ours, whose Trainer's runtime sets it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from measure import seconds
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from favae_cli.config.contradictions import validate
from favae_cli.config.folders import shipped_configs
from favae_cli.config.run import Config
from favae_cli.config.views import VaeViewConfig
from favae_cli.data import ViewData
from favae_cli.machine.runtime import find_device, prepare
from favae_cli.nets import Decoder, Encoder
from favae_cli.nets.conv_layers import Conv2d, ConvTranspose2d
from favae_cli.training.epoch_state import Position, Prior
from favae_cli.training.vae_trainer import VaeTrainer
from favae_cli.views import VaeView
from favae_cli.views.objective import KLTerm

VARIANCE = 0.01  # of the Gaussian likelihood
REPEATS = 5  # products between two looks at the clock

Work = Callable[[], float]


class PaperNets(nn.Module):
    """Networks as the paper's code has them: unlike arch=conv's, the decoder ends in one more block of full size.

    Args:
        shape: (H, W, C) of an image; H and W are halved by every layer.
        channels: of the encoder's layers.
        kernel: odd, pixels.
        ours: of the layers that arch=conv is made of, which compute the same as torch's.

    Attributes:
        encoder, decoder, width: as `arch=own` asks for them.
    """

    def __init__(self, shape: tuple[int, int, int], channels: Sequence[int], kernel: int, ours: bool = False) -> None:
        super().__init__()
        convolution, transposed = (Conv2d, ConvTranspose2d) if ours else (nn.Conv2d, nn.ConvTranspose2d)
        padding, (height, width, colours) = kernel // 2, shape
        down: list[nn.Module] = []
        for given, made in pairwise((colours, *channels)):
            down += [convolution(given, made, kernel, 2, padding), nn.BatchNorm2d(made), nn.LeakyReLU()]
        map_shape = (channels[-1], height >> len(channels), width >> len(channels))
        up: list[nn.Module] = [nn.Unflatten(1, map_shape)]
        for given, made in pairwise((*channels[::-1], channels[0])):
            layer = transposed(given, made, kernel, 2, padding, output_padding=1)
            up += [layer, nn.BatchNorm2d(made), nn.LeakyReLU()]
        self.encoder = nn.Sequential(*down, nn.Flatten())
        self.decoder = nn.Sequential(*up, convolution(channels[0], colours, kernel, padding=padding))
        self.width = math.prod(map_shape)


@dataclass(frozen=True)
class Load:
    """What every side trains: the networks, the images and how many steps a call does."""

    channels: tuple[int, ...]
    kernel: int
    latent: int
    side: int
    batch: int
    steps: int
    threads: int | None
    device: str

    @property
    def images(self) -> int:
        """That a call trains on."""
        return self.steps * self.batch

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of its images."""
        return (self.side, self.side, 3)

    def config(self, precision: str) -> Config:
        """The run that has these networks."""
        overrides = [
            "experiment=avatars_condition",
            "arch@views.face.arch=own",
            "views.face.arch._target_=training_sides.PaperNets",
            "++views.face.arch.ours=true",
            f"++views.face.arch.channels={list(self.channels)}",
            f"++views.face.arch.kernel={self.kernel}",
            f"views.face.latent={self.latent}",
            f"trainer.batch_size={self.batch}",
            f"trainer.precision={precision}",
            f"trainer.device={self.device}",
            f"trainer.threads={'null' if self.threads is None else self.threads}",
        ]
        with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
            return validate(compose("run", overrides))

    def networks(self) -> tuple[Encoder, Decoder]:
        """Fresh ones, of torch's own layers."""
        nets = PaperNets(self.shape, self.channels, self.kernel)
        return Encoder(nets.encoder, nets.width, self.latent), Decoder(nets.decoder, nets.width, self.latent)

    def pixels(self) -> np.ndarray:
        """uint8 (N, H, W, 3)."""
        return np.random.default_rng(0).integers(0, 256, (self.images, *self.shape), dtype=np.uint8)

    def tensors(self) -> Tensor:
        """The same, float32 (N, 3, H, W) in [0, 1]."""
        return torch.from_numpy(self.pixels()).permute(0, 3, 1, 2).float() / 255

    def settle(self) -> None:
        """Take as many threads as asked for."""
        if self.threads is not None:
            torch.set_num_threads(self.threads)

    def flops(self) -> float:
        """Floating-point operations of a training step, forward and backward, by image."""
        encoder, decoder = self.networks()
        with FlopCounterMode(display=False) as counter:
            mean, log_variance = encoder(self.tensors()[:2])
            (decoder(mean).sum() + log_variance.sum()).backward()
        return counter.get_total_flops() / 2


def make_ours(load: Load, precision: str) -> Work:
    """The step of favae-run, in its own Trainer."""
    config = load.config(precision)
    runtime = prepare(config.trainer)
    data = ViewData(load.pixels(), np.arange(load.images))
    section = config.views["face"]
    assert isinstance(section, VaeViewConfig)
    view = VaeView(section, load.shape, runtime, torch.Generator().manual_seed(0))
    trainer = VaeTrainer("face", view, data, np.arange(load.images), config.trainer, seed=0)
    epochs = iter(range(10**6))

    def epoch() -> None:
        trainer.epoch(0, next(epochs), 10**6, Prior(), KLTerm(1.0), Position(), lambda: False)

    return lambda: seconds(epoch) / load.images


def make_plain(load: Load) -> Work:
    """A VAE trained as one writes it down: a DataLoader, torch.distributions, Adam, each loss fetched as a number."""
    load.settle()
    device = find_device(load.device)
    encoder, decoder = (network.to(device).train() for network in load.networks())
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-4)
    data = TensorDataset(load.tensors(), torch.zeros(load.images, load.latent))
    loader = DataLoader(data, load.batch, shuffle=True)
    deviation = math.sqrt(VARIANCE)

    def epoch() -> None:
        total = 0.0
        for images, prior in loader:
            x, prior_mean = images.to(device), prior.to(device)
            optimizer.zero_grad()
            mean, log_variance = encoder(x)
            posterior = Normal(mean, torch.exp(0.5 * log_variance))
            reconstructed = torch.sigmoid(decoder(posterior.rsample()))
            log_density: Tensor = Normal(reconstructed, deviation).log_prob(x)
            likelihood = log_density.sum(dim=(1, 2, 3)).mean()
            kl = kl_divergence(posterior, Normal(prior_mean, torch.ones_like(prior_mean))).sum(dim=1).mean()
            loss = kl - likelihood
            loss.backward()
            optimizer.step()
            total += loss.item() + likelihood.item() + kl.item()

    return lambda: seconds(epoch) / load.images


def make_product(load: Load, precision: str) -> Work:
    """Seconds of a floating-point operation in a large matrix product: the device's peak."""
    load.settle()
    device, dtype = find_device(load.device), {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    # Small beside tiny networks, with which the script is only tried.
    size = 8192 if device.type == "cuda" else min(1536, 32 * load.channels[-1])
    first, second = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))

    def products() -> None:
        for _ in range(REPEATS):
            torch.mm(first, second)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return lambda: seconds(products) / (REPEATS * 2 * size**3)


def make_convolution(load: Load, precision: str) -> Work:
    """The same in a 3x3 convolution of the batch, in channels_last."""
    load.settle()
    device, dtype = find_device(load.device), {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    channels, side = min(256, load.channels[-1]), min(16, load.side)
    x, weight = torch.randn(load.batch, channels, side, side), torch.randn(channels, channels, 3, 3)
    x, weight = (part.to(device, dtype, memory_format=torch.channels_last) for part in (x, weight))

    def convolutions() -> None:
        for _ in range(REPEATS):
            torch.nn.functional.conv2d(x, weight, padding=1)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return lambda: seconds(convolutions) / (REPEATS * 2 * 9 * channels**2 * load.batch * side**2)

"""A classifier, trained on real images alone, that says which attributes a made image shows."""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from favae_cli.common.random_streams import numpy_generator, torch_generator
from favae_cli.config.run import JudgeConfig
from favae_cli.machine.runtime import Runtime, send
from favae_cli.training.to_device import Rows

logger = logging.getLogger(__name__)

WIDTHS = (32, 64, 128)


class Judge:
    """Reads binary attributes off images.

    Decoded images are softer than real ones and a little displaced; a judge trained on sharp images alone would
    measure that. So each batch it learns from is blurred and shifted at random.

    Args:
        network: a batch (B, C, H, W) in [0, 1] -> logits (B, D).
        runtime: device and precision.
    """

    def __init__(self, network: nn.Module, runtime: Runtime) -> None:
        self.network, self.runtime = network, runtime

    @torch.inference_mode()
    def read(self, images: np.ndarray) -> np.ndarray:
        """Attributes (R, D) bool that the images (R, H, W, C) float in [0, 1] show."""
        self.network.eval()
        size = self.runtime.at_once(images.shape[1:])
        logits = [
            self._logits(_batch(images[start : start + size], self.runtime)).cpu()
            for start in range(0, len(images), size)
        ]
        return torch.cat(logits).numpy() > 0

    def _logits(self, x: Tensor) -> Tensor:
        with self.runtime.autocast():
            logits: Tensor = self.network(x)
        return logits.float()


def train_judge(images: np.ndarray, labels: np.ndarray, settings: JudgeConfig, runtime: Runtime, seed: int) -> Judge:
    """Train a judge.

    Args:
        images: uint8 (N, H, W, C), real training images.
        labels: (N, D) of 0, 1 and NaN, which is left out of the loss.
        settings: `epochs`, `batch_size`, `blur` (largest sigma, pixels), `shift` (largest, pixels).
        runtime: device and precision.
        seed: of weights, order and augmentation.
    """
    cuda = [runtime.device] if runtime.device.type == "cuda" else []
    with torch.random.fork_rng(cuda):  # torch's dropout takes no generator of its own
        torch.manual_seed(seed)
        network = _network(images.shape[-1], labels.shape[1], torch_generator(seed, "judge", "weights"))
        judge = Judge(runtime.place(network), runtime)
        _fit(judge, images, labels, settings, numpy_generator(seed, "judge", "order"))
    return judge


def _fit(judge: Judge, images: np.ndarray, labels: np.ndarray, settings: JudgeConfig, rng: np.random.Generator) -> None:
    network, runtime = judge.network, judge.runtime
    size = min(settings.batch_size, len(images))
    steps = len(images) // size
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps * settings.epochs)
    shown = Rows(images, np.arange(len(images)), runtime.device)
    targets = send(np.nan_to_num(labels).astype(np.float32), runtime.device)
    seen = send((~np.isnan(labels)).astype(np.float32), runtime.device)
    network.train()
    for _ in range(settings.epochs):
        order = rng.permutation(len(images))
        for step in range(steps):
            rows = np.sort(order[step * size : (step + 1) * size])
            x = _batch(shown.gather(rows), runtime)
            x = shifted(blurred(x, rng.uniform(0, settings.blur)), settings.shift, rng)
            where = send(rows, runtime.device)
            loss = functional.binary_cross_entropy_with_logits(judge._logits(x), targets[where], seen[where])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()


def agreement(read: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(R, D) of 1 where the reading is the label, 0 where not, NaN where there is no label."""
    return np.where(np.isnan(labels), np.nan, (read == (labels > 0.5)).astype(float))


def blurred(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of a batch (B, C, H, W); sigma in pixels, under 0.1 leaves it as it is."""
    if sigma < 0.1:
        return x
    reach = max(1, round(3 * sigma))
    offsets = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, -1)
    for shape, padding in (((-1, 1), (0, 0, reach, reach)), ((1, -1), (reach, reach, 0, 0))):
        weight = kernel.reshape(x.shape[1], 1, *(len(offsets) if n == -1 else 1 for n in shape))
        x = functional.conv2d(functional.pad(x, padding, mode="replicate"), weight, groups=x.shape[1])
    return x


def shifted(x: Tensor, reach: int, rng: np.random.Generator) -> Tensor:
    """The batch (B, C, H, W) moved by up to `reach` pixels each way, borders repeated."""
    down, right = rng.integers(0, 2 * reach + 1, size=2)
    padded = functional.pad(x, (reach,) * 4, mode="replicate")
    return padded[:, :, down : down + x.shape[2], right : right + x.shape[3]]


def _batch(images: np.ndarray | Tensor, runtime: Runtime) -> Tensor:
    x = send(images, runtime.device).permute(0, 3, 1, 2)
    x = x.float() / 255 if x.dtype == torch.uint8 else x
    return x.contiguous(memory_format=runtime.memory_format)


def _network(channels: int, labels: int, generator: torch.Generator) -> nn.Module:
    layers: list[nn.Module] = []
    for width in WIDTHS:
        layers += [nn.Conv2d(channels, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    network = nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(0.2), nn.Linear(channels * 16, labels)
    )
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
    nn.init.zeros_(network[-1].bias)  # type: ignore[arg-type]
    return network

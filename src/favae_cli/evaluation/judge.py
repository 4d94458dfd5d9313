"""A classifier, trained on real images alone, that says which attributes a made image shows."""

from __future__ import annotations

import copy
import logging
import time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from favae_cli.common.random_streams import numpy_generator, torch_generator
from favae_cli.config.run import JudgeConfig
from favae_cli.evaluation.balance import balanced_shares, drawn, loss_weights
from favae_cli.evaluation.labelled import Labelled
from favae_cli.machine.runtime import Runtime, send
from favae_cli.training.to_device import Rows

logger = logging.getLogger(__name__)

WIDTHS = (32, 64, 128)
BETTER = 0.001  # nats a label; by less, a later epoch is no better
MEMORY = 100  # steps


class Judge:
    """Reads binary attributes off images.

    It learns from as many images with an attribute as without: of a rare one it would else learn to say no.

    Decoded images are softer than real ones and a little displaced; a judge trained on sharp images alone would
    measure that. So each batch it learns from is blurred and shifted at random.

    Args:
        network: a batch (B, C, H, W) in [0, 1] -> logits (B, D).
        runtime: device and precision.
    """

    def __init__(self, network: nn.Module, runtime: Runtime) -> None:
        self.network, self.runtime = network, runtime

    def read(self, images: np.ndarray) -> np.ndarray:
        """Attributes (R, D) bool that the images (R, H, W, C) show, uint8 or float in [0, 1]."""
        return self.scores(images) > 0

    @torch.inference_mode()
    def scores(self, images: np.ndarray) -> np.ndarray:
        """Logits (R, D) of the attributes; images as in `read`."""
        self.network.eval()
        size = self.runtime.at_once(images.shape[1:])
        logits = [
            self.logits(_batch(images[start : start + size], self.runtime)).cpu()
            for start in range(0, len(images), size)
        ]
        return torch.cat(logits).numpy()

    def loss(self, samples: Labelled) -> float:
        """Cross-entropy, nats a label, in which present and absent count alike for every attribute."""
        labels = samples.labels
        weights = loss_weights(labels, np.full(len(labels), 1 / len(labels)))
        losses = np.logaddexp(0, np.where(labels == 1, -1, 1) * self.scores(samples.images))
        return float((weights * losses).sum() / weights.sum())

    def logits(self, x: Tensor) -> Tensor:
        """(B, D) of a batch (B, C, H, W), float32."""
        with self.runtime.autocast():
            logits: Tensor = self.network(x)
        return logits.float()


def train_judge(train: Labelled, held_out: Labelled, settings: JudgeConfig, runtime: Runtime, seed: int) -> Judge:
    """Train a judge until it no longer does better on other images.

    Args:
        train: real training images; a label that is NaN is left out of the loss.
        held_out: real images that say when to stop; without any, all epochs are taken.
        settings: `epochs` at most, `patience`, `batch_size`, `blur` (largest sigma, pixels), `shift` (largest, pixels).
        runtime: device and precision.
        seed: of weights, order and augmentation.
    """
    cuda = [runtime.device] if runtime.device.type == "cuda" else []
    with torch.random.fork_rng(cuda):  # torch's dropout takes no generator of its own
        torch.manual_seed(seed)
        network = _network(train.images.shape[-1], train.labels.shape[1], torch_generator(seed, "judge", "weights"))
        rng = numpy_generator(seed, "judge", "order")
        return _fitted(runtime.place(network), train, held_out, settings, runtime, rng)


def _fitted(
    network: nn.Module,
    train: Labelled,
    held_out: Labelled,
    settings: JudgeConfig,
    runtime: Runtime,
    rng: np.random.Generator,
) -> Judge:
    """A judge with the running mean of the network's weights, as after the epoch that was best on `held_out`.

    A mean of weights needs no rate that falls towards an end which is not known yet.
    """
    averaged = AveragedModel(network, avg_fn=_running_mean, use_buffers=True)
    learner, judge = Judge(network, runtime), Judge(averaged, runtime)
    optimizer = torch.optim.Adam(network.parameters())
    shown = Rows(train.images, np.arange(len(train.images)), runtime.device)
    shares = balanced_shares(train.labels)
    targets = send(np.nan_to_num(train.labels).astype(np.float32), runtime.device)
    weights = send(loss_weights(train.labels, shares).astype(np.float32), runtime.device)
    size = min(settings.batch_size, len(train.images))
    best, kept, epochs, waited, begun = np.inf, None, 0, 0, time.perf_counter()
    while epochs < settings.epochs and waited < settings.patience:
        epochs += 1
        network.train()
        order = drawn(shares, rng)
        for start in range(0, len(order) - size + 1, size):
            rows = np.sort(order[start : start + size])
            x = _batch(shown.gather(rows), runtime)
            x = shifted(blurred(x, rng.uniform(0, settings.blur)), settings.shift, rng)
            where = send(rows, runtime.device)
            logits = learner.logits(x)
            loss = functional.binary_cross_entropy_with_logits(logits, targets[where], weights[where])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            averaged.update_parameters(network)
        if not np.isfinite(held_out.labels).any():
            continue
        there = judge.loss(held_out)
        waited = 0 if there < best - BETTER else waited + 1
        if there < best:
            best, kept = there, copy.deepcopy(averaged.state_dict())
    if kept is not None:
        averaged.load_state_dict(kept)
    logger.info("judge: %d epochs in %.1f s", epochs, time.perf_counter() - begun)
    return judge


def _running_mean(mean: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
    """Over about the last `MEMORY` steps; of the first ones, over fewer."""
    return mean + (new - mean) * max(1 / MEMORY, 9 / (10 + int(count)))


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

"""A pair of networks that is deeper than a trained one by a layer, and computes the same.

Growth that preserves the function is the idea of Net2Net (Chen et al., 2016). Here the new layer is a strided
convolution with batch norm and leaky ReLU in the encoder, and its mirror in the decoder. The centre taps of such a
kernel cut the map into blocks that do not overlap, so that one layer can carry any linear map of each block; and what
is shifted far enough to the right of zero passes a leaky ReLU unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from favae_cli.nets.base import Decoder, Encoder

_SHIFT = 4.0  # standard deviations between the mean of an activation and the kink of the leaky ReLU
_GAIN = 0.2  # standard deviation of the new encoder layer's outputs; with the shift they are of the usual size
_NEGLIGIBLE = 1e-9  # share of the variance


def layers(network: Encoder | Decoder) -> list[nn.Module]:
    """Those of the body, in order."""
    return list(network.body.children())


def alike(some: list[nn.Module], others: list[nn.Module]) -> bool:
    """Whether two rows of layers are of the same types, sizes and settings, which is what their text says."""
    return [str(layer) for layer in some] == [str(layer) for layer in others]


@dataclass(frozen=True)
class Blocks:
    """A map of `channels` x `height` x `width`, cut into P blocks of `side` x `side` pixels.

    Attributes:
        taps: of a kernel, along one axis: those that see one block each.
    """

    channels: int
    height: int
    width: int
    side: int
    taps: slice

    def cut(self, maps: Tensor) -> Tensor:
        """Flattened maps (R, channels * height * width) -> (R, P, channels * side^2)."""
        rows, columns = self.height // self.side, self.width // self.side
        parts = maps.reshape(-1, self.channels, rows, self.side, columns, self.side)
        return parts.permute(0, 2, 4, 1, 3, 5).reshape(-1, rows * columns, self.channels * self.side**2)

    def kernels(self, flat: Tensor) -> Tensor:
        """(R, channels * side^2) -> (R, channels, side, side)."""
        return flat.reshape(-1, self.channels, self.side, self.side).float()


def blocks_of(small: tuple[Encoder, Decoder], large: tuple[Encoder, Decoder]) -> Blocks | None:
    """The blocks of the small pair's last map that the new layer sees; None if there is no layer that can be fitted."""
    down, up = layers(small[0])[:-1], layers(small[1])
    deeper_down, deeper_up = layers(large[0])[:-1], layers(large[1])
    convolutions = [layer for layer in deeper_down[len(down) :] if isinstance(layer, nn.Conv2d)]
    shared = alike(down, deeper_down[: len(down)]) and alike(up[1:], deeper_up[1 - len(up) :])
    start, deeper_start = up[0], deeper_up[0]
    if len(convolutions) != 1 or not shared or not isinstance(start, nn.Unflatten):
        return None
    (kernel, _), (side, _), padding = convolutions[0].kernel_size, convolutions[0].stride, convolutions[0].padding[0]
    assert isinstance(deeper_start, nn.Unflatten)
    assert isinstance(padding, int)
    channels, height, width = start.unflattened_size
    _, rows, columns = deeper_start.unflattened_size
    if kernel < padding + side or (height, width) != (side * rows, side * columns):
        return None
    return Blocks(channels, height, width, side, slice(padding, padding + side))


def grow_encoder(small: Encoder, large: Encoder, blocks: Blocks, readouts: Tensor, read: Tensor) -> None:
    """Give the new convolution the principal components of what the small head reads from a block.

    Args:
        readouts: (P * 2L, channels * side^2) the small head's weights for each block.
        read: (R, P * 2L) what they read from all blocks of the training data.
    """
    depth = len(layers(small)) - 1
    convolution, *norm = layers(large)[depth:-2]
    assert isinstance(convolution, nn.Conv2d)
    covariance = covariance_of(read)
    # Few samples leave directions out that others will need. So their covariance is shrunk to what features without
    # correlation would give, by about the share of it that is chance.
    trace, gram = covariance.trace(), readouts @ readouts.T
    chance = float((trace.square() / covariance.square().sum() / len(read)).clamp(max=1))
    covariance = (1 - chance) * covariance + chance * trace / gram.trace() * gram
    variance, directions = (part.flip(-1) for part in torch.linalg.eigh(covariance))
    rank = min(int((variance > _NEGLIGIBLE * variance.sum()).sum()), convolution.out_channels)
    deviation, directions = variance[:rank].sqrt(), directions[:, :rank]

    basis = directions.T @ readouts
    scale = _length(convolution.weight[:rank]) / _length(basis)
    convolution.weight[:rank] = 0
    convolution.weight[:rank, :, blocks.taps, blocks.taps] = blocks.kernels(basis * scale[:, None])
    _pass(
        convolution.weight[:rank],
        [convolution, *norm][-1],
        mean=scale * (read.mean(0) @ directions),
        variance=(scale * deviation).square(),
        gain=_GAIN / (scale * deviation),
        middle=torch.full_like(scale, _GAIN * _SHIFT),
    )
    # What was read is its mean + directions @ (deviation * (activation - _GAIN * _SHIFT) / _GAIN).
    weight = (directions * deviation / _GAIN).reshape(-1, 2 * small.latent, rank)
    constant = read.mean(0).reshape(-1, 2 * small.latent) - _GAIN * _SHIFT * weight.sum(2)
    large.head.weight.zero_()
    large.head.weight.view(2 * small.latent, -1, len(weight))[:, :rank] = weight.permute(1, 2, 0).float()
    large.head.bias.copy_(small.head.bias + constant.sum(0))


def grow_decoder(small: Decoder, large: Decoder, blocks: Blocks, mean: Tensor, covariance: Tensor) -> str:
    """Have the new stem and transposed convolution make what the small stem makes, shifted to where it stays linear.

    The layer behind would turn the shift into a pattern of the kernel's phases and of the border. So the channel that
    the others predict best is given up: it becomes a constant, through which the layer behind subtracts that pattern
    exactly, and what it carried is added to the others by linear regression.

    Args:
        mean, covariance: (L,) and (L, L) of the embedding z over the training data.

    Returns:
        Name of the layer behind the new one, which this changes.
    """
    new = len(layers(large)) - len(layers(small))
    convolution, *norm = layers(large)[1:new]
    follower = layers(large)[1 + new]
    assert isinstance(convolution, nn.ConvTranspose2d)
    assert isinstance(follower, nn.ConvTranspose2d)
    stem, offset = small.stem.weight.double(), small.stem.bias.double()

    # The columns of [S s] in S z + s, block by block, in one basis.
    columns = blocks.cut(torch.cat([stem, offset[:, None]], dim=1).T)
    left, strength, basis = torch.linalg.svd(columns.flatten(0, 1), full_matrices=False)
    rank = min(int((strength > _NEGLIGIBLE**0.5 * strength[0]).sum()), convolution.in_channels)
    scale = _length(convolution.weight[:rank])
    convolution.weight.zero_()
    convolution.weight[:rank, :, blocks.taps, blocks.taps] = blocks.kernels(basis[:rank] * scale[:, None])
    made = ((left * strength)[:, :rank] / scale).reshape(*columns.shape[:2], rank).permute(2, 1, 0).flatten(0, 1)
    large.stem.weight[: len(made)] = made[:, :-1].float()
    large.stem.bias[: len(made)] = made[:, -1].float()

    # By channel and place: the mean of S z + s, and how it varies along the principal axes of z.
    typical = (stem @ mean + offset).reshape(blocks.channels, -1)
    axes = (stem @ torch.linalg.cholesky(covariance)).reshape(*typical.shape, -1)
    middle = typical.mean(1)
    around = torch.cat([axes.flatten(1), typical - middle[:, None]], dim=1)
    spread = around @ around.T / typical.shape[1]
    shift = (_SHIFT * axes.norm(dim=2) - typical).amax(1)

    kernels = follower.weight.double()
    precision = torch.linalg.inv(spread + 1e-6 * spread.diag().mean() * torch.eye(len(spread)).to(spread))
    spare = int((_length(kernels).square() / precision.diag()).argmin())
    kept = torch.arange(len(spread), device=spread.device) != spare
    share = -precision[spare, kept] / precision[spare, spare]
    fitted = kernels[kept] + share[:, None, None, None] * kernels[spare]
    follower.weight[kept] = fitted.float()
    constant = (middle[spare] - share @ middle[kept]) * kernels[spare] - torch.tensordot(shift[kept], fitted, dims=1)
    follower.weight[spare] = constant.float()
    _pass(
        convolution.weight.transpose(0, 1),
        [convolution, *norm][-1],
        mean=middle,
        variance=spread.diag(),
        gain=kept.to(spread),
        middle=torch.where(kept, middle + shift, 1.0),
    )
    return f"decoder.body.{1 + new}"


def covariance_of(rows: Tensor) -> Tensor:
    """(R, D) -> (D, D)."""
    return torch.cov(rows.T, correction=0)


def _length(rows: Tensor) -> Tensor:
    """(R, ...) -> float64 (R,), the Euclidean norm of each row."""
    return rows.double().flatten(1).norm(dim=1)


def _pass(kernels: Tensor, last: nn.Module, *, mean: Tensor, variance: Tensor, gain: Tensor, middle: Tensor) -> None:
    """Have a convolution's first R channels y reach the activation as gain * (y - mean) + middle.

    Args:
        kernels: (R, ...) their weights.
        last: the batch norm behind the convolution, or the convolution itself if there is none.
        mean, variance: (R,) of y over the training data.
        gain, middle: (R,).
    """
    rows = slice(len(mean))
    if isinstance(last, nn.BatchNorm2d):
        assert last.running_mean is not None
        assert last.running_var is not None
        last.running_mean[rows], last.running_var[rows] = mean.float(), variance.float()
        last.weight[rows] = (gain * (variance + last.eps).sqrt()).float()
        last.bias[rows] = middle.float()
    else:
        assert isinstance(last.bias, Tensor)
        kernels *= gain.float()[:, None, None, None]
        last.bias[rows] = (middle - gain * mean).float()

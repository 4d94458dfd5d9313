"""Strided convolutions of maps with few pixels, as matrix products.

On a CPU the library's kernels run along the pixels of a map; of two by two pixels and a thousand channels, their
gradient takes several times as long as that of the same sums written as a matrix product. The parameters, their names
and, within rounding, the numbers are those of the classes from torch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Conv2d(nn.Conv2d):
    """As torch's, of images (B, C, H, W), without dilation or groups."""

    padding: tuple[int, ...]

    def forward(self, input: Tensor) -> Tensor:
        sizes = zip(input.shape[2:], self.kernel_size, self.stride, self.padding, strict=True)
        small = tuple((n + 2 * padding - kernel) // stride + 1 for n, kernel, stride, padding in sizes)
        if not _few(small, input):
            return super().forward(input)
        patches = functional.unfold(input, self.kernel_size, 1, self.padding, self.stride)  # (B, C * taps, pixels)
        made = functional.linear(patches.transpose(1, 2), self.weight.flatten(1), self.bias)
        return made.transpose(1, 2).reshape(len(input), -1, *small)


class ConvTranspose2d(nn.ConvTranspose2d):
    """As torch's, of maps (B, C, H, W), without dilation or groups."""

    padding: tuple[int, ...]

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        if output_size is not None or not _few(input.shape[2:], input):
            return super().forward(input, output_size)
        sizes = zip(input.shape[2:], self.kernel_size, self.stride, self.padding, self.output_padding, strict=True)
        large = tuple((n - 1) * stride - 2 * padding + kernel + more for n, kernel, stride, padding, more in sizes)
        pixels = input.flatten(2).transpose(1, 2)
        patches = functional.linear(pixels, self.weight.flatten(1).T).transpose(1, 2)  # (B, C * taps, pixels)
        made = functional.fold(patches, large, self.kernel_size, 1, self.padding, self.stride)
        return made if self.bias is None else made + self.bias.to(made.dtype)[:, None, None]


def _few(small: tuple[int, ...], input: Tensor) -> bool:
    """Whether the product is the faster way, given the smaller map, as measured with AVX-512: where a gradient follows.

    Without one the library's kernels are the faster ones, by far in bfloat16.
    """
    return input.device.type == "cpu" and torch.is_grad_enabled() and math.prod(small) <= 4

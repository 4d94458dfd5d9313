"""Strided convolutions in the ways that a CPU is fastest at.

Parameters, their names and, within rounding, the numbers are those of the classes from torch. What differs, as measured
with AVX-512 in float32 and in bfloat16:

- Maps are laid out channels last, as batches of images are; the decoder's begin as plain rows.
- The gradient of a transposed convolution is written as the convolution that it mirrors, for which the library has
  kernels up to twice as fast.
- The library's kernels run along the pixels of a map. Of two by two pixels and a thousand channels, their gradient
  takes several times as long as that of the same sums written as a matrix product.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_weight

_Sizes = tuple[int, ...]


class Conv2d(nn.Conv2d):
    """As torch's, of images (B, C, H, W), without dilation or groups."""

    padding: _Sizes

    def forward(self, input: Tensor) -> Tensor:
        """As torch's; a training step on the CPU whose maps are small is one product of matrices."""
        sizes = zip(input.shape[2:], self.kernel_size, self.stride, self.padding, strict=True)
        small = tuple((n + 2 * padding - kernel) // stride + 1 for n, kernel, stride, padding in sizes)
        if not (_trains_on_cpu(input) and _few(small)):
            return super().forward(input)
        patches = functional.unfold(input, self.kernel_size, 1, self.padding, self.stride)  # (B, C * taps, pixels)
        made = functional.linear(patches.transpose(1, 2), self.weight.flatten(1), self.bias)
        return made.transpose(1, 2).reshape(len(input), -1, *small)


class ConvTranspose2d(nn.ConvTranspose2d):
    """As torch's, of maps (B, C, H, W), without dilation or groups."""

    padding: _Sizes

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """As torch's; on the CPU by whichever of its ways is fast for these sizes."""
        if output_size is not None or input.device.type != "cpu":
            return super().forward(input, output_size)
        trains = _trains_on_cpu(input)
        if trains and _few(input.shape[2:]):
            return self._product(input)
        input = input.contiguous(memory_format=torch.channels_last)
        if not trains:
            return super().forward(input)
        # Autocast would reach what the forward pass computes, but not what it keeps for the gradient.
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else input.dtype
        bias = None if self.bias is None else self.bias.to(dtype)
        sizes = self.stride, self.padding, self.output_padding
        made: Tensor = _Transposed.apply(input.to(dtype), self.weight.to(dtype), bias, *sizes)  # type: ignore[no-untyped-call]
        return made

    def _product(self, input: Tensor) -> Tensor:
        sizes = zip(input.shape[2:], self.kernel_size, self.stride, self.padding, self.output_padding, strict=True)
        large = tuple((n - 1) * stride - 2 * padding + kernel + more for n, kernel, stride, padding, more in sizes)
        pixels = input.flatten(2).transpose(1, 2)
        patches = functional.linear(pixels, self.weight.flatten(1).T).transpose(1, 2)  # (B, C * taps, pixels)
        made = functional.fold(patches, large, self.kernel_size, 1, self.padding, self.stride)
        return made if self.bias is None else made + self.bias.to(made.dtype)[:, None, None]


class _Transposed(torch.autograd.Function):
    """A transposed convolution, whose gradient is the convolution that it is the transpose of."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: _Sizes, padding: _Sizes, more: _Sizes
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.sizes = stride, padding
        return functional.conv_transpose2d(x, weight, bias, stride, padding, more)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        (grad,) = grads
        of_x, of_weight, of_bias, *_ = ctx.needs_input_grad
        return (
            functional.conv2d(grad, weight, None, *ctx.sizes) if of_x else None,
            conv2d_weight(grad, weight.shape, x, *ctx.sizes) if of_weight else None,
            grad.sum((0, 2, 3)) if of_bias else None,
            *(None, None, None),
        )


def _trains_on_cpu(input: Tensor) -> bool:
    return input.device.type == "cpu" and torch.is_grad_enabled()


def _few(small: _Sizes) -> bool:
    """Whether the product is the faster way, given the smaller map: where a gradient follows.

    Without one the library's kernels are the faster ones, by far in bfloat16.
    """
    return math.prod(small) <= 4

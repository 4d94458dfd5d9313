"""Batch norm whose statistics are those of the whole batch, of which each process has a share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from favae_cli.machine.world import World

_PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class WholeBatchNorm(_BatchNorm):
    """Batch norm over the rows of all processes; in evaluation mode, plain batch norm.

    Takes over parameters, statistics and settings of the layer in whose place it comes, under the same names. What
    `nn.SyncBatchNorm` is on CUDA, this one is on any device.

    Args:
        plain: the layer.
        world: the processes.
    """

    def __init__(self, plain: _BatchNorm, world: World) -> None:
        super().__init__(plain.num_features, plain.eps, plain.momentum, plain.affine, plain.track_running_stats)
        self._parameters, self._buffers, self.training = plain._parameters, plain._buffers, plain.training
        self.world = world

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"batch norm needs (B, C, ...), got {tuple(input.shape)}")

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, ...) of this process -> the same shape and type, normalised over the rows of all."""
        if not self.training:
            return super().forward(input)
        self._check_input_dim(input)
        mean, variance, count = whole_statistics(input.detach(), self.world)
        self._remember(mean, variance * count / (count - 1))
        normalised: Tensor = _Normalise.apply(  # type: ignore[no-untyped-call]
            input, self.weight, self.bias, mean, variance, count, self.eps, self.world
        )
        return normalised

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics; a momentum of None makes them plain means over the steps."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / self.num_batches_tracked.float() if self.momentum is None else self.momentum
        self.running_mean += share * (mean - self.running_mean)
        self.running_var += share * (variance - self.running_var)


def synchronise(network: nn.Module, world: World) -> None:
    """Replace, in place, the batch norms inside of `network` by those that see the rows of all processes.

    The names of its state stay what they are. Layers of other classes, and all of them in a world of one, are left.
    """
    if world.size == 1:
        return
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, _BatchNorm) and type(child) in _PLAIN:
                cuda = any(tensor.is_cuda for tensor in child.state_dict().values())
                fresh = _on_cuda(child) if cuda else WholeBatchNorm(child, world)
                setattr(module, name, fresh)


def _on_cuda(plain: _BatchNorm) -> nn.Module:
    """PyTorch's own layer, fused, which knows no CPU."""
    fused: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(plain)
    return fused


def whole_statistics(x: Tensor, world: World) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and (biased) variance of every channel over the rows of all processes, and the number of values in each.

    Args:
        x: (B, C, ...) of this process.

    Returns:
        float32 (C,), (C,) and a scalar.
    """
    variance, mean = torch.var_mean(x.float(), _all_but_channels(x), correction=0)
    count = mean.new_full((1,), x.numel() / x.shape[1])
    # One message: each fills its row, and the sum is the table of all.
    table = mean.new_zeros(world.size, 2 * len(mean) + 1)
    table[world.rank] = torch.cat([mean, variance, count])
    means, variances, counts = torch.split(world.add(table), [len(mean), len(mean), 1], dim=1)
    total = counts.sum()
    weights = counts / total
    mean = (weights * means).sum(0)
    # Variance within the shares and between them (Chan, Golub, LeVeque, "Updating formulae", 1979).
    return mean, (weights * (variances + (means - mean).square())).sum(0), total


class _Normalise(torch.autograd.Function):
    """Batch norm at given statistics, whose gradient knows that all rows made them."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor,
        variance: Tensor,
        count: Tensor,
        eps: float,
        world: World,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, variance, count)
        ctx.eps, ctx.world = eps, world
        return functional.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, variance, count = ctx.saved_tensors
        channels = (1, -1, *[1] * (x.dim() - 2))
        scale = (variance + ctx.eps).rsqrt()
        grad = grads[0].float()
        normal = (x.float() - mean.view(channels)) * scale.view(channels)
        dims = _all_but_channels(x)
        own = torch.stack([grad.sum(dims), (grad * normal).sum(dims)])  # of weight and bias, over the own rows
        along_ones, along_x = ctx.world.add(own.clone()) / count
        if weight is not None:
            scale = scale * weight
        pulled = grad - along_ones.view(channels) - normal * along_x.view(channels)
        grad_x = (scale.view(channels) * pulled).to(x.dtype)
        grad_bias, grad_weight = (None, None) if weight is None else own
        return grad_x, grad_weight, grad_bias, None, None, None, None, None


def _all_but_channels(x: Tensor) -> list[int]:
    return [0, *range(2, x.dim())]

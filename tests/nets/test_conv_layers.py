"""Convolutions written in other ways: what torch's own give, with all their gradients."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor, nn

from favae_cli.nets import conv_layers

SHAPES = [(kernel, stride, padding) for kernel, stride, padding in product((3, 4), (1, 2), (0, 1))]


def worked_out(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """What a layer makes of x, and the gradients of a fixed function of it."""
    x = x.clone().requires_grad_()
    made = layer(x)
    weights = torch.linspace(-1, 1, made.numel()).reshape(made.shape)
    return [made, *torch.autograd.grad((weights * made).sum(), [x, *layer.parameters()])]


@pytest.fixture
def products(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every matrix product in the place of a conv_layers."""
    done: list[int] = []
    for name in ("unfold", "fold"):
        original = getattr(nn.functional, name)
        monkeypatch.setattr(
            nn.functional, name, lambda *given, original=original: (done.append(1), original(*given))[1]
        )
    return done


@pytest.mark.parametrize(("kernel", "stride", "padding"), SHAPES)
@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_to_a_small_map_is_torchs(
    kernel: int, stride: int, padding: int, bias: bool, products: list[int]
) -> None:
    size = (stride + kernel - 2 * padding, stride + kernel - 2 * padding + (stride - 1))  # to 2 x 2
    own = conv_layers.Conv2d(3, 5, kernel, stride, padding, bias=bias)
    torchs = nn.Conv2d(3, 5, kernel, stride, padding, bias=bias)
    torchs.load_state_dict(own.state_dict())
    x = torch.rand(4, 3, *size)
    for one, other in zip(worked_out(own, x), worked_out(torchs, x), strict=True):
        torch.testing.assert_close(one, other)
    assert len(products) == 1


@pytest.mark.parametrize(("kernel", "stride", "padding"), SHAPES)
@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_from_a_small_map_is_torchs(
    kernel: int, stride: int, padding: int, bias: bool, products: list[int]
) -> None:
    more = (0, stride - 1)  # rows and columns that a strided convolution would have lost
    own = conv_layers.ConvTranspose2d(5, 3, kernel, stride, padding, more, bias=bias)
    torchs = nn.ConvTranspose2d(5, 3, kernel, stride, padding, more, bias=bias)
    torchs.load_state_dict(own.state_dict())
    x = torch.rand(4, 5, 2, 2)
    for one, other in zip(worked_out(own, x), worked_out(torchs, x), strict=True):
        torch.testing.assert_close(one, other)
    assert len(products) == 1


@pytest.mark.parametrize(("kernel", "stride", "padding"), SHAPES)
@pytest.mark.parametrize("bias", [True, False])
def test_a_transposed_convolution_of_a_larger_map_is_torchs(
    kernel: int, stride: int, padding: int, bias: bool, products: list[int]
) -> None:
    more = (0, stride - 1)
    own = conv_layers.ConvTranspose2d(3, 2, kernel, stride, padding, more, bias=bias).double()
    torchs = nn.ConvTranspose2d(3, 2, kernel, stride, padding, more, bias=bias).double()
    torchs.load_state_dict(own.state_dict())
    x = torch.rand(2, 3, 3, 2).double()
    for one, other in zip(worked_out(own, x), worked_out(torchs, x), strict=True):
        torch.testing.assert_close(one, other)
    assert not products
    assert torch.autograd.gradgradcheck(own, x.requires_grad_(), fast_mode=True)


def test_a_decoder_s_maps_are_laid_out_as_batches_are() -> None:
    up = conv_layers.ConvTranspose2d(4, 3, 4, 2, 1)
    assert up(torch.rand(2, 4, 4, 4)).is_contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        assert up(torch.rand(2, 4, 4, 4)).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("bf16", [False, True])
def test_only_small_maps_are_done_that_way_in_the_precision_of_the_others(bf16: bool, products: list[int]) -> None:
    down, up = conv_layers.Conv2d(3, 4, 4, 2, 1), conv_layers.ConvTranspose2d(4, 3, 4, 2, 1)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        for side, expected in ((2, 2), (4, 0)):
            products.clear()
            map_ = down(torch.rand(2, 3, 2 * side, 2 * side))
            image = up(map_)
            assert map_.shape == (2, 4, side, side)
            assert image.shape == (2, 3, 2 * side, 2 * side)
            assert map_.dtype == image.dtype == (torch.bfloat16 if bf16 else torch.float32)
            assert len(products) == expected
    products.clear()
    with torch.no_grad():  # where no gradient follows there is nothing to gain
        down(torch.rand(2, 3, 4, 4))
    assert not products


def test_in_bf16_they_are_as_near_to_float32_as_torchs_convolutions() -> None:
    torch.manual_seed(0)
    larger = torch.randn(8, 64, 4, 4)
    for own, torchs, x in (
        (conv_layers.Conv2d(64, 32, 4, 2, 1), nn.Conv2d(64, 32, 4, 2, 1), torch.randn(8, 64, 4, 4)),
        (conv_layers.ConvTranspose2d(64, 32, 4, 2, 1), nn.ConvTranspose2d(64, 32, 4, 2, 1), torch.randn(8, 64, 2, 2)),
        (conv_layers.ConvTranspose2d(64, 32, 4, 2, 1), nn.ConvTranspose2d(64, 32, 4, 2, 1), larger),
    ):
        torchs.load_state_dict(own.state_dict())
        exact = worked_out(torchs, x)
        with torch.autocast("cpu", torch.bfloat16):
            found, rival = worked_out(own, x), worked_out(torchs, x)
        for true, one, other in zip(exact, found, rival, strict=True):
            assert (one - true).norm() < 1.5 * (other - true).norm() + 1e-3 * true.norm()

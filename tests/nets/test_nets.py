"""The networks: shapes for any input, a quiet start, and the exact rescaling of the embedding."""

from pathlib import Path

import pytest
import torch
import yaml

from favae_cli.common.errors import UserError
from favae_cli.config.views import ConvArch, MlpArch
from favae_cli.nets import Decoder, Encoder, build


def conv(*channels: int, batch_norm: bool = True) -> ConvArch:
    return ConvArch(
        name="conv", channels=list(channels), kernel=4, stride=2, padding=1, batch_norm=batch_norm, leak=0.01
    )


def mlp(*hidden: int) -> MlpArch:
    return MlpArch(name="mlp", hidden=list(hidden), leak=0.01)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def parameters(*networks: torch.nn.Module) -> int:
    return sum(parameter.numel() for network in networks for parameter in network.parameters())


@pytest.mark.parametrize("size", [(16, 16), (28, 28), (64, 64), (65, 65), (33, 20)])
@pytest.mark.parametrize("colours", [1, 2, 3, 4])
def test_images_of_any_size_come_back_in_their_own_shape(size: tuple[int, int], colours: int) -> None:
    encoder, decoder = build(conv(4, 6, 8, 10), (*size, colours), 7, seeded())
    images = torch.rand(3, colours, *size, generator=seeded(1))

    mean, log_variance = encoder(images)

    assert mean.shape == log_variance.shape == (3, 7)
    assert decoder(mean).shape == images.shape


@pytest.mark.parametrize(("preset", "smallest"), [(8, 8), (16, 16), (32, 16), (64, 32), (128, 64), (256, 128)])
def test_there_is_an_arch_for_images_of_every_size(preset: int, smallest: int) -> None:
    text = (Path(__file__).parents[2] / "configs" / "arch" / f"conv{preset}.yaml").read_text()
    arch = ConvArch(**yaml.safe_load(text))
    assert arch.layers_that_fit(smallest) == len(arch.channels)
    # What is left of an image of the size that it is for: little, and yet more than a pixel.
    assert preset // arch.stride ** len(arch.channels) == 2


@pytest.mark.parametrize(("size", "depth"), [(8, 2), (9, 3), (255, 7), (256, 7)])
@pytest.mark.parametrize("colours", [1, 4])
def test_the_smallest_and_the_largest_images_come_back(size: int, depth: int, colours: int) -> None:
    encoder, decoder = build(conv(*[2] * depth), (size, size, colours), 3, seeded())
    images = torch.rand(2, colours, size, size, generator=seeded(1))
    assert decoder(encoder(images)[0]).shape == images.shape


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 2, 1), (5, 3, 2), (3, 1, 1), (2, 2, 0)])
def test_every_kernel_has_an_exact_mirror(kernel: int, stride: int, padding: int) -> None:
    arch = conv(3, 5).model_copy(update={"kernel": kernel, "stride": stride, "padding": padding})
    encoder, decoder = build(arch, (23, 18, 3), 4, seeded())

    assert decoder(encoder(torch.rand(2, 3, 23, 18))[0]).shape == (2, 3, 23, 18)


@pytest.mark.parametrize("hidden", [(), (16,), (32, 8)])
@pytest.mark.parametrize(("stored", "seen"), [((5,), (5,)), ((6, 4, 3), (3, 6, 4))])
def test_mlp_takes_tables_and_images(hidden: tuple[int, ...], stored: tuple[int, ...], seen: tuple[int, ...]) -> None:
    encoder, decoder = build(mlp(*hidden), stored, 2, seeded())

    mean, log_variance = encoder(torch.rand(4, *seen))

    assert mean.shape == log_variance.shape == (4, 2)
    assert decoder(mean).shape == (4, *seen)


@pytest.mark.slow
def test_the_papers_net_has_the_papers_size() -> None:
    encoder, decoder = build(conv(64, 128, 256, 512, 1024), (64, 64, 3), 100)
    kernels = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512 * 1024)
    widths = 64 + 128 + 256 + 512

    assert encoder.head.in_features == 1024 * 2 * 2
    assert parameters(encoder) == kernels + 2 * (widths + 1024) + (4096 + 1) * 200
    assert parameters(decoder) == (100 + 1) * 4096 + kernels + 2 * widths + 3


@pytest.mark.parametrize("arch", [conv(8, 16, 32), conv(8, 16, 32, batch_norm=False)])
@pytest.mark.parametrize("seed", range(5))
def test_training_starts_from_unit_scale(arch: ConvArch | MlpArch, seed: int) -> None:
    encoder, decoder = build(arch, (32, 32, 3), 50, seeded(seed))
    mean, log_variance = encoder(torch.rand(32, 3, 32, 32, generator=seeded(1)))
    decoded = decoder(torch.randn(32, 50, generator=seeded(2)))

    assert torch.equal(log_variance, torch.zeros_like(log_variance))
    assert 0.2 < mean.square().mean().sqrt() < 3
    assert 0.2 < decoded.square().mean().sqrt() < 3


def test_the_generator_decides_the_weights_and_nothing_else_does() -> None:
    torch.manual_seed(3)
    first = build(conv(4, 8), (16, 16, 1), 3, seeded(7))
    torch.manual_seed(4)
    second = build(conv(4, 8), (16, 16, 1), 3, seeded(7))
    other = build(conv(4, 8), (16, 16, 1), 3, seeded(8))

    for network, same in zip(first, second, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(network.parameters(), same.parameters(), strict=True))
    assert not torch.equal(first[0].head.weight, other[0].head.weight)


def pair(arch: ConvArch | MlpArch) -> tuple[Encoder, Decoder, torch.Tensor]:
    """A pair whose head already has learned something, and a batch for it."""
    shape = (8, 8, 2) if arch.name == "conv" else (6,)
    encoder, decoder = build(arch, shape, 4, seeded())
    torch.nn.init.normal_(encoder.head.weight, generator=seeded(1))
    torch.nn.init.normal_(encoder.head.bias, generator=seeded(2))
    torch.nn.init.normal_(decoder.stem.bias, generator=seeded(3))
    batch = torch.rand(5, 2, 8, 8) if arch.name == "conv" else torch.rand(5, 6)
    return encoder, decoder, batch


@pytest.mark.parametrize("arch", [conv(4, 6), mlp(8)])
@pytest.mark.parametrize("scale", [0.25, 3.7, torch.tensor([0.1, 1.0, 2.5, 40.0])])
def test_rescaling_the_embedding_is_an_exact_symmetry(arch: ConvArch | MlpArch, scale: float | torch.Tensor) -> None:
    encoder, decoder, batch = pair(arch)
    mean, log_variance = encoder(batch)
    decoded = decoder(mean)

    encoder.scale_embedding(scale)
    decoder.scale_embedding(scale)
    scaled_mean, scaled_log_variance = encoder(batch)

    torch.testing.assert_close(scaled_mean, scale * mean)
    torch.testing.assert_close(scaled_log_variance.exp(), scale**2 * log_variance.exp())
    torch.testing.assert_close(decoder(scale * mean), decoded)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_scale_is_refused(scale: float) -> None:
    encoder, decoder, _ = pair(mlp(8))
    for network in (encoder, decoder):
        with pytest.raises(ValueError, match="positive"):
            network.scale_embedding(scale)


def test_the_embedding_keeps_full_precision_under_autocast() -> None:
    encoder, decoder = build(conv(4, 6), (16, 16, 1), 3, seeded())
    with torch.autocast("cpu", torch.bfloat16):
        mean, log_variance = encoder(torch.rand(2, 1, 16, 16))
        decoded = decoder(mean)

    assert mean.dtype == log_variance.dtype == decoded.dtype == torch.float32


@pytest.mark.parametrize(
    ("arch", "shape", "message"),
    [
        (conv(4, 8, 16, 32, 64), (16, 16, 3), "^arch.channels: .*at most 4 channels"),
        (conv(4, 8), (12,), "^arch: conv needs images.*use mlp"),
    ],
)
def test_what_cannot_be_built_is_said_in_one_line(
    arch: ConvArch | MlpArch, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message) as error:
        build(arch, shape, 4)
    assert "\n" not in str(error.value)

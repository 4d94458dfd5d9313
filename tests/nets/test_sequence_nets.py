"""Networks over steps and tokens: any length, and nothing seen of what is missing or behind the end."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from favae_cli.config.views import Conv1dArch, GruArch, TokenArch
from favae_cli.nets import Decoder, Encoder, build
from favae_cli.nets.sequence import lengths
from favae_cli.nets.tokens import counted

Arch = GruArch | Conv1dArch | TokenArch
STEPS, CHANNELS, LATENT, VOCABULARY = 11, 2, 4, 9


def gru(layers: int = 1) -> GruArch:
    return GruArch(name="gru", hidden=6, layers=layers)


def conv1d(*channels: int, kernel: int = 5, stride: int = 2) -> Conv1dArch:
    return Conv1dArch(name="conv1d", channels=list(channels), kernel=kernel, stride=stride, leak=0.1)


def tokens(layers: int = 1) -> TokenArch:
    return TokenArch(name="tokens", embedding=5, hidden=16, layers=layers)


ARCHS = [gru(), gru(2), conv1d(6), conv1d(6, 8, 10), tokens(), tokens(2)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pair(arch: Arch, steps: int = STEPS, seed: int = 0) -> tuple[Encoder, Decoder]:
    """A pair whose head has already learned something."""
    encoder, decoder = build(arch, (steps, VOCABULARY if arch.name == "tokens" else CHANNELS), LATENT, seeded(seed))
    torch.nn.init.normal_(encoder.head.weight, generator=seeded(1))
    return encoder, decoder


def sequences(count: int = 5, steps: int = STEPS) -> Tensor:
    """Random ones with holes; the i-th has i steps less than the first, and is seen at its last."""
    x = torch.randn(count, steps, CHANNELS, generator=seeded(2))
    missing = torch.rand(x.shape, generator=seeded(3)) < 0.3
    for i in range(count):
        missing[i, steps - 1 - i] = False
        missing[i, steps - i :] = True
    return x.masked_fill(missing, torch.nan)


def texts(count: int = 5, steps: int = STEPS) -> Tensor:
    """Random tokens; the i-th text ends i steps before the last."""
    x = torch.randint(1, VOCABULARY, (count, steps), generator=seeded(2))
    for i in range(count):
        x[i, steps - i :] = 0
    return x


def batch(arch: Arch, steps: int = STEPS) -> Tensor:
    return texts(steps=steps) if arch.name == "tokens" else sequences(steps=steps)


def padded(x: Tensor, steps: int) -> Tensor:
    """Sequences with so many more steps behind all ends."""
    return torch.cat([x, x.new_full((len(x), steps, CHANNELS), torch.nan)], dim=1)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("steps", [5, 11, 32])
def test_a_batch_of_any_length_comes_back_with_all_its_steps(arch: Arch, steps: int) -> None:
    encoder, decoder = pair(arch, steps)
    mean, log_variance = encoder(batch(arch, steps))
    assert mean.shape == log_variance.shape == (5, LATENT)
    made = VOCABULARY if arch.name == "tokens" else CHANNELS + 1
    assert decoder(mean).shape == (5, steps, made)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize("steps", [1, 2, 10, 17])
def test_every_kernel_over_time_has_an_exact_mirror_however_deep(kernel: int, stride: int, steps: int) -> None:
    encoder, decoder = pair(conv1d(3, 4, 5, kernel=kernel, stride=stride), steps)
    assert decoder(encoder(torch.randn(2, steps, CHANNELS))[0]).shape == (2, steps, CHANNELS + 1)


def test_a_sequence_ends_after_the_last_step_at_which_anything_is_seen() -> None:
    nan = torch.nan
    x = torch.tensor([[[1, 2], [nan, nan], [nan, 3], [nan, nan]], [[nan, nan]] * 4, [[0, nan]] * 4])
    assert lengths(x).tolist() == [3, 1, 4]


def test_a_text_counts_up_to_its_first_end() -> None:
    x = torch.tensor([[3, 2, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1], [1, 0, 5, 0]])
    assert counted(x).int().tolist() == [[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0]]


@pytest.mark.parametrize("arch", [gru(), gru(2)])
@pytest.mark.parametrize("more", [1, 9])
def test_steps_behind_every_end_change_nothing(arch: Arch, more: int) -> None:
    encoder, _ = pair(arch)
    x = sequences()
    for found, expected in zip(encoder(padded(x, more)), encoder(x), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("layers", [1, 2])
def test_tokens_behind_an_end_change_nothing(layers: int) -> None:
    encoder, _ = pair(tokens(layers))
    x = texts()
    other = torch.where(counted(x), x, torch.randint(VOCABULARY, x.shape, generator=seeded(5)))
    assert not torch.equal(x, other)
    for found, expected in zip(encoder(other), encoder(x), strict=True):
        torch.testing.assert_close(found, expected)


def test_the_order_of_tokens_matters() -> None:
    encoder, _ = pair(tokens())
    x = texts(1)
    assert (encoder(x)[0] - encoder(x.flip(1))[0]).abs().max() > 1e-3


@pytest.mark.parametrize("kernel", [3, 4, 5])
def test_convolutions_see_an_end_and_the_border_as_the_same_thing(kernel: int) -> None:
    arch, more = conv1d(6, 8, kernel=kernel), 9
    (short, _), (long, _) = pair(arch), pair(arch, STEPS + more)
    x = sequences()
    few, many = short.body(x).unflatten(1, (8, -1)), long.body(padded(x, more)).unflatten(1, (8, -1))
    reached = -(-STEPS // 4)  # maps that see anything of the longest
    assert few.abs().amax(dim=(0, 1))[:reached].min() > 0
    torch.testing.assert_close(many[:, :, :reached], few[:, :, :reached])
    assert not many[:, :, reached:].any()


@pytest.mark.parametrize("arch", ARCHS)
def test_a_batch_is_encoded_as_its_samples_alone_are(arch: Arch) -> None:
    encoder, _ = pair(arch)
    x = batch(arch)
    together, _ = encoder(x)
    for i in range(len(x)):
        torch.testing.assert_close(together[i : i + 1], encoder(x[i : i + 1])[0])


@pytest.mark.parametrize("arch", [gru(), conv1d(6, 8)])
def test_a_missing_entry_is_not_a_zero(arch: Arch) -> None:
    encoder, _ = pair(arch)
    x = torch.zeros(1, STEPS, CHANNELS)
    holes = x.clone()
    holes[0, 3, 1] = torch.nan
    assert (encoder(x)[0] - encoder(holes)[0]).abs().max() > 1e-4


@pytest.mark.parametrize("arch", ARCHS)
def test_every_weight_learns_and_no_gradient_is_lost_to_a_hole(arch: Arch) -> None:
    encoder, decoder = pair(arch)
    mean, log_variance = encoder(batch(arch))
    (decoder(mean).square().sum() + log_variance.square().sum()).backward()
    for network in (encoder, decoder):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name


@pytest.mark.parametrize("arch", ARCHS)
def test_the_generator_decides_the_weights_and_nothing_else_does(arch: Arch) -> None:
    shape = (STEPS, VOCABULARY)
    torch.manual_seed(3)
    first = build(arch, shape, LATENT, seeded(7))
    torch.manual_seed(4)
    second, other = build(arch, shape, LATENT, seeded(7)), build(arch, shape, LATENT, seeded(8))
    for network, same, different in zip(first, second, other, strict=True):
        for one, two, three in zip(network.parameters(), same.parameters(), different.parameters(), strict=True):
            assert torch.equal(one, two)
            assert not one.any() or not torch.equal(one, three)  # biases begin at 0


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("seed", range(3))
def test_training_starts_from_unit_scale(arch: Arch, seed: int) -> None:
    shape = (32, VOCABULARY) if arch.name == "tokens" else (32, CHANNELS)
    encoder, decoder = build(arch, shape, 20, seeded(seed))
    mean, log_variance = encoder(batch(arch, 32))
    decoded = decoder(torch.randn(32, 20, generator=seeded(2)))
    assert torch.equal(log_variance, torch.zeros_like(log_variance))
    assert 0.1 < mean.square().mean().sqrt() < 3
    assert 0.1 < decoded.square().mean().sqrt() < 3


@pytest.mark.parametrize("arch", ARCHS)
def test_rescaling_the_embedding_is_an_exact_symmetry(arch: Arch) -> None:
    encoder, decoder = pair(arch)
    x = batch(arch)
    (mean, log_variance), scale = encoder(x), torch.tensor([0.1, 1.0, 2.5, 40.0])
    decoded = decoder(mean)
    encoder.scale_embedding(scale)
    decoder.scale_embedding(scale)
    torch.testing.assert_close(encoder(x)[0], scale * mean)
    torch.testing.assert_close(encoder(x)[1].exp(), scale**2 * log_variance.exp())
    torch.testing.assert_close(decoder(scale * mean), decoded)


@pytest.mark.parametrize("arch", ARCHS)
def test_embeddings_and_outputs_are_of_full_precision_under_autocast(arch: Arch) -> None:
    encoder, decoder = pair(arch)
    plain, _ = encoder(batch(arch))
    with torch.autocast("cpu", torch.bfloat16):
        mean, log_variance = encoder(batch(arch))
        decoded = decoder(mean)
    assert mean.dtype == log_variance.dtype == decoded.dtype == torch.float32
    torch.testing.assert_close(mean, plain, rtol=0.1, atol=0.1)

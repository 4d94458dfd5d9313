"""A deeper pair takes over a trained one: which layers are the same, and how nearly the function is."""

from __future__ import annotations

from copy import deepcopy
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from favae_cli.common.errors import UserError
from favae_cli.config.views import ConvArch, MlpArch
from favae_cli.nets import Decoder, Encoder, build
from favae_cli.nets.warm_start import WarmStart, warm_start

LATENT = 4
Pair = tuple[Encoder, Decoder]


def conv(*channels: int, kernel: int = 4, stride: int = 2, padding: int = 1, norm: bool = True) -> ConvArch:
    return ConvArch(
        name="conv", channels=list(channels), kernel=kernel, stride=stride, padding=padding, batch_norm=norm, leak=0.01
    )


def mlp(*hidden: int) -> MlpArch:
    return MlpArch(name="mlp", hidden=list(hidden), leak=0.01)


def fresh(arch: ConvArch | MlpArch, side: int = 16, latent: int = LATENT, seed: int = 1) -> Pair:
    return build(arch, (side, side, 3), latent, torch.Generator().manual_seed(seed))


def pictures(count: int, side: int = 16, seed: int = 0) -> Tensor:
    """Soft discs of random place, size and colour on a plain ground, (count, 3, side, side) in [0, 1]."""
    draw = torch.rand(count, 9, 1, 1, generator=torch.Generator().manual_seed(seed))
    axis = torch.linspace(0, 1, side)
    distance = ((axis - draw[:, :1]) ** 2 + (axis[:, None] - draw[:, 1:2]) ** 2).sqrt()
    disc = torch.sigmoid(20 * (0.1 + 0.3 * draw[:, 2:3] - distance))
    return disc * draw[:, 3:6] + (1 - disc) * draw[:, 6:9]


def trained(arch: ConvArch | MlpArch, side: int = 16, steps: int = 60) -> Pair:
    """A pair after a few steps of a VAE's training: weights and batch norm statistics are those of data."""
    encoder, decoder = pair = fresh(arch, side, seed=0)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 5e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, steps)
    noise = torch.Generator().manual_seed(0)
    for step in range(steps):
        x = pictures(64, side, seed=step)
        mean, log_variance = encoder(x)
        z = mean + torch.randn(mean.shape, generator=noise) * (log_variance / 2).exp()
        kl = 0.5 * (log_variance.exp() + mean**2 - 1 - log_variance).sum(1).mean()
        loss = 100 * functional.mse_loss(torch.sigmoid(decoder(z)), x) * 8 + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return pair


def batches(side: int = 16) -> list[Tensor]:
    return [pictures(128, side, seed=100 + i) for i in range(8)]


def errors(small: Pair, large: Pair, training: bool, x: Tensor | None = None) -> dict[str, float]:
    """Root mean square difference over the standard deviation: of mean, log-variance and image, on unseen data."""
    x = pictures(1024, seed=999) if x is None else x
    outputs = []
    for encoder, decoder in (small, large):
        encoder, decoder = deepcopy(encoder).train(training), deepcopy(decoder).train(training)
        with torch.no_grad():
            mean, log_variance = encoder(x)
            z = small[0].eval()(x)[0]
            outputs.append({"mean": mean, "log_variance": log_variance, "image": torch.sigmoid(decoder(z))})
    ours, theirs = outputs
    return {
        key: float(((theirs[key] - value).square().mean() / (value - value.mean(0)).square().mean()).sqrt())
        for key, value in ours.items()
    }


def layer(pair: Pair, name: str) -> torch.nn.Module:
    network, path = name.split(".", 1)
    return pair[("encoder", "decoder").index(network)].get_submodule(path)


def same_weights(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.fixture(scope="module")
def small() -> Pair:
    return trained(conv(8, 16))


def grow(small: Pair, arch: ConvArch | MlpArch) -> tuple[Pair, WarmStart]:
    large = fresh(arch)
    return large, warm_start(small, large, batches())


@pytest.mark.slow
def test_one_more_layer_changes_nearly_nothing(small: Pair) -> None:
    large, report = grow(small, conv(8, 16, 48))
    assert report.grown
    found = errors(small, large, training=False)
    assert max(found["mean"], found["log_variance"]) < 0.02, found
    assert found["image"] < 0.12, found  # one of only 16 channels was given up

    # In training the new layer takes its batch norm from the batch, whose chance it adds.
    found = errors(small, large, training=True)
    assert max(found.values()) < 0.15, found


@pytest.mark.slow
def test_nothing_is_lost_where_channels_are_plenty() -> None:
    """As at the paper's size: more channels than the embedding and the places of the map can fill."""
    small = trained(conv(8, 16, 32))
    large, report = grow(small, conv(8, 16, 32, 64))
    assert report.grown
    assert max(errors(small, large, training=False).values()) < 1e-4
    assert errors(small, large, training=True)["image"] < 0.05


def test_what_is_copied_is_equal_and_all_else_was_fitted(small: Pair) -> None:
    before = deepcopy(small)
    large, report = grow(small, conv(8, 16, 48))

    assert all(same_weights(old, new) for old, new in zip(before, small, strict=True))
    depth = {"encoder": 0, "decoder": 3}  # the new layers stand at the decoder's start
    for name in report.copied:
        network, _, index = name.split(".")
        assert same_weights(
            layer(large, name), small[network == "decoder"].body.get_submodule(str(int(index) - depth[network]))
        ), name
    assert set(report.refitted) == {
        *("encoder.body.6", "encoder.body.7", "encoder.head"),
        *("decoder.stem", "decoder.body.1", "decoder.body.2", "decoder.body.4"),
    }
    named = {name for network in ("encoder", "decoder") for name, _ in _weighted(large, network)}
    assert set(report.copied) | set(report.refitted) == named


def _weighted(pair: Pair, network: str) -> list[tuple[str, torch.nn.Module]]:
    modules = pair[network == "decoder"].named_modules()
    return [
        (f"{network}.{path}", module) for path, module in modules if path and list(module.parameters(recurse=False))
    ]


def test_spare_channels_begin_without_influence_and_can_learn(small: Pair) -> None:
    large, _ = grow(small, conv(8, 16, 48))
    encoder, decoder = large[0].train(), large[1].train()
    rank = 2 * LATENT * 4  # a mean and a log-variance for each of 2 x 2 places
    weight = encoder.head.weight.view(2 * LATENT, 48, 4)
    assert not weight[:, rank:].any()
    assert weight[:, :rank].any(dim=2).any(dim=0).all()

    mean, log_variance = encoder(pictures(64))
    (decoder(mean).square().sum() + log_variance.square().sum()).backward()
    assert encoder.head.weight.grad is not None
    assert encoder.head.weight.grad.view(2 * LATENT, 48, 4)[:, rank:].ne(0).any(dim=2).all()
    made = decoder.body.get_parameter("1.weight")
    spare = [channel for channel in range(48) if not made[channel].any()]
    assert spare
    assert made.grad[spare].ne(0).flatten(1).any(dim=1).all()


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 2, 1), (2, 2, 0), (5, 3, 1), (3, 1, 1)])
@pytest.mark.parametrize("norm", [True, False])
def test_other_kernels_grow_too(kernel: int, stride: int, padding: int, norm: bool) -> None:
    made = partial(conv, kernel=kernel, stride=stride, padding=padding, norm=norm)
    side = {1: 4, 2: 8, 3: 9}[stride]
    small, large = trained(made(12), side, steps=15), fresh(made(12, 90), side)
    assert warm_start(small, large, batches(side)).grown
    found = errors(small, large, training=False, x=pictures(512, side, seed=999))
    assert found["mean"] < 0.05
    assert found["image"] < 0.3  # few channels: the one that is given up counts


@pytest.mark.slow
def test_too_few_channels_keep_what_matters_most(small: Pair) -> None:
    left = [errors(small, grow(small, conv(8, 16, channels))[0], training=False)["mean"] for channels in (4, 8, 16, 32)]
    assert left == sorted(left, reverse=True)
    assert left[0] < 0.9
    assert left[-1] < 0.03


def test_a_few_samples_are_enough(small: Pair) -> None:
    """Fewer blocks, 4 a picture, than the 32 numbers that are read from each."""
    large = fresh(conv(8, 16, 48))
    assert warm_start(small, large, [pictures(6, seed=100)]).grown
    found = errors(small, large, training=False)
    assert max(found["mean"], found["log_variance"]) < 0.15, found


def test_the_same_architecture_is_copied_whole(small: Pair) -> None:
    large = fresh(conv(8, 16))
    report = warm_start(small, large, map(pytest.fail, ["a plain copy needs no data"]))
    assert not report.grown
    assert {"encoder.head", "decoder.stem"} < set(report.copied)
    assert all(same_weights(old, new) for old, new in zip(small, large, strict=True))


@pytest.mark.parametrize(
    ("trained_arch", "arch", "side", "copied"),
    [
        # A map of 3 x 3 has no blocks of 2 x 2.
        (conv(8, 16), conv(8, 16, 32), 12, {"encoder.body.0", "encoder.body.3", "decoder.body.7", "decoder.body.4"}),
        # What is behind a layer of another width sees other inputs.
        (conv(8, 16, 32), conv(8, 24, 32), 16, {"encoder.body.0", "decoder.body.7"}),
        # Two layers more.
        (conv(8), conv(8, 16, 32), 16, {"encoder.body.0", "decoder.body.7"}),
        (mlp(32), mlp(32, 8), 4, {"encoder.body.1", "decoder.body.3"}),
        # The head has the size of the other's hidden layer.
        (mlp(32), mlp(32, 2 * LATENT), 4, {"encoder.body.1", "decoder.body.3"}),
        (mlp(32), conv(8, 16), 16, set()),
    ],
)
def test_what_cannot_be_grown_keeps_its_initial_weights(
    trained_arch: ConvArch | MlpArch, arch: ConvArch | MlpArch, side: int, copied: set[str]
) -> None:
    small, large = fresh(trained_arch, side, seed=5), fresh(arch, side)
    for parameter in (*small[0].parameters(), *small[1].parameters()):
        torch.nn.init.normal_(parameter)
    before = deepcopy(large)
    report = warm_start(small, large, batches(side))
    assert not report.grown
    weights = {name for name in report.copied if not isinstance(layer(large, name), torch.nn.BatchNorm2d)}
    assert weights == copied
    for network in ("encoder", "decoder"):
        for name, module in _weighted(large, network):
            assert same_weights(module, layer(before, name)) == (name not in report.copied), name


def test_two_latent_sizes_are_a_users_mistake(small: Pair) -> None:
    with pytest.raises(UserError, match=r"transfer\.warm_start.* 4 and 6"):
        warm_start(small, fresh(conv(8, 16, 32), latent=6), batches())

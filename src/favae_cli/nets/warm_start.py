"""Warm start: a pair of networks takes over the layers of a trained one, and where it is deeper computes the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from favae_cli.common.errors import UserError
from favae_cli.nets.base import Decoder, Encoder
from favae_cli.nets.growth import alike, blocks_of, covariance_of, grow_decoder, grow_encoder, layers


@dataclass(frozen=True)
class WarmStart:
    """What a warm start did.

    Attributes:
        copied: layers that are now the small pair's, by name, such as "encoder.body.0".
        refitted: layers that were computed so that the deeper pair has the small one's function; empty if it does
            not, and then whatever is not copied keeps its initial weights.
    """

    copied: tuple[str, ...]
    refitted: tuple[str, ...] = ()

    @property
    def grown(self) -> bool:
        """Whether the deeper pair begins with the small pair's function."""
        return bool(self.refitted)


@torch.no_grad()
def warm_start(small: tuple[Encoder, Decoder], large: tuple[Encoder, Decoder], batches: Iterable[Tensor]) -> WarmStart:
    """Copy every layer of `small` that has its equal in `large`; fit what is new if that is one more convolution.

    Layers are paired from the data on, up to the first two that differ: behind those a layer sees other inputs.
    A new layer can be fitted where its stride divides the map before it. Its channels beyond those that are needed
    stay random and begin without influence.

    Args:
        small: trained encoder and decoder; left in evaluation mode.
        large: freshly initialised encoder and decoder on the same device; changed in place.
        batches: training data as the encoder takes them, some thousand samples; read once, only if a layer is fitted.

    Raises:
        UserError: the two embeddings differ in size, or only one pair has a linear path.
    """
    if small[0].latent != large[0].latent:
        raise UserError(
            "transfer.warm_start: layers can be copied only between views of one latent size, "
            f"but these have {small[0].latent} and {large[0].latent}"
        )
    for network in small:
        network.eval()
    if (small[0].linear is None) != (large[0].linear is None):
        raise UserError(
            "transfer.warm_start: layers can be copied only between views of the same start, linear or random"
        )
    copied = _copy(small[0], large[0]) + _copy(small[1], large[1])
    copied += _copy_path("encoder.linear", small[0].linear, large[0].linear)
    copied += _copy_path("decoder.linear", small[1].linear, large[1].linear)
    blocks = blocks_of(small, large)
    if blocks is None:
        return WarmStart(tuple(copied))

    readouts = blocks.cut(small[0].head.weight.double()).transpose(0, 1).flatten(0, 1)
    read, means, variances = [], [], []
    for batch in batches:
        features = small[0].body(batch)
        mean, log_variance = small[0].head(features).double().split(small[0].latent, dim=1)
        read.append(blocks.cut(features.double()).flatten(0, 1) @ readouts.T)
        means.append(mean)
        variances.append(log_variance.exp())
    grow_encoder(small[0], large[0], blocks, readouts, torch.cat(read))
    z = torch.cat(means)
    follower = grow_decoder(
        small[1], large[1], blocks, z.mean(0), covariance_of(z) + torch.cat(variances).mean(0).diag()
    )
    copied.remove(follower)
    layers = [name for network in large for name, layer in _from_data(network) if layer.state_dict()]
    return WarmStart(tuple(copied), tuple(name for name in layers if name not in copied))


def _copy(small: Encoder | Decoder, large: Encoder | Decoder) -> list[str]:
    """Copy the layers that both share from the data on; returns the names of those that have weights."""
    sources, targets = _from_data(small), _from_data(large)
    pairs = list(zip(sources, targets, strict=False))
    if len(sources) != len(targets):
        pairs.pop()  # the layer at the embedding of one with a layer in the midst of the other
    copied = []
    for (_, source), (name, target) in pairs:
        if not alike([source], [target]):
            break
        target.load_state_dict(source.state_dict())
        if target.state_dict():
            copied.append(name)
    return copied


def _copy_path(name: str, small: nn.Module | None, large: nn.Module | None) -> list[str]:
    """The same for a linear path, which can be copied if both are for data of one shape."""
    if small is None or large is None or not alike([small], [large]):
        return []
    large.load_state_dict(small.state_dict())
    return [name]


def _from_data(network: Encoder | Decoder) -> list[tuple[str, nn.Module]]:
    """Names and layers, from the one that sees or makes the data to the one at the embedding."""
    if isinstance(network, Encoder):
        return [*_named("encoder.body", layers(network)), ("encoder.head", network.head)]
    return [*reversed(_named("decoder.body", layers(network))), ("decoder.stem", network.stem)]


def _named(prefix: str, layers: list[nn.Module]) -> list[tuple[str, nn.Module]]:
    return [(f"{prefix}.{i}", layer) for i, layer in enumerate(layers)]

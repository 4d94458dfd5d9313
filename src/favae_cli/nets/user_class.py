"""A pair around the user's own encoder and decoder."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean
from favae_cli.nets.base import Decoder, Encoder, initialise

if TYPE_CHECKING:
    from favae_cli.config.views import OwnArch


def build(
    arch: OwnArch, shape: tuple[int, ...], latent: int, generator: torch.Generator | None
) -> tuple[Encoder, Decoder]:
    """Head and stem around what the class makes; of its random numbers the generator is the seed.

    Called with `shape=` (as stored) and the arch's other keys, the class is to have three attributes: `encoder`, a
    module from a batch to (B, width); `decoder`, a module from (B, width) to a batch, before any output activation;
    and the number `width`. A batch is (B, C, H, W) of images and (B, D) of vectors.

    Args:
        arch: `class_path` and `arguments`.
        shape: of one sample as stored: (H, W, C) for images, or (D,).
        latent: size D of the embedding.
        generator: of the initial weights; torch's global one when None.

    Raises:
        UserError: the class cannot be imported or called, lacks an attribute, or maps a batch to another shape.
    """
    made = _called(arch, _found(arch.class_path), shape, generator)
    width = getattr(made, "width", None)
    if not isinstance(width, int) or width < 1:
        raise _mistake(arch, f"needs an attribute width, the number of features, but it is {width!r}")
    bodies = []
    for part in ("encoder", "decoder"):
        body = getattr(made, part, None)
        if not isinstance(body, nn.Module):
            raise _mistake(arch, f"needs an attribute {part}, a torch.nn.Module, but it is {type(body).__name__}")
        bodies.append(body)
    if set(bodies[0].parameters()) & set(bodies[1].parameters()):
        raise _mistake(arch, "has an encoder and a decoder that share weights; each needs its own")
    batch = torch.zeros(2, *((shape[2], *shape[:2]) if len(shape) == 3 else shape))
    _try(arch, "encoder", bodies[0], batch, (2, width))
    _try(arch, "decoder", bodies[1], torch.zeros(2, width), tuple(batch.shape))
    # The user's modules keep their own initial weights: head and stem are drawn while they are not there yet.
    encoder, decoder = Encoder(nn.Identity(), width, latent), Decoder(nn.Identity(), width, latent)
    initialise(encoder, decoder, leak=1.0, generator=generator)
    encoder.body, decoder.body = bodies
    return encoder, decoder


def _found(target: str) -> type[nn.Module]:
    """The class at a dotted path; the current folder is looked in last."""
    path, _, name = target.rpartition(".")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{path}.".startswith(f"{error.name}."):
            raise UserError(f"arch._target_: {path} cannot be imported: {_last(error)}") from error
        raise UserError(
            f"arch._target_: there is no module {error.name}, neither installed nor in {os.getcwd()}"
        ) from error
    except Exception as error:
        raise UserError(f"arch._target_: {path} cannot be imported: {_last(error)}") from error
    if not hasattr(module, name):
        classes = [key for key, value in vars(module).items() if isinstance(value, type)]
        raise UserError(f"arch._target_: module {path} has no class {name}; {did_you_mean(name, classes)}")
    found = getattr(module, name)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise UserError(f"arch._target_: {target} must be a class that inherits from torch.nn.Module, got {found!r}")
    return found


def _called(arch: OwnArch, target: type[nn.Module], shape: tuple[int, ...], generator: torch.Generator | None) -> Any:
    """The user's object, its random numbers drawn from the generator's seed and from nothing else."""
    with torch.random.fork_rng(devices=[]):
        seed = torch.randint(2**63 - 1, (), generator=generator)
        torch.default_generator.manual_seed(int(seed))
        try:
            return target(shape=shape, **arch.arguments)
        except Exception as error:
            raise _mistake(arch, f"cannot be called with shape={shape} and {arch.arguments}: {_last(error)}") from error


@torch.no_grad()
def _try(arch: OwnArch, name: str, body: nn.Module, batch: Tensor, expected: tuple[int, ...]) -> None:
    """One batch through a body, which is left in training mode."""
    body.eval()
    given = tuple(batch.shape)
    try:
        made = body(batch)
    except Exception as error:
        raise _mistake(arch, f"has an {name} that does not take a batch of shape {given}: {_last(error)}") from error
    body.train()
    if not isinstance(made, Tensor) or tuple(made.shape) != expected:
        found = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
        raise _mistake(arch, f"has an {name} that makes {found} of {given}; it must make {expected}")


def _mistake(arch: OwnArch, text: str) -> UserError:
    return UserError(f"arch._target_: {arch.class_path} {text}")


def _last(error: Exception) -> str:
    """Type and text of an error, and where in the user's code it comes from, in one line."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"
    place = traceback.extract_tb(error.__traceback__)[-1]
    ours = place.filename == __file__ or place.filename.startswith("<frozen")
    return text if ours else f"{text} ({place.filename}, line {place.lineno})"

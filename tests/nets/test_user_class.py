"""A user's own class: what is built around it, and how each mistake is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from favae_cli.common.errors import UserError
from favae_cli.config.views import ImageArch, OwnArch
from favae_cli.nets import build

GOOD = """
import torch
from torch import nn

class Nets(nn.Module):
    def __init__(self, shape, width=6, dropout=0.0):
        super().__init__()
        size = torch.Size(shape).numel()
        seen = (shape[2], *shape[:2]) if len(shape) == 3 else shape
        self.width = width
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(size, width), nn.BatchNorm1d(width), nn.Dropout(dropout))
        self.decoder = nn.Sequential(nn.Linear(width, size), nn.Unflatten(1, seen))
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Put a module into the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)

    def put(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text)

    yield put
    for name in set(sys.modules) - known:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def own(target: str, **keys: Any) -> OwnArch:
    arch = TypeAdapter(ImageArch).validate_python({"_target_": target, **keys})
    assert isinstance(arch, OwnArch)
    return arch


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("stored", "seen"), [((5,), (5,)), ((4, 6, 2), (2, 4, 6))])
def test_head_and_stem_are_built_around_it(
    write: Callable[[str, str], None], stored: tuple[int, ...], seen: tuple[int, ...]
) -> None:
    write("mine", GOOD)
    encoder, decoder = build(own("mine.Nets", width=7), stored, 3, seeded())
    batch = torch.rand(4, *seen, generator=seeded(1))
    mean, log_variance = encoder(batch)
    assert mean.shape == (4, 3)
    assert torch.equal(log_variance, torch.zeros(4, 3))
    decoded = decoder(mean)
    assert decoded.shape == batch.shape
    assert encoder.head.in_features == decoder.stem.out_features == 7
    # The symmetry that the factor engine relies on.
    encoder.eval(), decoder.eval()
    mean, decoded = encoder(batch)[0], decoder(encoder(batch)[0])
    encoder.scale_embedding(2.5)
    decoder.scale_embedding(2.5)
    torch.testing.assert_close(encoder(batch)[0], 2.5 * mean)
    torch.testing.assert_close(decoder(2.5 * mean), decoded)


def test_the_trial_batch_leaves_no_trace(write: Callable[[str, str], None]) -> None:
    write("mine", GOOD)
    encoder, decoder = build(own("mine.Nets"), (5,), 3, seeded())
    norm = encoder.body.get_submodule("2")
    assert torch.equal(norm.get_buffer("running_mean"), torch.zeros(6))
    assert norm.get_buffer("num_batches_tracked") == 0
    assert all(module.training for module in (*encoder.modules(), *decoder.modules()))
    assert all(parameter.grad is None for parameter in encoder.parameters())


def test_its_weights_follow_from_the_generator_and_from_nothing_else(write: Callable[[str, str], None]) -> None:
    write("mine", GOOD)
    weights = []
    for around, seed in ((3, 7), (4, 7), (3, 8)):
        torch.manual_seed(around)
        encoder, decoder = build(own("mine.Nets"), (5,), 3, seeded(seed))
        weights.append(torch.cat([p.flatten() for p in (*encoder.parameters(), *decoder.parameters())]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    # PyTorch's own distribution of a linear layer's weights, not this package's.
    assert encoder.body.get_parameter("1.weight").abs().max() <= 5**-0.5


EMPTY = "class Nets(nn.Module):\n    def __init__(self, **keys):\n        super().__init__()\n"
PARTS = "        self.width = 2\n        self.encoder = nn.Linear(5, 2)\n        self.decoder = nn.Linear(2, 5)\n"
MISTAKES = {
    "no module": ("absent.Nets", "", "there is no module absent"),
    "no such part of a package": ("mine.inner.Nets", EMPTY + "        pass", "no module mine.inner"),
    "no class": ("mine.Net", EMPTY + "        pass", "module mine has no class Net; did you mean Nets"),
    "needs what is not installed": ("mine.Nets", "import no_such_package", "mine cannot be imported: ModuleNotFound"),
    "a function": (
        "mine.nets",
        "def nets(**keys):\n    raise SystemExit",
        "must be a class that inherits from torch.nn",
    ),
    "no network": ("mine.Nets", "class Nets:\n    pass", "must be a class that inherits from torch.nn.Module"),
    "no Python": ("mine.Nets", "class Nets(:", "mine cannot be imported: SyntaxError"),
    "fails": ("mine.Nets", EMPTY + "        raise KeyError('depth')", "KeyError: 'depth' .*mine.py, line 5"),
    "other arguments": ("mine.Nets", "class Nets(nn.Module):\n    pass", "cannot be called with shape=(5,)"),
    "no width": ("mine.Nets", EMPTY + "        pass", "needs an attribute width"),
    "no encoder": ("mine.Nets", EMPTY + "        self.width = 2", "needs an attribute encoder"),
    "no module in decoder": ("mine.Nets", EMPTY + PARTS + "        self.decoder = None", "decoder, a torch.nn.Module"),
    "other width": ("mine.Nets", EMPTY + PARTS + "        self.width = 3", "encoder that makes (2, 2) of (2, 5)"),
    "other input": (
        "mine.Nets",
        EMPTY + PARTS + "        self.encoder = nn.Linear(4, 2)",
        "encoder that does not take a batch of shape (2, 5): RuntimeError",
    ),
    "other output": (
        "mine.Nets",
        EMPTY + PARTS + "        self.decoder = nn.Linear(2, 6)",
        "decoder that makes (2, 6) of (2, 2); it must make (2, 5)",
    ),
    "a pair": (
        "mine.Nets",
        EMPTY + PARTS + "        self.encoder = nn.GRU(5, 2, batch_first=True)",
        "encoder that makes tuple of (2, 5)",
    ),
    "shared": (
        "mine.Nets",
        EMPTY
        + PARTS
        + "        self.encoder = nn.Sequential(nn.Linear(5, 2), nn.Linear(2, 5), nn.Linear(5, 2))\n"
        + "        self.decoder = self.encoder[1]",
        "share weights",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_every_mistake_is_one_line_that_names_the_key(write: Callable[[str, str], None], case: str) -> None:
    target, text, told = MISTAKES[case]
    write("mine", f"from torch import nn\n{text}\n" if case != "no Python" else text)
    with pytest.raises(UserError) as error:
        build(own(target), (5,), 3, seeded())
    message = str(error.value)
    assert message.startswith("arch._target_: ")
    assert "\n" not in message
    for part in told.split(" .*"):
        assert part in message


def test_a_target_needs_no_name_and_its_keys_are_kept_as_they_are() -> None:
    arch = own("mine.inner.Nets", widths=[1, 2], act="relu")
    assert (arch.name, arch.class_path, arch.arguments) == ("own", "mine.inner.Nets", {"widths": [1, 2], "act": "relu"})
    assert TypeAdapter(ImageArch).validate_python(arch.model_dump(mode="json")) == arch


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"name": "own"}, "_target_\n.*required"),
        ({"name": "own", "_target_": "Nets"}, "dotted path of a class"),
        ({"_target_": "my-package.Nets"}, "dotted path of a class"),
        ({"_target_": 5}, "valid string"),
        ({"name": "mlp", "hidden": [3], "leak": 0.1, "_target_": "mine.Nets"}, "mlp has no _target_.*arch=own"),
    ],
)
def test_what_is_no_class_is_said_before_anything_is_imported(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        TypeAdapter(ImageArch).validate_python(keys)

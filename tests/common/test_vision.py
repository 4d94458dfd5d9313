"""torchvision must be usable whether or not its compiled operators load."""

from __future__ import annotations

import subprocess
import sys

import pytest

USE_IT = """
from favae_cli.common.vision import torchvision
module = torchvision()
assert torchvision() is module
import torch
from torchvision.datasets import CelebA
from torchvision.transforms import v2
from torchvision.utils import make_grid
blurred = v2.GaussianBlur(3)(torch.zeros(2, 3, 8, 8))
assert blurred.shape == (2, 3, 8, 8)
shifted = v2.RandomAffine(0, translate=(0.5, 0.5))(torch.ones(2, 3, 8, 8))
assert shifted.shape == (2, 3, 8, 8)
assert make_grid(blurred, nrow=2).shape == (3, 12, 22)
assert CelebA.base_folder == "celeba"
"""

# The first import fails with MESSAGE and leaves a half-imported module behind, the second works.
FAILING = """
import sys
from types import ModuleType, SimpleNamespace
from favae_cli.common import vision
calls = []
def import_module(name):
    calls.append((name, vision.FAKES in sys.modules, "torchvision.half" in sys.modules))
    sys.modules["torchvision.half"] = ModuleType("torchvision.half")
    if len(calls) == 1:
        raise RuntimeError(MESSAGE)
    return ModuleType(name)
vision.importlib = SimpleNamespace(import_module=import_module)
assert vision.torchvision().__name__ == "torchvision"
assert calls == [("torchvision", False, False), ("torchvision", True, False)], calls
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_what_the_project_uses_works_on_this_machine() -> None:
    result = run(USE_IT)
    assert result.returncode == 0, result.stderr


def test_stand_in_is_put_in_only_after_the_operators_failed() -> None:
    result = run("MESSAGE = 'operator torchvision::nms does not exist'" + FAILING)
    assert result.returncode == 0, result.stderr


def test_another_failure_is_passed_on() -> None:
    result = run("MESSAGE = 'no room left'" + FAILING)
    assert result.returncode == 1
    assert "RuntimeError: no room left" in result.stderr

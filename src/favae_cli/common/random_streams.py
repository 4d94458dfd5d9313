"""Random numbers by purpose: each stream follows from the run's seed and a path, so nothing has to be saved."""

from __future__ import annotations

import zlib

import numpy as np
import torch


def numpy_generator(seed: int, *path: int | str) -> np.random.Generator:
    """A generator of its own for `path`, such as ("face", "epoch", 3)."""
    return np.random.default_rng(_sequence(seed, path))


def torch_generator(seed: int, *path: int | str) -> torch.Generator:
    """As `numpy_generator`; on the CPU, so that the numbers are the same on every device."""
    state = _sequence(seed, path).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) % 2**63)


def _sequence(seed: int, path: tuple[int | str, ...]) -> np.random.SeedSequence:
    words = [part if isinstance(part, int) else zlib.crc32(part.encode()) for part in path]
    return np.random.SeedSequence([seed, *words])

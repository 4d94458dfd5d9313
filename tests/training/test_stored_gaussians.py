"""Class Gaussians come through a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import torch

from favae_cli.data import Dataset
from favae_cli.models.class_gaussians import learn_class_gaussians
from favae_cli.models.fa_vae import FAVAE
from favae_cli.training.stored_gaussians import pack_gaussians, unpack_gaussians


def test_what_is_packed_is_found_again(planted: FAVAE, planted_data: Callable[..., Dataset]) -> None:
    learn_class_gaussians(planted, planted_data(1000))
    arrays = pack_gaussians(planted)
    assert all(name.startswith("gaussians/face|attributes/") for name in arrays)
    tensors = {name.removeprefix("gaussians/"): torch.from_numpy(array) for name, array in arrays.items()}
    found, own = unpack_gaussians(tensors), planted.gaussians
    assert list(found) == list(own) == [("face", "attributes")]
    for field in fields(own["face", "attributes"]):
        one, other = (getattr(part["face", "attributes"], field.name) for part in (own, found))
        pairs = [(one, other)] if isinstance(one, np.ndarray) else zip(one, other, strict=True)
        for before, after in pairs:
            np.testing.assert_allclose(before, after, rtol=0)
    assert unpack_gaussians({}) == {}

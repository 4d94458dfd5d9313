"""What holds of every joint model of our own: who learns, what a missing view says, and what planted pairs share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from favae_cli.data import Dataset
from favae_cli.models import JointVAE
from favae_cli.views.objective import KLTerm

Joint = Callable[..., JointVAE]
MakeBatch = Callable[[JointVAE, Dataset], tuple[dict[str, Tensor], dict[str, Tensor]]]
TIGHT = (  # a z of one dimension, so that c has to hold the two bits
    "views.face.latent=5",
    "views.cartoon.latent=5",
    "model.beta=20",
    "model.capacity_c=1.38",
    "model.capacity_z=1",
    "model.growth=160",
)


each = pytest.mark.parametrize("name", ["amvae", "jva2e", "multi_vae"])


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@each
def test_a_missing_view_counts_for_nothing_whatever_stands_in_its_place(
    name: str, joint: Joint, incomplete_pairs: Dataset, make_batch: MakeBatch
) -> None:
    batch, present = make_batch(joint(name), incomplete_pairs)
    assert not any(here.all() for here in present.values())
    other = {view: torch.where(present[view][:, None, None, None], x, torch.rand_like(x)) for view, x in batch.items()}
    # Each by a model as it begins: to look at the norms of an adversary's layers brings them nearer to 1.
    loss, same = (joint(name).loss(given, present, seeded()) for given in (batch, other))
    assert torch.equal(loss.log_likelihood, same.log_likelihood)
    assert torch.equal(loss.kl, same.kl)
    assert torch.equal(*(found.objective(KLTerm(1.0), 3.0) for found in (loss, same)))


@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
@each
def test_gradients_reach_every_network(
    name: str, bf16: bool, joint: Joint, pairs: Dataset, make_batch: MakeBatch
) -> None:
    model = joint(name, bf16=bf16)
    model.loss(*make_batch(model, pairs), seeded()).objective(KLTerm(99.0), 1.0).backward()
    for parameter, value in model.networks.named_parameters():
        assert value.grad is not None, parameter
        assert value.grad.isfinite().all(), parameter
        assert value.grad.any(), parameter


@pytest.mark.parametrize(("name", "overrides"), [("amvae", ()), ("jva2e", ()), ("multi_vae", TIGHT)])
@pytest.mark.slow
def test_it_learns_what_the_views_share(
    name: str,
    overrides: tuple[str, ...],
    joint: Joint,
    pairs: Dataset,
    learn: Callable[..., list[float]],
    translation_r2: Callable[[JointVAE, Dataset], float],
) -> None:
    model = joint(name, *overrides)
    objectives = learn(model, pairs, 80)
    assert objectives[-1] < objectives[0] - 200
    assert translation_r2(model, pairs) > 0.4
    face, cartoon = (pairs.views[view].gather(pairs.having("test", "face", "cartoon")) for view in ("face", "cartoon"))
    distances = np.linalg.norm(model.embed("face", face)[:, None] - model.embed("cartoon", cartoon)[None], axis=2)
    assert np.diag(distances).mean() < 0.8 * distances.mean()

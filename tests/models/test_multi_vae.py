"""Multi-VAE: its terms by brute force, its capacities by hand, and what it finds out about planted pairs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from favae_cli.common.errors import UserError
from favae_cli.config.models import MultiVaeConfig
from favae_cli.data import Dataset
from favae_cli.models import JointVAE
from favae_cli.models.multi_vae import MultiLoss, MultiVAE, relaxed, uniform_kl
from favae_cli.views.objective import KLTerm

Joint = Callable[..., MultiVAE]
MakeBatch = Callable[[JointVAE, Dataset], tuple[dict[str, Tensor], dict[str, Tensor]]]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def exponential(count: int) -> Tensor:
    return torch.empty(count, 3).exponential_(generator=seeded())


@given(st.lists(st.floats(-20, 20), min_size=2, max_size=12))
def test_the_kl_of_c_is_the_sum_over_its_values(logits: list[float]) -> None:
    log_q = torch.log_softmax(torch.tensor([logits], dtype=torch.float64), 1)
    brute = sum(q * math.log(q * len(logits)) for q in log_q[0].exp().tolist() if q > 0)
    assert uniform_kl(log_q).item() == pytest.approx(brute, abs=1e-9)


@pytest.mark.parametrize("temperature", [0.1, 0.67, 2.0])
def test_the_largest_entry_of_a_relaxed_draw_is_a_draw_of_c(temperature: float) -> None:
    q = torch.tensor([0.6, 0.3, 0.1])
    draws = relaxed(q.log().expand(20000, 3), temperature, exponential(20000))
    torch.testing.assert_close(draws.sum(1), torch.ones(20000))
    torch.testing.assert_close(draws.argmax(1).bincount() / 20000, q, atol=0.015, rtol=0)


def test_a_cold_draw_is_one_hot_and_a_hot_one_uniform() -> None:
    log_q = torch.tensor([[0.5, 0.3, 0.2]]).log().expand(200, 3)
    assert relaxed(log_q, 1e-3, exponential(200)).amax(1).mean() > 0.99
    torch.testing.assert_close(relaxed(log_q, 1e3, exponential(200)), torch.full((200, 3), 1 / 3), atol=0.01, rtol=0)


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        (0.0, 11 + 2 * 1.0 + 2 * 4.0 + 2 * 0.5 * 3.0),
        (2.0, 11 + 2 * 0.5 + 2 * 0.0 + 2 * 0.5 * 1.0),  # capacities 0.5 and 4, halfway
        (4.0, 11 + 2 * 0.0 + 2 * 4.0 + 2 * 0.5 * 5.0),
        (9.0, 11 + 2 * 0.0 + 2 * 4.0 + 2 * 0.5 * 5.0),
    ],
)
def test_distances_from_growing_capacities_by_hand(epochs: float, expected: float) -> None:
    settings = MultiVaeConfig(
        name="multi_vae", beta=2.0, classes=3, temperature=1.0, capacity_c=1.0, capacity_z=8.0, growth=4
    )
    loss = MultiLoss(
        torch.tensor([-10.0, -12.0]),
        torch.tensor([0.5, 1.5]),
        {"a": torch.tensor([3.0, 5.0]), "b": torch.tensor([3.0, 0.0])},
        {"a": torch.tensor([1.0, 1.0]), "b": torch.tensor([1.0, 0.0])},  # half of the batch has b
        settings,
    )
    assert loss.objective(KLTerm(99.0, 99.0), epochs).item() == pytest.approx(expected)
    assert loss.kl.tolist() == [6.5, 6.5]
    nobody = replace(loss, present={"a": torch.ones(2), "b": torch.zeros(2)}, private_kl={"b": torch.zeros(2)})
    assert nobody.objective(KLTerm(1.0), 0.0).item() == pytest.approx(11 + 2 * 1.0)


def test_a_missing_view_has_no_kl_of_its_own(joint: Joint, incomplete_pairs: Dataset, make_batch: MakeBatch) -> None:
    model = joint("multi_vae")
    batch, present = make_batch(model, incomplete_pairs)
    loss = model.loss(batch, present, seeded())
    assert isinstance(loss, MultiLoss)
    for name, here in present.items():
        assert not here.all()
        assert not loss.private_kl[name][~here].any()
        assert loss.private_kl[name][here].all()


def test_the_same_draws_from_the_same_generator(joint: Joint, pairs: Dataset, make_batch: MakeBatch) -> None:
    model = joint("multi_vae")
    batch, present = make_batch(model, pairs)
    losses = []
    for seed, disturbance in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(disturbance)
        losses.append(model.loss(batch, present, seeded(seed)).log_likelihood)
    assert torch.equal(losses[0], losses[1])
    assert not torch.equal(losses[0], losses[2])


def test_it_begins_with_the_weights_of_fa_vae(joint: Joint, config_of: Callable[..., object]) -> None:
    one, other, again = joint("multi_vae"), joint("multi_vae", "seed=1"), joint("multi_vae")
    weights = [model.views["face"].encoder.head.weight for model in (one, other, again)]
    assert torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], one.views["cartoon"].encoder.head.weight)


def test_a_translation_takes_c_from_the_source_and_z_from_nowhere(joint: Joint, pairs: Dataset) -> None:
    model = joint("multi_vae", "views.face.latent=7")
    stored = pairs.views["face"].values[:5]
    logits = model.views["face"].encode(stored).mean[:, :4]
    c = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = model.views["cartoon"].decode(np.concatenate([c, np.zeros((5, 2))], axis=1))
    np.testing.assert_allclose(model.translate("face", "cartoon", stored), expected, rtol=1e-5)
    own = model.views["face"].decode(np.concatenate([c, model.views["face"].encode(stored).mean[:, 4:]], axis=1))
    np.testing.assert_allclose(model.translate("face", "face", stored), own, rtol=1e-5)
    embedded = model.embed("face", stored)
    assert embedded.shape == (5, 4)
    np.testing.assert_allclose(np.exp(embedded) / np.exp(embedded).sum(1, keepdims=True), c, rtol=1e-5)


def test_c_must_leave_room_for_z(joint: Joint) -> None:
    with pytest.raises(UserError, match=r"^model\.classes: must be less than views\.face\.latent \(6\).*, got 6$"):
        joint("multi_vae", "model.classes=6")


def test_views_without_networks_are_left_out(joint: Joint, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        assert list(joint("multi_vae").views) == ["face", "cartoon"]
    (record,) = caplog.records
    assert record.getMessage() == "multi_vae is without attributes: only vae views take part"

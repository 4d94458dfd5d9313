"""The judge learns what can be seen, from what is known, the same way every time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from favae_cli.config.run import JudgeConfig
from favae_cli.evaluation.balance import balanced_accuracy
from favae_cli.evaluation.judge import Judge, agreement, blurred, shifted, train_judge
from favae_cli.evaluation.labelled import Labelled
from favae_cli.machine.runtime import Runtime

PLAIN = Runtime(torch.device("cpu"))
SIDE = 16


def settings(epochs: int = 6, batch_size: int = 16, patience: int = 2) -> JudgeConfig:
    return JudgeConfig(epochs=epochs, patience=patience, batch_size=batch_size, blur=1.0, shift=1)


def pictures(count: int, seed: int, rate: float = 0.5, contrast: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images: the first attribute is a red upper half, the second a bright stripe on the left."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((count, 2)) < rate).astype(float)
    images = rng.integers(0, 120, (count, SIDE, SIDE, 3))
    images[:, : SIDE // 2, :, 0] += (contrast * labels[:, 0, None, None]).astype(int)
    images[:, :, : SIDE // 4, 1:] += (contrast * labels[:, 1, None, None, None]).astype(int)
    return images.astype(np.uint8), labels


NONE = Labelled(*(part[:0] for part in pictures(1, 0)))


def trained(*samples: np.ndarray, held_out: Labelled = NONE, seed: int = 0, **changes: int) -> Judge:
    return train_judge(Labelled(*samples), held_out, settings(**changes), PLAIN, seed)


@pytest.fixture(scope="module")
def judge() -> Judge:
    images, labels = pictures(192, 0)
    rng = np.random.default_rng(0)
    labels[rng.random(labels.shape) < 0.3] = np.nan
    return trained(images, labels)


def test_it_learns_planted_attributes_though_some_labels_are_missing(judge: Judge) -> None:
    images, labels = pictures(100, 1)
    read = judge.read(images / np.float32(255))
    assert read.shape == (100, 2)
    assert read.dtype == bool
    assert (agreement(read, labels).mean(axis=0) > 0.95).all()


def test_it_reads_soft_and_shifted_images_as_well(judge: Judge) -> None:
    images, labels = pictures(100, 2)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    soft = shifted(blurred(x, 1.0), 1, np.random.default_rng(0)).permute(0, 2, 3, 1).numpy()
    assert agreement(judge.read(soft), labels).mean() > 0.95


def test_stored_and_decoded_images_are_read_alike(judge: Judge) -> None:
    images, _ = pictures(20, 3)
    assert np.array_equal(judge.read(images), judge.read(images / np.float32(255)))


def test_reading_is_the_same_in_batches_of_any_size(judge: Judge) -> None:
    images, _ = pictures(300, 4)
    assert np.array_equal(judge.read(images)[-5:], judge.read(images[-5:]))


def test_same_seed_same_judge_whatever_the_global_generator_does() -> None:
    images, labels = pictures(48, 0)
    weights = []
    for disturbance, seed in ((1, 0), (2, 0), (1, 5)):
        torch.manual_seed(disturbance)
        found = trained(images, labels, epochs=2, seed=seed)
        weights.append(torch.cat([value.detach().flatten() for value in found.network.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_training_the_judge_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    trained(*pictures(16, 0), epochs=1)
    assert torch.equal(torch.rand(2), expected)


def test_fewer_images_than_a_batch_are_enough_to_train() -> None:
    judge = trained(*pictures(5, 0), epochs=1, batch_size=64)
    assert judge.read(pictures(2, 1)[0]).shape == (2, 2)


@pytest.mark.slow
def test_a_rare_attribute_is_seen_as_often_as_its_absence() -> None:
    # So faint that who is asked for plain accuracy does best by always saying no.
    judge = trained(*pictures(320, 0, rate=0.06, contrast=25), epochs=8)
    images, labels = pictures(400, 1, rate=0.3, contrast=25)
    right = agreement(judge.read(images), labels)
    assert (balanced_accuracy(right, labels) > 0.75).all()
    assert right[labels == 1].mean() > 0.65


def test_it_stops_once_other_images_are_read_no_better(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def loss(judge: Judge, samples: Labelled) -> float:
        asked.append(torch.cat([value.flatten() for value in judge.network.parameters()]).clone())
        return [3.0, 1.0, 2.0, 1.5, 0.5][len(asked) - 1]

    monkeypatch.setattr(Judge, "loss", loss)
    found = trained(*pictures(32, 0), held_out=Labelled(*pictures(8, 1)), epochs=5, patience=2)
    assert len(asked) == 4
    assert torch.equal(torch.cat([value.flatten() for value in found.network.parameters()]), asked[1])


def test_its_loss_counts_present_and_absent_alike(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.array([[1.0, 0], [0, 0], [0, 1], [0, np.nan]])
    scores = np.array([[2.0, 1], [-3, 4], [0, 5], [1, 9]])
    monkeypatch.setattr(judge, "scores", lambda images: scores)
    cost = np.logaddexp(0, np.where(labels == 1, -scores, scores))
    # Three labels are known of the second attribute, four of the first.
    first, second = (cost[0, 0] + cost[1:, 0].mean()) / 2, (cost[2, 1] + cost[:2, 1].mean()) / 2
    assert judge.loss(Labelled(np.zeros((4, SIDE, SIDE, 3)), labels)) == pytest.approx((4 * first + 3 * second) / 7)


def test_agreement_has_gaps_where_there_is_no_label() -> None:
    found = agreement(np.array([[True, False, True]]), np.array([[1.0, 1.0, np.nan]]))
    np.testing.assert_array_equal(found, [[1, 0, np.nan]])


def test_blur_spreads_a_point_and_keeps_its_light() -> None:
    x = torch.zeros(1, 2, 15, 15)
    x[0, 0, 7, 7] = 1
    spread = blurred(x, 1.5)
    assert spread.shape == x.shape
    assert float(spread.sum()) == pytest.approx(1, rel=1e-5)
    assert float(spread[0, 1].abs().max()) == 0
    offsets = torch.arange(15.0) - 7
    variance = (spread[0, 0].sum(0) * offsets**2).sum()
    assert float(variance) == pytest.approx(1.5**2, rel=0.1)
    torch.testing.assert_close(spread[0, 0], spread[0, 0].T)
    flat = torch.full((1, 3, 6, 6), 0.3)
    torch.testing.assert_close(blurred(flat, 2.0), flat)
    assert blurred(x, 0.05) is x


def test_a_shift_moves_the_picture_and_repeats_its_border() -> None:
    x = torch.arange(36.0).reshape(1, 1, 6, 6)
    seen = {tuple(shifted(x, 2, np.random.default_rng(seed)).flatten().tolist()) for seed in range(200)}
    assert len(seen) == 25
    assert tuple(x.flatten().tolist()) in seen
    assert all(set(picture) <= set(x.flatten().tolist()) for picture in seen)
    assert torch.equal(shifted(x, 0, np.random.default_rng(0)), x)

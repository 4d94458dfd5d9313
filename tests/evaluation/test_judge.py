"""The judge learns what can be seen, from what is known, the same way every time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from favae_cli.config.run import JudgeConfig
from favae_cli.evaluation.judge import Judge, agreement, blurred, shifted, train_judge
from favae_cli.machine.runtime import Runtime

PLAIN = Runtime(torch.device("cpu"))
SIDE = 16


def settings(epochs: int = 6, batch_size: int = 16) -> JudgeConfig:
    return JudgeConfig(epochs=epochs, batch_size=batch_size, blur=1.0, shift=1)


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images: the first attribute is a red upper half, the second a bright stripe on the left."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((count, 2)) < 0.5).astype(float)
    images = rng.integers(0, 120, (count, SIDE, SIDE, 3))
    images[:, : SIDE // 2, :, 0] += (100 * labels[:, 0, None, None]).astype(int)
    images[:, :, : SIDE // 4, 1:] += (100 * labels[:, 1, None, None, None]).astype(int)
    return images.astype(np.uint8), labels


@pytest.fixture(scope="module")
def judge() -> Judge:
    images, labels = pictures(192, 0)
    rng = np.random.default_rng(0)
    labels[rng.random(labels.shape) < 0.3] = np.nan
    return train_judge(images, labels, settings(), PLAIN, 0)


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
        trained = train_judge(images, labels, settings(epochs=2), PLAIN, seed)
        weights.append(torch.cat([value.detach().flatten() for value in trained.network.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_training_the_judge_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    train_judge(*pictures(16, 0), settings(epochs=1), PLAIN, 0)
    assert torch.equal(torch.rand(2), expected)


def test_fewer_images_than_a_batch_are_enough_to_train() -> None:
    judge = train_judge(*pictures(5, 0), settings(epochs=1, batch_size=64), PLAIN, 0)
    assert judge.read(pictures(2, 1)[0]).shape == (2, 2)


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

"""Scores of embeddings whose layout is known, and mutual information counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from favae_cli.evaluation.disentanglement import DCI, dci, disentanglement_metrics, mig

COUNT, TRAIN, SIZE = 750, 500, 8
Factors = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def factors() -> Factors:
    """One of each kind, independent of each other."""
    rng = np.random.default_rng(0)
    return {
        "smiling": rng.random(COUNT) < 0.5,
        "hair": rng.integers(0, 3, COUNT),
        "turn": rng.random(COUNT).astype(np.float32),
        "place": rng.standard_normal((COUNT, 2)),
    }


@pytest.fixture(scope="module")
def aligned(factors: Factors) -> np.ndarray:
    """A dimension for each factor, nearly exact, and three of noise."""
    rng = np.random.default_rng(1)
    columns = np.column_stack([values.astype(float) for values in factors.values()])
    columns = (columns - columns.mean(0)) / columns.std(0)
    return np.column_stack([columns + 0.02 * rng.standard_normal(columns.shape), rng.standard_normal((COUNT, 3))])


@pytest.fixture(scope="module")
def rotated(aligned: np.ndarray) -> np.ndarray:
    """The same information, every dimension a mixture of all."""
    mixing, _ = np.linalg.qr(np.random.default_rng(2).standard_normal((SIZE, SIZE)))
    return aligned @ mixing


def scores(z: np.ndarray, factors: Factors) -> DCI:
    train, test = ({name: v[part] for name, v in factors.items()} for part in (slice(TRAIN), slice(TRAIN, None)))
    return dci(z[:TRAIN], train, z[TRAIN:], test, seed=0)


@pytest.fixture(scope="module")
def of_aligned(aligned: np.ndarray, factors: Factors) -> DCI:
    return scores(aligned, factors)


def test_a_dimension_for_each_factor_is_nearly_perfect(of_aligned: DCI, aligned: np.ndarray, factors: Factors) -> None:
    assert of_aligned.disentanglement > 0.97
    assert of_aligned.completeness > 0.97
    assert of_aligned.informativeness > 0.97
    assert mig(aligned, factors) > 0.8


@pytest.mark.slow
def test_a_rotation_costs_order_but_not_information(of_aligned: DCI, rotated: np.ndarray, factors: Factors) -> None:
    found = scores(rotated, factors)
    assert found.disentanglement < of_aligned.disentanglement - 0.4
    assert found.completeness < of_aligned.completeness - 0.4
    assert found.informativeness > 0.6
    assert mig(rotated, factors) < 0.2


@pytest.mark.slow
def test_noise_has_no_order(factors: Factors) -> None:
    noise = np.random.default_rng(3).standard_normal((COUNT, SIZE))
    found = scores(noise, factors)
    assert max(found.disentanglement, found.completeness) < 0.15
    assert found.informativeness < 0.02
    assert mig(noise, factors) < 0.02


def test_a_dimension_that_serves_two_factors_is_complete_and_entangled() -> None:
    """Two signs in one number: each is read from it alone, and it is read for both."""
    rng = np.random.default_rng(4)
    first, second = rng.random((2, COUNT)) < 0.5
    z = np.column_stack([2.0 * first + second, rng.standard_normal(COUNT)])
    found = scores(z, {"first": first, "second": second})
    assert found.completeness > 0.95
    assert found.disentanglement < 0.1
    assert found.informativeness > 0.97


@pytest.mark.slow
def test_order_and_scale_of_dimensions_do_not_matter(of_aligned: DCI, aligned: np.ndarray, factors: Factors) -> None:
    order = np.random.default_rng(5).permutation(SIZE)
    changed = (aligned * np.logspace(-3, 3, SIZE) + 5)[:, order]
    found = scores(changed, factors)
    for name in ("disentanglement", "completeness", "informativeness"):
        assert getattr(found, name) == pytest.approx(getattr(of_aligned, name), abs=0.02)
    assert mig(changed, factors) == pytest.approx(mig(aligned, factors), abs=1e-9)


def test_the_gap_is_that_of_mutual_information_counted_cell_by_cell() -> None:
    rng = np.random.default_rng(6)
    v = rng.integers(0, 3, 400)
    codes = np.column_stack([np.where(rng.random(400) < 0.7, v, rng.integers(0, 3, 400)), rng.integers(0, 4, 400) + v])

    def information(a: np.ndarray, b: np.ndarray) -> float:
        total = 0.0
        for i in set(a.tolist()):
            for j in set(b.tolist()):
                both = np.mean((a == i) & (b == j))
                if both:
                    total += both * np.log(both / np.mean(a == i) / np.mean(b == j))
        return total

    held = sorted(information(v, codes[:, d]) for d in (0, 1))
    # Fewer values than bins: each value is a bin of its own.
    assert mig(codes.astype(float), {"v": v}) == pytest.approx((held[1] - held[0]) / information(v, v), rel=1e-9)


@pytest.mark.slow
def test_categories_are_no_numbers() -> None:
    """New names for the same categories change nothing, though their order is another."""
    rng = np.random.default_rng(7)
    kind = rng.integers(0, 4, COUNT)
    z = np.column_stack([kind + 0.1 * rng.standard_normal(COUNT), rng.standard_normal((COUNT, 2))])
    renamed = np.array([2, 0, 3, 1])[kind]
    one, other = scores(z, {"kind": kind}), scores(z, {"kind": renamed})
    assert one.informativeness == pytest.approx(other.informativeness, abs=1e-9)
    assert mig(z, {"kind": kind}) == pytest.approx(mig(z, {"kind": renamed}), abs=1e-9)


def test_what_does_not_vary_is_left_out(aligned: np.ndarray, factors: Factors) -> None:
    still = {"still": np.zeros(COUNT, bool)}
    turn = {"turn": factors["turn"]}
    assert scores(aligned, turn | still) == scores(aligned, turn)
    assert mig(aligned, turn | still) == mig(aligned, turn)
    with pytest.raises(ValueError, match="varies"):
        mig(aligned, still)


def test_metrics_carry_the_models_name_and_repeat_themselves(aligned: np.ndarray, factors: Factors) -> None:
    turn = factors["turn"]
    parts = (aligned[:TRAIN], {"turn": turn[:TRAIN]}, aligned[TRAIN:], {"turn": turn[TRAIN:]})
    metrics = disentanglement_metrics("rival", *parts, seed=0)
    assert set(metrics) == {f"disentanglement/rival/{key}" for key in ("dci", "completeness", "informativeness", "mig")}
    assert metrics == disentanglement_metrics("rival", *parts, seed=0)
    assert metrics["disentanglement/rival/dci"] == dci(*parts, seed=0).disentanglement

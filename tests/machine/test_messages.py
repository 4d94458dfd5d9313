"""What goes from process to process is data, and comes out as it went in."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from favae_cli.factors.moments import Moments
from favae_cli.machine.messages import decode, encode


@pytest.mark.parametrize(
    "tree",
    [None, True, 3, 0.1 + 0.2, "größe", [], {}, [1, [2.5, "a"]], {"a": {"b": [None, False]}, "c": "array"}, 1e308, -1],
)
def test_numbers_and_texts_come_back(tree: Any) -> None:
    assert decode(encode(tree)) == tree
    assert type(decode(encode(tree))) is type(tree)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8, np.bool_])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4)])
def test_arrays_come_back_to_the_last_bit(dtype: type, shape: tuple[int, ...]) -> None:
    array: np.ndarray = np.random.default_rng(0).normal(size=shape).astype(dtype)
    found = decode(encode({"first": array, "rest": [array.T, 1]}))
    for one, other in ((found["first"], array), (found["rest"][0], array.T)):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert found["rest"][1] == 1


def test_objects_are_no_messages() -> None:
    for tree in ({1, 2}, np.array([{}], object), {1: 2}, object()):
        with pytest.raises(TypeError):
            encode(tree)


def test_what_is_no_message_runs_nothing() -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return pytest.fail, ("it ran",)

    with pytest.raises((ValueError, OverflowError)):
        decode(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match="array of object"):
        decode(encode({"array": [1], "dtype": "|O"}))


@pytest.mark.parametrize("samples", [3, 30], ids=["as samples", "as sums"])
def test_moments_come_back(samples: int) -> None:
    rng = np.random.default_rng(0)
    means = {"a": rng.normal(size=(samples, 2)), "b": rng.normal(size=(samples, 4))}
    means["b"][:1] = np.nan
    moments = Moments.from_arrays(means, {"a": rng.random((samples, 2))})
    found = Moments.of_tree(decode(encode(moments.as_tree())))
    assert found.sizes == moments.sizes
    assert list(found.patterns) == list(moments.patterns)
    for pattern, part in moments.patterns.items():
        other = found.patterns[pattern]
        assert (other.count, other.entropy, other.joint) == (part.count, part.entropy, part.joint)
        assert type(other.outer) is type(part.outer)
        np.testing.assert_array_equal(other.outer.table, part.outer.table)
        for name in ("total", "variance"):
            np.testing.assert_array_equal(getattr(other, name), getattr(part, name))

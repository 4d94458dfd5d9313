"""What is known for sets of views comes through a checkpoint, whatever order its tensors have there."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from favae_cli.training.stored_parts import pack_parts, unpack_parts


def test_arrays_of_a_tuple_are_found_in_their_order() -> None:
    parts: dict[tuple[str, ...], dict[str, Any]] = {
        ("a", "b", "c"): {"rows": tuple(np.full(2, place) for place in range(12)), "one": np.eye(2)}
    }
    arrays = pack_parts("kind", parts)
    assert {"kind/a|b|c/rows/0", "kind/a|b|c/rows/11", "kind/a|b|c/one"} < arrays.keys()
    found = unpack_parts({name.removeprefix("kind/"): torch.from_numpy(arrays[name]) for name in sorted(arrays)})
    assert list(found) == [("a", "b", "c")]
    np.testing.assert_array_equal(found["a", "b", "c"]["rows"], parts["a", "b", "c"]["rows"])
    np.testing.assert_array_equal(found["a", "b", "c"]["one"], np.eye(2))

"""Data far from 0: time stamps, coordinates of a map. The mean is taken off before any digit is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from favae_cli.factors.real import RealEmbedding
from favae_cli.views import InferredView, LinearView, View

FAR = 2.0**31  # with steps of 1/1024 exact in float64; in float32 its neighbours are 256 apart
NAMES = ["vector", "vector_linear", "gru", "conv1d", "real", "basis"]


def basis(values: np.ndarray) -> LinearView:
    view = LinearView(values.shape[1:], 3)
    view.fit(values)
    return view


def embedded(view: View, values: np.ndarray) -> np.ndarray:
    if not isinstance(view, InferredView):
        return view.encode(values).mean
    local = view.local(values)
    assert isinstance(local, RealEmbedding)
    return local.x


@pytest.mark.parametrize("name", NAMES)
def test_an_offset_of_the_data_changes_nothing_but_the_offset_of_what_is_decoded(
    make_case: Callable[[str, bool], Any], name: str
) -> None:
    case = make_case("vector", True) if name == "basis" else make_case(name, False)
    near = np.round(1024 * case.values.astype(float)) / 1024
    found = []
    for values in (near, near + FAR):
        view = basis(values) if name == "basis" else case.view(values=values)
        z = embedded(view, values)
        there = np.nan_to_num(z)
        found.append((z, view.decode(there), view.deviation(there, np.full_like(there, 0.1))))
    (z, decoded, deviation), (far_z, far_decoded, far_deviation) = found
    np.testing.assert_allclose(far_z, z, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(far_decoded - FAR, decoded, rtol=1e-4, atol=1e-3)
    if name != "basis":
        np.testing.assert_allclose(far_deviation, deviation, rtol=1e-3, atol=1e-6)

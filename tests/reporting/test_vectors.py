"""Figures as vectors of a page: its colours, nothing that two figures could mix up."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from favae_cli.reporting import table_figures
from favae_cli.reporting.grids import image_grid
from favae_cli.reporting.style import INK, save
from favae_cli.reporting.vectors import inlined


@pytest.fixture
def vectors(tmp_path: Path) -> str:
    """A figure with text, marks and lines, as it is saved."""
    table = pd.DataFrame(
        {"view": "a < b", "of": "intervals", "expected": [0.1, 0.9], "observed": [0.2, 0.8], "count": 9}
    )
    save(table_figures.calibration(table), tmp_path / "calibration.png")
    return (tmp_path / "calibration.svg").read_text()


def test_ink_and_paper_are_those_of_the_page_and_text_stays_text(vectors: str) -> None:
    element = inlined(vectors, 'how "sure" <it> is', 3)
    root = ElementTree.fromstring(element)
    assert root.get("aria-label") == 'how "sure" <it> is'
    assert f"fill: var(--ink, {INK})" in element
    assert "fill: var(--card, #ffffff)" in element
    assert "stroke: var(--series-0, #0072b2)" in element
    assert not re.search(r": #(222222|ffffff|0072b2)", element)
    assert "a < b" in [text.text for text in root.iter("text")]
    assert "<style" not in element
    assert "http" not in element


def test_two_figures_of_a_page_have_no_mark_in_common(vectors: str) -> None:
    one, other = (set(re.findall(r' id="([^"]*)"', inlined(vectors, "", place))) for place in (1, 2))
    assert one
    assert not one & other
    asked = re.findall(r'(?:href="#|url\(#)([^")]*)', inlined(vectors, "", 1))
    assert asked
    assert set(asked) <= one


def test_pictures_are_not_made_vectors(tmp_path: Path) -> None:
    (tmp_path / "faces.svg").write_text("of an earlier run")
    save(image_grid([[np.zeros((4, 4, 3))]]), tmp_path / "faces.png")
    assert [path.name for path in tmp_path.iterdir()] == ["faces.png"]
    with pytest.raises(ValueError, match="faces: no SVG"):
        inlined("<html>", "faces", 0)


def test_what_a_page_would_do_is_no_figure(vectors: str) -> None:
    for active in ("<script>x()</script>", '<g onload="x()"/>', '<a href="javascript:x()"/>', '<a href="&#106;s"/>'):
        with pytest.raises(ValueError, match="face: no SVG"):
            inlined(vectors.replace("</svg>", f"{active}</svg>"), "face", 0)


@pytest.mark.slow
def test_names_with_dollars_are_shown_as_they_are(tmp_path: Path) -> None:
    names = ["price_$_per_$", "$10k-$25k", "$\\frac$", "a$b"]
    latent, label = np.arange(8.0).reshape(4, 2), np.arange(4.0)
    figure = table_figures.sample_map([(names[0], (0, 1), latent, label, names)])
    figure.axes[0].set_xscale("log")
    save(figure, tmp_path / "map.png")
    shown = [text.text for text in ElementTree.parse(tmp_path / "map.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert {*names} <= {*shown}
    assert not [text for text in shown if text and "mathdefault" in text]  # powers of ten are still formulas

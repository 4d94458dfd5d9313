"""Figures: what a reader must be able to see in them, whatever the numbers."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.lines import Line2D
from PIL import Image

from favae_cli.reporting import figures, grids, style


def epoch(number: int, phase: str = "alone", view: str = "face") -> dict[str, Any]:
    record: dict[str, Any] = {"kind": "epoch", "epoch": number, "phase": phase, "view": view}
    for split in ("train", "validation"):
        record |= {f"{split}/elbo": 100.0, f"{split}/log_likelihood": 130.0, f"{split}/kl": 30.0}
    return record


def texts(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


def points(line: Line2D) -> np.ndarray:
    """(N, 2) x and y."""
    return np.asarray(line.get_xydata())


def test_curves_mark_where_the_views_are_joined() -> None:
    records = [epoch(n, "alone" if n <= 4 else "round", view) for n in range(1, 8) for view in ("face", "toon")]

    figure = figures.curves(records)

    titled = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in titled] == ["face", "toon"]
    assert all(texts(axes) == ["joined"] for axes in titled)
    assert all(points(axes.lines[-1])[0, 0] == 4.5 for axes in figure.axes)


def test_curves_without_rounds_mark_nothing() -> None:
    figure = figures.curves([epoch(1), epoch(2)])
    assert not any(texts(axes) for axes in figure.axes)


def test_curves_show_how_views_are_foretold_in_the_rounds() -> None:
    told = [epoch(n, "round") | {"train/predictive": 50.0 + n, "validation/predictive": 40.0 + n} for n in (3, 4)]
    figure = figures.curves([epoch(1), epoch(2), *told])
    train, validation, _ = figure.axes[-1].lines
    assert len(figure.axes) == 4
    assert points(train).tolist() == [[3, 53], [4, 54]]
    assert points(validation).tolist() == [[3, 43], [4, 44]]


def test_a_wild_first_epoch_does_not_squash_the_curve() -> None:
    records = [epoch(n) | {"train/elbo": 100.0 + n} for n in range(2, 40)]
    figure = figures.curves([epoch(1) | {"train/elbo": -1e9}, *records])

    bottom, top = figure.axes[0].get_ylim()

    assert -100 < bottom < 100
    assert 139 <= top < 200


@pytest.mark.parametrize(
    "value", [float("nan"), *(pytest.param(value, marks=pytest.mark.slow) for value in (float("inf"), None))]
)
def test_curves_survive_what_training_could_not_measure(value: float | None, tmp_path: Path) -> None:
    figure = figures.curves([epoch(1) | {"validation/kl": value}, epoch(2) | {"train/elbo": value}])
    style.save(figure, tmp_path / "curves.png")


def test_bound_shows_every_views_precision() -> None:
    rounds = [
        {"round": n, "bound": -10.0 / n, "factors/active": 9 - n, "tau/face": 2.0, "tau/labels": n} for n in (2, 1)
    ]

    bound, active, tau = figures.bound(rounds).axes

    assert points(bound.lines[0])[:, 1].tolist() == [-10, -5]
    assert points(active.lines[0])[:, 1].tolist() == [8, 7]
    assert [text.get_text() for text in tau.get_legend().get_texts()] == ["face", "labels"]


def picture(value: float, channels: int = 3, size: int = 16) -> np.ndarray:
    return np.full((size, size, channels), value)


def drawn(path: Path) -> np.ndarray:
    return np.round(imread(path)[..., :3] * 255).astype(int)


def test_every_pixel_of_an_image_becomes_a_square_of_its_own_colour(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    image = generator.integers(0, 200, (16, 16, 3), dtype=np.uint8)
    style.save(grids.image_grid([[image]]), tmp_path / "grid.png")

    page = drawn(tmp_path / "grid.png")
    ink = np.argwhere((page < 200).any(axis=2))
    (top, left), (bottom, right) = ink.min(axis=0), ink.max(axis=0) + 1

    scale = (bottom - top) // 16
    assert scale > 1
    assert (bottom - top, right - left) == (16 * scale, 16 * scale)
    np.testing.assert_array_equal(page[top:bottom, left:right], image.repeat(scale, 0).repeat(scale, 1))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (picture(0.5), (128, 128, 128)),
        (picture(7.0), (255, 255, 255)),
        (picture(51, 1).astype(np.uint8), (51, 51, 51)),
        (np.dstack([picture(1.0), picture(0.0, 1)]), (255, 255, 255)),
        (np.dstack([picture(0.0), picture(1.0, 1)]), (0, 0, 0)),
    ],
    ids=["float", "out of range", "grey", "transparent", "opaque"],
)
def test_images_of_every_kind_are_drawn(image: np.ndarray, expected: tuple[int, ...], tmp_path: Path) -> None:
    style.save(grids.image_grid([[image]]), tmp_path / "grid.png")
    page = drawn(tmp_path / "grid.png")
    assert tuple(page[page.shape[0] // 2, page.shape[1] // 2]) == expected


def test_titles_and_labels_stay_on_the_page_and_off_the_images(tmp_path: Path) -> None:
    columns = ["original", "Smiling=1 Wearing_Lipstick=0 Male=1"]
    figure = grids.image_grid([[picture(0.0)] * 2] * 2, ["originals", "a rather long label of a row"], columns)
    figure.draw_without_rendering()
    width, height = figure.canvas.get_width_height()
    image = figure.images[0].get_window_extent()

    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= width
        assert box.y1 <= height
        assert box.y0 >= image.y1 or box.x1 <= image.x0
    assert "Smiling=1\n" in figure.texts[1].get_text()


def test_small_images_are_enlarged_beside_large_ones(tmp_path: Path) -> None:
    sharp = np.kron(np.eye(8), np.ones((2, 2)))[..., None].repeat(3, axis=2)
    style.save(grids.image_grid([[sharp, sharp[::2, ::2]]]), tmp_path / "alike.png")
    style.save(grids.image_grid([[sharp, sharp]]), tmp_path / "same.png")
    assert np.array_equal(drawn(tmp_path / "alike.png"), drawn(tmp_path / "same.png"))


def test_a_grid_without_images_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        grids.image_grid([[]])


def test_relevance_sorts_shared_private_unused() -> None:
    active = {"face": np.array([1, 0, 1, 0, 1], bool), "labels": np.array([0, 1, 1, 0, 0], bool)}
    alpha = {"face": np.array([2.0, 1e6, 4.0, 1e6, 1.0]), "labels": np.array([1e6, 1.0, 1.0, 1e6, 1e6])}
    weights = {view: np.tile(np.arange(5.0), (3, 1)) for view in active}

    figure = figures.relevance(
        weights, alpha, active, {"labels": ("Bald", "A name that is far too long_1", "A name that is far too long_2")}
    )

    names = [text.get_text() for text in figure.legends[-1].get_texts()]
    assert names == ["shared (1)", "private face (2)", "private labels (1)", "unused (1)"]
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array()[0], [2, 4, 0, 1, 3])
    face = np.asarray(figure.axes[2].collections[0].get_array())[0]
    np.testing.assert_allclose(face, [1 / 4, 1, 1 / 2, 1e-6, 1e-6])
    assert figure.axes[0].get_title(loc="left") == "|W| of face, a row a dimension of z"
    rows = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert rows == ["Bald", "A name tha... too long_1", "A name tha... too long_2"]
    assert list(figure.axes[1].get_yticks()) == [0.5, 1.5, 2.5]


def test_rows_of_many_columns_are_numbered() -> None:
    many = {"spectrum": [f"line {number}" for number in range(40)]}
    weights = {"spectrum": np.ones((40, 2))}
    figure = figures.relevance(weights, {"spectrum": np.ones(2)}, {"spectrum": np.ones(2, bool)}, many)
    assert figure.axes[0].get_title(loc="left").endswith("column")
    assert {label.get_text() for label in figure.axes[0].get_yticklabels()}.isdisjoint(many["spectrum"])


def test_reliability_follows_the_diagonal_for_calibrated_predictions() -> None:
    generator = np.random.default_rng(0)
    probability = generator.random(20_000)
    label = (generator.random(20_000) < probability).astype(float)
    label[::7] = np.nan

    (axes,) = figures.reliability({"Smiling": probability}, {"Smiling": label}).axes
    predicted, observed = points(axes.lines[1]).T

    assert len(predicted) == 10
    np.testing.assert_allclose(predicted, observed, atol=0.04)


@pytest.mark.slow
def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    path.write_text("old")
    style.save(figures.curves([epoch(1)]), path)

    assert path.read_bytes().startswith(b"\x89PNG")
    assert sorted(tmp_path.iterdir()) == [path, path.with_suffix(".svg")]
    expected = BytesIO()
    figures.curves([epoch(1)]).savefig(expected, format="png", metadata={"Software": None})
    expected.seek(0)
    np.testing.assert_array_equal(imread(path), imread(expected, format="png"))
    with Image.open(path) as picture:
        assert picture.info["dpi"] == pytest.approx((160, 160), abs=0.1)
        assert "Software" not in picture.info

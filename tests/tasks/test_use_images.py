"""Images made by a trained run: the right files, of the right size, showing what was asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from favae_cli.common.errors import UserError
from favae_cli.common.pixels import unit
from favae_cli.data import Dataset
from favae_cli.evaluation.images import r2_per_image
from favae_cli.machine.runtime import Runtime
from favae_cli.queries.given import Given
from favae_cli.training.trained_run import TrainedRun, load_run

Using = Callable[..., Path]
SIZE = 16


def images(folder: Path) -> dict[str, np.ndarray]:
    """The PNG files of a folder as float (H, W, C) in [0, 1], by name."""
    return {file.stem: unit(np.asarray(Image.open(file))) for file in sorted(folder.glob("*.png"))}


def stacked(folder: Path) -> np.ndarray:
    return np.stack([*images(folder).values()])


def is_a_picture(file: Path) -> bool:
    with Image.open(file) as image:
        return image.width > SIZE and len(image.convert("L").getcolors(1 << 20) or ()) > 2


@pytest.fixture(scope="session")
def loaded(run: Path) -> TrainedRun:
    return load_run(run, Runtime(torch.device("cpu")))


@pytest.fixture
def probability(loaded: TrainedRun) -> Callable[[str, np.ndarray], np.ndarray]:
    """P of (Smiling, Eyeglasses, Male) that images of a view show."""

    def read(view: str, made: np.ndarray) -> np.ndarray:
        encoded = loaded.factors.views[view].encode(np.round(made * 255).astype(np.uint8))
        assert encoded is not None
        return Given.of_embedding(loaded.factors, view, encoded.mean).decoded("attributes")

    return read


# Translation


def test_a_folder_is_translated_file_by_file(using: Using, photos: Path) -> None:
    made = using("task=translate", f"input={photos}", "from=face", "to=cartoon")
    translations = images(made / "images")
    assert list(translations) == ["a", "b", "c"]
    assert {image.shape for image in translations.values()} == {(SIZE, SIZE, 3)}
    assert is_a_picture(made / "figures" / "translation.png")
    alone = images(using("task=translate", f"input={photos / 'b.png'}", "from=face") / "images")
    assert list(alone) == ["b"]
    np.testing.assert_array_equal(alone["b"], translations["b"])


@pytest.mark.slow
def test_samples_of_the_test_split_are_translated_towards_their_partners(using: Using, data: Dataset) -> None:
    made = images(using("task=translate", "to=face") / "images")
    indices = data.having("test", "cartoon")
    assert list(made) == [str(key) for key in data.keys[indices]]
    truth = unit(data.views["face"].gather(indices))
    translations = np.stack([*made.values()])
    assert r2_per_image(truth, translations).mean() > 0.5 > r2_per_image(truth[::-1], translations).mean()


def test_a_direction_that_could_be_either_has_to_be_said(using: Using, photos: Path) -> None:
    for asked, told in (
        ([], "from: say which view of images, as from=face; there are face, cartoon"),
        (["from=faces"], "from: the run has no view of images faces; did you mean face? there are cartoon, face"),
        (["from=face", "to=attributes"], "to: the run has no view of images attributes; there are cartoon, face"),
    ):
        with pytest.raises(UserError) as refused:
            using("task=translate", f"input={photos}", *asked)
        assert str(refused.value) == told


# Edits


def test_an_edit_shows_what_is_asked_and_keeps_the_rest(using: Using, photos: Path) -> None:
    made = using("task=edit", f"input={photos}", "from=face", "++attributes.Smiling=1")
    edited = images(made / "images")
    assert list(edited) == ["a", "b", "c"]
    table = pd.read_csv(made / "attributes.csv")
    assert table["key"].tolist() == ["a.png", "b.png", "c.png"]
    assert (table["Smiling/before"] < 0.5).all()
    assert (table["Smiling/after"] > 0.5).all()
    for other in ("Eyeglasses", "Male"):
        assert np.abs(table[f"{other}/after"] - table[f"{other}/before"]).max() < 0.2
    assert is_a_picture(made / "figures" / "editing.png")
    for name, image in edited.items():
        with Image.open(photos / f"{name}.png") as photo:
            original = unit(np.asarray(photo.resize((SIZE, SIZE), Image.Resampling.NEAREST)))
        assert r2_per_image(original[None], image[None]) > 0.5


@pytest.mark.slow
def test_a_stronger_edit_goes_further(using: Using, photos: Path) -> None:
    plain, half, twice = (
        stacked(using("task=edit", f"input={photos}", "from=face", f"++attributes.{asked}", *more) / "images")
        for asked, more in (
            ("Smiling=0", ()),  # as it is
            ("Smiling=1", ("strength=0.5",)),
            ("Smiling=1", ("strength=2.0",)),
        )
    )
    assert 0 < np.abs(half - plain).mean() < np.abs(twice - plain).mean()


@pytest.mark.slow
def test_each_attribute_may_have_a_strength_of_its_own(using: Using, photos: Path) -> None:
    asked = ["task=edit", f"input={photos}", "from=face", "++attributes.Smiling=1", "++attributes.Eyeglasses=1"]
    # Two that are switched on go by the mean of theirs.
    one, other = (
        stacked(using(*asked, *more) / "images")
        for more in (("++strengths.Smiling=0.5", "++strengths.Eyeglasses=1.5"), ("strength=1.0",))
    )
    np.testing.assert_array_equal(one, other)
    stronger = stacked(using(*asked, "strength=1.0", "++strengths.Eyeglasses=2.0") / "images")
    assert np.abs(stronger - other).max() > 0.05
    with pytest.raises(UserError, match=r"^strengths\.Male: is not among the attributes that are asked$"):
        using(*asked, "++strengths.Male=2.0")


@pytest.mark.slow
def test_what_is_known_of_a_sample_counts_more_than_what_its_image_shows(
    using: Using, data: Dataset, loaded: TrainedRun
) -> None:
    made = stacked(using("task=edit", "from=face", "++attributes.Smiling=1") / "images")
    indices = data.having("test", "face")
    encoded = loaded.factors.views["face"].encode(data.views["face"].gather(indices))
    assert encoded is not None
    reconstructed = loaded.factors.views["face"].decode(encoded.mean)
    known = data.views["attributes"].present[indices]
    smiling = data.truth["Smiling"][indices] == 1
    moved = np.abs(made - reconstructed).max(axis=(1, 2, 3)) > 0.5 / 255
    np.testing.assert_array_equal(moved[known], ~smiling[known])


# Generation


@pytest.mark.slow
def test_images_are_drawn_for_what_is_asked(using: Using, probability: Callable[[str, np.ndarray], np.ndarray]) -> None:
    made = {
        value: using("task=generate", "count=20", f"++attributes.Smiling={value}", "++attributes.Male=1")
        for value in (0, 1)
    }
    for view in ("face", "cartoon"):
        assert list(images(made[1] / "images" / view)) == [f"{number:04d}" for number in range(20)]
        assert is_a_picture(made[1] / "figures" / f"generated_{view}.png")
        shown = {value: probability(view, stacked(made[value] / "images" / view)) for value in (0, 1)}
        assert (shown[1][:, 0] > 0.5).mean() > 0.8 > 0.2 > (shown[0][:, 0] > 0.5).mean()
        assert 0.05 < (shown[1][:, 1] > 0.5).mean() < 0.95  # left open


@pytest.mark.slow
def test_the_seed_decides_on_what_is_drawn(using: Using) -> None:
    drawn = [
        stacked(using("task=generate", "count=3", "to=face", f"seed={seed}") / "images" / "face") for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert np.abs(drawn[0] - drawn[2]).mean() > 0.01
    assert np.abs(drawn[0][0] - drawn[0][1]).mean() > 0.01


@pytest.mark.slow
def test_the_views_of_a_drawn_sample_belong_together(using: Using, loaded: TrainedRun) -> None:
    made = using("task=generate", "count=20") / "images"
    faces, cartoons = stacked(made / "face"), stacked(made / "cartoon")
    apart = [r2_per_image(faces, np.roll(cartoons, shift, axis=0)).mean() for shift in range(1, 20)]
    assert r2_per_image(faces, cartoons).mean() > max(apart)


# Interpolation


def test_ways_lead_from_each_image_to_the_next(using: Using, photos: Path, loaded: TrainedRun) -> None:
    made = using("task=interpolate", f"input={photos}", "from=face", "steps=3")
    assert {folder.name for folder in (made / "images").iterdir()} == {"z_face", "g_face", "g_cartoon"}
    for kind in ("z_face", "g_face", "g_cartoon"):
        steps = images(made / "images" / kind)
        assert list(steps) == [f"{way}_{step}" for way in ("a-b", "b-c") for step in range(3)]
        np.testing.assert_array_equal(steps["a-b_2"], steps["b-c_0"])
        assert is_a_picture(made / "figures" / f"interpolation_{kind}.png")
    faces = images(made / "images" / "z_face")
    # Factor analysis alone decodes linearly: half the way is the mean of both ends.
    inside = (faces["a-b_0"] > 0.02) & (faces["a-b_2"] > 0.02) & (faces["a-b_0"] < 0.98) & (faces["a-b_2"] < 0.98)
    np.testing.assert_allclose(faces["a-b_1"][inside], ((faces["a-b_0"] + faces["a-b_2"]) / 2)[inside], atol=1.01 / 255)


def test_one_space_is_enough_and_one_image_is_not(using: Using, photos: Path) -> None:
    two = f"input=[{photos / 'a.png'},{photos / 'c.png'}]"
    made = using("task=interpolate", two, "from=face", "in=g", "steps=4")
    assert {folder.name for folder in (made / "images").iterdir()} == {"g_face", "g_cartoon"}
    assert list(images(made / "images" / "g_face")) == [f"a-c_{step}" for step in range(4)]
    with pytest.raises(UserError, match="input: a way needs two images at least"):
        using("task=interpolate", f"input={photos / 'a.png'}", "from=face")


# Traversal


def test_factors_change_the_mean_the_most_relevant_first(using: Using, loaded: TrainedRun) -> None:
    made = using("task=traverse", "from=cartoon", "features=4", "steps=5", "reach=2.0")
    table = pd.read_csv(made / "explained.csv")
    assert len(table) == loaded.factors.joined.factors * len(loaded.views)
    table = table[table["view"] == "cartoon"]
    assert table["relevance"].is_monotonic_decreasing
    steps = images(made / "images" / "mean")
    first = [int(factor) for factor in table["factor"][:4]]
    assert set(steps) == {f"factor{factor}_{step}" for factor in first for step in range(5)}
    middle = np.stack([steps[f"factor{factor}_2"] for factor in first])
    np.testing.assert_array_equal(middle, np.broadcast_to(middle[0], middle.shape))
    for factor in first:
        assert np.abs(steps[f"factor{factor}_0"] - steps[f"factor{factor}_4"]).mean() > 0.01
    assert is_a_picture(made / "figures" / "traversal_mean.png")


def test_factors_change_images_of_ones_own_and_leave_the_rest_of_them(using: Using, photos: Path) -> None:
    made = using("task=traverse", f"input={photos}", "from=face", "features=2", "steps=3", "format=parquet")
    assert {folder.name for folder in (made / "images").iterdir()} == {"a", "b", "c"}
    assert len(pd.read_parquet(made / "explained.parquet")) > 2
    factor = pd.read_parquet(made / "explained.parquet")["factor"][0]
    reconstructed = images(using("task=translate", f"input={photos}", "from=face", "to=face") / "images")
    for name in "abc":
        centre = images(made / "images" / name)[f"factor{factor}_1"]
        with Image.open(photos / f"{name}.png") as photo:
            original = unit(np.asarray(photo.resize((SIZE, SIZE), Image.Resampling.NEAREST)))
        # What passes through the factors alone has lost what is the face's own.
        own, through = (r2_per_image(original[None], image[None])[0] for image in (centre, reconstructed[name]))
        assert own > through

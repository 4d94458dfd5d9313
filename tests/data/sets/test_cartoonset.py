"""Both releases of the Cartoon Set load, on white; what is missing or wrong is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from favae_cli.common.errors import UserError
from favae_cli.config.data_sets import CartoonSetConfig
from favae_cli.data import Dataset, load

CONFIG = Path(__file__).parents[3] / "configs" / "data" / "cartoonset.yaml"
N = 40

Load = Callable[..., Dataset]


def variants(i: int) -> dict[str, int]:
    return {"hair_color": i % 10, "glasses": 11 if i % 3 else i % 11, "chin_length": i % 3}


@pytest.fixture
def root(tmp_path: Path, write_cartoons: Callable[..., list[str]]) -> Path:
    write_cartoons(tmp_path / "cartoonset10k", [variants(i) for i in range(N)])
    return tmp_path


@pytest.fixture
def run(root: Path) -> Load:
    """Loads the layout under the shipped config, images of 10 x 10 pixels, with the given changes."""

    def run(**changes: Any) -> Dataset:
        config = yaml.safe_load(CONFIG.read_text()) | {"root": str(root), "size": 10} | changes
        return load(CartoonSetConfig.model_validate(config), root / "cache", seed=0)

    return run


def test_cartoons_lie_on_white(run: Load) -> None:
    cartoons = run().views["cartoon"]
    assert cartoons.values.shape == (N, 10, 10, 3)
    (image,) = cartoons.gather(np.array([7]))
    assert (image[0] == 255).all()
    assert image[5, 5].tolist() == [7, 0, 248]
    (cropped,) = run(crop=30).views["cartoon"].gather(np.array([7]))
    assert (cropped == (7, 0, 248)).all()


def test_attributes_are_sets_of_variants(run: Load) -> None:
    data = run()
    assert data.views["attributes"].columns == ("blond", "dark", "gray", "glasses")
    hair = {0: 0, 1: 0, 4: 0, 5: 1, 6: 1, 7: 1, 8: 2, 9: 2}
    for i, row in enumerate(data.views["attributes"].gather(np.arange(N))):
        assert row[:3].tolist() == [float(hair.get(i % 10) == k) for k in range(3)]
        assert row[3] == (i % 3 == 0)


def test_an_attribute_of_two_columns_needs_both(run: Load) -> None:
    both = {"hair_color": [0, 1], "chin_length": [2]}
    table = run(attributes={"both": both}, use=["attributes"]).views["attributes"].values
    assert table[:, 0].nonzero()[0].tolist() == [i for i in range(N) if i % 10 < 2 and i % 3 == 2]


def test_folder_itself_and_the_large_release(run: Load, root: Path, write_cartoons: Callable[..., list[str]]) -> None:
    assert run(root=str(root / "cartoonset10k")).keys.tolist() == run().keys.tolist()
    for part in range(10):
        write_cartoons(root / "large" / "cartoonset100k" / str(part), [variants(i) for i in range(part, part + 4)])
    data = run(root=str(root / "large"))
    assert data.keys[[0, -1]].tolist() == ["0/cs1000.png", "9/cs1003.png"]
    assert len(data.keys) == 40
    assert data.views["attributes"].values.shape == (40, 4)


def test_split_and_images_follow_the_seed_of_the_split(run: Load) -> None:
    split = {"validation": 0.1, "test": 0.2, "seed": 0}
    data = run(use=["attributes"])
    assert [len(indices) for indices in data.split.values()] == [28, 4, 8]
    some = run(images=25, use=["attributes"], split=split)
    assert len(some.keys) == 25
    assert some.keys.tolist() == run(images=25, use=["attributes"], split=split).keys.tolist()
    assert some.keys.tolist() != run(images=25, use=["attributes"], split=split | {"seed": 1}).keys.tolist()
    assert (some.views["attributes"].values == data.views["attributes"].values[np.isin(data.keys, some.keys)]).all()


def test_an_image_without_csv_is_left_out_with_a_note(run: Load, root: Path) -> None:
    (root / "cartoonset10k" / "cs1005.csv").unlink()
    data = run()
    assert len(data.keys) == N - 1
    assert "cs1005.png" not in data.keys
    assert data.notes == ("1 of 40 images left out, without a .csv; the first is cs1005.png",)


def test_a_bad_image_lacks_the_cartoon(run: Load, root: Path) -> None:
    (root / "cartoonset10k" / "cs1005.png").write_bytes(b"no image")
    data = run()
    assert (~data.views["cartoon"].present).nonzero()[0].tolist() == [5]
    with pytest.raises(UserError, match=r"cs1005\.png: not an image; .*data\.on_bad_image=skip"):
        run(on_bad_image="stop")


def test_missing_files_are_answered_with_where_to_get_them(run: Load, root: Path) -> None:
    with pytest.raises(UserError, match=r"data\.root: there is no folder .*nowhere; get cartoonset10k.tgz from https"):
        run(root=str(root / "nowhere"))
    (root / "empty").mkdir()
    with pytest.raises(UserError, match=r"data\.root: no PNG file in .*empty, nor in cartoonset10k or cartoonset100k"):
        run(root=str(root / "empty"))
    for path in (root / "cartoonset10k").glob("*.csv"):
        path.unlink()
    with pytest.raises(UserError, match=r"data\.root: none of the 40 PNG files in .* has a \.csv"):
        run()


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ({"hair_colour": [0]}, r"data\.attributes\.mine: no column 'hair_colour'; did you mean hair_color\? there are"),
        ({"hair_color": [3, 10]}, r"data\.attributes\.mine\.hair_color: no variant 10; there are 10, from 0 to 9"),
        ({"hair_color": list(range(10))}, r"data\.attributes: constant .*mine \(always 1\)"),
    ],
)
def test_attributes_that_the_cartoons_do_not_have(run: Load, attribute: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(attributes={"mine": attribute})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"hair_color", 2, 10', '"hair_color", blond', r"line 2 is '\"hair_color\", blond'; use \"name\", index"),
        ('"hair_color", 2, 10', '"hair_color", 10, 10', r"line 2: hair_color has 10 variants from 0, so 10 is none"),
        ('"hair_color", 2, 10', '"hair_color", 2, 11', r"line 2 gives hair_color 11 variants, other cartoons 10"),
        ('"hair_color", 2, 10\n', "", r"has no line for hair_color"),
    ],
)
def test_damaged_descriptions_are_named(run: Load, root: Path, old: str, new: str, message: str) -> None:
    path = root / "cartoonset10k" / "cs1012.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=rf"cs1012\.csv: .*{message}"):
        run()

"""Any part of CelebA in its official layout loads; what is missing or wrong is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from favae_cli.common.errors import UserError
from favae_cli.config.data_sets import CelebAConfig
from favae_cli.data import Dataset, load
from favae_cli.data.sets import celeba

CONFIG = Path(__file__).parents[3] / "configs" / "data" / "celeba.yaml"
N = 40
NAMES = ("Bald", "Male", "Smiling", "Wearing_Hat", "Wearing_Lipstick")

Load = Callable[..., Dataset]


def brightness(i: int) -> int:
    return 6 * i


def labels(i: int) -> tuple[bool, ...]:
    """Bald: two of forty. Wearing_Hat: nobody."""
    return i in (3, 4), i % 2 == 0, i % 3 == 0, False, i % 4 == 1


@pytest.fixture
def write_layout(write_celeba: Callable[..., None]) -> Callable[[Path], None]:
    """Writes forty flat images of 22 x 27 pixels, the fourth truncated, and the two lists."""

    def write(folder: Path) -> None:
        attributes = {name: [labels(i)[k] for i in range(N)] for k, name in enumerate(NAMES)}
        parts = [0 if i < 28 else 1 if i < 34 else 2 for i in range(N)]
        write_celeba(folder, attributes, parts, [brightness(i) for i in range(N)])
        truncated = folder / "img_align_celeba" / "000004.jpg"
        truncated.write_bytes(truncated.read_bytes()[:-200])

    return write


@pytest.fixture
def root(tmp_path: Path, write_layout: Callable[[Path], None]) -> Path:
    write_layout(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def run(root: Path) -> Load:
    """Loads the layout under the shipped config, images of 8 x 8 pixels, with the given changes."""

    def run(split: dict[str, Any] | None = None, seed: int = 0, **changes: Any) -> Dataset:
        config = yaml.safe_load(CONFIG.read_text()) | {"root": str(root), "size": 8} | changes
        config["split"] |= split or {}
        return load(CelebAConfig.model_validate(config), root.parent / "cache", seed)

    return run


def test_faces_attributes_and_official_split(run: Load) -> None:
    data = run()
    assert list(data.views) == ["face", "attributes"]
    face, attributes = data.views["face"], data.views["attributes"]
    assert face.values.shape == (N - 1, 8, 8, 3)
    assert (~face.present).nonzero()[0].tolist() == [3]
    assert abs(int(face.gather(np.array([20]))[0, 0, 0, 0]) - brightness(20)) <= 2
    assert attributes.columns == ("Smiling", "Wearing_Lipstick", "Male")
    assert attributes.gather(np.array([0, 1, 9])).tolist() == [[1, 0, 1], [0, 1, 0], [1, 1, 0]]
    assert data.keys[9] == "000010.jpg"
    assert data.split["train"].tolist() == list(range(28))
    assert data.split["test"].tolist() == list(range(34, 40))
    (note,) = data.notes
    assert note.startswith("face: 1 of 40 images skipped")
    assert "000004.jpg" in note


def test_a_subset_falls_back_to_a_random_split(run: Load, root: Path) -> None:
    for i in range(28, N):
        (root / "img_align_celeba" / f"{i + 1:06}.jpg").unlink()
    (root / "img_align_celeba" / "999999.jpg").write_bytes(b"not in the list")
    data = run()
    assert len(data.keys) == 28
    assert [indices.size for indices in data.split.values()] == [20, 2, 6]
    assert data.notes[0].startswith("12 of 40 listed images are not in ")
    assert data.notes[1] == "random split: the images are from part 0 of 0, 1 and 2 only"

    (root / "list_eval_partition.txt").unlink()
    assert run().notes[1] == "random split: there is no list_eval_partition.txt"
    assert not any("random split" in note for note in run(split={"official": False}).notes)


def test_images_draws_some_by_the_seed_of_the_split(run: Load) -> None:
    some = run(images=25, seed=0, use=["attributes"])
    assert len(some.keys) == 25
    assert some.keys.tolist() == sorted(some.keys)
    assert some.keys.tolist() == run(images=25, seed=5, use=["attributes"]).keys.tolist()
    assert some.keys.tolist() != run(images=25, use=["attributes"], split={"seed": 1}).keys.tolist()
    assert some.keys.tolist() != run(images=25, seed=5, use=["attributes"], split={"seed": None}).keys.tolist()
    assert len(run(images=None, use=["attributes"]).keys) == N


def test_crop_and_grey(run: Load, root: Path) -> None:
    image = Image.new("L", (22, 27), 0)
    image.paste(255, (7, 9, 15, 17))
    image.save(root / "img_align_celeba" / "000001.jpg", quality=100)
    values = run(crop=8, channels=1).views["face"].gather(np.array([0]))
    assert values.shape == (1, 8, 8, 1)
    assert values.mean() > 240


def test_use_only_faces_leaves_out_the_bad_one(run: Load) -> None:
    data = run(use=["face"])
    assert list(data.views) == ["face"]
    assert len(data.keys) == N - 1
    assert data.notes[-1] == "1 of 40 samples left out, which lack face"


def test_rare_attributes_are_no_problem(run: Load) -> None:
    data = run(attributes=["Bald", "Male"])
    assert data.views["attributes"].values[:, 0].sum() == 2


def test_constant_attribute_is_named(run: Load) -> None:
    notes = run(attributes=["Male", "Wearing_Hat"]).notes
    assert [note for note in notes if "Wearing_Hat" in note] == [
        "attributes: constant over the 28 training samples: Wearing_Hat"
    ]
    with pytest.raises(UserError, match=r"data\.attributes: constant over .*: Wearing_Hat \(always 0\)"):
        run(attributes=["Wearing_Hat"])


def test_unknown_attribute_is_named_with_what_there_is(run: Load) -> None:
    with pytest.raises(UserError, match=r"'smilling'; did you mean Smiling\? there are Bald, Male, Smiling"):
        run(attributes=["smilling"])


def test_stop_on_a_bad_image(run: Load) -> None:
    with pytest.raises(UserError, match=r"(?i)000004\.jpg: .*truncated"):
        run(on_bad_image="stop")


def test_missing_parts_are_answered_with_how_to_get_them(run: Load, root: Path) -> None:
    nothing = r"elsewhere does not hold img_align_celeba/ and list_attr_celeba\.txt; get .*data\.download=true"
    with pytest.raises(UserError, match=nothing):
        run(root=str(root / "elsewhere"))
    (root / "list_attr_celeba.txt").rename(root / "attributes.txt")
    with pytest.raises(UserError, match=r"does not hold list_attr_celeba\.txt; get"):
        run()


def test_images_that_are_not_listed(run: Load, root: Path) -> None:
    (root / "img_align_celeba").rename(root / "faces")
    (root / "img_align_celeba").mkdir()
    with pytest.raises(UserError, match=r"none of the 40 images that list_attr_celeba\.txt lists"):
        run()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("000002.jpg  -1 -1", "000002.jpg  -1 7", r"Male of 000002\.jpg is 7; use -1 or 1"),
        ("000002.jpg", "000001.jpg", r"000001\.jpg is listed twice"),
        ("Bald ", "", r"line 2 names 4 attributes, but the rows hold 5"),
        ("000002.jpg  -1", "000002.jpg  -1 -1", r"cannot be read: .*line 4"),
    ],
)
def test_damaged_lists_are_named(run: Load, root: Path, old: str, new: str, message: str) -> None:
    path = root / "list_attr_celeba.txt"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=rf"list_attr_celeba\.txt: .*{message}"):
        run()


def fake_torchvision(monkeypatch: pytest.MonkeyPatch, download: Callable[[str], None]) -> None:
    """A torchvision whose CelebA calls `download` with its root."""
    module = ModuleType("torchvision")
    module.__dict__["datasets"] = SimpleNamespace(CelebA=lambda root, **options: download(root))
    monkeypatch.setattr(celeba, "torchvision", lambda: module)


def test_download_lands_where_the_loader_looks(
    run: Load, write_layout: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_torchvision(monkeypatch, lambda root: write_layout(Path(root) / "celeba"))
    assert len(run(root=str(tmp_path / "fresh"), download=True).keys) == N

    def refuse(root: str) -> None:
        raise LookupError("quota exceeded")

    fake_torchvision(monkeypatch, refuse)
    assert len(run(root=str(tmp_path / "fresh"), download=True).keys) == N
    with pytest.raises(UserError, match=r"data\.download: .*quota exceeded.*by hand from http"):
        run(root=str(tmp_path / "other"), download=True)

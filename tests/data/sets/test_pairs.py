"""Faces and cartoons in pairs that agree in hair and glasses, and never in two splits."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from favae_cli.common.errors import UserError
from favae_cli.config.data_sets import PairsConfig
from favae_cli.data import SPLITS, Dataset, load

CONFIG = Path(__file__).parents[3] / "configs" / "data" / "celeba_cartoon.yaml"
FACES, CARTOONS = 240, 200
HAIR = ("blond", "dark", "gray")

Load = Callable[..., Dataset]


def hair_of_face(i: int) -> str | None:
    """Of eight faces two are blond, one is brown, one black, one both, one gray, one nothing, one blond and gray."""
    return ("blond", "blond", "dark", "dark", "gray", None, None, "dark")[i % 8]


def part_of_face(i: int) -> int:
    return (0, 0, 0, 1, 2)[i // 8 % 5]


def glasses_of_face(i: int) -> bool:
    return i // 40 in (0, 3)


def hair_of_cartoon(i: int) -> str | None:
    return {0: "blond", 1: "blond", 2: None, 3: None, 4: "blond", 8: "gray", 9: "gray"}.get(i % 10, "dark")


def glasses_of_cartoon(i: int) -> bool:
    return i // 10 % 2 == 0


@pytest.fixture(scope="session")
def images(
    made_once: Callable[[str, Callable[[Path], object]], Path],
    write_celeba: Callable[..., None],
    write_cartoons: Callable[..., list[str]],
) -> Path:
    return made_once("pairs", lambda folder: write_images(folder, write_celeba, write_cartoons))


@pytest.fixture
def root(images: Path, tmp_path: Path) -> Path:
    """A folder of both sides' images, to be changed at will; `run(root=root)`."""
    return shutil.copytree(images, tmp_path / "images", copy_function=shutil.copyfile)


def write_images(folder: Path, write_celeba: Callable[..., None], write_cartoons: Callable[..., list[str]]) -> None:
    faces = range(FACES)
    attributes = {
        "Blond_Hair": [i % 8 in (0, 1, 6) for i in faces],
        "Brown_Hair": [i % 8 in (2, 7) for i in faces],
        "Black_Hair": [i % 8 in (3, 7) for i in faces],
        "Gray_Hair": [i % 8 in (4, 6) for i in faces],
        "Eyeglasses": [glasses_of_face(i) for i in faces],
        "Male": [i % 2 == 0 for i in faces],
    }
    write_celeba(folder / "celeba", attributes, [part_of_face(i) for i in faces], list(faces))
    glasses = [i // 20 if glasses_of_cartoon(i) else 11 for i in range(CARTOONS)]
    chosen = [{"hair_color": i % 10, "glasses": glasses[i], "chin_length": i % 3} for i in range(CARTOONS)]
    write_cartoons(folder / "cartoonset10k", chosen)


def config(root: Path, count: tuple[int, int, int] = (36, 12, 12), **changes: Any) -> PairsConfig:
    """The shipped config, images of 10 x 10 pixels, with some keys changed, `_` for a dot."""
    values: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    for side in ("faces", "cartoons"):
        values[side] |= {"root": str(root), "size": 10} | changes.pop(side, {})
    values["cartoons"]["split"] |= {"validation": 0.2, "test": 0.2}
    values["pairing"] |= {"count": dict(zip(SPLITS, count, strict=True))} | changes.pop("pairing", {})
    return PairsConfig.model_validate(values | changes)


@pytest.fixture
def run(images: Path, tmp_path: Path) -> Load:
    def run(*args: Any, root: Path = images, seed: int = 0, **changes: Any) -> Dataset:
        return load(config(root, *args, **changes), tmp_path / "cache", seed)

    return run


def members(data: Dataset) -> list[tuple[int, int]]:
    """Number of the face and of the cartoon of every pair, from its key."""
    pairs = [key.split("+") for key in data.keys]
    return [(int(face[:-4]) - 1, int(cartoon[2:-4]) - 1000) for face, cartoon in pairs]


def combinations(data: Dataset, split: str) -> Counter[tuple[str | None, bool]]:
    pairs = members(data)
    return Counter((hair_of_face(pairs[k][0]), glasses_of_face(pairs[k][0])) for k in data.split[split])


def test_pairs_agree_with_both_sides_and_show_them(run: Load) -> None:
    data = run()
    assert list(data.views) == ["face", "cartoon", "attributes"]
    everyone = np.arange(len(data.keys))
    faces, cartoons, table = (view.gather(everyone) for view in data.views.values())
    assert data.views["attributes"].columns == HAIR
    for k, (face, cartoon) in enumerate(members(data)):
        assert hair_of_face(face) == hair_of_cartoon(cartoon)
        assert glasses_of_face(face) == glasses_of_cartoon(cartoon)
        assert table[k].tolist() == [float(hair_of_face(face) == name) for name in HAIR]
        assert abs(int(faces[k, 5, 5, 0]) - face) <= 2
        assert cartoons[k, 5, 5].tolist() == [cartoon, 0, 255 - cartoon]
        assert cartoons[k, 0, 0].tolist() == [255, 255, 255]


def test_attributes_are_classes_of_any_group(run: Load) -> None:
    data = run(attributes=["glasses", "gray"])
    wanted = [[float(glasses_of_face(face)), float(hair_of_face(face) == "gray")] for face, _ in members(data)]
    assert data.views["attributes"].values.tolist() == wanted


def test_every_combination_has_as_many_pairs(run: Load) -> None:
    data = run()
    assert [len(data.split[split]) for split in SPLITS] == [36, 12, 12]
    for split, each in zip(SPLITS, (6, 2, 2), strict=True):
        assert set(combinations(data, split).values()) == {each}
        assert len(combinations(data, split)) == 6
    natural = combinations(run(pairing={"balanced": False}), "train")
    assert natural["blond", False] == 2 * natural["blond", True] == 2 * natural["gray", False]


def test_no_image_is_in_two_splits(run: Load) -> None:
    pairs = run((300, 100, 100))
    of_split = [[members(pairs)[k] for k in pairs.split[split]] for split in SPLITS]
    assert sorted(np.concatenate(list(pairs.split.values())).tolist()) == list(range(len(pairs.keys)))
    for part, chosen in enumerate(of_split):
        assert {part_of_face(face) for face, _ in chosen} == {part}
    cartoons = [{cartoon for _, cartoon in chosen} for chosen in of_split]
    assert len(set.union(*cartoons)) == sum(map(len, cartoons))


def test_scarce_images_are_used_again_and_no_pair_twice(run: Load) -> None:
    data = run((300, 12, 12))
    train = [members(data)[k] for k in data.split["train"]]
    assert len(set(train)) == len(train) < 300
    faces, cartoons = (Counter(side) for side in zip(*train, strict=True))
    for chosen in {(hair_of_face(face), glasses_of_face(face)) for face, _ in train}:
        of_faces = [n for i, n in faces.items() if (hair_of_face(i), glasses_of_face(i)) == chosen]
        of_cartoons = [n for i, n in cartoons.items() if (hair_of_cartoon(i), glasses_of_cartoon(i)) == chosen]
        times = of_faces, of_cartoons
        assert min(max(side) for side in times) == 1
        assert all(max(side) - min(side) <= 1 for side in times)
    (note,) = [note for note in data.notes if note.startswith("train")]
    assert f"{len(train)} pairs, not 300, of {len(faces)} faces and {len(cartoons)} cartoons (" in note
    assert f"{combinations(data, 'train')['gray', True]} gray+glasses" in note


def test_seeds(run: Load) -> None:
    keys = run(use=["attributes"]).keys.tolist()
    assert keys == run(use=["attributes"], seed=5).keys.tolist()
    assert keys != run(use=["attributes"], pairing={"seed": 1}).keys.tolist()
    assert keys == run(use=["attributes"], pairing={"seed": None}).keys.tolist()
    assert keys != run(use=["attributes"], pairing={"seed": None}, seed=5).keys.tolist()


def test_unclear_hair_is_left_out_and_counted(run: Load) -> None:
    data = run((300, 100, 100))
    assert {face % 8 for face, _ in members(data)} == {0, 1, 2, 3, 4, 7}
    assert data.notes[:2] == (
        "faces left out for their hair: 30 are none of blond, dark, gray, 30 are more than one",
        "cartoons left out for their hair: 40 are none of blond, dark, gray, 0 are more than one",
    )


def test_other_attributes_pair_by_config_alone(run: Load) -> None:
    gender = {"man": {"faces": ["Male"], "cartoons": {"chin_length": [0, 2]}}, "woman": {"faces": [], "cartoons": {}}}
    data = run(pairing={"by": {"gender": gender}}, attributes=["woman"])
    assert data.views["attributes"].columns == ("woman",)
    for k, (face, cartoon) in enumerate(members(data)):
        assert (face % 2 == 1) == (cartoon % 3 == 1) == data.views["attributes"].values[k, 0]


def test_only_paired_images_of_wanted_views_are_read(run: Load, tmp_path: Path) -> None:
    face = run((6, 6, 6), use=["face", "attributes"]).views["face"]
    assert len(face.values) == 18
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 1


@pytest.mark.slow
def test_a_bad_image_leaves_its_pairs_the_other_views(run: Load, root: Path) -> None:
    bad = members(run(root=root))[0][0]
    (root / "celeba" / "img_align_celeba" / f"{bad + 1:06}.jpg").write_bytes(b"no image")
    data = run(root=root)
    lacking = [k for k, (face, _) in enumerate(members(data)) if face == bad]
    assert (~data.views["face"].present).nonzero()[0].tolist() == lacking
    assert data.views["cartoon"].present.all()
    with pytest.raises(UserError, match=r"not an image; .*data\.faces\.on_bad_image=skip"):
        run(root=root, faces={"on_bad_image": "stop"})


def by(**changes: Any) -> dict[str, Any]:
    blond = {"faces": ["Blond_Hair"], "cartoons": {"hair_color": [0]}} | changes
    return {"pairing": {"by": {"hair": {"blond": blond, "other": {"faces": [], "cartoons": {}}}}}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"faces": {"root": "/nowhere"}}, r"data\.faces\.root: /nowhere does not .*data\.faces\.download=true"),
        ({"cartoons": {"root": "/nowhere"}}, r"data\.cartoons\.root: there is no folder /nowhere; get"),
        ({"cartoons": {"images": 2}}, r"data\.cartoons\.split: the .* split is empty .*data\.cartoons\.split\.seed"),
        (
            by(faces=["Blond"]),
            r"data\.pairing\.by\.hair\.blond\.faces: no attribute 'Blond'; did you mean Blond_Hair\?",
        ),
        (
            by(cartoons={"hair_colour": [0]}),
            r"data\.pairing\.by\.hair\.blond\.cartoons: no column 'hair_colour'; did you mean hair_color\?",
        ),
        (by(cartoons={"hair_color": [12]}), r"hair\.blond\.cartoons\.hair_color: no variant 12; there are 10"),
        (by(cartoons={"hair_color": list(range(10))}), r"data\.attributes: constant .* blond \(always 1\)"),
        (by(cartoons={"glasses": [0], "hair_color": [9]}), r"data\.attributes: constant .* blond \(always 0\)"),
    ],
)
def test_mistakes_are_named(run: Load, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(**{"attributes": ["blond"]} | changes)


def test_a_split_without_pairs(run: Load, root: Path) -> None:
    few = {"blond": {"faces": ["Blond_Hair"], "cartoons": {"hair_color": [0]}}, "gray": {"faces": [], "cartoons": {}}}
    path = root / "celeba" / "list_attr_celeba.txt"
    lines = path.read_text().splitlines()
    unclear = [f"{line.split()[0]} 1 1 1 1 1 1" if part_of_face(i) == 2 else line for i, line in enumerate(lines[2:])]
    path.write_text("\n".join([*lines[:2], *unclear]))
    by = {"hair": few | {"dark": {"faces": ["Brown_Hair", "Black_Hair"], "cartoons": {"hair_color": [5]}}}}
    with pytest.raises(UserError, match=r"data\.pairing: no pair in the test split; none of blond, gray, dark is on"):
        run(root=root, pairing={"by": by}, attributes=["blond"])


def test_contradictions_and_sides() -> None:
    assert list(config(Path()).contradictions()) == []
    assert config(Path()).sides() == {"face": 10, "cartoon": 10, "attributes": None}
    groups = {
        "hair": {"blond": {"faces": [], "cartoons": {}}, "dark": {"faces": [], "cartoons": {"hair_color": [5]}}},
        "style": {"dark": {"faces": ["Male"], "cartoons": {}}, "light": {"faces": [], "cartoons": {"glasses": [1]}}},
    }
    assert list(config(Path(), pairing={"by": groups}, attributes=["blonde"], use=["faces"]).contradictions()) == [
        "data.use: no view faces; did you mean face? there are attributes, cartoon, face",
        "data.pairing.by: several groups have a class dark; names must differ",
        "data.attributes: no class blonde in data.pairing.by; did you mean blond? there are blond, dark, light",
        "data.pairing.by.hair: faces is empty, for the rest, in blond and dark; one may be",
    ]

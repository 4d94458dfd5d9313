"""Small collections in the official layouts, and data sets as the shipped configs have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image
from pydantic import TypeAdapter

from favae_cli.config.choices import DataConfig
from favae_cli.data import Dataset, load

WriteCelebA = Callable[[Path, Mapping[str, Sequence[bool]], Sequence[int], Sequence[int]], None]
WriteCartoons = Callable[[Path, Sequence[Mapping[str, int]]], list[str]]

Shipped = Callable[..., dict[str, Any]]
LoadManifest = Callable[..., Dataset]

CONFIGS = Path(__file__).parents[2] / "configs" / "data"
VARIANTS = {"chin_length": 3, "hair_color": 10, "glasses": 12}


@pytest.fixture(scope="session")
def write_celeba() -> WriteCelebA:
    """Writes CelebA: attributes of every image, its part (0, 1 or 2) and the grey of which all its pixels are."""

    def write(
        folder: Path, attributes: Mapping[str, Sequence[bool]], parts: Sequence[int], greys: Sequence[int]
    ) -> None:
        (folder / "img_align_celeba").mkdir(parents=True)
        names = [f"{i + 1:06}.jpg" for i in range(len(parts))]
        for name, grey in zip(names, greys, strict=True):
            Image.new("RGB", (22, 27), (grey,) * 3).save(folder / "img_align_celeba" / name)
        cells = [[" 1" if value else "-1" for value in row] for row in zip(*attributes.values(), strict=True)]
        rows = [f"{name}  {' '.join(row)}" for name, row in zip(names, cells, strict=True)]
        header = [str(len(names)), " ".join(attributes) + " "]
        (folder / "list_attr_celeba.txt").write_text("\n".join(header + rows) + "\n")
        lines = [f"{name} {part}\n" for name, part in zip(names, parts, strict=True)]
        (folder / "list_eval_partition.txt").write_text("".join(lines))

    return write


@pytest.fixture(scope="session")
def write_cartoons() -> WriteCartoons:
    """Writes the Cartoon Set, the chosen variants of every image given; answers with the names in order.

    Images are 50 x 50 pixels, transparent black but for a square of 30 pixels of the colour (i, 0, 255 - i).
    """

    def write(folder: Path, cartoons: Sequence[Mapping[str, int]]) -> list[str]:
        folder.mkdir(parents=True)
        names = []
        for i, chosen in enumerate(cartoons):
            image = Image.new("RGBA", (50, 50), (0, 0, 0, 0))
            image.paste((i, 0, 255 - i, 255), (10, 10, 40, 40))
            names.append(f"cs{1000 + i}.png")
            image.save(folder / names[-1])
            lines = [f'"{name}", {chosen.get(name, 0)}, {number}\n' for name, number in VARIANTS.items()]
            (folder / names[-1]).with_suffix(".csv").write_text("".join(lines))
        return names

    return write


@pytest.fixture
def shipped() -> Shipped:
    """A shipped data config by its name, with other values for some of its keys."""

    def shipped(name: str, **changes: Any) -> dict[str, Any]:
        config: dict[str, Any] = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
        return config | changes

    return shipped


@pytest.fixture
def load_manifest(shipped: Shipped, tmp_path: Path) -> LoadManifest:
    """Loads files in tmp_path under the shipped manifest config with the given changes."""
    schema: TypeAdapter[Any] = TypeAdapter(DataConfig)

    def load_manifest(views: dict[str, Any], split: dict[str, Any] | None = None, **changes: Any) -> Dataset:
        config = shipped("manifest", **{"root": str(tmp_path), "views": views} | changes)
        config["split"] |= split or {}
        return load(schema.validate_python(config), tmp_path / "cache", seed=0)

    return load_manifest

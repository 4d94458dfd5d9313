"""The same samples in every form that the program reads, and the experiment about each."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
import yaml
from PIL import Image

ROWS = 60
SIDE = 8  # pixels
ENGINE = ["trainer.device=cpu", "trainer.threads=1", "trainer.precision=fp32"]
BRIEF = [
    "model.factors=4",
    "schedule.alone_epochs=2",
    "schedule.rounds=1",
    "schedule.round_epochs=1",
    "schedule.sweeps=10",
    "trainer.batch_size=16",
    "evaluation.cards=0",
    "evaluation.reconstructions=1",
    *ENGINE,
]
TEXTS = ("table.csv", "table.tsv", "table.csv.gz")
COLUMNS = (*TEXTS, "table.xlsx", "table.sav", "table.dta", "table.feather", "table.parquet")
ARRAYS = ("table.npz", "packed.npz")
FORMS = (*COLUMNS, *ARRAYS, "days.npy", "table.tar", "pictures")
"""Files of the data, each of which an experiment can be about; days.npy and the pictures go with table.csv."""
PICTURES = ("png", "jpg", "gif", "bmp", "tif", "webp", "ppm")


def write_forms(folder: Path) -> None:
    """Write all of `FORMS` into a folder."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((ROWS, 2))
    table = pd.DataFrame({"id": [f"s{number:02}" for number in range(ROWS)]})
    table["height"] = (170 + 10 * hidden[:, 0]).round(2)
    table["age"] = (40 + 9 * hidden[:, 1]).round(1)
    table["colour"] = np.array(["red", "green", "blue"])[np.digitize(hidden[:, 0], [-0.4, 0.4])]
    table["new"] = (hidden[:, 0] > 0).astype(int)
    table["sold"] = (hidden[:, 1] > 0).astype(int)
    days = (hidden @ rng.standard_normal((2, 4)) + 0.1 * rng.standard_normal((ROWS, 4))).round(3)
    for day in range(4):
        table[f"day{day}"] = days[:, day]
    table["extra"] = (hidden.sum(axis=1)).round(3)
    images = {name: _picture(one, other, rng) for name, (one, other) in zip(table["id"], hidden, strict=True)}
    (folder / "pictures").mkdir()
    table["picture"] = [f"pictures/{name}.{PICTURES[row % len(PICTURES)]}" for row, name in enumerate(table["id"])]
    for name, path in zip(table["id"], table["picture"], strict=True):
        images[name].save(folder / path)
    table.to_csv(folder / "table.csv", index=False)
    table.to_csv(folder / "table.tsv", index=False, sep="\t")
    table.to_csv(folder / "table.csv.gz", index=False)
    table.to_excel(folder / "table.xlsx", index=False)
    pyreadstat.write_sav(table, folder / "table.sav", row_compress=True)
    table.to_stata(folder / "table.dta", write_index=False, version=118)
    table.to_feather(folder / "table.feather")
    table.to_parquet(folder / "table.parquet", index=False, write_page_checksum=True)
    arrays: dict[str, Any] = {name: table[name].to_numpy() for name in ("height", "age", "new", "sold")}
    arrays |= {name: table[name].to_numpy().astype(str) for name in ("id", "colour")} | {"days": days}
    np.savez(folder / "table.npz", **arrays)
    np.savez_compressed(folder / "packed.npz", **arrays)
    np.save(folder / "days.npy", days)
    _write_shard(folder / "table.tar", table, images)


def experiment(form: str) -> dict[str, Any]:
    """The experiment about one of `FORMS`."""
    course = {"table.npz": "days", "packed.npz": "days", "days.npy": "days.npy"}.get(form)
    kinds: dict[str, dict[str, object]] = {
        "numbers": {"kind": "real", "columns": ["height", "age"]},
        "colour": {"kind": "categorical", "columns": ["colour"]},
        "bits": {"kind": "binary", "columns": ["new", "sold"], "binarise": {}, "empty": "missing"},
        "course": {"kind": "vector", "array": course} if course else {"kind": "vector", "columns": ["day*"]},
    }
    if form not in ARRAYS:
        picture = "png" if form == "table.tar" else "picture"
        kinds["picture"] = {"kind": "image", "column": picture, "size": SIDE, "channels": 1, "crop": None}
    types = {"numbers": "real", "colour": "categorical", "bits": "bernoulli", "course": "vector", "picture": "image"}
    archs = {"course": "mlp_small", "picture": "conv8"}
    views: dict[str, object] = {"course": {"latent": 2}, "picture": {"latent": 4, "arch": {"channels": [4]}}}
    defaults = [
        *({f"/view@views.{name}": types[name]} for name in kinds),
        {"override /task": "train"},
        {"override /data": "manifest"},
        *({f"override /arch@views.{name}.arch": arch} for name, arch in archs.items() if name in kinds),
    ]
    table = form if form in (*COLUMNS, *ARRAYS, "table.tar") else "table.csv"
    composed: dict[str, Any] = {
        "defaults": defaults,
        "data": {"root": "data", "table": table, "key": "__key__" if form == "table.tar" else "id", "views": kinds},
        "views": {name: section for name, section in views.items() if name in kinds},
        "score": "predict/mean",
    }
    for line in BRIEF:
        key, _, value = line.partition("=")
        *path, name = key.split(".")
        part = composed
        for step in path:
            part = part.setdefault(step, {})
        part[name] = yaml.safe_load(value)
    return composed


def as_yaml(config: dict[str, Any]) -> str:
    """The text of an experiment's file."""
    return "# @package _global_\n" + yaml.safe_dump(config, sort_keys=False)


def _picture(one: float, other: float, rng: np.random.Generator) -> Image.Image:
    ramp = np.linspace(0, 1, SIDE)
    pixels = 128 + 40 * one * ramp[:, None] + 40 * other * ramp[None, :] + 4 * rng.standard_normal((SIDE, SIDE))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _write_shard(path: Path, table: pd.DataFrame, images: dict[str, Image.Image]) -> None:
    with tarfile.open(path, "w") as shard:
        for row in table.to_dict("records"):
            cells = {name: cell for name, cell in row.items() if name not in ("id", "picture")}
            png = io.BytesIO()
            images[row["id"]].save(png, "PNG")
            for suffix, held in (("json", json.dumps(cells).encode()), ("png", png.getvalue())):
                member = tarfile.TarInfo(f"{row['id']}.{suffix}")
                member.size = len(held)
                shard.addfile(member, io.BytesIO(held))

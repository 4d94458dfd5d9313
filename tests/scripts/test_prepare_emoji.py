"""The emoji folder is built from clones, here tiny made-up ones."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[2] / "scripts" / "prepare_emoji.py"
WOMAN, MAN, RED_HAIR, GRIN, CAKE = "1f469", "1f468", "1f469_200d_1f9b0", "1f600", "1f370"
ENTRIES = [
    {"emoji": "\U0001f469", "description": "woman", "category": "People & Body"},
    {"emoji": "\U0001f468", "description": "man", "category": "People & Body"},
    {"emoji": "\U0001f469\u200d\U0001f9b0", "description": "woman: red hair", "category": "People & Body"},
    {"emoji": "\u2639\ufe0f", "description": "frowning face", "category": "Smileys & Emotion"},
    {"emoji": "\U0001f370", "description": "shortcake", "category": "Food & Drink"},
]


def draw(clone: Path, *names: str) -> None:
    folder = clone / "png" / "128"
    folder.mkdir(parents=True)
    for name in names:
        image = Image.new("RGBA", (128, 128), (0, 0, 0, 0))
        image.paste((200, 30, 30, 255), (0, 64, 128, 128))
        image.save(folder / f"emoji_u{name}.png")


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    two_tones = "1f469_1f3fb_200d_1f91d_200d_1f468_1f3ff"
    draw(tmp_path / "noto", WOMAN, f"{WOMAN}_1f3fb", f"{MAN}_1f3fe", RED_HAIR, "2639", CAKE, two_tones)
    draw(tmp_path / "blob", f"{WOMAN}_1F3FB", "2639_fe0f", MAN)
    gemoji = tmp_path / "emoji.json"
    gemoji.write_text(json.dumps(ENTRIES), encoding="utf-8")
    return [tmp_path / "noto", tmp_path / "blob", gemoji, tmp_path / "out"]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_rows_pictures_and_summary(sources: list[Path]) -> None:
    result = run(*sources)
    assert result.returncode == 0, result.stderr
    assert "6 emoji, 2 of them drawn by both teams" in result.stdout

    out = sources[-1]
    with (out / "emoji.csv").open(encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["2639", MAN, f"{MAN}_1f3fe", WOMAN, RED_HAIR, f"{WOMAN}_1f3fb"]
    light = rows[f"{WOMAN}_1f3fb"]
    assert (light["name"], light["tone"], light["gender"]) == ("woman", "light", "woman")
    assert (light["noto"], light["blob"]) == (f"noto/{WOMAN}_1f3fb.png", f"blob/{WOMAN}_1f3fb.png")
    assert (rows[RED_HAIR]["hair"], rows[RED_HAIR]["blob"]) == ("red", "")
    assert (rows[MAN]["gender"], rows[MAN]["noto"], rows[f"{MAN}_1f3fe"]["tone"]) == (
        "man",
        "",
        "medium-dark",
    )
    assert (rows["2639"]["gender"], rows["2639"]["tone"]) == ("", "")
    named = {row[team] for row in rows.values() for team in ("noto", "blob") if row[team]}
    assert named == {str(file.relative_to(out)) for file in out.rglob("*.png")}

    pixels = np.asarray(Image.open(out / light["noto"]))
    assert pixels.shape == (64, 64, 3)
    assert (pixels[:28] == 255).all()
    assert (pixels[36:] == (200, 30, 30)).all()


@pytest.mark.parametrize("missing", [0, 2])
def test_a_missing_source_is_named(sources: list[Path], missing: int) -> None:
    sources[missing] = sources[missing].with_name("elsewhere")
    result = run(*sources)
    assert result.returncode == 2
    assert "elsewhere" in result.stderr
    assert "Traceback" not in result.stderr


def test_help_says_how_to_get_the_sources() -> None:
    result = run("--help")
    assert result.returncode == 0
    assert "git clone --depth 1 https://github.com/googlefonts/noto-emoji" in result.stdout

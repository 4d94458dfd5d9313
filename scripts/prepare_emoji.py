"""Build the emoji pairs that `configs/data/emoji.yaml` reads, from local copies of three public repositories.

    git clone --depth 1 https://github.com/googlefonts/noto-emoji
    git clone --depth 1 https://github.com/C1710/blobmoji
    git clone --depth 1 https://github.com/github/gemoji
    python scripts/prepare_emoji.py noto-emoji blobmoji gemoji/db/emoji.json data/emoji
    favae-run experiment=emoji_condition data.root=data/emoji

The result holds noto/*.png and blob/*.png (64 x 64 RGB on white) and emoji.csv with one row for each person
or smiley that either team drew: id (code points), name, category, tone, gender, hair, noto and blob (paths,
empty where that team has no picture). Sequences with two skin tones are left out: they have no one tone.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageOps

SIZE = 64
CATEGORIES = ("People & Body", "Smileys & Emotion")
COLUMNS = ("id", "name", "category", "tone", "gender", "hair", "noto", "blob")
VARIATION = "fe0f"  # asks for the coloured form; file names mostly leave it out
TONES = {
    "1f3fb": "light",
    "1f3fc": "medium-light",
    "1f3fd": "medium",
    "1f3fe": "medium-dark",
    "1f3ff": "dark",
}
HAIR = {"1f9b0": "red", "1f9b1": "curly", "1f9b2": "bald", "1f9b3": "white"}
WOMAN = re.compile(r"\b(woman|women|girl|princess|mermaid)\b", re.IGNORECASE)
MAN = re.compile(r"\b(man|men|boy|prince|merman)\b", re.IGNORECASE)

Points = tuple[str, ...]  # code points in lower-case hexadecimal, without the variation selector


def main(arguments: list[str] | None = None) -> None:
    description, _, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=description, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("noto", type=Path, help="clone of googlefonts/noto-emoji")
    parser.add_argument("blob", type=Path, help="clone of C1710/blobmoji")
    parser.add_argument("gemoji", type=Path, help="file db/emoji.json of github/gemoji")
    parser.add_argument("out", type=Path, help="folder to build")
    options = parser.parse_args(arguments)
    for clone in (options.noto, options.blob):
        if not (clone / "png" / "128").is_dir():
            parser.error(f"{clone} is no clone with the drawings: it has no folder png/128")
    if not options.gemoji.is_file():
        parser.error(f"there is no file {options.gemoji}: give db/emoji.json of gemoji")

    names = read_names(options.gemoji)
    drawings = {"noto": find_drawings(options.noto), "blob": find_drawings(options.blob)}
    rows = list(build_rows(names, drawings, options.out))
    if not rows:
        parser.error(f"no drawing fits the categories {' and '.join(CATEGORIES)} of {options.gemoji}")
    with (options.out / "emoji.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    both = sum(bool(row["noto"] and row["blob"]) for row in rows)
    print(f"{options.out / 'emoji.csv'}: {len(rows)} emoji, {both} of them drawn by both teams")


def read_names(path: Path) -> dict[Points, tuple[str, str]]:
    """Name and category of every person and smiley, by its code points without skin tone."""
    entries = json.loads(path.read_text(encoding="utf-8"))
    return {
        to_points(f"{ord(character):x}" for character in entry["emoji"]): (
            entry["description"],
            entry["category"],
        )
        for entry in entries
        if entry.get("category") in CATEGORIES
    }


def find_drawings(clone: Path) -> dict[Points, Path]:
    """The picture of every emoji, by its code points; files are called emoji_u1f469_1f3fb.png."""
    files = sorted((clone / "png" / "128").glob("emoji_u*.png"))
    return {to_points(file.stem.removeprefix("emoji_u").lower().split("_")): file for file in files}


def build_rows(
    names: dict[Points, tuple[str, str]], drawings: dict[str, dict[Points, Path]], out: Path
) -> Iterator[dict[str, str]]:
    """Write the pictures and give the rows of the table, in the order of the code points."""
    for team in drawings:
        (out / team).mkdir(parents=True, exist_ok=True)
    sequences = {points for files in drawings.values() for points in files}
    for points in sorted(sequences, key=lambda points: [int(point, 16) for point in points]):
        tones = [TONES[point] for point in points if point in TONES]
        plain = tuple(point for point in points if point not in TONES)
        if len(tones) > 1 or plain not in names:
            continue
        name, category = names[plain]
        row = {"id": "_".join(points), "name": name, "category": category, "tone": "".join(tones)}
        row |= {"gender": gender(name), "hair": hair(name, points)}
        for team, files in drawings.items():
            row[team] = ""
            if points in files:
                row[team] = f"{team}/{row['id']}.png"
                resize(files[points], out / row[team])
        yield row


def to_points(points: Iterator[str] | list[str]) -> Points:
    return tuple(point for point in points if point != VARIATION)


def gender(name: str) -> str:
    woman, man = WOMAN.search(name), MAN.search(name)
    if woman and man:
        return "both"
    return "woman" if woman else "man" if man else ""


def hair(name: str, points: Points) -> str:
    for point in points:
        if point in HAIR:
            return HAIR[point]
    return "blond" if "blond" in name else ""


def resize(source: Path, target: Path) -> None:
    """One picture, laid on white and padded to a square if it is none, at `SIZE` x `SIZE`."""
    with Image.open(source) as image:
        drawing = image.convert("RGBA")
    white = Image.new("RGBA", drawing.size, "white")
    flat = Image.alpha_composite(white, drawing).convert("RGB")
    ImageOps.pad(flat, (SIZE, SIZE), Image.Resampling.LANCZOS, color="white").save(target)


if __name__ == "__main__":
    main()

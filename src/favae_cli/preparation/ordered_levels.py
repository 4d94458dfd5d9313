"""Whether a column's values are levels in an order, and in which: ratings in words, bands of numbers, stages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

SCALES = (Path(__file__).parent / "ordered_scales.txt").read_text(encoding="utf-8").splitlines()
_PLACES = [
    {word: place for place, words in enumerate(scale.split()) for word in words.split("/")}
    for scale in SCALES
    if not scale.startswith("#")
]
_STAGED = re.compile(
    r"(?P<stem>(stage|grade|level|tier|phase|step|score|class|category|stadium|grad|stufe|nyha|asa|ecog|figo|[gtnq])?)"
    r"[ _.-]?(?P<number>[0-9]{1,2}|x{0,1}(?:iv|v?i{1,3}|v|ix))(?P<part>[abc]?)"
)
_OR_NAMES = ("", "class", "category")  # before Arabic numbers, which then may be codes
_ROMAN = {name: place + 1 for place, name in enumerate("i ii iii iv v vi vii viii ix x".split())}  # noqa: SIM905
_NUMBER = r"[€$£]?\d+(?:[.,]\d+)*\s?[k%]?"
_BAND = re.compile(rf"(?P<low>{_NUMBER})\s*(?:-|–|—|\.\.|to|bis|à|a)\s*(?P<high>{_NUMBER})(?:\s*[a-z]+)?")  # noqa: RUF001
_BELOW = re.compile(
    rf"(?:<=?|≤|under|below|less than|up to|unter|bis|moins de|menos de)\s*(?P<high>{_NUMBER})(?:\s*[a-z]+)?"
)
_ABOVE = re.compile(rf"(?:>=?|≥|over|above|more than|from|über|ab|plus de|más de)\s*(?P<low>{_NUMBER})(?:\s*[a-z]+)?")
_AND_MORE = re.compile(rf"(?P<low>{_NUMBER})\s*(?:\+|(?:and|or|und|oder)\s*(?:more|over|above|older|mehr|älter))")
FEWEST = 3  # levels that have an order to speak of


def ordered(values: Iterable[str]) -> tuple[str, ...] | None:
    """The values from the lowest to the highest; None where no order is known, or one that two of them share."""
    names = [*values]
    if len(names) < FEWEST:
        return None
    plain = [" ".join(name.lower().replace("_", " ").split()) for name in names]
    for place in (_on_scale, _stages, _bands):
        found = place(plain)
        if found is not None and len(set(found)) == len(names):
            return tuple(name for _, name in sorted(zip(found, names, strict=True)))
    return None


def _on_scale(words: list[str]) -> list[tuple[float, ...]] | None:
    keys = [word.replace(" ", "_") for word in words]
    scale = next((places for places in _PLACES if all(key in places for key in keys)), None)
    return None if scale is None else [(scale[key],) for key in keys]


def _stages(words: list[str]) -> list[tuple[float, ...]] | None:
    """Grades and stages by their numbers, Arabic or Roman; plain numbers are none, nor is a class 3 above a class 2.

    Categories lose little where levels have an order, but as levels they would be forced into one.
    """
    found = [_STAGED.fullmatch(word) for word in words]
    if not all(found) or len({match["stem"] for match in found if match}) > 1:
        return None
    matches = [match for match in found if match]
    if matches[0]["stem"] in _OR_NAMES and all(match["number"].isdigit() for match in matches):
        return None
    numbers = [_ROMAN.get(match["number"]) or int(match["number"]) for match in matches if _is_number(match["number"])]
    if len(numbers) < len(words):
        return None
    return [(number, ord(match["part"] or "`")) for number, match in zip(numbers, matches, strict=True)]


def _is_number(text: str) -> bool:
    return text.isdigit() or text in _ROMAN


def _bands(words: list[str]) -> list[tuple[float, ...]] | None:
    """Bands of numbers, in the order of their lower ends; at least one has two ends."""
    endless = float("inf")
    found = [_band(word) for word in words]
    bands = [band for band in found if band is not None]
    if len(bands) < len(words) or not any(-endless < low < high < endless for low, high in bands):
        return None
    return [(low, high) for low, high in bands]


def _band(word: str) -> tuple[float, float] | None:
    endless = float("inf")
    if match := _BAND.fullmatch(word):
        return _value(match["low"]), _value(match["high"])
    if match := _BELOW.fullmatch(word):
        return -endless, _value(match["high"])
    if match := _ABOVE.fullmatch(word) or _AND_MORE.fullmatch(word):
        return _value(match["low"]), endless
    return (_value(word), _value(word)) if re.fullmatch(_NUMBER, word) else None


def _value(text: str) -> float:
    """Of a number with marks between thousands, as those of bands are whole or have a point."""
    digits = text.strip("€$£%k ")
    digits = re.sub(r"[.,](?=\d{3}(\D|$))", "", digits).replace(",", ".")
    return float(digits) * (1000 if text.endswith("k") else 1)

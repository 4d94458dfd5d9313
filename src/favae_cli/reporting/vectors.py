"""A figure's vectors as a part of a page: with the colours of the page's theme, and its font."""

from __future__ import annotations

import html
import re

from favae_cli.reporting.style import FAINT, GRID, INK, PALE, PALETTE

THEMED = {INK: "ink", FAINT: "soft", GRID: "line", PALE: "pale", "#ffffff": "card"}
THEMED |= {shade: f"series-{place}" for place, shade in enumerate(PALETTE)}
"""Colours of figures by the name of the page's variable that has its place."""

_COLOUR = re.compile(r"(fill|stroke): (#[0-9a-f]{6})")
_FONT = re.compile(r" font-family: [^;\"]*;?")
_HEAD = re.compile(r"^.*?<svg[^>]*viewBox=\"(\S+ \S+ (\S+) \S+)\"[^>]*>\s*(?:<metadata>.*?</metadata>\s*)?", re.DOTALL)
_STYLE = re.compile(r"<style.*?</style>", re.DOTALL)  # would hold for all the page
_UNUSED = re.compile(r" id=\"(?!\w*[0-9a-f]{10}\")[^\"]*\"")  # those that are digests are referred to
_ACTIVE = re.compile(
    r"<script|<foreignobject|[\s/\"']on\w+\s*=|javascript:|&#", re.IGNORECASE
)  # a page would act on it
_USED = re.compile(r"(id=\"|href=\"#|url\(#)")


def inlined(svg: str, title: str, place: int) -> str:
    """An SVG file of matplotlib's as an element of a page, as wide as it was and no wider than there is room.

    Colours that stand for ink and paper become the page's own, with what they were in the file for a page that has
    none.

    Args:
        svg: the file.
        title: told to those who cannot see it.
        place: among the figures of the page; keeps its marks and clips apart from those of others.

    Raises:
        ValueError: no such file, or something in it that a page would do.
    """
    head = _HEAD.match(svg)
    if head is None or _ACTIVE.search(svg):
        raise ValueError(f"{title}: no SVG as matplotlib writes it")
    body = svg[head.end() :]
    for pattern in (_STYLE, _UNUSED, _FONT):
        body = pattern.sub("", body)
    body = _USED.sub(rf"\g<1>f{place}-", _COLOUR.sub(_as_variable, body))
    width = f"{float(head[2]):.0f}pt"
    size = f"width: {width}; min-width: min({width}, 34rem)"
    begin = f'<svg viewBox="{head[1]}" style="{size}" role="img" aria-label="{html.escape(title)}">'
    return begin + body.replace("xlink:href", "href")


def _as_variable(found: re.Match[str]) -> str:
    name = THEMED.get(found[2])
    return f"{found[1]}: var(--{name}, {found[2]})" if name else found[0]

"""Grids of images, every pixel of an image drawn as a square of whole pixels."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure

from favae_cli.reporting.style import DPI, INK, blank

GAP = 4  # pixels between two images
_MARGIN = 10
_IMAGE = 192  # pixels that the longer side of an image aims at
_WIDEST = 2200  # pixels of a whole row
_FONT = 7.0  # points
_CHARACTER = 0.62 * _FONT * DPI / 72  # pixels, about the widest average of a line
_LINE = 1.35 * _FONT * DPI / 72


def image_grid(
    rows: Sequence[Sequence[np.ndarray]],
    row_labels: Sequence[str] = (),
    column_titles: Sequence[str] = (),
) -> Figure:
    """Images in rows and columns; a row may be shorter than the others.

    Args:
        rows: square images (H, W, C), C = 1, 3 or 4, uint8 or float in [0, 1]; small ones are enlarged.
        row_labels: stands to the left of each row, wrapped.
        column_titles: stands above each column, wrapped.

    Raises:
        ValueError: there is no image.
    """
    height, width = (max(image.shape[axis] for row in rows for image in row) for axis in (0, 1))
    rows = [[_enlarged(image, height, width) for image in row] for row in rows]
    columns = max(len(row) for row in rows)
    scale = max(1, min(_IMAGE // max(height, width), _WIDEST // (columns * width)))
    cell_height, cell_width = height * scale, width * scale

    titles = [_wrap(title, cell_width) for title in column_titles]
    labels = [_wrap(label, max(cell_width, 200)) for label in row_labels]
    head = _MARGIN + _LINE * max((title.count("\n") + 1 for title in titles), default=0)
    side = _MARGIN + _CHARACTER * max((len(line) for label in labels for line in label.split("\n")), default=0)
    head, side = round(head), round(side)

    canvas = montage(rows, columns, scale, height, width)
    whole_height, whole_width = head + canvas.shape[0] + _MARGIN, side + canvas.shape[1] + _MARGIN
    figure = blank(whole_width / DPI, whole_height / DPI, constrained=False)
    figure.figimage(canvas, side, _MARGIN)

    def write(x: float, y: float, text: str, horizontal: str, vertical: str) -> None:
        figure.text(
            x / whole_width,
            1 - y / whole_height,
            text,
            ha=horizontal,
            va=vertical,
            fontsize=_FONT,
            color=INK,
            linespacing=1.15,
        )

    for column, title in enumerate(titles):
        write(side + column * (cell_width + GAP) + cell_width / 2, head - 4, title, "center", "bottom")
    for row, label in enumerate(labels):
        write(side - 6, head + row * (cell_height + GAP) + cell_height / 2, label, "right", "center")
    return figure


def _enlarged(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Each pixel repeated as often as it takes."""
    down, right = (np.arange(n) * old // n for n, old in zip((height, width), image.shape, strict=False))
    return image[down][:, right]


def montage(rows: Sequence[Sequence[np.ndarray]], columns: int, scale: int, height: int, width: int) -> np.ndarray:
    """All images on one white uint8 (H, W, 3) canvas, each enlarged `scale` times, `GAP` pixels between them.

    Args:
        rows: images as of `image_grid`, (height, width, C) each.
        columns: of the longest row.
    """
    cell_height, cell_width = height * scale + GAP, width * scale + GAP
    canvas = np.full((len(rows) * cell_height - GAP, columns * cell_width - GAP, 3), 255, np.uint8)
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            large = _as_rgb(image).repeat(scale, axis=0).repeat(scale, axis=1)
            top, left = row * cell_height, column * cell_width
            canvas[top : top + large.shape[0], left : left + large.shape[1]] = large
    return canvas


def as_stored(images: np.ndarray) -> np.ndarray:
    """Images in [0, 1] as data sets store them, uint8."""
    return np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)


def _as_rgb(image: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) of any image: grey ones repeated, transparent ones laid on white."""
    if image.dtype != np.uint8:
        image = as_stored(image)
    if image.shape[2] == 4:
        cover = image[..., 3:] / 255
        return np.round(image[..., :3] * cover + 255 * (1 - cover)).astype(np.uint8)
    return image if image.shape[2] == 3 else image[..., :1].repeat(3, axis=2)


def _wrap(text: str, width: float) -> str:
    """`text` broken into lines that fit `width` pixels; its own line breaks stay."""
    characters = max(4, int(width / _CHARACTER))
    return "\n".join(line for part in text.split("\n") for line in textwrap.wrap(part, characters) or [""])


def traversal(points: np.ndarray, decode: Callable[[np.ndarray], np.ndarray], labels: Sequence[str]) -> Figure:
    """A row of images for each feature.

    Args:
        points: (F, steps, L) as of `traversed`.
        decode: (R, L) to images (R, H, W, C).
        labels: of the F rows.
    """
    features, steps, size = points.shape
    images = decode(points.reshape(-1, size))
    return image_grid([list(images[row * steps : (row + 1) * steps]) for row in range(features)], labels)

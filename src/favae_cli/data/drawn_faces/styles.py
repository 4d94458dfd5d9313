"""What the styles of the drawn faces are, and the colours they share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from favae_cli.data.drawn_faces.canvas import Array


@dataclass(frozen=True)
class Style:
    """What sets one way of drawing apart. Lengths are in units of half a picture.

    Attributes:
        outline: width of the dark line around the parts; 0 for none.
        shaded: light and shadow, soft background and blush, or flat colours.
        head: half-width and half-height of the head.
        eye: half-width and half-height of an eye.
        eye_line: height of the eyes under the middle of the head.
        iris: radius of the iris.
        chroma: strength of colour in clothes, hat and background.
    """

    outline: float
    shaded: bool
    head: tuple[float, float]
    eye: tuple[float, float]
    eye_line: float
    iris: float
    chroma: float


STYLES = {
    "photo": Style(
        outline=0.0,
        shaded=True,
        head=(0.45, 0.58),
        eye=(0.112, 0.064),
        eye_line=-0.03,
        iris=0.056,
        chroma=0.2,
    ),
    "cartoon": Style(
        outline=0.034,
        shaded=False,
        head=(0.50, 0.57),
        eye=(0.105, 0.120),
        eye_line=0.0,
        iris=0.080,
        chroma=0.26,
    ),
}


def _rgb(*levels: float) -> Array:
    return np.array(levels, np.float32).reshape(1, 3, 1, 1)


# Palettes to go along, from light to deep and from brown to blue, and the four hair colours.
SKIN = np.array([[0.98, 0.85, 0.76], [0.94, 0.75, 0.61], [0.84, 0.61, 0.45], [0.70, 0.49, 0.35], [0.58, 0.39, 0.29]])
IRIS = np.array([[0.33, 0.19, 0.10], [0.52, 0.38, 0.16], [0.28, 0.50, 0.30], [0.20, 0.45, 0.75]])
HAIR = np.array([[0.11, 0.09, 0.11], [0.43, 0.24, 0.13], [0.93, 0.76, 0.38], [0.68, 0.70, 0.74]], np.float32)
INK = _rgb(0.13, 0.10, 0.14)
WHITE = _rgb(0.98, 0.98, 0.97)
ROSE = _rgb(0.82, 0.56, 0.56)  # bare lips, relative to the skin
LIPSTICK = _rgb(0.92, 0.02, 0.15)
THROAT = _rgb(0.38, 0.07, 0.10)
BLUSH = _rgb(0.92, 0.36, 0.36)

"""Batched, anti-aliased drawing: signed distances of simple shapes, painted over each other.

Coordinates are free of resolution: the picture spans [-1, 1] in both directions, y pointing down. A distance
is in the same unit, negative inside the shape. Arrays are float32 and broadcast to (batch, channel, height,
width): a number for each picture is (B, 1, 1, 1), a colour (B, 3, 1, 1) with values in [0, 1], a distance
(B, 1, H, W).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Value = Array | float


class Canvas:
    """A batch of square RGB pictures to paint on.

    Attributes:
        pixels: float32 (B, 3, size, size), in [0, 1] as long as the colours are.
        x, y: float32 coordinates of the pixel centres, (1, 1, 1, size) and (1, 1, size, 1).
        pixel: side of a pixel.
    """

    def __init__(self, batch: int, size: int) -> None:
        centres = ((np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1).astype(np.float32)
        self.pixels = np.zeros((batch, 3, size, size), np.float32)
        self.x = centres[None, None, None, :]
        self.y = centres[None, None, :, None]
        self.pixel = 2 / size

    def paint(self, distance: Array, colour: Array, opacity: Value = 1.0, blur: float = 0.0) -> None:
        """Lay `colour` over the inside of a shape; its edge is as wide as a pixel and `blur` together."""
        coverage = distance * (-1 / (self.pixel + blur))
        coverage += 0.5
        np.clip(coverage, 0, 1, out=coverage)
        coverage *= opacity
        change = colour - self.pixels
        change *= coverage
        self.pixels += change

    def to_uint8(self) -> Array:
        """The pictures as uint8 (B, size, size, 3)."""
        levels = np.clip(self.pixels * 255 + 0.5, 0, 255).astype(np.uint8)
        return np.ascontiguousarray(levels.transpose(0, 2, 3, 1))


def ellipse(x: Array, y: Array, width: Value, height: Value) -> Array:
    """Distance to an ellipse around the origin with half-axes `width` and `height`.

    First order: the implicit function over the length of its gradient, exact on the edge.
    """
    u, v = x / width, y / height
    level = np.sqrt(u * u + v * v)
    u /= width
    v /= height
    slope = np.sqrt(u * u + v * v)
    slope += 1e-6
    distance: Array = level * (level - 1) / slope
    return distance


def rounded_box(x: Array, y: Array, width: Value, height: Value, radius: Value) -> Array:
    """Distance to a box around the origin with half-sides `width` and `height` and rounded corners."""
    u = np.abs(x) - (width - radius)
    v = np.abs(y) - (height - radius)
    inside = np.minimum(np.maximum(u, v), 0)
    np.maximum(u, 0, out=u)
    np.maximum(v, 0, out=v)
    distance: Array = np.sqrt(u * u + v * v) + inside - radius
    return distance


def lens(x: Array, y: Array, width: Value, top: Value, bottom: Value) -> Array:
    """Distance (first order) to the area between two parabolas that meet at (-width, 0) and (width, 0).

    Their apexes lie at `top` < `bottom`: both of one sign make a crescent, such as a brow or a smile.
    """
    bow = 1 - (x / width) ** 2
    slope = x * (2 * np.maximum(np.abs(top), np.abs(bottom)) / (width * width))
    between = np.maximum(top * bow - y, y - bottom * bow) / np.sqrt(1 + slope * slope)
    distance: Array = np.maximum(between, np.abs(x) - width)
    return distance


def hue(angle: Value, lightness: Value, chroma: Value) -> Array:
    """Colours around the wheel: `angle` in turns, 0 is red; lightness plus or minus chroma in [0, 1]."""
    thirds = np.array([0, 1 / 3, 2 / 3], np.float32).reshape(1, 3, 1, 1)
    colour: Array = lightness + chroma * np.cos(2 * np.pi * (angle - thirds))
    return colour


def along(palette: Array, position: Array) -> Array:
    """Colour at `position` in [0, 1] along a piecewise linear palette (P, 3)."""
    steps = np.linspace(0, 1, len(palette))
    channels = [np.interp(position, steps, channel) for channel in palette.T]
    return np.concatenate(channels, axis=1).astype(np.float32)

"""Faces in two styles, drawn from the same factors (see `favae_cli.data.sets.avatars` for what they mean)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from favae_cli.data.drawn_faces.canvas import Array, Canvas, Value, along, ellipse, hue, lens, rounded_box
from favae_cli.data.drawn_faces.styles import BLUSH, HAIR, INK, IRIS, LIPSTICK, ROSE, SKIN, THROAT, WHITE, Style


def draw(factors: Mapping[str, Array], style: Style, size: int) -> Array:
    """Draw the faces described by `factors`, columns of equal length B, as uint8 (B, size, size, 3)."""
    portrait = _Portrait(factors, style, size)
    portrait.background()
    portrait.hair_behind()
    portrait.body()
    portrait.head()
    portrait.beard()
    portrait.nose()
    portrait.mouth()
    portrait.eyes()
    portrait.glasses()
    portrait.hair_in_front()
    portrait.hat()
    return portrait.canvas.to_uint8()


class _Portrait:
    """A batch of faces in the making: its parts are painted from back to front."""

    def __init__(self, factors: Mapping[str, Array], style: Style, size: int) -> None:
        column = (-1, 1, 1, 1)
        columns = {name: values.astype(np.float32).reshape(column) for name, values in factors.items()}
        self.factor = columns
        self.style = style
        self.canvas = Canvas(len(columns["Male"]), size)
        self.male = columns["Male"]
        self.smile = columns["Smiling"]
        self.width = style.head[0] * (1 + 0.09 * columns["face_width"] + 0.03 * self.male)
        self.height = style.head[1]

        self.skin = along(SKIN, columns["skin_tone"])
        hair = HAIR[factors["hair_colour"]].reshape(-1, 3, 1, 1)
        self.hair = hair * (1 + 0.12 * columns["hair_shade"])

        # The body shifts with the head; the head alone leans, about the neck.
        neck = 0.55
        self.body_x = (self.canvas.x - 0.05 * columns["shift_x"]) / columns["scale"]
        self.body_y = (self.canvas.y - 0.035 * columns["shift_y"]) / columns["scale"]
        cos, sin = np.cos(columns["rotation"]), np.sin(columns["rotation"])
        raised = self.body_y - neck
        self.x = cos * self.body_x + sin * raised
        self.y = cos * raised - sin * self.body_x + (neck - 0.07)
        self.mirrored = np.abs(self.x)
        self.hair_edge = self.hair_outline()
        self.face_edge = self.face_outline()
        self.mouth_line = 0.5 * self.height

    def fill(self, distance: Array, colour: Array, opacity: Value = 1.0) -> None:
        """Paint a part, with the style's outline."""
        if self.style.outline:
            self.canvas.paint(distance - self.style.outline, INK, opacity)
        self.canvas.paint(distance, colour, opacity)

    def lit(self, colour: Array, x: Array, y: Array, width: Value, height: Value) -> Array:
        """`colour` on an ellipsoid around the origin, lit as the picture is; as is in a flat style."""
        if not self.style.shaded:
            return colour
        u, v = x / width, y / height
        towards_us = np.sqrt(np.maximum(1 - u * u - v * v, 0))
        sideways, down = np.clip(u, -1.2, 1.2), np.clip(v, -1.2, 1.2)
        return colour * (0.70 + 0.30 * towards_us + 0.24 * self.factor["light"] * sideways - 0.10 * down)

    def cast_shadow(self, distance: Array, opacity: Value = 1.0) -> None:
        """Darken softly what lies behind a part; nothing in a flat style."""
        if self.style.shaded:
            self.canvas.paint(distance - 0.02, INK, 0.3 * opacity, blur=0.14)

    def background(self) -> None:
        angle, tone = self.factor["background"], self.factor["background_tone"]
        chroma = 0.6 * self.style.chroma
        plain = hue(angle, 0.62 + 0.20 * tone, chroma)
        self.canvas.pixels[:] = plain
        if self.style.shaded:
            glow = ellipse(self.canvas.x - 0.8 * self.factor["light"], self.canvas.y + 0.3, 0.5, 0.6)
            self.canvas.pixels[:] *= 0.72
            self.canvas.paint(glow, hue(angle + 0.08, 0.66 + 0.22 * tone, 0.5 * chroma), blur=1.6)

    def hair_outline(self) -> Array:
        """Distance to the hair as seen from the front, face included: a cap, or hair down to its length."""
        length = 0.42 + 0.62 * self.factor["hair_length"]
        wave = 0.028 * self.factor["curl"] * np.sin(13 * self.x) * np.sin(13 * self.y + 1)
        crown = self.height + 0.09
        cap = ellipse(self.x, self.y + 0.02, self.width + 0.075, crown)
        middle = (length - crown) / 2
        flare = self.x / (1 + 0.16 * np.clip(self.y, 0, 1))
        mane = rounded_box(flare, self.y - middle, self.width + 0.13, (length + crown) / 2, 0.46)
        edge: Array = np.where(self.male > 0, cap, mane) + wave
        return edge

    def face_outline(self) -> Array:
        """Distance to the face: an ellipse that narrows towards the chin, less so in men."""
        jaw = np.clip(self.y / self.height, 0, 1)
        taper = 1 - (0.24 - 0.20 * self.male) * jaw * jaw
        return ellipse(self.x / taper, self.y, self.width, self.height)

    def hair_behind(self) -> None:
        lower = self.y - 0.05
        edge = np.where(self.male > 0, np.maximum(self.hair_edge, lower), self.hair_edge)
        self.fill(edge, 0.72 * self.hair if self.style.shaded else 0.85 * self.hair)

    def body(self) -> None:
        x, y = self.body_x, self.body_y
        neck = rounded_box(x, y - 0.62, 0.17 + 0.05 * self.male, 0.34, 0.12)
        self.fill(neck, 0.84 * self.skin)
        self.cast_shadow(ellipse(x, y - 0.46, 0.22, 0.16))
        broad = 0.76 + 0.16 * self.male
        cloth = hue(self.factor["clothing"], 0.48, self.style.chroma)
        neckline = ellipse(x, y - 0.68, 0.25, 0.19 - 0.05 * self.male)
        shoulders = np.maximum(ellipse(x, y - 1.22, broad, 0.52), -neckline)
        self.fill(shoulders, self.lit(cloth, x, y - 1.22, broad, 0.9))

    def head(self) -> None:
        x, y = self.x, self.y
        ears = ellipse(self.mirrored - self.width, y - 0.05, 0.075, 0.12)
        self.fill(ears, 0.88 * self.skin)
        self.fill(self.face_edge, self.lit(self.skin, x, y, 1.08 * self.width, 1.12 * self.height))
        cheeks = ellipse(self.mirrored - 0.29, y - 0.2 + 0.02 * self.smile, 0.09, 0.065)
        if self.style.shaded:
            self.canvas.paint(cheeks, BLUSH, 0.16 + 0.14 * self.smile, blur=0.2)
        else:
            self.canvas.paint(cheeks, BLUSH, 0.45 - 0.25 * self.male)

    def beard(self) -> None:
        bare = ellipse(self.x, self.y + 0.06, 0.84 * self.width, 0.29)
        blur = 0.06 if self.style.shaded else 0.0
        cheeks = np.maximum(self.face_edge + blur / 2, -bare)
        moustache = lens(self.x, self.y - self.mouth_line, 0.21, -0.12, -0.01)
        colour = 0.70 * self.hair + 0.15 * self.skin
        density = self.male * (0.6 + 0.35 * self.factor["beard"])
        self.canvas.paint(np.minimum(cheeks, moustache), colour, density, blur)

    def nose(self) -> None:
        if not self.style.shaded:
            self.canvas.paint(lens(self.x, self.y - 0.13, 0.065, 0.01, 0.06), 0.55 * self.skin)
            return
        y = self.y - 0.10
        lit_side = 0.035 * self.factor["light"]
        self.canvas.paint(ellipse(self.x + lit_side, y, 0.035, 0.12), 0.72 * self.skin, 0.45, blur=0.08)
        self.canvas.paint(ellipse(self.x - lit_side, y, 0.02, 0.11), 1.15 * self.skin, 0.5, blur=0.06)
        self.canvas.paint(lens(self.x, y - 0.075, 0.085, -0.02, 0.035), 0.62 * self.skin, 0.8, blur=0.02)

    def mouth(self) -> None:
        """Lips around a closed mouth with drooping corners, or around a wide open smile."""
        x, y, smile = self.x, self.y - self.mouth_line, self.smile
        made_up = self.factor["Wearing_Lipstick"]
        lips = made_up * LIPSTICK + (1 - made_up) * self.skin * ROSE
        full = 0.010 + 0.032 * made_up
        around_closed = lens(x, y - 0.06, 0.145 + 0.7 * full, -0.03 - 1.5 * full, 0.04 + 1.5 * full)
        around_opened = lens(x, y + 0.02, 0.245 + 0.8 * full, 0.03 - 1.6 * full, 0.225 + 1.6 * full)
        self.canvas.paint(np.where(smile > 0, around_opened, around_closed), lips)
        self.canvas.paint(lens(x, y + 0.01, 0.23, 0.03, 0.215), THROAT, smile)
        self.canvas.paint(lens(x, y + 0.005, 0.215, 0.035, 0.16), WHITE, smile)
        self.canvas.paint(lens(x, y - 0.065, 0.13, -0.014, 0.014), 0.35 * lips, 1 - smile)

    def eyes(self) -> None:
        width = self.style.eye[0]
        height = self.style.eye[1] * (1 - 0.15 * self.smile)
        apart = 0.42 * self.width
        side = np.copysign(apart, self.x)
        u, v = self.x - side, self.y - self.style.eye_line
        outward = u * np.sign(self.x)

        open_eye = ellipse(u, v, width, height)
        self.canvas.paint(open_eye - 0.012, INK, 0.3 if self.style.shaded else 1.0)
        self.canvas.paint(open_eye, WHITE)
        iris = np.maximum(ellipse(u, v, self.style.iris, self.style.iris), open_eye)
        self.canvas.paint(iris, along(IRIS, self.factor["eye_colour"]))
        self.canvas.paint(ellipse(u, v, 0.5 * self.style.iris, 0.5 * self.style.iris), INK)
        glint = 0.35 * self.style.iris
        self.canvas.paint(ellipse(u + glint, v + glint, glint, glint), WHITE)
        lid = ellipse(outward - 0.012, v, width + 0.034, height + 0.036)
        lashes = np.maximum(lid, -ellipse(outward + 0.004, v - 0.03, width + 0.012, height + 0.02))
        self.canvas.paint(lashes, INK, 0.95 - 0.55 * self.male)

        thick = 0.026 + 0.03 * self.male
        brow = lens(outward, v + height + 0.07, 0.145, -0.06 - thick, -0.055 + 0.4 * thick)
        self.canvas.paint(brow, 0.62 * self.hair, 0.9)

    def glasses(self) -> None:
        worn = self.factor["Eyeglasses"]
        radius = 0.165
        apart = 0.43 * self.width
        level = self.y - self.style.eye_line
        lenses = rounded_box(self.mirrored - apart, level, radius, 0.155, 0.11)
        bridge = rounded_box(self.x, level + 0.03, apart - radius, 0.022, 0.02)
        hinge = apart + radius
        arm = (self.width - hinge) / 2
        temples = rounded_box(self.mirrored - hinge - arm, level + 0.04, arm, 0.022, 0.02)
        frame = np.minimum(np.minimum(np.abs(lenses) - 0.028, bridge), temples)
        self.canvas.paint(lenses, WHITE, 0.16 * worn)
        self.canvas.paint(frame, INK, worn)

    def hair_in_front(self) -> None:
        slope = 0.3 * self.factor["parting"] * self.x
        hairline = -0.38 + 0.13 * self.factor["fringe"]
        middle = (1.1 + hairline) / 2
        opening = rounded_box(self.x, self.y + slope - middle, 0.87 * self.width, 1.1 - middle, 0.24)
        below = self.y - 0.95 + 0.93 * self.male
        front = np.maximum(np.maximum(self.hair_edge, -opening), below)
        self.cast_shadow(np.maximum(front, self.face_edge + 0.05))
        self.fill(front, self.lit(self.hair, self.x, self.y + 0.05, 1.2 * self.width, 1.25 * self.height))
        if self.style.shaded:
            gloss = lens(self.x - 0.2 * self.factor["light"], self.y + 0.38, 0.3, -0.13, -0.09)
            self.canvas.paint(np.maximum(gloss, front), WHITE, 0.22, blur=0.1)

    def hat(self) -> None:
        worn = self.factor["Wearing_Hat"]
        colour = hue(self.factor["hat"], 0.50, 1.2 * self.style.chroma)
        base = -0.30
        dome = np.maximum(ellipse(self.x, self.y + 0.28, self.width + 0.13, 0.50), self.y - base)
        self.fill(dome, self.lit(colour, self.x, self.y + 0.2, 1.3 * self.width, 0.7), worn)
        band = rounded_box(self.x, self.y - base, self.width + 0.17, 0.075, 0.06)
        self.cast_shadow(np.maximum(band, self.hair_edge + 0.05), worn)
        self.fill(band, self.lit(0.72 * colour, self.x, self.y - base, 1.6 * self.width, 0.6), worn)

"""What `make paper` runs, in order: the paper's three experiments, then its rivals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

Roots = Mapping[str, Path]  # folders of data by the name of their option


@dataclass(frozen=True)
class Data:
    """What a step learns from.

    Attributes:
        title: as the page calls it.
        published: whether the paper used it; else it stands in.
    """

    title: str
    published: bool = False


CELEBA = Data("CelebA", published=True)
AVATARS = Data("drawn faces")
EMOJI = Data("emoji")


@dataclass(frozen=True)
class Step:
    """One run of favae-run.

    Attributes:
        part: what of the paper it does.
        data: what it learns from.
        experiment: of configs/experiment.
        roots: keys of the config that name a folder of data, and the option that gives it.
        quick: KEY=VALUE for `make paper-quick`.
        overrides: KEY=VALUE always.
        suffix: of its name, where the experiment has several steps.
    """

    part: str
    data: Data
    experiment: str
    roots: Mapping[str, str]
    quick: tuple[str, ...]
    overrides: tuple[str, ...] = ()
    suffix: str = ""

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.experiment + self.suffix

    def arguments(self, roots: Roots, quick: bool) -> list[str]:
        """Of favae-run. A folder that was not given stays DIR, to be shown."""
        places = [f"{key}={roots.get(option, 'DIR')}" for key, option in self.roots.items()]
        return [f"experiment={self.experiment}", *places, *self.overrides, *(self.quick if quick else ())]

    def lacks(self, roots: Roots) -> list[str]:
        """The options that it needs and that were not given."""
        return [option for option in self.roots.values() if option not in roots]


def why_not(step: Step, roots: Roots) -> str | None:
    """Why a step is not run with these data; None where it is."""
    if lacking := step.lacks(roots):
        return "needs " + " and ".join(f"{option.upper()}=DIR" for option in lacking)
    published = [other for other in PLAN if other.part == step.part and other.data.published]
    if step.data is AVATARS and not any(other.lacks(roots) for other in published):
        return "only stands in for the paper's data, which are here"
    return None


def _schedule(alone: int, rounds: int, epochs: int) -> tuple[str, ...]:
    return f"schedule.alone_epochs={alone}", f"schedule.rounds={rounds}", f"schedule.round_epochs={epochs}"


_FACES = {"data.root": "celeba"}
_PAIRS = {"data.faces.root": "celeba", "data.cartoons.root": "cartoons"}
_EMOJI = {"data.root": "emoji"}

# Quick sizes: about 14 minutes on two cores, emoji included. On these conv32 learns from 1,750 images of 32 pixels a
# second, or 600 of 64, and conv32_deep from 740 of 32; the ten steps without CelebA show them 650,000 in all, in eight
# minutes. Factors, judges and figures take half a minute a run.
_QUICK_FACES = ("data.images=2000", "data.size=32")
_QUICK_PAIRS = (
    *("data.faces.size=32", "data.cartoons.size=32", "arch@views.face.arch=conv32", "arch@views.cartoon.arch=conv32"),
    *("data.pairing.count.train=1400", "data.pairing.count.validation=200", "data.pairing.count.test=400"),
)
_QUICK_AVATARS = ("data.samples=2000", "data.size=32")
_QUICK_EMOJI = ("data.views.noto.size=32", "data.views.blob.size=32", "evaluation.judge.epochs=20")

_CONDITION = (
    Step(
        "condition",
        CELEBA,
        "celeba_condition",
        _FACES,
        (*_QUICK_FACES, "arch@views.face.arch=conv32", *_schedule(16, 3, 3)),
    ),
    Step("condition", AVATARS, "avatars_condition", {}, ("data.samples=2000", *_schedule(16, 3, 3))),
    Step("condition", EMOJI, "emoji_condition", _EMOJI, (*_QUICK_EMOJI, *_schedule(24, 3, 4))),
)
_ADAPT = (
    Step("adapt", CELEBA, "celeba_cartoon", _PAIRS, (*_QUICK_PAIRS, *_schedule(12, 4, 3))),
    Step("adapt", AVATARS, "avatars_adapt", {}, (*_QUICK_AVATARS, *_schedule(12, 4, 3))),
    Step("adapt", EMOJI, "emoji_adapt", _EMOJI, (*_QUICK_EMOJI, *_schedule(16, 4, 3))),
)
_TRANSFER = (
    Step(
        "transfer",
        CELEBA,
        "celeba_transfer",
        _FACES,
        (*_QUICK_FACES, "arch@views.small.arch=conv32", "arch@views.large.arch=conv32_deep", *_schedule(16, 3, 3)),
    ),
    Step("transfer", AVATARS, "avatars_transfer", {}, (*_QUICK_AVATARS, *_schedule(16, 3, 3))),
    Step("transfer", EMOJI, "emoji_transfer", _EMOJI, (*_QUICK_EMOJI, *_schedule(16, 3, 3))),
)
RIVALS = ("multi_vae", "beta_vae")
_VIEWS = {"celeba_cartoon": ("face", "cartoon"), "avatars_adapt": ("face", "cartoon"), "emoji_adapt": ("noto", "blob")}
# Beside what the method has become: task condition and the ways of task transfer have the published algorithm already.
_PUBLISHED = tuple(
    replace(
        step,
        part="published",
        overrides=("model=fa_vae_published", *(f"views.{view}.start=random" for view in _VIEWS[step.experiment])),
        suffix="_published",
    )
    for step in _ADAPT
)
PLAN = (
    *_CONDITION,
    *_ADAPT,
    *(replace(step, overrides=("transfer=parts",)) for step in _TRANSFER),
    *_PUBLISHED,
    *(
        replace(step, part=model, overrides=(f"model={model}",), suffix=f"_{model}")
        for model in RIVALS
        for step in _ADAPT
    ),
)

"""The pages of keys and of metrics name all that there is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from favae_cli.config.folders import shipped_configs

TOP = Path(__file__).parents[2]
PAGES = TOP / "docs" / "reference" / "config"
ROW = re.compile(r"^\| `([^`]+)` \| (.*) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def pages() -> Iterator[dict[str, str]]:
    """As scripts/docs/reference.py would write them now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TOP / "scripts" / "docs")
        reference: ModuleType = import_module("reference")
        yield reference.pages()


def test_the_pages_are_up_to_date(pages: dict[str, str]) -> None:
    written = {path.name: path.read_text() for path in PAGES.glob("*.md")}
    stale = sorted(name for name in pages.keys() | written.keys() if pages.get(name) != written.get(name))
    assert not stale, f"{', '.join(stale)}: make docs writes them anew"


def test_every_key_has_a_meaning(pages: dict[str, str]) -> None:
    rows = [row for text in pages.values() for row in ROW.findall(text)]
    assert len(rows) > 250
    assert [key for key, rest in rows if not rest.rpartition(" | ")[2].strip()] == []


def keys_of(section: Any, prefix: str = "") -> Iterator[str]:
    """Dotted paths of all that is no section."""
    for key, value in section.items():
        yield from keys_of(value, f"{prefix}{key}.") if isinstance(value, dict) and value else (f"{prefix}{key}",)


@pytest.mark.parametrize("experiment", sorted(path.stem for path in (shipped_configs() / "experiment").glob("*.yaml")))
def test_every_key_of_the_experiments_is_there(experiment: str, pages: dict[str, str]) -> None:
    known = {key for text in pages.values() for key, _ in ROW.findall(text)}
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        composed = compose("run", [f"experiment={experiment}"])
    used = set(keys_of(OmegaConf.to_container(composed, resolve=False)))
    used -= {"task.name"}  # said in words
    assert {key for key in used if not any(named(key, other) for other in known)} == set()


def named(key: str, row: str) -> bool:
    """Whether a row tells of the key; NAME in it stands for any, and below a mapping of the user's is no other row."""
    steps, told = key.split("."), row.split(".")
    if len(steps) < len(told):
        return False
    same = all(step == other or other == "NAME" for step, other in zip(steps, told, strict=False))
    return same and (len(steps) == len(told) or told[-1] in ("binarise", "missing", "attributes", "views", "cartoons"))


def test_a_key_that_no_row_names_is_missed() -> None:
    assert not named("schedule.patience_of_saints", "schedule.patience")
    assert named("views.face.latent", "views.NAME.latent")
    assert not named("views.face.latent", "views.NAME.data")


def test_every_metric_is_on_its_page(undocumented: Callable[[dict[str, float]], list[str]]) -> None:
    known = {
        "before/test/face/r2_mean": 1.0,
        "test/attributes/Smiling/auc_probe": 1.0,
        "predict/fourier-image/r2": 1.0,
        "transfer/prior/log_likelihood": 1.0,
        "factors/private/face": 1.0,
    }
    assert undocumented(known) == []
    unknown = {"test/face/beauty": 1.0, "edit/Smiling/speed": 1.0, "predict/face/kl": 1.0, "luck": 1.0}
    assert undocumented(known | unknown) == list(unknown)

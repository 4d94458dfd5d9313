"""Views and attributes that are named, or can only be one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from favae_cli.common.errors import UserError
from favae_cli.machine.runtime import Runtime
from favae_cli.models.fa_vae import FAVAE
from favae_cli.tasks.trained_run.named_choices import chosen_attributes
from favae_cli.training.trained_run import load_run

VIEWS = {"traits": ("bald", "toned"), "looks": ("toned", "smiling")}


@pytest.mark.parametrize(
    ("name", "asked", "view"),
    [
        (None, ["bald"], "traits"),
        (None, ["smiling", "toned"], "looks"),
        ("looks", ["toned"], "looks"),
        (None, [], "traits"),
    ],
)
def test_the_view_of_the_attributes_is_the_one_that_has_them(name: str | None, asked: list[str], view: str) -> None:
    assert chosen_attributes(name, asked, VIEWS) == view


@pytest.mark.parametrize(
    ("name", "asked", "told"),
    [
        (None, ["toned"], "of: say of which view the attributes are, as of=traits"),
        (None, ["balt"], "attributes.balt: the run has no such attribute; did you mean bald?"),
        (None, ["bald", "smiling"], "attributes: bald, smiling are of several views; ask for those of one at a time"),
        ("trait", ["bald"], "of: the run has no view of attributes trait; did you mean traits?"),
    ],
)
def test_attributes_that_are_of_no_view_or_of_several(name: str | None, asked: list[str], told: str) -> None:
    with pytest.raises(UserError) as refused:
        chosen_attributes(name, asked, VIEWS)
    assert str(refused.value).startswith(told)


def test_categories_are_no_attributes_whatever_comes_first(mixed_run: Path) -> None:
    run = load_run(mixed_run, Runtime(torch.device("cpu")))
    first = dict(sorted(run.factors.views.items(), key=lambda view: view[0] != "labels"))
    assert next(iter(first)) == "labels"
    again = replace(run, model=FAVAE(first, run.factors.factors))
    assert again.attributes == {"bits": run.views["bits"].columns}

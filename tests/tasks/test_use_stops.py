"""A stop is heard in whatever a trained run is used for, and nothing half-written stays."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from favae_cli.common.errors import Interrupted
from favae_cli.evaluation import judge
from favae_cli.tasks.trained_run import add_view, impute, predict

Using = Callable[..., Path]
SignalledAt = Callable[..., AbstractContextManager[Callable[[], int]]]

JOINING = ["name=weighed", "++data.table=more.csv", "++data.views.weighed={kind: real, columns: [weight]}"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fixture", "asked", "owner", "name", "call", "unwritten"),
    [
        ("run", ["task=evaluate"], judge, "blurred", 2, "report.html"),
        ("mixed_run", ["task=impute"], impute, "made_of", 3, "imputed.csv"),
        ("mixed_run", ["task=predict", "input=TABLE"], predict, "made_of", 8, "predicted.csv"),
        ("mixed_run", ["task=add_view", *JOINING], add_view, "extend", 1, "metrics.json"),
        ("run", ["task=edit", "from=face", "++attributes.Smiling=1"], Image.Image, "save", 2, "attributes.csv"),
        ("run", ["task=generate", "count=2"], Image.Image, "save", 4, "figures/generated_cartoon.png"),
    ],
    ids=["the judge learns", "impute", "predict, some samples at a time", "add_view", "edit", "generate"],
)
def test_it_stops_where_it_is(
    fixture: str,
    asked: list[str],
    owner: ModuleType | type,
    name: str,
    call: int,
    unwritten: str,
    using: Using,
    signalled_at: SignalledAt,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run: Path = request.getfixturevalue(fixture)
    monkeypatch.setattr(predict, "AT_A_TIME", 100)
    asked = [line.replace("TABLE", str(run.parent / "more.csv")) for line in asked]
    with signalled_at(owner, name, call) as calls, pytest.raises(Interrupted, match="what was made until then is in"):
        using(*asked, run=run)
    assert calls() == call, "it goes on"
    (folder,) = tmp_path.glob("used-*")
    assert not (folder / unwritten).exists()
    hidden = {path.name for path in folder.rglob(".*")}
    assert hidden <= {".hydra", ".lock", ".holder"}

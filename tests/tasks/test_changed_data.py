"""A run that meets its data or its config again, after somebody has changed them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from favae_cli.cli import main
from favae_cli.command_line.compose import parse_arguments
from favae_cli.command_line.resume_run import resume
from favae_cli.common.errors import UserError
from favae_cli.data import SPLITS, Dataset
from favae_cli.data.kinds import categorical
from favae_cli.machine.runtime import Runtime
from favae_cli.queries.samples import load_data
from favae_cli.reporting.report import write_report
from favae_cli.tasks.session import Session
from favae_cli.training import checkpoint
from favae_cli.training.trained_run import load_run

PLAIN = Runtime(torch.device("cpu"))
Asked = Callable[..., Any]


@pytest.fixture
def table(mixed_run: Path, tmp_path: Path) -> Path:
    """The run's table, in a folder of its own, for changing."""
    (tmp_path / "tables").mkdir()
    return Path(shutil.copy(mixed_run.parent / "mixed.csv", tmp_path / "tables"))


@pytest.fixture
def run(mixed_run: Path, tmp_path: Path, table: Path) -> Path:
    """A copy of the run of many kinds, whose data are the copied table."""
    folder = shutil.copytree(mixed_run, tmp_path / "run")
    change_config(folder, lambda config: config["data"].update(root=str(table.parent)))
    return folder


def change_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / ".hydra" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def change_table(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(pd.read_csv(path, dtype=str)).to_csv(path, index=False)


def opened(folder: Path, *overrides: str) -> Dataset:
    """The data that the run goes on with."""
    arguments = [f"resume={folder}", *overrides]
    return Session.open(resume(folder, parse_arguments(arguments)), folder).data


def looked_at(folder: Path, **data: object) -> Dataset:
    """The data that a use of the run looks at."""
    return load_data(SimpleData(data), load_run(folder, PLAIN))  # type: ignore[arg-type]


class SimpleData:
    """All of the config of a use that its data hang on."""

    def __init__(self, data: Mapping[str, object]) -> None:
        self.data, self.cache = data, Path("cache")


def splits(data: Dataset) -> dict[str, list[str]]:
    return {name: data.keys[data.split[name]].tolist() for name in SPLITS}


def with_more(table: pd.DataFrame) -> pd.DataFrame:
    more = table.iloc[:30].assign(id=[f"new {number}" for number in range(30)])
    return pd.concat([more.iloc[:15], table, more.iloc[15:]])


@pytest.mark.slow
def test_rows_that_were_added_move_no_sample_into_another_split(
    run: Path, table: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = splits(opened(run))
    change_table(table, with_more)
    assert splits(opened(run)) == before
    assert "30 samples that the run does not know, the first is 'new 0'; they take no part" in caplog.text
    data = looked_at(run)
    assert splits(data) == before
    assert len(data.split["all"]) == 270
    assert "they are in no split but split=all" in caplog.text
    named = looked_at(run, table="mixed.csv")  # on purpose: they are where the split of today has them
    assert all(set(before[name]) <= set(there) for name, there in splits(named).items())
    assert sum(map(len, splits(named).values())) == 270


def test_the_order_of_the_rows_does_not_matter(run: Path, table: Path) -> None:
    before = opened(run)
    change_table(table, lambda rows: rows.iloc[::-1])
    after = opened(run)
    assert after.keys.tolist() == before.keys.tolist()
    np.testing.assert_array_equal(after.views["numbers"].gather(np.arange(5)), before.views["numbers"].values[:5])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows.assign(price=rows["price"] + "1"), "view numbers has other values"),
        (lambda rows: rows.iloc[3:], "3 of 240 samples are gone, the first is 'item 0'"),
        pytest.param(
            lambda rows: rows.assign(remark=rows["remark"].str.upper()),
            "view remark has other values",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_table_that_was_edited_is_refused_unless_it_is_meant(
    run: Path,
    table: Path,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    told: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    change_table(table, change)
    with pytest.raises(UserError) as refused:
        opened(run)
    assert str(refused.value).startswith(f"data: are not those that {run} was begun with: {told}")
    with pytest.raises(UserError, match=r"was trained on: .*say that these are meant by any data\.\* key") as refused:
        looked_at(run)
    assert told in str(refused.value)
    assert looked_at(run, table="mixed.csv").views
    assert f"data: not those that the run was trained on: {told}" in caplog.text


@pytest.mark.slow
def test_a_run_of_a_version_with_another_order_of_categories_goes_on(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = opened(run)
    monkeypatch.setattr(categorical, "in_order", lambda categories: sorted(categories, reverse=True))
    after = opened(run)
    name = next(name for name, view in before.views.items() if view.kind == "categorical")
    assert after.views[name].columns == before.views[name].columns
    np.testing.assert_array_equal(after.views[name].values, before.views[name].values)


def test_a_config_that_was_edited_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change_config(run, lambda config: config["data"]["views"]["bits"]["columns"].reverse())
    told = r"run: .* was trained by another config .*bits\.columns is \['sold', 'new'\], was \['new', 'sold'\]"
    with pytest.raises(UserError, match=told):
        load_run(run, PLAIN)
    assert main([f"resume={run}"]) == 2
    assert "resume: " in (err := capsys.readouterr().err)
    assert "data.views.bits.columns" in err


@pytest.mark.slow
def test_a_run_of_an_earlier_version_takes_its_data_as_they_are(
    run: Path, table: Path, caplog: pytest.LogCaptureFixture
) -> None:
    last = run / "checkpoints" / "last"
    tensors, state = checkpoint.load(last)
    checkpoint.save(last, tensors, {name: value for name, value in state.items() if name != "identity"})
    change_table(table, lambda rows: rows.iloc[3:])
    caplog.set_level("INFO")
    assert len(opened(run).keys) == 237
    assert "the run is of an earlier version" in caplog.text
    assert len(looked_at(run).keys) == 237


@pytest.mark.slow
def test_what_a_run_goes_on_with_is_written_down(run: Path) -> None:
    for size in (32, 16, 16):
        opened(run, f"trainer.batch_size={size}", "trainer.clip_norm=50.0")
    config = yaml.safe_load((run / ".hydra" / "config.yaml").read_text())
    assert (config["trainer"]["batch_size"], config["trainer"]["clip_norm"]) == (16, 50.0)
    write_report(run)
    report = (run / "report.html").read_text()
    assert report.count("It went on with") == 2
    assert "<pre>trainer.batch_size=32 trainer.clip_norm=50.0</pre>" in report


@pytest.mark.slow
def test_a_change_of_another_kind_is_judged_by_the_schema(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["task=impute", f"run={run}", "output=filled.csv", "data.views.numbers.columns={a: 1}"]) == 2
    assert "data.views.numbers.columns" in capsys.readouterr().err

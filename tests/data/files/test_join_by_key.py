"""Files about different samples become views of all of them, whatever the order of their rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from favae_cli.common.errors import UserError
from favae_cli.config.choices import DataConfig
from favae_cli.data import Dataset, load
from favae_cli.data.files.join_by_key import positions, union

savez: Callable[..., None] = np.savez  # its own type takes any array for `allow_pickle`

SCHEMA: TypeAdapter[Any] = TypeAdapter(DataConfig)
CONFIG = Path(__file__).parents[3] / "configs" / "data" / "manifest.yaml"
SHAPE = {"kind": "real", "columns": ["height", "mass"]}
SITE = {"kind": "categorical", "columns": ["site"], "table": "sites.parquet"}
SPECTRUM = {"kind": "vector", "array": "spectrum", "table": "spectra.npz"}
VIEWS = {"shape": SHAPE, "site": SITE, "spectrum": SPECTRUM}

Run = Callable[..., Dataset]


def frames() -> tuple[pd.DataFrame, pd.DataFrame, dict[str, np.ndarray]]:
    """People 0 to 19 have a shape, 10 to 29 a site and those divisible by three a spectrum."""
    people = pd.DataFrame(
        {
            "id": [f"p{i}" for i in range(20)],
            "height": [150 + i for i in range(20)],
            "mass": [50 + i * i / 8 for i in range(20)],
            "team": [f"team {i // 4}" for i in range(20)],
            "part": [("train", "train", "val", "test")[i % 4] for i in range(20)],
        }
    )
    sites = pd.DataFrame({"id": [f"p{i}" for i in range(10, 30)], "site": [("sea", "hill")[i % 2] for i in range(20)]})
    measured = np.arange(0, 30, 3)
    spectra = {"id": np.array([f"p{i}" for i in measured]), "spectrum": measured[:, None] + np.arange(3) / 10}
    return people, sites, spectra


def write(folder: Path, people: pd.DataFrame, sites: pd.DataFrame, spectra: dict[str, np.ndarray]) -> None:
    people.to_csv(folder / "people.csv", index=False)
    sites.to_parquet(folder / "sites.parquet", index=False)
    savez(folder / "spectra.npz", **spectra)


@pytest.fixture
def run(load_manifest: Run, tmp_path: Path) -> Run:
    """Writes the three files and joins them with the given changes of the config."""
    write(tmp_path, *frames())

    def run(views: dict[str, Any] | None = None, **changes: Any) -> Dataset:
        return load_manifest(views or VIEWS, **{"table": "people.csv", "key": "id"} | changes)

    return run


def by_key(data: Dataset) -> dict[str, dict[str, Any]]:
    """The values of every sample in every view that it has."""
    return {
        key: {name: view.gather(np.array([i]))[0].tolist() for name, view in data.views.items() if view.present[i]}
        for i, key in enumerate(data.keys)
    }


def test_every_key_of_any_file_is_a_sample(run: Run) -> None:
    data = run()
    assert data.keys.tolist() == [f"p{i}" for i in range(30)]
    assert data.name == "people"
    shape, site, spectrum = (data.views[name] for name in VIEWS)
    assert np.flatnonzero(shape.present).tolist() == [*range(20)]
    assert np.flatnonzero(site.present).tolist() == [*range(10, 30)]
    assert np.flatnonzero(spectrum.present).tolist() == [*range(0, 30, 3)]
    assert shape.gather(np.array([12]))[0].tolist() == [162, 68]
    assert site.columns == ("site=hill", "site=sea")
    assert site.gather(np.array([12, 29])).tolist() == [[0, 1], [1, 0]]
    np.testing.assert_allclose(spectrum.gather(np.array([12])), [[12, 12.1, 12.2]], rtol=1e-6)
    assert sorted(np.concatenate([*data.split.values()]).tolist()) == [*range(30)]


def test_without_a_main_table_the_views_follow_in_order(run: Run, tmp_path: Path) -> None:
    views = {"site": SITE, "shape": SHAPE | {"table": "people.csv"}}
    data = run(views, table=None)
    assert data.keys.tolist() == [f"p{i}" for i in (*range(10, 30), *range(10))]
    assert data.name == tmp_path.name


@pytest.mark.slow
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None)
def test_the_order_of_rows_changes_nothing_but_the_order_of_samples(seed: int) -> None:
    people, sites, spectra = frames()
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(spectra["id"]))

    def join(*files: Any) -> Dataset:
        with tempfile.TemporaryDirectory() as name:
            write(Path(name), *files)
            config = yaml.safe_load(CONFIG.read_text())
            config |= {"root": name, "table": "people.csv", "key": "id", "views": VIEWS}
            return load(SCHEMA.validate_python(config), Path(name), seed=0)

    plain = join(people, sites, spectra)
    shuffled = join(
        people.sample(frac=1, random_state=generator),
        sites.sample(frac=1, random_state=generator),
        {name: array[order] for name, array in spectra.items()},
    )
    assert by_key(shuffled) == by_key(plain)
    for part, indices in plain.split.items():
        assert set(shuffled.keys[shuffled.split[part]]) == set(plain.keys[indices])


@given(st.lists(st.lists(st.text("abc", min_size=1, max_size=2), min_size=1), min_size=1, max_size=4))
def test_union_and_positions(lists: list[list[str]]) -> None:
    keys = union([np.array(keys) for keys in lists])
    flat = [key for keys in lists for key in keys]
    assert keys.tolist() == sorted(set(flat), key=flat.index)
    some = keys[::2]
    assert positions(some, keys).tolist() == [some.tolist().index(key) if key in some else -1 for key in keys]


def test_the_key_may_be_the_index_of_parquet(run: Run, tmp_path: Path) -> None:
    plain = by_key(run())
    frames()[1].set_index("id").to_parquet(tmp_path / "sites.parquet")
    assert by_key(run()) == plain


def test_the_split_is_read_from_the_main_table(run: Run, tmp_path: Path) -> None:
    few = {"id": np.array([f"p{i}" for i in range(1, 20, 2)]), "spectrum": np.arange(10.0)[:, None]}
    savez(tmp_path / "few.npz", **few)
    views = {"shape": SHAPE, "spectrum": SPECTRUM | {"table": "few.npz"}}
    data = run(views, split={"column": "part"})
    assert data.keys[data.split["validation"]].tolist() == ["p2", "p6", "p10", "p14", "p18"]
    split = run(views, split={"by": "team", "validation": 0.2}).split
    teams = [{int(key[1:]) // 4 for key in data.keys[indices]} for indices in split.values()]
    assert sum(map(len, teams)) == 5
    for which in ("by", "column"):
        message = rf"data\.split\.{which}: column 'part' must say it .*people\.csv has no row of 'p20', nor of 9 more"
        with pytest.raises(UserError, match=message):
            run(split={which: "part"})


def test_a_column_in_another_file_is_found(run: Run, tmp_path: Path) -> None:
    views = VIEWS | {"wrong": {"kind": "categorical", "columns": ["site"]}}
    message = (
        r"data\.views\.wrong\.columns: no column 'site'; .*in .*people\.csv\); sites\.parquet has it: "
        r"set data\.views\.wrong\.table=sites\.parquet"
    )
    with pytest.raises(UserError, match=message):
        run(views)
    np.savez(tmp_path / "other.npz", id=frames()[2]["id"])
    with pytest.raises(UserError, match=r"no array 'spectrum'.*; spectra\.npz has it"):
        run(VIEWS | {"wrong": SPECTRUM | {"table": "other.npz"}})


def test_keys_must_differ_in_every_file(run: Run, tmp_path: Path) -> None:
    people, sites, spectra = frames()
    write(tmp_path, people, pd.concat([sites, sites[4:5]]), spectra)
    with pytest.raises(UserError, match=r"data\.key: 'p14' names several samples, rows 5, 21 of .*sites\.parquet"):
        run()


def test_a_file_without_the_key_is_named(run: Run, tmp_path: Path) -> None:
    people, sites, spectra = frames()
    write(tmp_path, people, sites.rename(columns={"id": "person"}), spectra)
    with pytest.raises(UserError, match=r"data\.key: no column 'id'; .*in .*sites\.parquet"):
        run()


def test_a_sample_that_no_view_knows_is_named_with_its_file(run: Run, tmp_path: Path) -> None:
    people, sites, spectra = frames()
    spectra["spectrum"][9] = np.nan  # p27
    write(tmp_path, people, sites.drop(index=17), spectra)
    message = (
        r"1 samples have no view at all, the first is 'p27' \(row 10\) of .*spectra\.npz; .* shape, site, spectrum"
    )
    with pytest.raises(UserError, match=message):
        run()


def test_files_that_are_not_there_are_named_by_their_key(run: Run) -> None:
    with pytest.raises(UserError, match=r"data\.views\.site\.table: there is no file .*lost\.csv"):
        run({"shape": SHAPE, "site": SITE | {"table": "lost.csv"}})


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"key": None}, "data.key: must name the column by which people.csv, sites.parquet, spectra.npz are joined"),
        ({"table": None}, "data.views.shape.table: must be given where data.table is null"),
        (
            {"table": None, "split": {"by": "team"}},
            "data.split.by: team would be a column of data.table, which is null",
        ),
        (
            {"key": None, "views": {"gait": {"kind": "sequence", "columns": ["x"], "time": "t"}}},
            "data.key: must name the column that says which rows of gait are of one sample",
        ),
    ],
)
def test_keys_that_contradict_each_other(
    shipped: Callable[..., dict[str, Any]], changes: dict[str, Any], line: str
) -> None:
    config = shipped("manifest", root=".", table="people.csv", key="id", views=VIEWS)
    changes = changes | {"split": config["split"] | changes.get("split", {})}
    assert line in list(SCHEMA.validate_python(config | changes).contradictions())


def test_kinds_are_those_of_the_config(shipped: Callable[..., dict[str, Any]]) -> None:
    config = SCHEMA.validate_python(shipped("manifest", root=".", table="people.csv", key="id", views=VIEWS))
    assert config.kinds() == {"shape": "real", "site": "categorical", "spectrum": "vector"}
    assert config.sides() == dict.fromkeys(VIEWS)

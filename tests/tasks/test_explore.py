"""What the page of task explore is made of, without a browser."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from favae_cli import FAVAE
from favae_cli.command_line.compose import checked_overrides, parse_arguments
from favae_cli.common.errors import UserError
from favae_cli.config.folders import shipped_configs
from favae_cli.config.trained_run_tasks import EditConfig, validate_use
from favae_cli.data import Dataset
from favae_cli.explore.commands import Value, command
from favae_cli.explore.sample_answers import answers
from favae_cli.explore.seen import Once, Seen
from favae_cli.factors import EngineError
from favae_cli.machine.runtime import Runtime
from favae_cli.queries.factor_scores import neighbour_table
from favae_cli.queries.given import Given
from favae_cli.queries.samples import Samples
from favae_cli.queries.told import Place, with_only
from favae_cli.queries.umap_layout import umap_layout
from favae_cli.training.trained_run import TrainedRun, load_run

Using = Callable[..., Path]
Tables = tuple[pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def loaded(run: Path) -> TrainedRun:
    return load_run(run, Runtime(torch.device("cpu")))


@pytest.fixture
def seen(loaded: TrainedRun, data: Dataset) -> Seen:
    everyone = np.arange(len(data.keys))
    whole = Dataset(data.name, data.keys, data.views, data.split | {"all": everyone}, data.truth)
    return Seen(loaded, whole, "all", 50, Path(os.environ["FAVAE_CACHE"]))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12))
def test_every_key_comes_through_shell_and_hydra_as_it_is(key: str) -> None:
    words = shlex.split(command(Path("/runs/a b's"), "impute", {"keys": [key], "given": [], "seed": 3, "count": None}))
    assert words[:2] == ["favae-run", "task=impute"]
    run, keys, views, seed = OverridesParser.create().parse_overrides(words[2:])
    assert run.value() == "/runs/a b's"
    assert [str(value) for value in keys.value()] == [key]
    assert views.value() == []
    assert seed.value() == 3


def test_commands_look_at_the_data_that_the_page_was_started_with() -> None:
    started = [
        "task=explore",
        "run=r",
        "data.root=/moved",
        "+data.missing.face=0.1",
        "trust=true",
        "cache=/c",
        "port=1",
    ]
    ground = "data.root=/moved +data.missing.face=0.1 trust=true cache=/c"
    assert command(Path("r"), "impute", {"count": 1}, started) == f"favae-run task=impute run=r {ground} count=1"
    generate = command(Path("r"), "generate", {"seed": 1234567}, started)
    assert generate == "favae-run task=generate run=r trust=true seed=1234567"


def test_a_sample_from_elsewhere_is_asked_for_as_it_came(seen: Seen) -> None:
    pytest.importorskip("nicegui")
    from favae_cli.explore.window import Window

    window = Window(seen, None)
    assert window.asked == {"keys": [window.key]}
    window.take(window.sample, "face")
    assert window.asked == {"input": "FILE", "from": "face"}
    window.take(window.sample, None)
    assert window.asked is None
    window.choose(window.seen.indices[1])
    assert window.asked == {"keys": [window.key]}


NAMES = ["Wavy Hair", "5 o'Clock Shadow", "a.b", "2010", "true", "über", 'so "called"', r"C:\\ ${x} \$", "no: {1, 2}"]


@pytest.mark.parametrize("name", [*NAMES, "Smiling"])
def test_attributes_of_any_name_come_through_shell_hydra_and_schema(name: str, run: Path) -> None:
    keys: dict[str, Value | None] = {"attributes": {name: 1, "Male": 0}, "strengths": {name: 1.25}, "from": "face"}
    program, *words = shlex.split(command(run, "edit", keys))
    assert program == "favae-run"
    overrides = checked_overrides(parse_arguments(words), "use")
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        config = validate_use(compose("use", overrides))
    assert isinstance(config, EditConfig)
    assert config.attributes == {name: 1, "Male": 0}
    assert config.strengths == {name: 1.25}


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), st.just(1), min_size=1)
)
def test_every_mapping_comes_through_shell_and_hydra_as_it_is(asked: dict[str, int]) -> None:
    words = shlex.split(command(Path("/runs/a"), "edit", {"attributes": asked}))[3:]
    found: dict[str, object] = {}
    for override in OverridesParser.create().parse_overrides(words):
        value = override.value()
        if override.key_or_group != "attributes":
            found[override.key_or_group.removeprefix("attributes.")] = value
        else:
            found |= value if isinstance(value, dict) else json.loads(str(value))
    assert found == asked


def test_a_command_with_plain_names_reads_as_one_writes_it() -> None:
    plain = command(Path("/r"), "edit", {"attributes": {"Smiling": 1, "Male": 0}, "strengths": {"Smiling": 1.5}})
    assert plain.endswith("attributes.Smiling=1 attributes.Male=0 strengths.Smiling=1.5")
    spaced = command(Path("/r"), "edit", {"attributes": {"Wavy Hair": 1, "Male": 0}})
    assert spaced.endswith("'attributes={Wavy Hair: 1, Male: 0}'")
    assert command(Path("/r"), "edit", {"attributes": {}}) == "favae-run task=edit run=/r"


def test_what_is_no_mapping_is_a_line(using: Using) -> None:
    line = r"^attributes: must be a mapping, as \{Smiling: 1\} or '\{\"Smiling\": 1\}', got Smiling$"
    with pytest.raises(UserError, match=line):
        using("task=edit", "attributes=Smiling")


def test_what_is_not_given_is_foretold_by_the_rest(seen: Seen, loaded: TrainedRun, run: Path) -> None:
    index = seen.data.having("test", *seen.data.views)[0]
    sample = seen.sample(int(index))
    found, factors = answers(loaded, sample, ["cartoon", "attributes"])
    views = {name: view.gather(sample.indices) for name, view in seen.data.views.items() if name != "face"}
    told = FAVAE.load(run, device="cpu").predict(views, to="face")["face"][0]
    original, made = found["face"].images
    np.testing.assert_allclose(made, told, atol=1e-5)
    np.testing.assert_allclose(255 * original, sample.stored("face")[0], atol=1e-3)
    assert (found["face"].given, found["cartoon"].given) == (False, True)
    _, all_given = answers(loaded, sample, seen.data.views)
    assert (all_given["deviation"] <= factors["deviation"] + 1e-9).all()
    assert (all_given["deviation"] < factors["deviation"] - 1e-3).any()


def test_without_any_view_the_factors_are_as_their_prior(seen: Seen, loaded: TrainedRun) -> None:
    _, factors = answers(loaded, seen.sample(0), [])
    np.testing.assert_allclose(factors["mean"], 0, atol=1e-9)
    np.testing.assert_allclose(factors["deviation"], 1)


def test_a_sample_moved_nowhere_is_its_reconstruction_and_moves_by_its_weights(seen: Seen, loaded: TrainedRun) -> None:
    model, sample = loaded.factors, seen.sample(int(seen.data.having("test", "face")[0]))
    place = Place.of_sample(model, sample)
    own = model.views["face"].decode(model.embed("face", sample.stored("face")))
    np.testing.assert_allclose(place.decoded(place.g, "face"), own, atol=1e-6)
    moved = place.g.copy()
    moved[0, 0] += 1
    z = place.z["face"] + model.joined.weights["face"][:, 0]
    np.testing.assert_allclose(place.decoded(moved, "face"), model.views["face"].decode(z), atol=1e-6)


def test_samples_are_found_by_their_keys(seen: Seen) -> None:
    assert seen.found("R-00001") == {index: f"avatar-{index:06d}" for index in range(10, 20) if index in seen.indices}
    assert seen.found("nobody") == {}
    assert len(seen.found("")) == 50


def test_factors_are_read_from_some_samples_and_called_by_what_they_go_with(seen: Seen) -> None:
    assert len(seen.reading.indices) == 50
    assert seen.cards is seen.cards
    used = np.any([*seen.model.joined.active.values()], axis=0)
    assert {card.factor for card in seen.cards} == set(np.flatnonzero(used))


def test_neighbours_are_the_nearest_first_and_nobody_is_its_own() -> None:
    latent, keys = np.array([[3.0, 4.0], [0.0, 1.0], [0.0, 0.0]]), ["far", "near", "here"]
    asked = np.zeros((1, 2)), ["here"]
    own = neighbour_table(latent, keys, *asked, 2, themselves=False)
    assert own["neighbour"].tolist() == ["near", "far"]
    assert own["distance"].tolist() == [1, 5]
    other = neighbour_table(latent, keys, *asked, 2, themselves=True)  # another sample that is called the same
    assert other["neighbour"].tolist() == ["here", "near"]


@pytest.mark.slow
def test_neighbours_of_asked_samples(using: Using, seen: Seen) -> None:
    keys = seen.data.keys[seen.data.having("test", *seen.data.views)[:2]].astype(str).tolist()
    made = pd.read_csv(
        using("task=neighbours", f"keys=[{','.join(keys)}]", "among=train", "nearest=3") / "neighbours.csv"
    )
    assert made["key"].tolist() == [key for key in keys for _ in range(3)]
    data, train = seen.data, seen.data.having_any("train")
    latent = Given.of_samples(seen.model, data, np.arange(len(data.keys))).latents()
    for key, rows in made.groupby("key"):
        distance = np.linalg.norm(latent[train] - latent[data.keys == key], axis=1)
        nearest = np.argsort(distance)[:3]
        assert rows["neighbour"].tolist() == data.keys[train][nearest].tolist()
        np.testing.assert_allclose(rows["distance"], distance[nearest], rtol=1e-6)
    everybody = pd.read_csv(using("task=neighbours", "count=2", "nearest=1") / "neighbours.csv")
    assert (everybody["key"] != everybody["neighbour"]).all()


@pytest.mark.slow
def test_the_page_finds_neighbours_among_all_samples(seen: Seen, using: Using) -> None:
    nicegui = pytest.importorskip("nicegui")
    from favae_cli.explore.parts import Mistake
    from favae_cli.explore.views_tab import NEAR, ViewsTab
    from favae_cli.explore.window import Window

    assert len(seen.indices) > seen.count
    with nicegui.Client(nicegui.ui.page("/near")) as client:
        window = Window(seen, Mistake())
        ViewsTab(window)
        (shown,) = (element for element in client.elements.values() if "table-neighbours" in element.classes)
    made = pd.read_csv(using("task=neighbours", f"keys=[{window.key}]", f"nearest={NEAR}") / "neighbours.csv")
    assert [row["0"] for row in shown.rows] == made["neighbour"].tolist()


def test_neighbours_of_a_picture_from_elsewhere(using: Using, photos: Path) -> None:
    made = pd.read_csv(using("task=neighbours", f"input={photos}", "from=face", "nearest=2") / "neighbours.csv")
    assert made["key"].tolist() == ["a.png", "a.png", "b.png", "b.png", "c.png", "c.png"]


def test_samples_are_laid_out_by_umap_and_the_same_each_time(using: Using, seen: Seen) -> None:
    pytest.importorskip("umap")
    layout = umap_layout(seen.reading.latent)
    np.testing.assert_array_equal(layout, seen.umap)
    near = np.argsort(np.linalg.norm(seen.reading.latent - seen.reading.latent[0], axis=1))
    away = np.linalg.norm(layout - layout[0], axis=1)
    assert away[near[1:6]].mean() < away[near[-20:]].mean()
    made = pd.read_csv(using("task=factors", "umap=true", "cards=1", "permutations=1", "count=5") / "factors.csv")
    assert made[["umap_0", "umap_1"]].notna().all().all()


def test_without_umap_the_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, using: Using) -> None:
    with pytest.raises(UserError, match=r"^umap: takes 4 samples at least, got 3$"):
        umap_layout(np.zeros((3, 2)))
    monkeypatch.setattr("favae_cli.tasks.trained_run.factors.load_data", None)  # it is asked for first
    for other in (None, ModuleType("umap")):  # nothing of this name, and another package
        monkeypatch.setitem(sys.modules, "umap", other)
        with pytest.raises(UserError, match=r"^umap: umap-learn cannot be .*; pip install 'favae-run\[umap\]'$"):
            using("task=factors", "umap=true")


def test_a_map_takes_two_factors_in_use(seen: Seen) -> None:
    nicegui = pytest.importorskip("nicegui")
    from favae_cli.explore.map_tab import MapTab
    from favae_cli.explore.parts import Mistake
    from favae_cli.explore.window import Window

    with nicegui.Client(nicegui.ui.page("/map")) as client:
        window = Window(seen, Mistake())
        few = seen.cards[:1]
        seen._cards = Once(lambda: few)
        MapTab(window)
        seen._cards = Once(list)
        MapTab(window)
        texts = [element.text for element in client.elements.values() if isinstance(element, nicegui.ui.label)]
    assert texts.count("A map takes two factors in use; this run has fewer.") == 2


def test_a_layout_that_comes_after_another_choice_is_not_shown(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    nicegui = pytest.importorskip("nicegui")
    from favae_cli.explore import map_tab
    from favae_cli.explore.parts import Mistake
    from favae_cli.explore.window import Window

    with nicegui.Client(nicegui.ui.page("/later")) as client:
        tab = map_tab.MapTab(Window(seen, Mistake()))

    async def lay_out(then: str) -> np.ndarray | None:
        async def waited(make: object) -> np.ndarray:
            tab.layout.value = then
            return np.zeros((50, 2))

        monkeypatch.setattr("nicegui.run.io_bound", waited)
        monkeypatch.setattr("nicegui.core.loop", asyncio.get_running_loop())
        monkeypatch.setattr(tab, "layout", SimpleNamespace(value=map_tab.UMAP))
        with client:
            await tab._lay_out()
            await asyncio.sleep(0)  # what is refreshed
        return tab.placed

    assert asyncio.run(lay_out(map_tab.FACTORS)) is None
    assert asyncio.run(lay_out(map_tab.UMAP)) is not None
    # Of 50 samples alone; no command lays out the same.
    assert not any("command" in element.classes for element in client.elements.values())


def test_the_page_tells_what_the_factors_cannot_be_computed_from() -> None:
    nicegui = pytest.importorskip("nicegui")
    from favae_cli.explore.parts import Mistake

    with nicegui.Client(nicegui.ui.page("/mistake")) as client:
        mistake = Mistake()
        with mistake.told():
            raise EngineError("view 'face': the moments of z are not finite")
        (line,) = (element for element in client.elements.values() if isinstance(element, nicegui.ui.label))
        assert (line.text, line.visible) == ("view 'face': the moments of z are not finite", True)


def test_views_taken_from_a_sample_count_as_missing(seen: Seen, loaded: TrainedRun) -> None:
    samples = Samples(seen.data, seen.data.having("test", *seen.data.views)[:3])
    part = with_only(samples, ["face"])
    assert part.keys == samples.keys
    found = Given.of_samples(loaded.factors, part.data, part.indices).latents()
    wanted = Given.of_samples(loaded.factors, samples.data, samples.indices, views=["face"]).latents()
    np.testing.assert_allclose(found, wanted)


def test_impute_takes_keys_and_what_is_given(using: Using, mixed_run: Path, mixed_tables: Tables) -> None:
    whole = mixed_tables[1].dropna()["id"].tolist()[:2]
    keys = "keys=[" + ",".join(f'"{key}"' for key in reversed(whole)) + "]"
    made = pd.read_csv(using("task=impute", keys, "given=[numbers]", run=mixed_run) / "imputed.csv")
    assert made["key"].unique().tolist() == whole[::-1]
    assert set(made["view"]) == {"bits", "labels", "remark"}
    again = pd.read_csv(
        using("task=impute", keys, "given=[numbers]", "reconstruct=true", run=mixed_run) / "imputed.csv"
    )
    assert set(again["view"]) == {"numbers", "bits", "labels", "remark"}
    pd.testing.assert_frame_equal(again[again["view"] != "numbers"].reset_index(drop=True)[made.columns], made)


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (
            ["task=impute", "keys=[nobody]"],
            r"^keys: the data have no sample 'nobody'; they are called such as 'item 0'$",
        ),
        (["task=impute", "given=[number]"], r"^given: the run has no view number; did you mean numbers\?"),
        (["task=decode", "from=face"], r"^from: says what input shows; there is no input$"),
        (["task=impute", "from=face"], r"^from: says what input shows; there is no input$"),
        (["task=decode", "+factors.99=1.0"], r"^factors\.99: the run has factors 0 to \d+$"),
    ],
)
def test_mistakes_are_a_line(asked: list[str], line: str, using: Using, mixed_run: Path) -> None:
    with pytest.raises(UserError, match=line):
        using(*asked, run=mixed_run)


def test_a_port_that_is_taken_is_a_line() -> None:
    page = pytest.importorskip("favae_cli.explore.page")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=rf"^port: cannot listen on 127\.0\.0\.1:{port}: Address already in use$"):
            page.usable_port("127.0.0.1", port)
    assert page.usable_port("127.0.0.1", None) > 0


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", ["127.0.0.1", "localhost"]),
        ("127.0.0.2", ["127.0.0.1", "localhost", "127.0.0.2"]),
        ("::1", ["127.0.0.1", "localhost", "[::1]"]),
        ("0.0.0.0", ["*"]),
        ("server.example", ["*"]),
    ],
)
def test_a_page_for_this_machine_alone_goes_by_no_other_name(host: str, allowed: list[str]) -> None:
    page = pytest.importorskip("favae_cli.explore.page")
    assert {*page.allowed_hosts(host)} == {*allowed}


def test_without_nicegui_the_line_says_what_to_install(
    using: Using, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("favae_cli.tasks.trained_run.explore.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'favae-run\[explore\]'$"):
        using("task=explore")

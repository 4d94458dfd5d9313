"""What the page of task explore is made of, without a browser."""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from favae_cli import FAVAE
from favae_cli.common.errors import UserError
from favae_cli.data import Dataset
from favae_cli.explore.commands import command
from favae_cli.explore.sample_answers import answers
from favae_cli.explore.seen import Seen
from favae_cli.factors import EngineError
from favae_cli.machine.runtime import Runtime
from favae_cli.queries.factor_scores import neighbours
from favae_cli.queries.given import Given
from favae_cli.queries.samples import Samples
from favae_cli.queries.told import Place, with_only
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


def test_neighbours_are_the_nearest_first() -> None:
    nearest, distance = neighbours(np.array([[3.0, 4.0], [0.0, 1.0], [0.0, 0.0]]), np.zeros(2), 2)
    assert nearest.tolist() == [2, 1]
    assert distance.tolist() == [0, 1]


def test_a_map_takes_two_factors_in_use(seen: Seen) -> None:
    nicegui = pytest.importorskip("nicegui")
    from favae_cli.explore.map_tab import MapTab
    from favae_cli.explore.parts import Mistake
    from favae_cli.explore.window import Window

    with nicegui.Client(nicegui.ui.page("/map")) as client:
        window = Window(seen, Mistake())
        seen._cards = seen.cards[:1]
        MapTab(window)
        seen._cards = []
        MapTab(window)
        texts = [element.text for element in client.elements.values() if isinstance(element, nicegui.ui.label)]
    assert texts.count("A map takes two factors in use; this run has fewer.") == 2


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

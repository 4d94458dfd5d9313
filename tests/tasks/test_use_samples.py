"""Images of the user's own take the form that a run was trained on."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from favae_cli.common.errors import UserError
from favae_cli.config.trained_run_tasks import TranslateConfig
from favae_cli.data import Dataset, ViewData
from favae_cli.machine.runtime import Runtime
from favae_cli.queries.samples import Samples, chosen_samples, read_input
from favae_cli.training.trained_run import TrainedRun, load_run

SIZE = 16


@pytest.fixture(scope="session")
def loaded(run: Path) -> TrainedRun:
    return load_run(run, Runtime(torch.device("cpu")))


def asked(run: Path, *paths: Path, **keys: object) -> TranslateConfig:
    plain: dict[str, object] = {
        "crop": None,
        "data": {},
        "split": "test",
        "count": None,
        "show": 2,
        "cache": os.environ["FAVAE_CACHE"],
        "to": None,
        "keys": None,
    }
    machine = {"device": "cpu", "precision": "fp32", "threads": None}
    shown = {
        "task": "translate",
        "run": run,
        "trust": False,
        "trainer": machine,
        "input": list(map(str, paths)),
        "from": "face",
    }
    return TranslateConfig.model_validate(plain | shown | keys)


def write(path: Path, width: int, height: int, mode: str = "RGB", seed: int = 0) -> Path:
    bands = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, bands), np.uint8)
    Image.fromarray(pixels.squeeze(2) if bands == 1 else pixels, mode).save(path)
    return path


sides = st.integers(1, 60)


@given(width=sides, height=sides, crop=st.none() | sides, mode=st.sampled_from(["RGB", "L", "RGBA"]))
@settings(max_examples=40, deadline=None)
def test_an_image_in_the_form_of_the_run_is_not_changed_again(
    loaded: TrainedRun, tmp_path_factory: pytest.TempPathFactory, width: int, height: int, crop: int | None, mode: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    file = write(folder / "any.png", width, height, mode)
    once = read_input(asked(loaded.folder, file, crop=crop), loaded, "face").views["face"].values
    assert once.shape == (1, SIZE, SIZE, 3)
    Image.fromarray(once[0]).save(folder / "again.png")
    again = read_input(asked(loaded.folder, folder / "again.png", crop=crop), loaded, "face").views["face"].values
    np.testing.assert_array_equal(again, once)


def test_inputs_are_decoded_as_the_data_were(loaded: TrainedRun, data: Dataset, tmp_path: Path) -> None:
    pixels = data.views["face"].gather(np.array([5]))
    Image.fromarray(pixels[0]).save(tmp_path / "five.png")
    found = read_input(asked(loaded.folder, tmp_path / "five.png"), loaded, "face")
    np.testing.assert_array_equal(found.views["face"].values, pixels)
    assert found.keys.tolist() == ["five.png"]
    assert not found.views["cartoon"].present.any()
    assert found.views["attributes"].columns == ("Smiling", "Eyeglasses", "Male")


def test_a_crop_takes_the_middle(loaded: TrainedRun, tmp_path: Path) -> None:
    pixels = np.zeros((60, 60, 3), np.uint8)
    pixels[20:40, 20:40] = 255
    Image.fromarray(pixels).save(tmp_path / "framed.png")
    config = asked(loaded.folder, tmp_path / "framed.png", crop=20)
    assert (read_input(config, loaded, "face").views["face"].values == 255).all()


def test_files_and_folders_come_in_order_and_other_files_are_left_out(loaded: TrainedRun, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("b.png", "a.jpg"):
        write(folder / name, 20, 20)
    for name in ("a.txt", "a.pdf", "a"):
        (folder / name).write_text("no image")
    single = write(tmp_path / "z.bmp", 20, 20)
    samples = chosen_samples(asked(loaded.folder, single, folder), loaded, "face")
    assert samples.keys == ["z.bmp", "a.jpg", "b.png"]
    assert samples.names == ["z", "a", "b"]
    assert chosen_samples(asked(loaded.folder, single, folder, count=2), loaded, "face").names == ["z", "a"]


def test_no_two_samples_share_the_name_of_a_file() -> None:
    keys = ["a/b.jpg", "a_b.png", "a_b-2.png", "v1.5", "a_b"]
    samples = Samples(Dataset("any", np.array(keys), {}, {}), np.arange(len(keys)))
    assert samples.names == ["a_b", "a_b-2", "a_b-2-2", "v1.5", "a_b-3"]


@pytest.mark.parametrize(
    ("channels", "mode", "line"),
    [(1, "RGB", "1 of 1 inputs in colour; taken as grey"), (3, "L", "1 of 1 inputs in grey; taken as colour")],
)
def test_another_kind_of_colour_is_converted_and_told(
    loaded: TrainedRun, tmp_path: Path, caplog: pytest.LogCaptureFixture, channels: int, mode: str, line: str
) -> None:
    other = replace(
        loaded,
        views=loaded.views | {"face": ViewData(np.zeros((0, SIZE, SIZE, channels), np.uint8), np.zeros(0, np.int64))},
    )
    with caplog.at_level(logging.INFO, "favae_cli"):
        found = read_input(asked(loaded.folder, write(tmp_path / "a.png", 20, 30, mode)), other, "face")
    assert found.views["face"].shape == (SIZE, SIZE, channels)
    assert any(message.startswith(line) for message in caplog.messages)
    assert any("squeezed: 1" in message for message in caplog.messages)


def test_what_is_no_image_is_named(loaded: TrainedRun, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    half = write(tmp_path / "half.png", 50, 50)
    half.write_bytes(half.read_bytes()[:900])
    (tmp_path / "empty").mkdir()
    for name, reason in (("text.png", "not an image"), ("half.png", ""), ("empty", "")):
        with pytest.raises(UserError) as refused:
            read_input(asked(loaded.folder, tmp_path / name), loaded, "face")
        (told,) = str(refused.value).splitlines()
        assert told.startswith(f"input: {tmp_path / name}")
        assert reason in told


def test_samples_of_the_data_have_the_view(loaded: TrainedRun, data: Dataset) -> None:
    config = asked(loaded.folder, **{"input": None, "split": "validation"})
    cartoons = chosen_samples(config, loaded, "cartoon")
    np.testing.assert_array_equal(cartoons.indices, data.having("validation", "cartoon"))
    np.testing.assert_array_equal(cartoons.stored("cartoon"), data.views["cartoon"].gather(cartoons.indices))
    np.testing.assert_array_equal(chosen_samples(config, loaded, None).indices, data.split["validation"])


def test_data_with_other_samples_are_taken_and_such_that_do_not_fit_are_refused(loaded: TrainedRun) -> None:
    def keys(**data: object) -> list[str]:
        return chosen_samples(asked(loaded.folder, **{"input": None, "data": data}), loaded, "face").keys

    others = chosen_samples(asked(loaded.folder, **{"input": None, "data": {"seed": 1}}), loaded, "face")
    own = chosen_samples(asked(loaded.folder, **{"input": None}), loaded, "face")
    assert others.keys == own.keys
    assert (others.stored("face") != own.stored("face")).any()
    for changes, told in (
        ({"size": 8}, "data: view face has shape 8 x 8 x 3, but the run was trained with 16 x 16 x 3"),
        ({"attributes": ["Male"]}, "data: view attributes has shape 1, but the run was trained with 3"),
        ({"attributes": ["Male", "Smiling", "Eyeglasses"]}, "data: view attributes has columns Male, Smiling"),
        ({"sise": 8}, "data.sise: unknown key; did you mean size?"),
        ({"samples": -1}, "data.samples: must be greater than or equal to 1"),
    ):
        with pytest.raises(UserError) as refused:
            keys(**changes)
        assert str(refused.value).startswith(told)


def test_views_that_other_data_lack_are_missing(loaded: TrainedRun) -> None:
    samples = chosen_samples(asked(loaded.folder, **{"input": None, "data": {"use": ["face"]}}), loaded, "face")
    assert samples.data.views["face"].present.all()
    assert not samples.data.views["cartoon"].present.any()
    with pytest.raises(UserError, match="split: no test sample has cartoon"):
        chosen_samples(asked(loaded.folder, **{"input": None, "data": {"use": ["face"]}}), loaded, "cartoon")

"""The samples that a trained run is used on: images of the user's own, or those of its data."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from favae_cli.common.errors import UserError
from favae_cli.config.trained_run_base import OnDataConfig, OnInputConfig, OnSamplesConfig
from favae_cli.config.trained_run_tasks import changed_data
from favae_cli.data import SPLITS, Dataset, ViewData
from favae_cli.data.align_to_run import aligned
from favae_cli.data.fingerprint import Fingerprint
from favae_cli.data.images.decoding import DECODE_ERRORS, FORMATS, Transform, decode, is_grey, opened
from favae_cli.data.loading import loaded
from favae_cli.training.identity import TOLD
from favae_cli.training.trained_run import TrainedRun, empty_view

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Samples:
    """Some samples of a data set.

    Attributes:
        data: has every view of the run; a sample may lack it.
        indices: (R,) of the samples.
    """

    data: Dataset
    indices: np.ndarray

    @property
    def keys(self) -> list[str]:
        """(R,) what the samples are called: file names of inputs, keys of the data."""
        return [str(key) for key in self.data.keys[self.indices]]

    @property
    def names(self) -> list[str]:
        """(R,) names for files: the keys without slashes and the suffixes of images, and each one once."""
        names: dict[str, None] = {}
        for key in self.keys:
            plain = key.removesuffix(Path(key).suffix) if _is_image(Path(key)) else key
            plain = name = plain.replace("/", "_").replace("\\", "_")
            number = 1
            while name in names:
                number += 1
                name = f"{plain}-{number}"
            names[name] = None
        return list(names)

    def stored(self, view: str) -> np.ndarray:
        """Values (R, ...) of a view that all of them have."""
        return self.data.views[view].gather(self.indices)


def chosen_samples(config: OnSamplesConfig, trained: TrainedRun, view: str | None) -> Samples:
    """What the config asks for: its input as images of `view`, or the samples of its keys or split that have it.

    Args:
        view: None takes samples of the data whatever they have; an input needs it.

    Raises:
        UserError: an input that cannot be read, or data that do not fit the run or hold no such sample.
    """
    if config.input is not None and config.keys is not None:
        raise UserError("keys: name samples of the data, which input takes the place of; leave one out")
    if config.input is not None:
        assert view is not None
        data = read_input(config, trained, view)
        indices = np.arange(len(data.keys))
    elif config.keys is not None:
        data = load_data(config, trained)
        indices = _with_keys(data, config.keys, view)
    else:
        data = load_data(config, trained)
        indices = data.split[config.split] if view is None else data.having(config.split, view)
        if not len(indices):
            raise UserError(f"split: no {config.split} sample" + (f" has {view}" if view else ""))
    return Samples(data, indices[: config.count])


def _with_keys(data: Dataset, keys: Sequence[str], view: str | None) -> np.ndarray:
    place = {key: index for index, key in enumerate(data.keys.astype(str).tolist())}
    for key in keys:
        if key not in place:
            raise UserError(f"keys: the data have no sample {key!r}; they are called such as {next(iter(place))!r}")
    indices = np.array([place[key] for key in keys])
    for key, has in zip(keys, data.views[view].present[indices] if view is not None else (), strict=False):
        if not has:
            raise UserError(f"keys: sample {key!r} has no {view}")
    return indices


def read_input(config: OnInputConfig, trained: TrainedRun, view: str) -> Dataset:
    """The input images of a config, as `read_images` has them."""
    return read_images(config.input or (), trained, view, config.crop)


def read_images(inputs: Sequence[Path], trained: TrainedRun, view: str, crop: int | None = None) -> Dataset:
    """Images in the form that `view` of the run has; they lack all other views.

    Args:
        inputs: image files, or folders of them.
        crop: side of a centre crop of each, pixels; None: as the run's data had it.

    Raises:
        UserError: a file that is no image, or a folder without one.
    """
    paths = [file for path in inputs for file in _image_files(path)]
    height, _, channels = trained.views[view].shape
    pixels = trained.config.data.pixels().get(trained.config.sources[view])
    transform = Transform(height, channels, crop or (pixels.crop if pixels else None))
    headers = [_Header.read(path) for path in paths]
    images = [_decoded(path, transform, header) for path, header in zip(paths, headers, strict=True)]
    _say_what_changed(headers, view, transform)
    views = {name: empty_view(part, len(paths)) for name, part in trained.views.items()}
    views[view] = replace(views[view], values=np.stack(images), row=np.arange(len(paths)))
    return Dataset(
        "input", np.array([path.name for path in paths]), views, dict.fromkeys(SPLITS, np.arange(len(paths)))
    )


def load_data(config: OnDataConfig, trained: TrainedRun) -> Dataset:
    """The data of the run, with the changes of the config, or other data; views that they lack are missing throughout.

    Beside the run's splits they have "all", with every sample.

    Raises:
        UserError: a mistake in them, views that do not fit the run, or other data than its own that nobody asked for.
    """
    section = changed_data(trained.config.data, config.data)
    data = loaded(section, config.cache, trained.config.seed)
    sources = trained.config.sources
    there = {
        name: aligned(data.views[source], trained.views[name], f"data: view {name}")
        for name, source in sources.items()
        if source in data.views
    }
    if not there:
        raise UserError(
            f"data: have none of the run's views {', '.join(sources.values())}, but {', '.join(data.views)}"
        )
    for name, view in there.items():
        _require_fit(name, view, trained.views[name])
    data = _known_again(replace(data, views=there), trained, config.data)
    return replace(with_every_view(data, trained), split=data.split | {"all": np.arange(len(data.keys))})


def with_every_view(data: Dataset, trained: TrainedRun) -> Dataset:
    """The data with the views of a run, in its order; one that they do not have is missing throughout."""
    count = len(data.keys)
    views = {name: data.views.get(name, empty_view(like, count)) for name, like in trained.views.items()}
    return replace(data, views=views)


def _known_again(data: Dataset, trained: TrainedRun, changes: Mapping[str, Any]) -> Dataset:
    """The data with every sample that the run knows in the split that it had.

    Samples that it does not know are in no split, unless they come by `changes` of the user's own.

    Raises:
        UserError: without any change asked for, a sample is gone or has other values.
    """
    seen = trained.seen
    if seen is None or "name" in changes:
        return data
    require_seen(data, trained, changes)
    if "split" in changes:
        return data
    if changes:
        return replace(data, split=split_as_seen(data, seen))
    place, new = seen.found_in(data)
    if len(new):
        logger.warning(
            "data: %d samples that the run does not know, the first is %r; they are in no split but split=all",
            len(new),
            str(data.keys[new[0]]),
        )
    return data.taken(np.concatenate([place, new]), seen.parts())


def require_seen(data: Dataset, trained: TrainedRun, changes: Mapping[str, Any]) -> None:
    """Say what differs between data and those that the run was trained on.

    Raises:
        UserError: something does, and no change was asked for.
    """
    found = list(trained.seen.differences(data)) if trained.seen else []
    if found and not changes:
        key, value = next((key, value) for key, value in trained.config.data if key != "name" and value is not None)
        raise UserError(
            f"data: are not those that {trained.folder} was trained on: {'; '.join(found[:TOLD])}; put them back, or "
            f"say that these are meant by any data.* key, such as data.{key}={value}"
        )
    if found:
        logger.warning("data: not those that the run was trained on: %s", "; ".join(found[:TOLD]))


def split_as_seen(data: Dataset, seen: Fingerprint) -> dict[str, np.ndarray]:
    """The split of `data` in which every sample that a run knows stays where it was there."""
    place, _ = seen.found_in(data)
    codes = np.full(len(data.keys), -1)
    for code, name in enumerate(SPLITS):
        codes[data.split[name]] = code
    codes[place[place >= 0]] = seen.split[place >= 0]
    return {name: np.flatnonzero(codes == code) for code, name in enumerate(SPLITS)}


def _require_fit(name: str, view: ViewData, wanted: ViewData) -> None:
    for what, found, right in (
        ("shape", " x ".join(map(str, view.shape)), " x ".join(map(str, wanted.shape))),
        ("columns", ", ".join(view.columns), ", ".join(wanted.columns)),
    ):
        if found != right:
            raise UserError(f"data: view {name} has {what} {found}, but the run was trained with {right}")


def _image_files(path: Path) -> list[Path]:
    """The file itself, or the images of a folder in the order of their names."""
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.is_file() and _is_image(file))
    if not files:
        raise UserError(f"input: {path} holds no image file")
    return files


def _is_image(path: Path) -> bool:
    return Image.registered_extensions().get(path.suffix.lower()) in FORMATS


@dataclass(frozen=True)
class _Header:
    """What an image file is before anything is done to it: its size in pixels, and whether it is grey."""

    size: tuple[int, int]
    grey: bool

    @classmethod
    def read(cls, path: Path) -> _Header:
        try:
            with opened(path) as image:
                return cls(image.size, is_grey(image.mode))
        except DECODE_ERRORS as error:
            reason = "not an image" if isinstance(error, UnidentifiedImageError) else str(error)
            raise UserError(f"input: {path}: {reason}") from error


def _decoded(path: Path, transform: Transform, header: _Header) -> np.ndarray:
    # What has the size of the view already, such as an image made by a model, has lost its margin before.
    cropped = header.size != (transform.size, transform.size)
    result = decode(path, transform if cropped else replace(transform, crop=None))
    if isinstance(result, np.ndarray):
        return result
    raise UserError(f"input: {path}: {result.reason}")


def _say_what_changed(headers: Sequence[_Header], view: str, transform: Transform) -> None:
    """A line on inputs of another size, or another kind of colour, than the view's."""
    total, side = len(headers), transform.size
    resized = sum(header.size != (side, side) for header in headers)
    squeezed = sum(header.size[0] != header.size[1] for header in headers)
    if resized:
        shape = f"; not square and therefore squeezed: {squeezed}" if squeezed and not transform.crop else ""
        logger.info("%d of %d inputs resized to the %d x %d pixels of %s%s", resized, total, side, side, view, shape)
    recoloured = sum(header.grey != (transform.channels == 1) for header in headers)
    if recoloured:
        kinds = ("colour", "grey") if transform.channels == 1 else ("grey", "colour")
        logger.warning("%d of %d inputs in %s; taken as %s, which %s shows", recoloured, total, *kinds, view)

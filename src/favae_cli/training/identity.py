"""Which run a checkpoint is of: its config and its data, compared whenever they meet again."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from favae_cli.common.errors import UserError
from favae_cli.common.run_folder import RunFolder
from favae_cli.config.run import Config
from favae_cli.config.views import AUTO
from favae_cli.data import Dataset
from favae_cli.data.align_to_run import in_order_of
from favae_cli.data.fingerprint import Fingerprint
from favae_cli.training import checkpoint

logger = logging.getLogger(__name__)

KEPT = {"task", "data", "views", "model", "schedule", "transfer", "seed"}  # sections that say what was learned of what
FROZEN = "frozen"
_MISSING = object()
TOLD = 3  # differences, at most


@dataclass(frozen=True)
class Identity:
    """What makes a run the one it is, beside how far it has come.

    Attributes:
        config: the sections of `KEPT`, without paths, as JSON.
        data: of the samples that it was begun with.
    """

    config: dict[str, Any]
    data: Fingerprint

    @classmethod
    def of(cls, config: Config, data: Dataset) -> Identity:
        """That of a run that begins."""
        return cls(_settled(config), Fingerprint.of(data))

    @classmethod
    def stored(cls, last: Path) -> Identity | None:
        """What the checkpoint `last` has of it; None where an earlier version made it.

        Raises:
            UserError: the checkpoint is damaged.
        """
        state = checkpoint.load_state(last)
        if "identity" not in state:
            return None
        arrays = checkpoint.load_tables(last, "samples/")
        return cls(state["identity"]["config"], Fingerprint.of_arrays(arrays, state["identity"]["views"]))

    def state(self) -> dict[str, Any]:
        """The part that is JSON; the other is `data.arrays()`."""
        return {"identity": {"config": self.config, "views": self.data.views}}

    def require_config(self, config: Config, folder: Path, key: str) -> None:
        """Refuse a config that is not the one that the run was trained by.

        Args:
            config: as it is stored now.
            folder: of the run.
            key: that named the folder, for messages.

        Raises:
            UserError: with what differs.
        """
        found = list(_differences(self.config, _settled(config), ""))
        if found:
            more = f", and {len(found) - TOLD} more keys" if len(found) > TOLD else ""
            raise UserError(
                f"{key}: {folder} was trained by another config than it holds now ({'; '.join(found[:TOLD])}{more}); "
                f"put that back in {RunFolder(folder).config.relative_to(folder)}, or begin a new run"
            )


def known_again(data: Dataset, identity: Identity, folder: Path) -> Dataset:
    """The samples that a run was begun with, in their order and their splits.

    Raises:
        UserError: one is gone, or they are others.
    """
    begun = {name: view["columns"] for name, view in identity.data.views.items()}
    views = {name: in_order_of(view, begun.get(name, view.columns)) for name, view in data.views.items()}
    data = replace(data, views=views)  # an earlier version may have had another order of categories
    if found := list(identity.data.differences(data)):
        raise UserError(
            f"data: are not those that {folder} was begun with: {'; '.join(found[:TOLD])}; a run goes on with what "
            "it has seen: put them back, or begin a new run (pretrained= takes its networks)"
        )
    place, new = identity.data.found_in(data)
    if len(new):
        told = "data: %d samples that the run does not know, the first is %r; they take no part"
        logger.warning(told, len(new), str(data.keys[new[0]]))
    return data.taken(place, identity.data.parts())


def standing_identity(directory: Path) -> Identity | None:
    """That of the run in `directory`, or of a part of it in a folder inside, where there is a checkpoint that tells.

    Raises:
        UserError: the checkpoint is damaged.
    """
    for folder in (directory, *sorted(path for path in directory.glob("*") if path.is_dir())):
        if checkpoint.exists(last := RunFolder(folder).last):
            identity = Identity.stored(last)
            if identity is None:
                logger.info("the run is of an earlier version, whose checkpoints do not say of which data they are")
            return identity
    return None


def _settled(config: Config) -> dict[str, Any]:
    """The kept sections as JSON, less what is a path: files may be moved, and other files show in the data."""
    told = _without_paths(config.model_dump(include=KEPT), config.model_dump(mode="json", include=KEPT))
    return told | {"order": list(config.views)}


def _without_paths(values: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_paths(value, told[key]) if isinstance(value, dict) else told[key]
        for key, value in values.items()
        if not isinstance(value, Path)
    }


def _differences(then: Mapping[str, Any], now: Mapping[str, Any], path: str) -> Iterator[str]:
    """A few words on each key that both have and that is not the same; other keys are another version's."""
    for key, before in then.items():
        value, name = now.get(key, _MISSING), f"{path}{key}"
        if isinstance(before, dict) and isinstance(value, dict):
            if before.get("type") != FROZEN:  # once loaded, the view of another run is what it was there
                yield from _differences(before, value, f"{name}.")
        elif name == "order" and value != before:
            yield f"the order of the views was {', '.join(before)}"
        elif value is not _MISSING and value != before and before != AUTO:
            yield f"{name} is {value}, was {before}"

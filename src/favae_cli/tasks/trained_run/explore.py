"""A page in the browser to look into a trained run."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

from pydantic import TypeAdapter

from favae_cli.common.errors import Interrupted, UserError
from favae_cli.common.run_folder import RunFolder
from favae_cli.common.stored_files import read_yaml
from favae_cli.config.trained_run_tasks import ExploreConfig
from favae_cli.queries.samples import load_data
from favae_cli.training.trained_run import TrainedRun

logger = logging.getLogger(__name__)


def use(config: ExploreConfig, trained: TrainedRun, directory: Path) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        UserError: NiceGUI is not installed, nobody can listen there, a model without factors, or data that do not fit.
    """
    if find_spec("nicegui") is None:
        raise UserError("task=explore: nicegui is not installed; pip install 'favae-run[explore]'")
    from favae_cli.explore.page import secret_path, serve, usable_port
    from favae_cli.explore.seen import Seen

    _ = trained.factors  # or there is nothing to look into
    port, path = usable_port(config.host, config.port), secret_path()
    data = load_data(config, trained)
    kept = RunFolder(directory).overrides
    overrides = read_yaml(kept, TypeAdapter(list[str])) if kept.is_file() else []
    seen = Seen(trained, data, config.split, config.count, config.cache.expanduser(), overrides)
    if not len(seen.indices):
        raise UserError(f"split: no {config.split} sample has any of the views {', '.join(trained.views)}")
    try:
        serve(seen, config.host, port, path, config.open)
    except Interrupted:
        logger.info("closed")

"""Look at own files and write a first experiment for them."""

from __future__ import annotations

import logging
from pathlib import Path

import yaml

from favae_cli.common.errors import UserError
from favae_cli.common.files import replacing
from favae_cli.common.log_lines import logging_to
from favae_cli.config.folders import shipped_configs
from favae_cli.config.init_task import InitConfig
from favae_cli.preparation.first_experiment import experiment, without_vain_networks
from favae_cli.preparation.guess_files import Found, find_files, guess_files, stem_of
from favae_cli.preparation.guess_views import as_name
from favae_cli.reporting.table import Table
from favae_cli.reporting.terminal import tables_as_text

logger = logging.getLogger(__name__)


def init(config: InitConfig) -> Path:
    """Write configs/experiment/NAME.yaml where the user stands, and say what was found.

    Returns:
        The file.

    Raises:
        UserError: files that are not there, cannot be read or hold no view; or the experiment is there already.
    """
    files = find_files(config.input)
    name = config.name or as_name(stem_of(config.input[0].name))
    target = Path("configs") / "experiment" / f"{name}.yaml"
    if target.exists() and not config.overwrite:
        raise UserError(f"name: {target} is there already; overwrite=true replaces it, name=... gives another")
    turned = [each.absolute() for each in config.transposed or ()]
    for path in [path for path in turned if path not in [file.absolute() for file in files]]:
        raise UserError(f"transposed: {path} is none of the files of input")
    found = without_vain_networks(guess_files(files, _missing(), config.repeated, turned))
    text = experiment(found, name, files)
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as file:
        file.write_text(text, encoding="utf-8")
    with logging_to(None):
        logger.info("%s", tables_as_text([_overview(found)]))
        for line in found.notes:
            logger.info("note: %s", line)
        for line in found.left_out:
            logger.info("left out: %s", line)
        logger.info("wrote %s; next:", target)
        logger.info("  favae-run task=check experiment=%s", name)
        logger.info("  favae-run experiment=%s", name)
    return target


def _missing() -> list[str]:
    """Cells that own data take for no value."""
    text = (shipped_configs() / "data" / "manifest.yaml").read_text(encoding="utf-8")
    missing: list[str] = yaml.safe_load(text)["missing"]
    return missing


def _overview(found: Found) -> Table:
    rows = [[view.name, view.kind, str(view.size), str(len(view.columns)), view.why[0]] for view in found.views]
    title = f"{found.rows} rows" + (f", named by {found.key}" if found.key else "")
    return Table(title, "", ["view", "kind", "size", "columns", "of which"], rows)

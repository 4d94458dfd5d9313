"""Look for everything wrong with an experiment and its data, before anything is computed."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ConfigDict, ValidationError

from favae_cli.common.errors import UserError
from favae_cli.common.log_lines import logging_to
from favae_cli.config.choices import DataConfig
from favae_cli.config.contradictions import validate
from favae_cli.config.data_sets import ManifestConfig
from favae_cli.config.models import FaConfig
from favae_cli.config.run import Config
from favae_cli.config.scores import require_score
from favae_cli.config.section import Folder, Section, Seed
from favae_cli.config.views import NetworkViewConfig
from favae_cli.data import Dataset
from favae_cli.machine.runtime import prepare
from favae_cli.models.fa_vae import FAVAE
from favae_cli.preparation.bending import straight
from favae_cli.preparation.check_codes import codes
from favae_cli.preparation.check_cost import costs
from favae_cli.preparation.check_findings import Findings
from favae_cli.preparation.check_image_sizes import mixed_sizes
from favae_cli.preparation.check_leakage import copies, groups_in_two_splits, keys_in_two_splits
from favae_cli.preparation.check_loading import load_sound
from favae_cli.preparation.check_overview import cost_table, data_tables, time_table
from favae_cli.preparation.check_presence import check_presence
from favae_cli.reporting.table import Table
from favae_cli.reporting.terminal import tables_as_text
from favae_cli.tasks.check_time import long_factors, phases
from favae_cli.training.build import build_model

logger = logging.getLogger(__name__)


class DataPart(Section):
    """As much of a config as the data need."""

    model_config = ConfigDict(extra="ignore")

    data: DataConfig
    seed: Seed
    cache: Folder


def check(composed: DictConfig) -> None:
    """Say what the run that `composed` describes works on and needs, and all that is wrong with it, or may be.

    Raises:
        UserError: with every error found, one a line; warnings are no reason.
    """
    findings, start = Findings(), time.process_time()
    with logging_to(None):
        tables = _look(composed, findings, start)
        logger.info("%s", tables_as_text(tables))
        for line in findings.notes:
            logger.info("note: %s", line)
        for line in findings.warnings:
            logger.warning("warning: %s", line)
        if not findings.errors:
            logger.info("no mistake found; warnings: %d", len(findings.warnings))
    if findings.errors:
        raise UserError("\n".join(findings.errors))


def _look(composed: DictConfig, findings: Findings, start: float) -> list[Table]:
    """Everything there is to see; what can still be looked at beside a mistake is. `start`: as of `phases`."""
    config = _config(composed, findings)
    part = config or _data_part(composed)
    if part is None:
        return []
    begun = time.perf_counter()
    data = load_sound(part.data, part.cache, part.seed, findings)
    reading = time.perf_counter() - begun
    if isinstance(part.data, ManifestConfig):
        findings.refuse(_found(keys_in_two_splits(part.data), findings))
        findings.warn(_found(mixed_sizes(part.data), findings))
    if data is None:
        return []
    if isinstance(part.data, ManifestConfig):
        findings.warn(_found(groups_in_two_splits(part.data, data), findings))
        findings.warn(codes(part.data, data))
    kinds = part.data.kinds()
    if config is not None:
        sources = {name: source for name, source in config.sources.items() if source in data.views}
        data, kinds = data.seen_as(sources), {name: kinds[source] for name, source in sources.items()}
    networks = _networks(config) if config else set()
    check_presence(data, networks, findings)
    findings.warn(straight(data, {name for name in networks if kinds.get(name) in ("vector", "real")}))
    findings.warn(copies(data))
    weights = {name: config.views[name].copies for name in data.views} if config else None
    tables = data_tables(data, kinds, weights)
    return tables + _cost(config, data, findings, start, reading) if config and not findings.errors else tables


def _networks(config: Config) -> set[str]:
    """Views that a network sees."""
    if isinstance(config.model, FaConfig):
        return set()
    return {name for name, view in config.views.items() if isinstance(view, NetworkViewConfig)}


def _config(composed: DictConfig, findings: Findings) -> Config | None:
    try:
        config = validate(composed)
        require_score(config)
        return config
    except UserError as error:
        findings.refuse(str(error).splitlines())
        return None


def _data_part(composed: DictConfig) -> DataPart | None:
    """The data of a config that is wrong elsewhere."""
    try:
        return DataPart.model_validate(OmegaConf.to_container(composed, resolve=True))
    except (OmegaConfBaseException, ValidationError):
        return None  # told by the config as a whole


def _found(lines: Iterable[str], findings: Findings) -> list[str]:
    """The lines, unless what they are about cannot even be read."""
    try:
        return [*lines]
    except UserError as error:
        findings.refuse(str(error).splitlines())
        return []


def _cost(config: Config, data: Dataset, findings: Findings, start: float, reading: float) -> list[Table]:
    try:
        model = build_model(config, data, prepare(config.trainer))
        if needed := costs(model, data, config):
            return [cost_table(needed)]
        if config.task.name != "train" or not isinstance(model, FAVAE) or not model.joins:
            return []
        seconds = phases(config, model, data, start, reading)
    except UserError as error:
        findings.refuse(str(error).splitlines())
        return []
    findings.warn(long_factors(model, seconds["factors"]))
    return [time_table(seconds)]

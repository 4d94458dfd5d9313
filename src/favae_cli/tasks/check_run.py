"""Inspect the folder of a run: is it whole, are its hashes right, does it load, are its data what they were."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from omegaconf import OmegaConf
from PIL import Image

from favae_cli.common.errors import UserError
from favae_cli.common.log_lines import logging_to
from favae_cli.common.run_folder import RunFolder
from favae_cli.common.run_lock import is_held
from favae_cli.common.stored_files import read_json
from favae_cli.config.folders import config_of_run
from favae_cli.config.stored import stored_config
from favae_cli.config.trained_run_base import OnDataConfig
from favae_cli.machine.runtime import Runtime
from favae_cli.preparation.check_findings import Findings
from favae_cli.queries.samples import load_data
from favae_cli.reporting.report import AILMENTS
from favae_cli.training import checkpoint
from favae_cli.training.records import final_numbers, read_records
from favae_cli.training.trained_run import TrainedRun, load_run

logger = logging.getLogger(__name__)

ARRAYS = "arrays"  # data in memory, which a run does not keep


def check_run(folder: Path, trust: bool = False) -> None:
    """Say of each part of a finished run whether it is as it was left.

    Raises:
        UserError: there is no run, or with everything that is wrong with it, one a line.
    """
    config_of_run(folder, "run")
    run, findings = RunFolder(folder), Findings()
    with logging_to(None):
        if is_held(folder):
            findings.warn([f"{folder}: a process is at work on it"])
        in_memory = _data_name(folder, trust) == ARRAYS  # then nothing was judged and reported, either
        _look("files", findings, lambda: _files(run, () if in_memory else (run.metrics, run.records, run.report)))
        _look("checkpoints", findings, lambda: _checkpoints(run))
        loaded: list[TrainedRun] = []
        _look("model", findings, lambda: _model(folder, trust, loaded))
        if in_memory:
            logger.info("%-12s not kept with a run that was fitted on arrays", "data")
        elif loaded:
            _look("data", findings, lambda: _data(loaded[0]))
        _look("health", findings, lambda: _health(run, findings))
        for line in findings.warnings:
            logger.warning("warning: %s", line)
    if findings.errors:
        raise UserError("\n".join(findings.errors))


def _look(what: str, findings: Findings, at: Callable[[], Iterable[str]]) -> None:
    """One line on a part of the run."""
    try:
        wrong = [*at()]
    except UserError as error:
        wrong = str(error).splitlines()
    findings.refuse(wrong)
    logger.info("%-12s %s", what, "as they were left" if not wrong else f"wrong: {len(wrong)}")


def _data_name(folder: Path, trust: bool) -> str | None:
    """Which data set the run is of; None where its config cannot say, which is told elsewhere."""
    try:
        return str(OmegaConf.select(stored_config(folder, "run", trust), "data.name"))
    except UserError:
        return None


def _files(run: RunFolder, needed: Iterable[Path]) -> Iterable[str]:
    for file in needed:
        if not file.is_file():
            yield f"{file}: is missing; favae-run resume={run.path} makes it again"
    for read in (final_numbers, read_records):
        try:
            read(run.path)
        except UserError as error:
            yield str(error)
    for picture in sorted(run.figures.glob("*.png")):
        try:
            with Image.open(picture, formats=("PNG",)) as image:
                image.load()
        except (OSError, SyntaxError, ValueError) as error:
            yield f"{picture}: is no whole picture ({error})"


def _checkpoints(run: RunFolder) -> Iterable[str]:
    if not checkpoint.exists(run.last):
        yield f"no checkpoint at {run.last}"
    for folder in (run.last, run.best, run.alone):
        if checkpoint.exists(folder):
            try:
                checkpoint.load(folder)
                checkpoint.load_tables(folder)
            except UserError as error:
                yield str(error)


def _model(folder: Path, trust: bool, loaded: list[TrainedRun]) -> Iterable[str]:
    loaded.append(load_run(folder, Runtime(torch.device("cpu")), trust))
    return ()


def _data(trained: TrainedRun) -> Iterable[str]:
    machine = {"device": "cpu", "precision": "auto", "threads": None}
    asked = {"run": trained.folder, "trust": False, "trainer": machine, "data": {}, "split": "all"}
    load_data(OnDataConfig.model_validate(asked | {"cache": trained.config.cache}), trained)
    if trained.seen is None:
        logger.info("%-12s that they are those of the run, no checkpoint of its version can say", "data")
    return ()


def _health(run: RunFolder, findings: Findings) -> Iterable[str]:
    """What the run found wrong with itself is no fault of its folder: it is told again."""
    found = read_json(run.health, AILMENTS) if run.health.is_file() else []
    findings.warn(f"{each['view'] or 'model'}: {each['told']}; {each['advice']}" for each in found)
    return ()

"""What each factor means: where the samples stand on it, what it does to each column, and a card for the first ones."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pandas as pd

from favae_cli.common.errors import UserError
from favae_cli.common.files import replacing
from favae_cli.common.run_folder import RunFolder
from favae_cli.config.trained_run_tasks import FactorsConfig, changed_data
from favae_cli.data import Dataset
from favae_cli.evaluation.cards import card_name, card_picture, card_record, factor_cards, panels_of
from favae_cli.evaluation.explained import explained_picture, explained_table
from favae_cli.queries.associations import associations
from favae_cli.queries.factor_reading import Reading
from favae_cli.queries.factor_scores import all_factor_scores
from favae_cli.queries.samples import load_data
from favae_cli.queries.traverse import most_relevant
from favae_cli.queries.umap_layout import beside, require_enough, require_umap, umap_layout
from favae_cli.queries.weights import weights_table
from favae_cli.reporting.report import write_report
from favae_cli.reporting.style import save
from favae_cli.tasks.trained_run.annotated_output import file_to_copy, files_of, write_annotated
from favae_cli.tasks.trained_run.written_files import save_table
from favae_cli.training.trained_run import TrainedRun

logger = logging.getLogger(__name__)


def use(config: FactorsConfig, trained: TrainedRun, directory: Path) -> None:
    """Write tables of factors, weights, explained variance and associations, cards and report.html; and `output`.

    Raises:
        UserError: a model without factors, data that do not fit the run, a split without a sample, no such output, or
            UMAP is not installed.
    """
    if config.umap:
        require_umap()
    section = changed_data(trained.config.data, config.data)
    copied = None if config.output is None else file_to_copy(config.output, files_of(section))
    model, data = trained.factors, load_data(config, trained)
    if not len(data.having_any(config.split)):
        raise UserError(f"split: no {config.split} sample has any of the views {', '.join(model.views)}")
    if config.umap:
        require_enough(len(data.split[config.split]))
    reading = Reading.of(model, data, config.split)

    table = explained_table(reading, most_relevant(model.joined, None, model.joined.factors), config.count)
    shown = data.split[config.split]
    scores = all_factor_scores(model, data, shown if config.output is None else data.split["all"])
    write_tables(config, trained, data, scores if config.output is None else scores.iloc[shown], directory)
    save_table(directory, "explained", table, config.format)
    folder = RunFolder(directory)
    folder.figures.mkdir(exist_ok=True)
    save(explained_picture(table), folder.figure("explained"))

    cards, panels = factor_cards(reading, config.cards, config.reach, config.steps), panels_of(data)
    for card in cards:
        save(card_picture(card, data, panels), folder.figure(card_name(card)))
    with replacing(folder.cards) as file:
        records = [card_record(card, data, panels) for card in cards]
        file.write_text(json.dumps(records, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    logger.info("%-10s %s (%d)", "cards", folder.figures, len(cards))
    logger.info("%-10s %s", "report", write_report(directory))
    if config.output is not None:  # last, so that the rest is there where it has no room
        write_annotated(config.output, config.overwrite, trained, data, section, scores, copied)


def write_tables(
    config: FactorsConfig,
    trained: TrainedRun,
    data: Dataset,
    scores: pd.DataFrame,
    directory: Path,
) -> None:
    """Of the samples the factors, of the columns the weights, and which of them go along.

    Args:
        config: what is asked for.
        trained: with factors.
        data: with the split.
        scores: of those of the split.
        directory: of the tables.
    """
    model = trained.factors
    if config.umap:
        scores = beside(scores, umap_layout(scores.filter(regex=r"^factor_\d+$").to_numpy()))
    save_table(directory, "factors", scores, config.format)
    save_table(directory, "weights", weights_table(model, trained.views), config.format)
    found = associations(model, data, data.split[config.split], config.permutations, config.columns)
    save_table(directory, "associations", found, config.format)

"""What names the samples of files that do not say it: those with features in rows, and those of observations."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import numpy as np

from favae_cli.data.files.table import Table
from favae_cli.data.files.turned import SAMPLE
from favae_cli.preparation.guess_columns import is_unique
from favae_cli.preparation.guess_numbers import KEY_NAME

# What a column is called that names features, in a file that has a row for each of them.
FEATURES = re.compile(
    r"(?i)^(gene|hugo|ensembl|entrez|transcript|probe|protein|uniprot|peptide|mirna|cpg|site|feature|metabolite|otu|asv"
    r"|taxon|snp|rsid|locus|analyte|symbol)s?([ _.-]?(id|ids|name|symbol|ref|accession)?[ _.-]?(id|name)?)$|^ID_REF$"
)
ENOUGH = 0.3  # share of a header that other files know as samples


def named_samples(
    tables: Mapping[str, Table], cells: Mapping[str, Mapping[str, np.ndarray]], asked: Collection[str]
) -> tuple[str | None, tuple[str, ...]]:
    """The column that names the samples of several files, and which of these have features in their rows.

    Args:
        tables: by name, as they lie.
        cells: of each of them.
        asked: names of files that have, as the user says.

    Returns:
        The key, which names what stands in headers or names observations in the other files; None where there are no
        such files, or nothing calls it. The names of the files with features in rows.
    """
    plain = {name: table for name, table in tables.items() if not (table.matrices or table.arrays)}
    values = {
        name: {column: {*values.tolist()} for column, values in cells[name].items() if is_unique(values)}
        for name in plain
    }
    across = [name for name, table in plain.items() if name in asked or _is_turned(name, table, values)]
    turned = {name: {str(column) for column in tables[name].frame.columns[1:]} for name in across}
    observed = {name: set(table.frame[table.key]) for name, table in tables.items() if table.matrices}
    known = [*turned.values(), *observed.values()]
    if not known:
        return None, ()
    everyone = set().union(*known)
    upright = [columns for name, columns in values.items() if name not in across]
    shared = [column for column in (upright[0] if upright else ()) if all(column in columns for columns in upright)]
    fitting = [column for column in shared if all(columns[column] & everyone for columns in upright)]
    if fitting:
        return next((column for column in fitting if KEY_NAME.search(column)), fitting[0]), tuple(across)
    names = [table.key for table in tables.values() if table.matrices]
    return (names[0] if names else SAMPLE) if not upright else None, tuple(across)


def _is_turned(name: str, table: Table, values: Mapping[str, Mapping[str, set[str]]]) -> bool:
    """Whether its first column says that it names features, or other files know what stands in its header."""
    first, *others = map(str, table.frame.columns)
    if first not in values[name] or len(others) < 2:
        return False
    if FEATURES.match(first):
        return True
    known = set().union(*(cells for other, columns in values.items() if other != name for cells in columns.values()))
    return len(known & set(others)) >= max(2, ENOUGH * len(others))

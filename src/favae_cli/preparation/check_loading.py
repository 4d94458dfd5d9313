"""Loading data of which some views may be broken."""

from __future__ import annotations

import re
from pathlib import Path

from favae_cli.common.errors import UserError
from favae_cli.config.choices import DataConfig
from favae_cli.config.data_sets import ManifestConfig
from favae_cli.data import Dataset, load
from favae_cli.preparation.check_findings import Findings

ADVICE = {
    "images skipped": "repair or remove these files; as it is, their samples lack the view",
    "constant over": "leave these columns out of the view, or change the split",
    "no training sample has": "merge such categories with others, or change the split",
    "samples left out": "leave it, if data.use is meant so",
}
"""What to do about what a loader notes, by words that its note has."""
UNDERSTOOD = ("between its cells", "has decimal commas", "has text in ")  # of notes that are no reason to worry


def load_sound(config: DataConfig, cache: Path, seed: int, findings: Findings) -> Dataset | None:
    """The data set with those views that can be loaded; what the loader says of the others is added to `findings`.

    Returns:
        None where not one view can be loaded, or what is wrong lies in no single view.
    """
    partial = False
    while True:
        try:
            data = load(config, cache, seed)
        except UserError as error:
            lines = str(error).splitlines()
        else:
            understood = [note for note in data.notes if any(words in note for words in UNDERSTOOD)]
            findings.note(f"data: {note}" for note in understood)
            findings.warn(_advised(note) for note in data.notes if note not in understood)
            return data
        broken = {match[1] for line in lines if (match := re.match(r"data\.views\.([\w-]+)", line))}
        if partial:  # they may have one of the broken views
            lines = [line for line in lines if "have no view at all" not in line]
        findings.refuse(lines)
        if not isinstance(config, ManifestConfig) or not broken or not broken < {*config.views}:
            return None
        partial = True
        sound = {name: view for name, view in config.views.items() if name not in broken}
        use = [name for name in config.use if name in sound] if config.use else None
        config = config.model_copy(update={"views": sound, "use": use or None})


def _advised(note: str) -> str:
    advice = next((advice for words, advice in ADVICE.items() if words in note), None)
    return f"data: {note}" + (f"; {advice}" if advice else "")

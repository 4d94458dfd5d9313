"""What a check finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Findings:
    """Lines on what is wrong, each once, in the order of their finding.

    Attributes:
        errors: that a run would end with, or be useless for.
        warnings: that a person should know of.
        notes: on what was made of the files, of which nothing is wrong.
    """

    errors: dict[str, None] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def refuse(self, lines: Iterable[str]) -> None:
        """Add errors."""
        self.errors |= dict.fromkeys(lines)

    def warn(self, lines: Iterable[str]) -> None:
        """Add warnings."""
        self.warnings |= dict.fromkeys(lines)

    def note(self, lines: Iterable[str]) -> None:
        """Add notes."""
        self.notes |= dict.fromkeys(lines)

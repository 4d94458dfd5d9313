"""What came of an attempt, and the table of all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from attempt import Ending

WORDS = ("exact", "survived", "refused", "skipped", "traceback", "silent")
BAD = ("traceback", "silent")
SHOWN = 4000  # characters, at most, of what a failed one has told


@dataclass(frozen=True)
class Verdict:
    """Of one attempt.

    Attributes:
        word: "exact" where the numbers are those of an undisturbed run, "survived" where there is nothing to compare
            them with, "refused" in lines of favae-run, "skipped" where this machine cannot try it, "traceback" for any
            other ending, "silent" where the numbers are others and nothing was said.
        told: what was done, and for bad ones what came of it.
    """

    word: str
    told: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether the program has failed, not the attempt."""
        return self.word in BAD


def judged(ending: Ending, told: str, same: bool | None = None) -> Verdict:
    """Of a process that has ended.

    Args:
        ending: of the process.
        told: what was done.
        same: whether its numbers are those of an undisturbed run; None where nobody can say.
    """
    if ending.is_bug:
        return Verdict("traceback", f"{told}\n{ending.told[-SHOWN:]}")
    if ending.code:
        return Verdict("refused", told)
    if same is None:
        return Verdict("survived", told)
    return Verdict("exact", told) if same else Verdict("silent", f"{told}\n{ending.told[-SHOWN:]}")


def table(verdicts: Iterable[tuple[str, str]]) -> str:
    """A row a kind of attempt, as Markdown.

    Args:
        verdicts: kind and word of each.
    """
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for kind, word in verdicts:
        counts[kind][word] += 1
    counts["all"] = sum((counts[kind] for kind in [*counts]), Counter())
    lines = ["| what | attempts | " + " | ".join(WORDS) + " |", "| --- |" + " ---: |" * (len(WORDS) + 1)]
    for kind, words in counts.items():
        cells = (str(words[word]) for word in WORDS)
        lines.append(f"| {kind} | {words.total()} | {' | '.join(cells)} |")
    return "\n".join(lines)

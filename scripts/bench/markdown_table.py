"""Tables of benchmarks, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown; the first column is text, the others are numbers."""
    lines = [list(header), ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def show(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print such a table, each row once it is known."""
    print(table(header, ()))
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)

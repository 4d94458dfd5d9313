"""Names that are to tell columns apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def each_once(names: Sequence[str], between: str) -> Iterator[str]:
    """Names, those that come again with the first number from 1 that makes a name which is not there.

    Args:
        names: in the order of the columns.
        between: what stands between a name and its number.
    """
    seen: dict[str, int] = {}
    taken = set(names)
    for name in names:
        number = seen[name] = seen.get(name, -1) + 1
        while number and f"{name}{between}{number}" in taken:
            number = seen[name] = number + 1
        taken.add(f"{name}{between}{number}" if number else name)
        yield f"{name}{between}{number}" if number else name

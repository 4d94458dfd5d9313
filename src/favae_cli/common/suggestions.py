"""What a slip of the keyboard may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A clause that says what there is, the closest first where one is close."""
    names = sorted(str(candidate) for candidate in known)
    folded = {candidate.lower(): candidate for candidate in names}
    close = difflib.get_close_matches(name.lower(), folded, n=1)
    hint = f"did you mean {folded[close[0]]}? " if close else ""
    return f"{hint}there are {', '.join(names)}" if names else "there are none"

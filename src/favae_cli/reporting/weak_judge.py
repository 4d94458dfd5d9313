"""Where a judge is too weak on real images for what it says of made ones to be taken at its word."""

from __future__ import annotations

from favae_cli.reporting.table import Metrics

WEAK = 0.8  # balanced accuracy on real images; 0.5 is chance
_PATTERNS = (("judge/", "/balanced_accuracy"), ("translate/", "/agreement_balanced_real"))


def weakly_judged(metrics: Metrics, kind: str = "") -> list[str]:
    """The attributes and directions of translation whose judge is weak, of keys that begin with `kind`."""
    return [
        key[len(start) : -len(end)]
        for key, value in metrics.items()
        for start, end in _PATTERNS
        if key.startswith(kind) and key.startswith(start) and key.endswith(end) and key.count("/") == 2 and value < WEAK
    ]


def warning(metrics: Metrics, kind: str = "") -> str:
    """One sentence that names them; empty where there are none."""
    names = weakly_judged(metrics, kind)
    if not names:
        return ""
    return (
        f"The judge is weak on {', '.join(names)}: its balanced accuracy on real images is under {WEAK}; doubt what "
        "it says of made ones."
    )

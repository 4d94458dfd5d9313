"""Values of a column that seem to say that there is none: numbers such as -999, words such as unknown."""

from __future__ import annotations

import re

import numpy as np

# Numbers by which answers and measurements are marked as missing; 8 and 9 in questions of few answers.
LONG_CODES = (97, 98, 99, 77, 88, 997, 998, 999, 777, 888, 9998, 9999, 99999, 999999)
SHORT_CODES = (8, 9)
CODES = (*LONG_CODES, *SHORT_CODES)
OFTEN = 2  # times that a code is there, at least, unless it is the one negative number
COMMON = 0.05  # share of the answers that are the highest, at least, beside which 8 or 9 may be codes
FEW_ANSWERS = 7  # the largest answer, at most, above which 8 or 9 may be codes
# Words that stand for no value, in small letters: in English, then in German, French, Spanish and other languages.
_WORDS = """
    unknown, not known, unkn, unk, n/a, n.a., na, #n/a, nan, null, missing, not available, not applicable, no answer
    no response, not answered, not stated, not reported, not recorded, refused, declined, prefer not to say, don't know
    dont know, do not know, dk, undefined, ., .., -, --, ---, ?
    unbekannt, keine angabe, k.a., k. a., weiß nicht, fehlt
    inconnu, inconnue, non renseigné, nsp, ne sait pas
    desconocido, desconocida, no sabe, no contesta, ns/nc, desconhecido, não sabe, sconosciuto, non so
    onbekend, okänd, ukjent, ukendt, nieznany, неизвестно
"""
WORDS = frozenset(word.strip() for word in re.split(r"[,\n]", _WORDS)) - {""}


def words_for_missing(values: np.ndarray) -> tuple[str, ...]:
    """Those of the different cells (V,) of str that say in words that there is no value."""
    return tuple(value for value in values.tolist() if " ".join(value.lower().split()) in WORDS)


def codes_for_missing(numbers: np.ndarray) -> tuple[float, ...]:
    """Those of the finite numbers (N,) that seem to stand for none: codes far from all else.

    A negative code is one where nothing else is negative, or where it is as far from the rest as that is wide, as a
    positive one has to be; 8 and 9 are where the answers end below, and not in a tail as the numbers of children do.
    """
    if not np.isin(np.abs(numbers), CODES).any():
        return ()
    values, counts = np.unique(numbers, return_counts=True)
    likely = np.isin(np.abs(values), CODES)
    rest = values[~likely]
    if len(rest) < 2:
        return ()
    low, high, width = rest.min(), rest.max(), np.ptp(rest)
    answers = bool((rest == np.round(rest)).all() and low >= 0 and high < FEW_ANSWERS)
    common = counts[~likely][-1] >= COMMON * counts[~likely].sum()
    found = []
    for value, count in zip(values[likely].tolist(), counts[likely].tolist(), strict=True):
        short = abs(value) in SHORT_CODES
        if value < 0:
            is_code = (low >= 0 and (count >= OFTEN or not short)) or (low - value >= width and count >= OFTEN)
        elif short:
            is_code = answers and value - high >= OFTEN and count > OFTEN and common
        else:
            is_code = value - high >= width and count >= OFTEN
        if is_code:
            found.append(value)
    return tuple(found)

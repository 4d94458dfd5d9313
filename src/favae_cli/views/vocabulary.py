"""Texts as tokens: bytes, and the pieces that training texts often have."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from itertools import takewhile

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

from favae_cli.nets.tokens import END
from favae_cli.views.standardise import Unchanged

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())  # a letter for each, as the tokenizer writes them
FEWEST = 1 + len(BYTES)  # tokens: the end, and every byte, so that no text is out of reach


class Vocabulary(Unchanged):
    """Byte pair encoding (Sennrich et al., 2016) over bytes: every text comes back from its tokens letter by letter.

    It is the end of a text, the bytes, and the list of pairs that are merged into one more token each; `merges` holds
    them in a shape that does not depend on the texts.

    Args:
        size: different tokens at most, at least `FEWEST`.
        length: tokens of a text at most.
    """

    merges: Tensor

    def __init__(self, size: int, length: int) -> None:
        super().__init__()
        self.length = length
        self.register_buffer("merges", torch.full((size - FEWEST, 2), -1, dtype=torch.int32))

    def fit(self, values: np.ndarray) -> None:
        """Find the pairs that the training texts (R,) have most often, and at least twice."""
        tokenizer = _over_bytes(models.BPE())
        trainer = trainers.BpeTrainer(
            vocab_size=len(BYTES) + len(self.merges), min_frequency=2, initial_alphabet=BYTES, show_progress=False
        )
        tokenizer.train_from_iterator(values.tolist(), trainer)
        number, found = _bytes(), []
        for first, second in json.loads(tokenizer.to_str())["model"]["merges"][: len(self.merges)]:
            found.append((number[first], number[second]))
            number.setdefault(first + second, len(number))
        self.merges.fill_(-1)[: len(found)] = torch.tensor(found, dtype=torch.int32).reshape(-1, 2)

    def tokens(self, texts: np.ndarray) -> np.ndarray:
        """Texts (R,) -> int64 (R, length), `END` behind the last token; what is longer is cut."""
        found = np.full((len(texts), self.length), END)
        for row, text in zip(found, self._tokenizer().encode_batch(texts.tolist()), strict=True):
            ids = text.ids[: self.length]
            row[: len(ids)] = np.array(ids, int) + 1
        return found

    def texts(self, tokens: Iterable[Iterable[int]]) -> list[str]:
        """Rows of tokens up to the first `END` -> texts; bytes that make no letter come out as a question mark."""
        rows = [[token - 1 for token in takewhile(lambda token: token != END, row)] for row in tokens]
        return self._tokenizer().decode_batch(rows)

    def _tokenizer(self) -> Tokenizer:
        return _merging(self.merges.cpu().numpy().tobytes())


@lru_cache
def _merging(stored: bytes) -> Tokenizer:
    """The tokenizer of int32 pairs of tokens, each merged into a token of the next number; -1 behind the last."""
    number, merges = _bytes(), []
    pieces = list(number)
    for first, second in np.frombuffer(stored, np.int32).reshape(-1, 2):
        if first < 0:
            break
        merges.append((pieces[first], pieces[second]))
        merged = pieces[first] + pieces[second]
        if merged not in number:  # some are made in two ways
            number[merged] = len(pieces)
            pieces.append(merged)
    return _over_bytes(models.BPE(number, merges))


def _bytes() -> dict[str, int]:
    """Number of each byte, by the letter that the tokenizer writes for it."""
    return {letter: number for number, letter in enumerate(BYTES)}


def _over_bytes(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer

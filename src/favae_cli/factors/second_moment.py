"""The sum of z z^T over samples, (D, D), held in the smaller of two forms: as itself, or as the samples it is of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Square:
    """S itself, (D, D)."""

    table: np.ndarray

    def __matmul__(self, other: np.ndarray) -> np.ndarray:
        """S B, (D, C)."""
        product: np.ndarray = self.table @ other
        return product

    def diagonal(self) -> np.ndarray:
        """(D,)."""
        return np.diag(self.table)

    def scaled(self, by: np.ndarray) -> Square:
        """Of embeddings whose dimensions are `by` (D,) times what they were."""
        return Square(self.table * np.outer(by, by))

    def dense(self) -> np.ndarray:
        """S, (D, D)."""
        return self.table


@dataclass(frozen=True)
class Rows:
    """S = X^T X, as X (R, D); smaller than S where D is larger than R, and never squared."""

    table: np.ndarray

    def __matmul__(self, other: np.ndarray) -> np.ndarray:
        """S B, (D, C)."""
        product: np.ndarray = self.table.T @ (self.table @ other)
        return product

    def diagonal(self) -> np.ndarray:
        """(D,)."""
        return np.einsum("rd,rd->d", self.table, self.table)

    def scaled(self, by: np.ndarray) -> Rows:
        """Of embeddings whose dimensions are `by` (D,) times what they were."""
        return Rows(self.table * by)

    def dense(self) -> np.ndarray:
        """S, (D, D)."""
        product: np.ndarray = self.table.T @ self.table
        return product


SecondMoment = Square | Rows
"""What is asked of the sum of z z^T, whatever its form; both give the same numbers, but for rounding."""


def fewer(samples: int, dimensions: int) -> bool:
    """Whether the samples themselves are held."""
    return samples < dimensions


def second_moment(stacked: np.ndarray) -> SecondMoment:
    """That of the samples `stacked`, float64 (R, D), which it may keep."""
    rows = Rows(stacked)
    return rows if fewer(*stacked.shape) else Square(rows.dense())


def added(one: SecondMoment, other: SecondMoment) -> SecondMoment:
    """That of the samples of both."""
    if isinstance(one, Rows) and isinstance(other, Rows):
        return second_moment(np.concatenate([one.table, other.table]))
    return Square(one.dense() + other.dense())

"""The few guarded linear-algebra steps that every update goes through."""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri


class EngineError(ArithmeticError):
    """A step of the engine left the numbers in an impossible state; says which view and variable, and when."""


def symmetrize(matrix: np.ndarray) -> np.ndarray:
    """(A + A^T) / 2 of a square matrix."""
    return (matrix + matrix.T) / 2


def psd_inverse(matrix: np.ndarray, what: str) -> tuple[np.ndarray, float]:
    """Inverse and log-determinant of a symmetric positive definite matrix (K, K), by Cholesky.

    Raises:
        EngineError: the matrix is not finite or not positive definite; the message begins with `what`.
    """
    factor = _cholesky(matrix, what)
    inverse, _ = dpotri(factor, lower=True)  # its lower triangle, over zeros
    inverse += np.tril(inverse, -1).T
    return inverse, _log_det(factor)


def psd_log_det(matrix: np.ndarray, what: str) -> float:
    """Log-determinant alone; as `psd_inverse`."""
    return _log_det(_cholesky(matrix, what))


def _cholesky(matrix: np.ndarray, what: str) -> np.ndarray:
    """The lower factor of a matrix of which only the lower triangle is read."""
    if not np.isfinite(matrix).all():
        raise EngineError(f"{what} is not finite")
    factor, info = dpotrf(matrix, lower=True)
    if info:
        raise EngineError(f"{what} is not positive definite")
    return factor


def _log_det(factor: np.ndarray) -> float:
    return 2.0 * float(np.log(np.diag(factor)).sum())

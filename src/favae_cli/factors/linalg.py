"""The few guarded linear-algebra steps that every update goes through."""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky


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
    if not np.isfinite(matrix).all():
        raise EngineError(f"{what} is not finite")
    try:
        factor = cholesky(symmetrize(matrix), lower=True, check_finite=False)
    except LinAlgError as error:
        raise EngineError(f"{what} is not positive definite") from error
    inverse = cho_solve((factor, True), np.eye(len(matrix)), check_finite=False)
    return symmetrize(inverse), 2.0 * float(np.log(np.diag(factor)).sum())

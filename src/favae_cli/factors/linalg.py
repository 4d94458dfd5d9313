"""The few guarded linear-algebra steps that every update goes through, and how many threads they take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri
from threadpoolctl import ThreadpoolController

THREADS = 1  # of BLAS: the engine's matrices lose more to threads than they gain (docs/benchmarks.md)


class EngineError(ArithmeticError):
    """A step of the engine left the numbers in an impossible state; says which view and variable, and when."""


@contextmanager
def few_threads() -> Iterator[None]:
    """Have BLAS take `THREADS`, for as long as the context or the function that this decorates lasts.

    So the engine's numbers do not depend on how many cores there are, either.
    """
    with _blas().limit(limits=THREADS):
        yield


@cache
def _blas() -> ThreadpoolController:
    """That of NumPy and that of SciPy, both loaded by now; to look for them takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")


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


def psd_solve(matrices: np.ndarray, right: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray]:
    """A^-1 B of many symmetric positive definite A (M, K, K) and B (M, K, C); raises as `psd_inverse`.

    Returns:
        It, and the pivots of A (M, K): squares of the diagonal of its Cholesky factor, whose product is det A.
    """
    if not np.isfinite(matrices).all():
        raise EngineError(f"{what} is not finite")
    try:
        factors = np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError as error:
        raise EngineError(f"{what} is not positive definite") from error
    return np.linalg.solve(matrices, right), np.diagonal(factors, axis1=1, axis2=2) ** 2


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

"""What processes tell each other, as bytes that hold data alone: nothing that comes in can run anything."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

_ARRAY = "array"  # beside its dtype, in the place of an array
_KINDS = "biuf"  # of dtypes: numbers
_LENGTH = struct.Struct("<Q")


def encode(tree: Any) -> bytes:
    """Numbers, texts, None and arrays of numbers, in lists, tuples and dicts with texts as keys.

    Raises:
        TypeError: anything else.
    """
    arrays: list[np.ndarray] = []

    def plain(node: Any) -> Any:
        if isinstance(node, np.ndarray):
            if node.dtype.kind not in _KINDS:
                raise TypeError(f"an array of {node.dtype} is no message")
            arrays.append(np.asarray(node, order="C"))
            return {_ARRAY: list(node.shape), "dtype": node.dtype.str}
        if isinstance(node, np.generic):
            return node.item()
        if isinstance(node, dict):
            if not all(isinstance(key, str) for key in node):
                raise TypeError("a key that is no text is no message")
            return {key: plain(value) for key, value in node.items()}
        return [plain(value) for value in node] if isinstance(node, list | tuple) else node

    head = json.dumps(plain(tree)).encode()
    return b"".join([_LENGTH.pack(len(head)), head, *(array.tobytes() for array in arrays)])


def decode(message: bytes) -> Any:
    """What `encode` was given; tuples have become lists.

    Raises:
        ValueError: no such message.
    """
    start = _LENGTH.size + _LENGTH.unpack_from(message)[0]

    def made(node: Any) -> Any:
        nonlocal start
        if isinstance(node, list):
            return [made(value) for value in node]
        if not isinstance(node, dict):
            return node
        if _ARRAY not in node:
            return {key: made(value) for key, value in node.items()}
        dtype, shape = np.dtype(node["dtype"]), node[_ARRAY]
        if dtype.kind not in _KINDS:
            raise ValueError(f"an array of {dtype} in a message")
        count = int(np.prod(shape))
        array = np.frombuffer(message, dtype, count, start).reshape(shape).copy()
        start += array.nbytes
        return array

    return made(json.loads(message[_LENGTH.size : start]))

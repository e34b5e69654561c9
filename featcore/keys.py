"""Content becomes a key: SHA-256 digests, so that caches depend on what a thing is and not on what it is called."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np


def digest(*parts: Any) -> str:
    """SHA-256 (hex) of bytes, or of anything JSON can write; the order of dictionary keys does not matter."""
    sha = hashlib.sha256()
    for part in parts:
        raw = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True, default=str).encode()
        # The length keeps ("ab", "c") apart from ("a", "bc").
        sha.update(len(raw).to_bytes(8, "big") + raw)
    return sha.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file, read again only when its time or size changed."""
    stat = path.stat()
    return _file_digest(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _file_digest(path: Path, time_ns: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(*parts: Any) -> str:
    """SHA-256 (hex) of the content of records, arrays, containers, functions and plain values.

    A source counts by its `key` and its name, since a picture may name it, so its frames are not read again.

    Raises:
        TypeError: a part is nothing of these; guessing what it holds would mix up two answers.
    """
    sha = hashlib.sha256()
    _feed(sha, parts)
    return sha.hexdigest()


_PLAIN = {str, int, float, bool, type(None)}


def _feed(sha: Any, part: Any) -> None:
    if isinstance(part, np.ndarray):
        sha.update(f"a{part.dtype.str}{part.shape}".encode())
        sha.update(np.ascontiguousarray(part).data)
    elif is_dataclass(part) and not isinstance(part, type):
        sha.update(type(part).__qualname__.encode())
        names = ("key", "name") if hasattr(part, "key") else [f.name for f in fields(part)]
        _feed(sha, tuple(getattr(part, name) for name in names))
    elif isinstance(part, Mapping):
        _feed(sha, tuple(part.items()))
    elif isinstance(part, tuple) and all(type(each) in _PLAIN for each in part):
        raw = repr(part).encode()
        sha.update(f"p{len(raw)}".encode() + raw)
    elif isinstance(part, list | tuple):
        # The length keeps ("a", ("b",)) apart from (("a", "b"),).
        sha.update(f"t{len(part)}".encode())
        for each in part:
            _feed(sha, each)
    elif part is None or isinstance(part, bool | int | float | str | np.generic):
        raw = repr(part).encode()
        sha.update(f"v{len(raw)}".encode() + raw)
    elif isinstance(part, FunctionType):
        _feed(sha, f"{part.__module__}.{part.__qualname__}")
    else:
        raise TypeError(f"A {type(part).__qualname__} has no fingerprint; give records, arrays and plain values.")

"""Finished results on disk, found by the digest of their question: one compressed .npz a result, no pickles."""

import json
import logging
import os
import re
import tempfile
import zipfile
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from featcore import types

_KEY = re.compile(r"[0-9a-f]{8,128}")
_CLASSES = {name: found for name, found in vars(types).items() if isinstance(found, type) and is_dataclass(found)}
_TREE = "tree"
log = logging.getLogger(__name__)


class Store:
    """A folder of results. Writing is atomic, so any number of threads and processes may share it."""

    def __init__(self, folder: Path, read_only: bool = False) -> None:
        self.folder, self.read_only = Path(folder), read_only

    def get(self, key: str) -> Any | None:
        """The result under a key, or None; a damaged file counts as absent and is logged."""
        path = self._path(key)
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            result = _unpack(json.loads(str(arrays.pop(_TREE))), arrays)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            log.warning("the stored result %s is damaged and counts as absent: %s", path.name, error)
            return None
        if not self.read_only:
            os.utime(path)  # so that `prune` knows what was used
        return result

    def has(self, key: str) -> bool:
        return self._path(key).exists()

    def keys(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.npz"))

    def put(self, key: str, result: Any, half: bool = False) -> None:
        """Keep a result under a key.

        Args:
            result: a tree of records of `featcore.types`, arrays, tuples, lists, dictionaries, sets and plain values.
            half: float32 arrays of three axes or more are written as float16 (error below 0.1 %) and read as float32.
        """
        if self.read_only:
            raise PermissionError(f"the store {self.folder} is read-only")
        path = self._path(key)
        arrays: dict[str, np.ndarray] = {}
        tree = json.dumps(_pack(result, arrays, half))
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.folder, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez_compressed(file, **{_TREE: np.array(tree)}, **arrays)
            Path(temporary).chmod(0o644)
            os.replace(temporary, path)
        finally:
            Path(temporary).unlink(missing_ok=True)

    def prune(self, max_bytes: int) -> int:
        """Remove the least recently used results until the rest fits; returns how many went."""
        kept = sorted(self.folder.glob("*.npz"), key=lambda path: path.stat().st_mtime)
        size = sum(path.stat().st_size for path in kept)
        gone = 0
        while kept and size > max_bytes:
            oldest = kept.pop(0)
            size -= oldest.stat().st_size
            oldest.unlink(missing_ok=True)
            gone += 1
        return gone

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"'{key}' is no digest, so it names no result")
        return self.folder / f"{key}.npz"


def _pack(value: Any, arrays: dict[str, np.ndarray], half: bool) -> Any:
    """The tree of a result as JSON can write it; arrays go aside under a number."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        small = half and value.dtype == np.float32 and value.ndim >= 3
        arrays[name] = value.astype(np.float16) if small else value
        return {"array": name, "dtype": str(value.dtype)}
    if is_dataclass(value) and type(value).__name__ in _CLASSES:
        named = {f.name: _pack(getattr(value, f.name), arrays, half) for f in fields(value)}
        return {"record": type(value).__name__, "fields": named}
    if isinstance(value, dict):
        return {"dict": [[_pack(key, arrays, half), _pack(each, arrays, half)] for key, each in value.items()]}
    for kind in (tuple, list, frozenset):
        if isinstance(value, kind):
            ordered = sorted(value, key=repr) if kind is frozenset else value
            return {kind.__name__: [_pack(each, arrays, half) for each in ordered]}
    raise TypeError(f"{type(value).__name__} cannot be stored; only records of featcore.types and plain values can")


def _unpack(tree: Any, arrays: dict[str, np.ndarray]) -> Any:
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        return arrays[tree["array"]].astype(np.dtype(tree["dtype"]), copy=False)
    if "record" in tree:
        named = {name: _unpack(each, arrays) for name, each in tree["fields"].items()}
        return _CLASSES[tree["record"]](**named)
    if "dict" in tree:
        return {_unpack(key, arrays): _unpack(each, arrays) for key, each in tree["dict"]}
    ((kind, values),) = tree.items()
    return {"tuple": tuple, "list": list, "frozenset": frozenset}[kind](_unpack(each, arrays) for each in values)

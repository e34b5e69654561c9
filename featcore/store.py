"""Finished results on disk, by digest: one compressed .npz a key, arrays as entries, the rest as JSON inside.

Nothing that is read back can run code: no pickles, and class names are looked up among `featcore.types` only.
"""

import json
import logging
import os
import re
import time
import uuid
import zipfile
import zlib
from dataclasses import fields, is_dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from featcore import types

_LOG = logging.getLogger(__name__)
_KEY = re.compile(r"[0-9a-f]{8,128}")
_FORMAT = 1
_HALF_FROM = 1024
_STALE_S = 3600.0
_CLASSES = {
    name: found
    for name, found in vars(types).items()
    if isinstance(found, type) and is_dataclass(found) and found.__module__ == types.__name__
}
# What NumPy, zipfile and our own reader raise for a file that is cut short, changed, or never was one of ours.
_DAMAGED = (
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    AttributeError,
    EOFError,
    OverflowError,
    RuntimeError,
    MemoryError,
    OSError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
)


class Store:
    """A folder of results. Several threads and processes may share it: a file appears whole or not at all."""

    def __init__(self, folder: Path, read_only: bool = False) -> None:
        self.folder, self.read_only = Path(folder), read_only

    def has(self, key: str) -> bool:
        """True when a file stands under this key; only `get` finds out whether it is whole."""
        return self._path(key).is_file()

    def keys(self) -> list[str]:
        """The keys of all results, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.npz") if _KEY.fullmatch(path.stem))

    def get(self, key: str) -> Any:
        """The object kept under a key, or None. A damaged or outdated file counts as absent, with a warning in the log.

        Raises:
            ValueError: the key is no hex digest.
        """
        path = self._path(key)
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            _LOG.warning("'%s' cannot be read and is treated as absent: %s", path, error)
            return None
        try:
            found = unpack(raw)
        except _DAMAGED as error:
            _LOG.warning("'%s' is damaged or outdated and is treated as absent: %s", path, error)
            return None
        if not self.read_only:
            self._touch(path)
        return found

    def put(self, key: str, value: Any, half: bool = False) -> None:
        """Keep an object under a key, replacing what was there.

        Args:
            value: a tree of `featcore.types` records, arrays, tuples, lists, sets, dictionaries, numbers and strings.
            half: write arrays of 1024 floats and more in float16, about three digits; they are read back in the
                format they had. An array with values beyond float16 stays as it is.

        Raises:
            ValueError: the key is no hex digest. PermissionError: the store is read-only.
            TypeError: the tree holds something else.
        """
        path = self._path(key)
        if self.read_only:
            raise PermissionError(f"The store '{self.folder}' is read-only; put results into another one.")
        raw = pack(value, half)
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.folder / f"{key}.{uuid.uuid4().hex}.tmp"
        try:
            unfinished.write_bytes(raw)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)

    def prune(self, max_bytes: int) -> int:
        """Remove the least recently used results until the rest fits; returns how many went."""
        if self.read_only:
            raise PermissionError(f"The store '{self.folder}' is read-only; nothing of it is removed.")
        for left_over in self.folder.glob("*.tmp"):
            if (stat := _stat(left_over)) and time.time() - stat.st_mtime > _STALE_S:
                left_over.unlink(missing_ok=True)
        sized = [(stat.st_mtime_ns, stat.st_size, path) for path in self.folder.glob("*.npz") if (stat := _stat(path))]
        total, gone = sum(size for _, size, _ in sized), 0
        for _, size, path in sorted(sized):
            if total <= max_bytes:
                break
            path.unlink(missing_ok=True)
            total, gone = total - size, gone + 1
        return gone

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"'{key}' is no hex digest; keys come from featcore.keys.digest.")
        return self.folder / f"{key}.npz"

    def _touch(self, path: Path) -> None:
        try:
            os.utime(path)
        except (
            OSError
        ):  # another process has just removed it, or the disk is read-only: the answer is good all the same
            _LOG.debug("the time of '%s' was not renewed", path)


def _stat(path: Path) -> os.stat_result | None:
    """None when another process has just removed the file."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


# --- objects to bytes and back ---------------------------------------------------------------------------------------


def pack(value: Any, half: bool = False) -> bytes:
    """The bytes of an .npz: entry "tree" is JSON, entries "a0", "a1", ... are its arrays."""
    arrays: dict[str, np.ndarray] = {}
    tree = {"format": _FORMAT, "root": _write(value, arrays, half)}
    arrays["tree"] = np.frombuffer(json.dumps(tree).encode(), np.uint8)
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack(raw: bytes) -> Any:
    """The object that `pack` made bytes of; raises one of many errors when the bytes are something else."""
    with zipfile.ZipFile(BytesIO(raw)):  # refuses what NumPy would take for a single array or a pickle
        pass
    with np.load(BytesIO(raw), allow_pickle=False) as archive:
        tree = json.loads(archive["tree"].tobytes())
        if tree["format"] != _FORMAT:
            raise ValueError(f"written in format {tree['format']}, this version reads {_FORMAT}")
        return _read(tree["root"], archive)


def _write(value: Any, arrays: dict[str, np.ndarray], half: bool) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return _write_array(np.asarray(value), isinstance(value, np.generic), arrays, half)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | frozenset | set):
        kind = next(kind for kind in (list, tuple, frozenset, set) if isinstance(value, kind)).__name__
        items = sorted(value, key=repr) if isinstance(value, frozenset | set) else value
        return {"is": kind, "items": [_write(item, arrays, half) for item in items]}
    if isinstance(value, dict):
        return {"is": "dict", "items": [[_write(part, arrays, half) for part in pair] for pair in value.items()]}
    if type(value) is _CLASSES.get(type(value).__name__):
        parts = {f.name: _write(getattr(value, f.name), arrays, half) for f in fields(value)}
        return {"is": "record", "class": type(value).__name__, "fields": parts}
    raise TypeError(
        f"A {type(value).__module__}.{type(value).__name__} cannot be kept; only featcore.types and arrays."
    )


def _write_array(array: np.ndarray, scalar: bool, arrays: dict[str, np.ndarray], half: bool) -> dict[str, Any]:
    if array.dtype.hasobject:
        raise TypeError("An array of Python objects cannot be kept; only numbers and strings.")
    node = {"is": "scalar" if scalar else "array", "at": f"a{len(arrays)}", "dtype": array.dtype.str}
    if half and array.dtype.kind == "f" and array.size >= _HALF_FROM:
        with np.errstate(over="ignore", invalid="ignore"):
            short = array.astype(np.float16)
        array = short if np.array_equal(np.isfinite(short), np.isfinite(array)) else array
    arrays[node["at"]] = array
    return node


def _read(node: Any, archive: Any) -> Any:
    if not isinstance(node, dict):
        return node
    kind = node["is"]
    if kind in ("array", "scalar"):
        array = archive[node["at"]].astype(np.dtype(node["dtype"]), copy=False)
        return array[()] if kind == "scalar" else array
    if kind == "record":
        return _read_record(node, archive)
    items = [
        _read(item, archive) if kind != "dict" else tuple(_read(x, archive) for x in item) for item in node["items"]
    ]
    return {"list": list, "tuple": tuple, "frozenset": frozenset, "set": set, "dict": dict}[kind](items)


def _read_record(node: dict[str, Any], archive: Any) -> Any:
    record = _CLASSES.get(node["class"])
    if record is None:
        raise ValueError(f"no record is called '{node['class']}'")
    stored, known = node["fields"], {f.name for f in fields(record)}
    if set(stored) != known:
        raise ValueError(f"the fields of {node['class']} have changed: {', '.join(sorted(set(stored) ^ known))}")
    return record(**{name: _read(part, archive) for name, part in stored.items()})

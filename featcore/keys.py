"""Content becomes a key: SHA-256 digests, so that caches depend on what a thing is and not on what it is called."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any


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

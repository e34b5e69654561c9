"""Loaded encoders, few at once: the least recently used that nobody uses is released when there are too many."""

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from featcore.encode.room import in_bytes
from featcore.errors import LoadError

if TYPE_CHECKING:
    from featcore.encode.base import Encoder


class Shelf:
    """Bounded by number and by bytes of weights. An encoder that is borrowed stays until it is given back."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._kept: OrderedDict[str, Encoder] = OrderedDict()
        self._borrowed: dict[str, int] = {}
        self._lock = threading.Lock()
        self._loading = threading.Lock()  # one at a time: two would each believe the memory to be free

    @contextmanager
    def borrow(self, key: str, size: int, load: Callable[[], "Encoder"]) -> Iterator["Encoder"]:
        """The encoder under a key, loaded where it is not there; `size` is what its weights will need, in bytes.

        Raises:
            LoadError: it alone is larger than the shelf.
        """
        if size > self._most_bytes:
            raise LoadError(
                f"This encoder needs {in_bytes(size)}; {in_bytes(self._most_bytes)} may be used by all encoders "
                "(FEATCORE_MAX_ENCODER_BYTES). Choose a smaller one."
            )
        encoder = self._take(key)
        if encoder is None:
            with self._loading:
                encoder = self._take(key)
                if encoder is None:
                    self._trim(room=1, room_bytes=size)
                    encoder = load()
                    with self._lock:
                        self._kept[key] = encoder
                        self._borrowed[key] = self._borrowed.get(key, 0) + 1
        try:
            yield encoder
        finally:
            del encoder
            with self._lock:
                self._borrowed[key] -= 1
            self._trim()

    def keys(self) -> list[str]:
        """What is loaded, the least recently used first."""
        with self._lock:
            return list(self._kept)

    def _take(self, key: str) -> "Encoder | None":
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            self._borrowed[key] = self._borrowed.get(key, 0) + 1
            return self._kept[key]

    def _trim(self, room: int = 0, room_bytes: int = 0) -> None:
        """Release idle encoders until what is left, and what is about to come, fits."""
        released = False
        with self._lock:
            for key in list(self._kept):
                fits = len(self._kept) + room <= self._most and self._bytes() + room_bytes <= self._most_bytes
                if fits:
                    break
                if not self._borrowed.get(key):
                    del self._kept[key]
                    released = True
        if released:
            gc.collect()  # modules refer to each other in circles

    def _bytes(self) -> int:
        return sum(
            weight.numel() * weight.element_size() for kept in self._kept.values() for weight in kept.model.parameters()
        )

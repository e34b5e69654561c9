"""One turn a device: who computes there, who times there, and who waits; knows no model library.

Threads of one process take turns by a lock. Other processes on the machine (a measurement from a terminal or one that a
page started) are kept out by a lock on a small file: ordinary work shares it, a timing has it alone.
"""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

try:
    import fcntl
except ImportError:  # Windows: processes do not know of each other there, threads still take turns
    fcntl = None  # type: ignore[assignment]

_TOLD = threading.local()


@contextmanager
def telling(tell: Callable[[str], None]) -> Iterator[None]:
    """Within this block `tell` gets a sentence when this thread has to wait for a device, and "" when it goes on.

    It may raise to stop: the turn is then not taken.
    """
    before = getattr(_TOLD, "tell", None)
    _TOLD.tell = tell
    try:
        yield
    finally:
        _TOLD.tell = before


class Turn:
    """The lock of one device, re-entrant within a thread; `timing` says who measures there now, "" when nobody does."""

    def __init__(self, device: str) -> None:
        self.device, self.timing = device, ""
        self._lock, self._depth = threading.RLock(), 0
        self._file: int | None = None

    def acquire(self, timeout: float = -1) -> bool:
        """Take the turn; the sentence goes to whoever listens by `telling` if that means waiting."""
        waited = not self._lock.acquire(blocking=False)
        if waited:
            self._say(self.timing)
            if not self._lock.acquire(timeout=timeout):
                return False
        self._depth += 1
        if self._depth > 1:  # this thread has it already, so nobody was waited for
            return True
        with ExitStack() as undone:  # who is told may raise, to stop: then the turn is nobody's
            undone.callback(self.release)
            if waited:
                self._say(None)
            if self._depth == 1:
                self._share(alone=False)
            undone.pop_all()
        return True

    def release(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._give_back()
        self._lock.release()

    def __enter__(self) -> "Turn":
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """Take the turn for a timing: nobody else computes here meanwhile, in this process or another of ours."""
        with self:
            before = self.timing
            self.timing = before or what
            try:
                if not before:
                    self._share(alone=True)
                yield
            finally:
                self.timing = before

    # --- other processes -------------------------------------------------------------------------------------------

    def _share(self, alone: bool) -> None:
        file = self._opened()
        if file is None:
            return
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            self._say("" if alone else os.pread(file, 200, 0).decode(errors="replace"))
            fcntl.flock(file, kind)
            self._say(None)
        if alone:
            os.ftruncate(file, 0)
            os.pwrite(file, self.timing.encode()[:200], 0)

    def _give_back(self) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _opened(self) -> int | None:
        """The file of this device and user; None where files cannot be locked."""
        if fcntl is not None and self._file is None:
            name = f"tessera-{os.getuid()}-{self.device.replace(':', '-').replace('/', '-')}.turn"
            try:
                self._file = os.open(Path(tempfile.gettempdir()) / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            except OSError:  # no folder to write to: threads still take turns
                return None
        return self._file

    def _say(self, timing: str | None) -> None:
        tell = getattr(_TOLD, "tell", None)
        if tell is None:
            return
        if timing is None:
            tell("")
        elif timing:
            tell(f"waiting, somebody else is timing on this device ({timing})")
        else:
            tell("waiting, somebody else computes on this device")


_TURNS: dict[str, Turn] = {}
_MAKING = threading.Lock()


def turn(device: str) -> Turn:
    """The one turn of a device, by its name ("cpu", "cuda:0")."""
    with _MAKING:
        if device not in _TURNS:
            _TURNS[device] = Turn(device)
        return _TURNS[device]

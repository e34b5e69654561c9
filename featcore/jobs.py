"""A featcore command in a process of its own, and a server's list of them, one at a time.

Its own process, so that pages that are drawn meanwhile do not take its interpreter. Knows no model library.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, Literal, TypeVar

from featcore.errors import LimitError
from featcore.settings import settings

State = Literal["running", "done", "stopped", "failed"]
MOST_FINISHED = 8


class Job:
    """One process; `folder` holds what it writes."""

    def __init__(self, kind: str, command: Callable[[Path], Sequence[str]]) -> None:
        """Start it; `command` gives the arguments of featcore for the job's own, empty folder."""
        self.folder, self.started = Path(tempfile.mkdtemp(prefix=f"tessera-{kind}-")), time.monotonic()
        self._stopped = False
        self._ended: float | None = None
        words = [sys.executable, "-m", "featcore", *command(self.folder)]
        wide = os.environ | {"COLUMNS": "1000"}  # an error is one line, not as many as a narrow terminal takes
        with (self.folder / "said.txt").open("wb") as said:
            self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=said, env=wide)  # noqa: S603

    @property
    def state(self) -> State:
        code = self._process.poll()
        if code is not None and self._ended is None:
            self._ended = time.monotonic()
        return "running" if code is None else "done" if code == 0 else "stopped" if self._stopped else "failed"

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def seconds(self) -> float:
        """Since it started, to its end once that has been seen."""
        return (self._ended or time.monotonic()) - self.started

    @property
    def message(self) -> str:
        """The last line it said, without the frame that a terminal draws around it."""
        lines = (self.folder / "said.txt").read_text(encoding="utf-8").splitlines()
        said = [plain for line in lines if (plain := line.strip(" │╭╮╰╯─"))]
        return said[-1] if said else "it said nothing"

    def stop(self) -> None:
        """End the process now; nothing of it goes on after this call, and what it wrote stays."""
        self._stopped = self.running or self._stopped
        self._process.kill()
        self._process.wait()

    def remove(self) -> None:
        """Stop and delete what it wrote."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


J = TypeVar("J", bound=Job)


class OneAtATime(Generic[J]):
    """The jobs of one kind on one server: the others would only slow it down, or be measured with it."""

    busy = "Another one is under way on this server. Wait until it has ended, or stop it."

    def __init__(self) -> None:
        self._jobs: list[J] = []
        self._lock = threading.Lock()
        atexit.register(self.close)

    def close(self) -> None:
        """Stop and delete everything: a server that ends leaves no process behind."""
        while self._jobs:
            self._jobs.pop().remove()

    def discard(self, job: J) -> None:
        with self._lock:
            if job in self._jobs:
                self._jobs.remove(job)
        job.remove()

    def begin(self, make: Callable[[], J]) -> J:
        """Start what `make` makes.

        Raises:
            LimitError: somebody's job is under way.
        """
        with self._lock:
            for job in self._jobs:
                if job.running and time.monotonic() - job.started > settings().max_training_s:
                    job.stop()  # its owner may have left long ago
            if any(job.running for job in self._jobs):
                raise LimitError(self.busy)
            while len(self._jobs) >= MOST_FINISHED:
                self._jobs.pop(0).remove()
            self._jobs.append(job := make())
            return job

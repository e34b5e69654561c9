"""A suite of measurements in a process of its own: started, followed through the files it writes, stopped.

Its own process, so that pages that are drawn meanwhile do not take its interpreter; the turn of the device keeps other
work of this server away while it times. Knows no model library.
"""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from featcore.errors import LimitError
from featcore.measure.files import Record, checked, flat
from featcore.settings import settings

State = Literal["running", "done", "stopped", "failed"]
MOST_FINISHED = 8


@dataclass(frozen=True)
class Ask:
    """What to measure: a suite by name, on which encoders, with so many seconds of timing a point."""

    suite: str
    encoders: tuple[str, ...]
    budget_s: float = 1.0

    def command(self, records: Path, progress: Path) -> list[str]:
        """Arguments of featcore."""
        named = [word for name in self.encoders for word in ("-e", name)]
        asked = ["bench", self.suite, *named, "--budget-s", str(self.budget_s)]
        return [*asked, "--save", str(records), "--progress", str(progress)]


class Measuring:
    """One process; `folder` holds what it writes."""

    def __init__(self, ask: Ask) -> None:
        self.ask, self.started = ask, time.monotonic()
        self.folder = Path(tempfile.mkdtemp(prefix="tessera-bench-"))
        self._stopped = False
        self._ended: float | None = None
        self._read: list[Record] = []
        self._lock = threading.Lock()
        self._at = 0
        command = [sys.executable, "-m", "featcore", *ask.command(self._records, self._progress)]
        with (self.folder / "said.txt").open("wb") as said:
            wide = os.environ | {"COLUMNS": "1000"}  # an error is one line, not as many as a narrow terminal takes
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, env=wide)  # noqa: S603

    @property
    def state(self) -> State:
        code = self._process.poll()
        if code is not None and self._ended is None:
            self._ended = time.monotonic()
        return "running" if code is None else "done" if code == 0 else "stopped" if self._stopped else "failed"

    @property
    def share(self) -> float:
        """How much of it is done, 0 to 1."""
        try:
            told = json.loads(self._progress.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # not there yet, or half written
            return 0.0
        return min(1.0, told["done"] / max(told["total"], 1))

    @property
    def left_s(self) -> float | None:
        """Seconds left at the pace so far; None before there is one."""
        share = self.share
        spent = (self._ended or time.monotonic()) - self.started
        return spent * (1 - share) / share if share > 0.02 else None

    @property
    def message(self) -> str:
        """The last line it said, without the frame that a terminal draws around it."""
        lines = (self.folder / "said.txt").read_text(encoding="utf-8").splitlines()
        said = [plain for line in lines if (plain := line.strip(" │╭╮╰╯─"))]
        return said[-1] if said else "it said nothing"

    def records(self) -> list[Record]:
        """What is measured so far, in order; every whole line is read once."""
        with self._lock:
            if self._records.is_file():
                with self._records.open("rb") as file:
                    file.seek(self._at)
                    whole = file.read().rpartition(b"\n")[0]  # the last line may be half written
                if whole:
                    self._at += len(whole) + 1
                    for line in whole.decode("utf-8").split("\n"):
                        self._read.append(flat(checked(line, self._records.name, len(self._read) + 1), "A line"))
            return list(self._read)

    def stop(self) -> None:
        """End the process now; nothing of it goes on after this call, and what it measured stays."""
        self._stopped = self.state == "running" or self._stopped
        self._process.kill()
        self._process.wait()

    def remove(self) -> None:
        """Stop and delete what it wrote; the records that were read stay in memory."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _records(self) -> Path:
        return self.folder / "records.jsonl"

    @property
    def _progress(self) -> Path:
        return self.folder / "progress.json"


class Bench:
    """The measurements of one server: one at a time, since two would measure each other."""

    def __init__(self) -> None:
        self._runs: list[Measuring] = []
        self._lock = threading.Lock()
        atexit.register(self.close)

    def close(self) -> None:
        """Stop and delete everything: a server that ends leaves no process behind."""
        while self._runs:
            self._runs.pop().remove()

    def start(self, suite: str, encoders: Sequence[str], budget_s: float = 1.0) -> Measuring:
        """Start measuring.

        Raises:
            LimitError: somebody's measurement is under way.
        """
        with self._lock:
            for run in self._runs:
                if run.state == "running" and time.monotonic() - run.started > settings().max_training_s:
                    run.stop()  # its owner may have left long ago
            if any(run.state == "running" for run in self._runs):
                raise LimitError(
                    "Another measurement is under way on this server; two would measure each other. "
                    "Wait until it has ended, or stop it."
                )
            while len(self._runs) >= MOST_FINISHED:
                self._runs.pop(0).remove()
            self._runs.append(run := Measuring(Ask(suite, tuple(encoders), budget_s)))
            return run

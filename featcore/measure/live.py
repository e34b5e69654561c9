"""A suite of measurements in a process of its own: started, followed through the files it writes, stopped.

The turn of the device keeps other work of this server away while it times. Knows no model library.
"""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from featcore.jobs import Job, OneAtATime
from featcore.measure.files import Record, checked, flat

RECORDS, PROGRESS = "records.jsonl", "progress.json"


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


class Measuring(Job):
    """A suite under way."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self._read: list[Record] = []
        self._lock = threading.Lock()
        self._at = 0
        super().__init__("bench", lambda own: ask.command(own / RECORDS, own / PROGRESS))

    @property
    def share(self) -> float:
        """How much of it is done, 0 to 1."""
        try:
            told = json.loads((self.folder / PROGRESS).read_text(encoding="utf-8"))
        except (OSError, ValueError):  # not there yet, or half written
            return 0.0
        return min(1.0, told["done"] / max(told["total"], 1))

    @property
    def left_s(self) -> float | None:
        """Seconds left at the pace so far; None before there is one."""
        share = self.share
        return self.seconds * (1 - share) / share if share > 0.02 else None

    def records(self) -> list[Record]:
        """What is measured so far, in order; every whole line is read once."""
        kept = self.folder / RECORDS
        with self._lock:
            if kept.is_file():
                with kept.open("rb") as file:
                    file.seek(self._at)
                    whole = file.read().rpartition(b"\n")[0]  # the last line may be half written
                if whole:
                    self._at += len(whole) + 1
                    for line in whole.decode("utf-8").split("\n"):
                        self._read.append(flat(checked(line, RECORDS, len(self._read) + 1), "A line"))
            return list(self._read)


class Bench(OneAtATime[Measuring]):
    """The measurements of one server."""

    busy = (
        "Another measurement is under way on this server; two would measure each other. "
        "Wait until it has ended, or stop it."
    )

    def start(self, suite: str, encoders: Sequence[str], budget_s: float = 1.0) -> Measuring:
        """Start measuring, or raise `LimitError` while somebody's measurement is under way."""
        return self.begin(lambda: Measuring(Ask(suite, tuple(encoders), budget_s)))

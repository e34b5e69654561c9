"""A training run in a process of its own: started, followed through the files it writes, stopped.

Its own process, so that its random numbers, threads and crashes stay away from the people who use the server meanwhile.
"""

import atexit
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from featcore.encode.catalog import EMBEDDED, kept
from featcore.errors import InputError, LimitError
from featcore.learn.own import save
from featcore.settings import settings

State = Literal["running", "done", "stopped", "failed"]
MOST_FINISHED = 8
_NAME = re.compile(r"\w[\w.-]{0,39}")


@dataclass(frozen=True)
class Wish:
    """What to train: a recipe by name, at most `limit` examples of each split, and the control with shuffled labels.

    `classes` is for the line of chance, 0 where it is not known.
    """

    recipe: str
    limit: int
    epochs: float
    seed: int = 0
    shuffled: bool = False
    classes: int = 0

    def command(self, folder: Path, data: Path) -> list[str]:
        """Arguments of featcore; `folder` is the run's own."""
        asked = ["train", self.recipe, "--data", str(data), "--limit", str(self.limit)]
        return [*asked, "--epochs", str(self.epochs), "--seed", str(self.seed), *["--shuffled"] * self.shuffled]


@dataclass(frozen=True)
class OwnWish:
    """A person's own files, as name and bytes, and the encoder that is to learn them."""

    encoder: str
    files: tuple[tuple[str, bytes], ...] = field(repr=False)
    mode: str = "head"
    epochs: float = 5.0
    seed: int = 0
    classes: int = 0
    shuffled: bool = False

    @property
    def recipe(self) -> str:
        return f"my-{Path(self.encoder).name}"

    def command(self, folder: Path, data: Path) -> list[str]:
        """Arguments of featcore, after the files were written into the run's own folder."""
        saved = save(self.files, folder / "data")
        asked = ["finetune", self.encoder, str(saved), "--mode", self.mode]
        return [*asked, "--epochs", str(self.epochs), "--seed", str(self.seed)]


@dataclass
class Progress:
    """What is known of a run: loss at steps, accuracy at looks at the dev split, and how it stands."""

    state: State
    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    looks: list[tuple[int, float]] = field(default_factory=list)
    total: int = 0
    seconds: float = 0.0
    message: str = ""

    @property
    def left_s(self) -> float | None:
        """Seconds of training left at the pace so far; None before there is one."""
        return self.seconds / self.steps[-1] * (self.total - self.steps[-1]) if self.steps else None


class Run:
    """One process; `folder` holds what it writes."""

    def __init__(self, wish: Wish | OwnWish, data: Path) -> None:
        self.wish, self.started = wish, time.monotonic()
        self.folder = Path(tempfile.mkdtemp(prefix="tessera-run-"))
        self._stopped = False
        self._ended: float | None = None
        command = [sys.executable, "-m", "featcore", *wish.command(self.folder, data)]
        command += ["--out", str(self.out), "--log", "jsonl"]
        with (self.folder / "said.txt").open("wb") as said:
            self._process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)  # noqa: S603

    @property
    def out(self) -> Path:
        """The Hugging Face folder of the run."""
        return self.folder / self.wish.recipe

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process now; nothing of it goes on after this call."""
        self._stopped = self.running or self._stopped
        self._process.kill()
        self._process.wait()

    def remove(self) -> None:
        """Stop the run and delete what it wrote."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def progress(self) -> Progress:
        code = self._process.poll()
        if code is not None and self._ended is None:
            self._ended = time.monotonic()
        state: State = "running" if code is None else "done" if code == 0 else "stopped" if self._stopped else "failed"
        found = Progress(state, seconds=(self._ended or time.monotonic()) - self.started)
        for line in self._lines():
            if "total" in line:
                found.steps.append(int(line["step"]))
                found.losses.append(float(line["loss"]))
                found.total = int(line["total"])
            else:
                found.looks.append((int(line["step"]), float(line["dev_accuracy"])))
        if state == "failed":
            found.message = self._last_words()
        return found

    def card(self) -> dict[str, Any]:
        """What the finished run says about itself."""
        return json.loads((self.out / "training.json").read_text(encoding="utf-8"))

    def _lines(self) -> list[dict[str, Any]]:
        path = self.out / "progress.jsonl"
        if not path.is_file():
            return []
        whole = path.read_text(encoding="utf-8").rpartition("\n")[0]  # the last line may be half written
        return [json.loads(line) for line in whole.splitlines()]

    def _last_words(self) -> str:
        lines = [line for line in (self.folder / "said.txt").read_text(encoding="utf-8").splitlines() if line.strip()]
        return lines[-1] if lines else "it said nothing"


class Desk:
    """The runs of one server: one at a time, since they would only slow each other down."""

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self._lock = threading.Lock()
        atexit.register(self.close)

    def close(self) -> None:
        """Stop and delete everything: a server that ends leaves no process behind."""
        while self._runs:
            self._runs.pop().remove()

    def start(self, wish: Wish | OwnWish) -> Run:
        """Start a run.

        Raises:
            LimitError: somebody's run is under way.
        """
        with self._lock:
            for run in self._runs:
                if run.running and time.monotonic() - run.started > settings().max_training_s:
                    run.stop()  # its owner may have left long ago
            if any(run.running for run in self._runs):
                raise LimitError("Another training is under way on this server. Wait until it has ended, or stop it.")
            while len(self._runs) >= MOST_FINISHED:
                self._runs.pop(0).remove()
            run = Run(wish, settings().data)
            self._runs.append(run)
            return run

    def discard(self, run: Run) -> None:
        with self._lock:
            if run in self._runs:
                self._runs.remove(run)
        run.remove()


def keep(run: Run, name: str) -> Path:
    """Put the folder of a finished run among the encoders that every page offers.

    Raises:
        InputError: a name that is taken, or no plain name.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"'{name}' is no name for a folder: 1 to 40 letters, digits, '.', '_' or '-', a letter first.")
    place = kept() / name
    if name in EMBEDDED or place.exists():
        raise InputError(f"An encoder is called '{name}' already. Choose another name.")
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = settings().runs / f"unfinished-{name}"
    shutil.copytree(run.out, unfinished, ignore=shutil.ignore_patterns("progress.jsonl"), dirs_exist_ok=True)
    unfinished.rename(place)  # whole or not at all: other people list this folder meanwhile
    return place

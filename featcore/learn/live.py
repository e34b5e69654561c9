"""A training run in a process of its own: started, followed through the files it writes, stopped.

Its own process, so that its random numbers, threads and crashes stay away from the people who use the server meanwhile.
"""

import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from featcore.encode.catalog import EMBEDDED, kept
from featcore.errors import InputError
from featcore.jobs import Job, OneAtATime, State
from featcore.learn.own import save
from featcore.settings import settings

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


class Run(Job):
    """A training under way."""

    def __init__(self, wish: Wish | OwnWish, data: Path) -> None:
        self.wish = wish
        super().__init__(
            "run", lambda own: [*wish.command(own, data), "--out", str(own / wish.recipe), "--log", "jsonl"]
        )

    @property
    def out(self) -> Path:
        """The Hugging Face folder of the run."""
        return self.folder / self.wish.recipe

    def progress(self) -> Progress:
        state = self.state
        found = Progress(state, seconds=self.seconds)
        for line in self._lines():
            if "total" in line:
                found.steps.append(int(line["step"]))
                found.losses.append(float(line["loss"]))
                found.total = int(line["total"])
            else:
                found.looks.append((int(line["step"]), float(line["dev_accuracy"])))
        if state == "failed":
            found.message = self.message
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


class Desk(OneAtATime[Run]):
    """The runs of one server."""

    busy = "Another training is under way on this server. Wait until it has ended, or stop it."

    def start(self, wish: Wish | OwnWish) -> Run:
        """Start a run, or raise `LimitError` while somebody's is under way."""
        return self.begin(lambda: Run(wish, settings().data))


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

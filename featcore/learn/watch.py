"""Who hears of a training run: a terminal, a table, TensorBoard, Weights & Biases, or a page."""

import csv
import json
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from featcore.errors import LoadError, UnknownName

Log = Callable[[str], None]
PROGRESS = "progress.jsonl"


class Watcher(Protocol):
    """Hears of every step and of every look at the dev split; it may raise `Cancelled` to stop the run."""

    def step(self, step: int, total: int, loss: float) -> None: ...

    def check(self, history: list[dict[str, float]]) -> None: ...


class Terminal:
    """Says every ten seconds how far training is and how long it will still take."""

    def __init__(self, name: str, log: Log, every_s: float = 10.0) -> None:
        self.name, self.log, self.every_s = name, log, every_s
        self.started = self.said = time.perf_counter()
        self.first: int | None = None

    def step(self, step: int, total: int, loss: float) -> None:
        now = time.perf_counter()
        self.first = step - 1 if self.first is None else self.first
        if now - self.said < self.every_s:
            return
        self.said = now
        left_s = (now - self.started) / (step - self.first) * (total - step)
        self.log(
            f"{self.name}  step {step}/{total}  loss {loss:.3f}  {left_s // 60:.0f} min {left_s % 60:02.0f} s left"
        )

    def check(self, history: list[dict[str, float]]) -> None:
        last = history[-1]
        self.log(f"{self.name}  step {last['step']:.0f}  dev accuracy {last['dev_accuracy']:.4f}")


class Table:
    """`log.csv` in the folder of the run: one row a look at the dev split."""

    def __init__(self, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.path = out / "log.csv"

    def step(self, step: int, total: int, loss: float) -> None: ...

    def check(self, history: list[dict[str, float]]) -> None:
        # Written whole, so that a run taken up again leaves no row twice.
        with self.path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, history[0])
            writer.writeheader()
            writer.writerows(history)


class Lines:
    """`progress.jsonl` in the folder of the run, for whoever looks on: five steps a second at most, and looks."""

    EVERY_S = 0.2

    def __init__(self, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.path, self.said = out / PROGRESS, 0.0

    def step(self, step: int, total: int, loss: float) -> None:
        now = time.perf_counter()
        if now - self.said >= self.EVERY_S or step in (1, total):
            self.said = now
            self._write({"step": step, "total": total, "loss": loss})

    def check(self, history: list[dict[str, float]]) -> None:
        self._write(history[-1])

    def _write(self, line: dict[str, float]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


class Board:
    """Scalars for TensorBoard, in `tensorboard` below the folder of the run."""

    def __init__(self, out: Path) -> None:
        _needed("tensorboard", "tensorboard")
        self.writer = import_module("torch.utils.tensorboard").SummaryWriter(str(out / "tensorboard"))

    def step(self, step: int, total: int, loss: float) -> None:
        self.writer.add_scalar("loss", loss, step)

    def check(self, history: list[dict[str, float]]) -> None:
        self.writer.add_scalar("dev_accuracy", history[-1]["dev_accuracy"], int(history[-1]["step"]))
        self.writer.flush()


class Bias:
    """A run of Weights & Biases, with the settings it finds in the environment."""

    def __init__(self, out: Path) -> None:
        self.run: Any = _needed("wandb", "wandb").init(project="tessera", name=out.name, dir=str(out))

    def step(self, step: int, total: int, loss: float) -> None:
        self.run.log({"loss": loss}, step=step)

    def check(self, history: list[dict[str, float]]) -> None:
        self.run.log({"dev_accuracy": history[-1]["dev_accuracy"]}, step=int(history[-1]["step"]))


LOGS: dict[str, Callable[[Path], Watcher]] = {"csv": Table, "jsonl": Lines, "tensorboard": Board, "wandb": Bias}


def watcher(kind: str, out: Path) -> Watcher:
    """A watcher by name.

    Raises:
        UnknownName: no such kind. LoadError: its package is not installed.
    """
    if kind not in LOGS:
        raise UnknownName(f"No log is called '{kind}'. Known: {', '.join(LOGS)}.")
    return LOGS[kind](out)


def _needed(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise LoadError(f"'--log {module}' needs the package {package}. Install it: pip install {package}.") from error

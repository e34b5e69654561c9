"""How every command speaks: a line, JSON, an error in words, and progress where somebody is looking."""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import typer

from featcore.errors import FeatcoreError


def say(line: str) -> None:
    if line:
        typer.echo(line)


def tell_line(line: str) -> None:
    typer.echo(line, err=True)


def write_json(value: Any) -> None:
    typer.echo(json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def plain(value: Any) -> Any:
    """Records, arrays and sets as JSON has them; a number that is none (NaN, infinity) as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(plain(item) for item in value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and value - value != 0:
        return None
    return str(value) if isinstance(value, Path) else value


@contextmanager
def in_words() -> Iterator[None]:
    """A deliberate error ends the command with its words and exit code 2; any other keeps its traceback."""
    try:
        yield
    except FeatcoreError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


@contextmanager
def progress(file: Path | None = None, what: str = "") -> Iterator[Callable[[int, int], None]]:
    """Share done and time left on one line of stderr, when somebody is looking; as JSON in a file, when asked.

    Args:
        what: is being done, to stand before the share.
    """
    start, shown, before = perf_counter(), sys.stderr.isatty(), what and f"{what}: "

    def tell(done: int, total: int) -> None:
        if file is not None:
            file.write_text(json.dumps({"done": done, "total": total}), encoding="utf-8")
        if shown and total:
            left_s = (perf_counter() - start) * (total - done) / done if done else 0.0
            typer.echo(f"\r{before}{done / total:4.0%}, {left_s:.0f} s left ", nl=False, err=True)

    try:
        yield tell
    finally:
        if shown:
            typer.echo("\r" + " " * (30 + len(before)) + "\r", nl=False, err=True)

"""A run becomes a file and a run again: weights, optimizers, generators and the place in the data."""

import os
from pathlib import Path
from typing import Any

import torch

from featcore.errors import LoadError

FILE = "checkpoint.pt"


def save(out: Path, state: dict[str, Any]) -> None:
    """Write the state of a run; the file is whole or the one before, whenever the machine goes down."""
    out.mkdir(parents=True, exist_ok=True)
    unfinished = out / f"{FILE}.tmp"
    torch.save({**state, "torch": _generators()}, unfinished)
    os.replace(unfinished, out / FILE)


def load(out: Path, run: str) -> dict[str, Any]:
    """The state that `save` wrote; torch's generators are set as they were.

    Args:
        run: what the run is, in words; a checkpoint of another one is refused.

    Raises:
        LoadError: there is no checkpoint, it is damaged, or it belongs to another run.
    """
    path = out / FILE
    if not path.is_file():
        raise LoadError(f"'{out}' has no {FILE} to resume from. Train without --resume.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, OSError) as error:
        raise LoadError(f"'{path}' is damaged: {error}. Train without --resume.") from error
    if state["run"] != run:
        raise LoadError(f"'{path}' is of another run ({state['run']}); this one is {run}. Train without --resume.")
    cpu, *gpus = state["torch"]
    torch.set_rng_state(cpu)
    if gpus and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(gpus)
    return state


def remove(out: Path) -> None:
    (out / FILE).unlink(missing_ok=True)


def _generators() -> list[torch.Tensor]:
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return [torch.get_rng_state(), *gpus]

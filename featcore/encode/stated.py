"""What a checkpoint's JSON files ask for is checked before anything is made of it; no model library is needed."""

import json
import re
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

from featcore.errors import LoadError
from featcore.settings import settings

MOST_BYTES = 20_000_000
"""Of one JSON file that describes a model: twenty times the labels of ImageNet-21k."""
MOST_LAYERS, FEW_LAYERS = 1_000, 64
"""No encoder has as many as the first; so few are laid out in no time, whatever the file holds."""
MOST_LABELS = 100_000
MOST_UNITS = 2**15
"""Of one input: the longest clips of V-JEPA 2 have 18,432; some families make their table of positions in Python."""
MOST = 2**40

_LAYERS = re.compile(r"(?<!max_window_)(layers?|depths?|blocks?|stages?)$")
_ATTENTION = ("eager", "sdpa")
_ADAPTERS = ("adapter_config.json", "adapter_model.*")


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        LoadError: it is no JSON, or so large or so nested that it describes no model.
    """
    where = f"The {path.name} of '{path.parent.name}'"
    if (size := path.stat().st_size) > MOST_BYTES:
        raise LoadError(f"{where} has {size:,} bytes; at most {MOST_BYTES:,} are read. Save the checkpoint anew.")
    try:
        return json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LoadError(f"{where} is not readable JSON: {error}.") from error


def object_of(path: Path) -> dict[str, Any]:
    """The object of a JSON file; empty where there is none, which is said where the file is needed."""
    try:
        stated = read_json(path)
    except (LoadError, OSError):
        return {}
    return stated if isinstance(stated, dict) else {}


# --- what is never loaded --------------------------------------------------------------------------------------------


def refuse_foreign(folder: Path) -> None:
    """Refuse a checkpoint that asks for classes of its own, which would be code, or whose weights an adapter changes.

    Raises:
        LoadError: one of its JSON files names such a class under "auto_map", or the folder holds an adapter.
    """
    for path in sorted(folder.glob("*config.json")):
        if wanted := object_of(path).get("auto_map"):
            names = ", ".join(map(str, wanted.values() if isinstance(wanted, dict) else [wanted]))
            raise LoadError(
                f"The {path.name} of '{folder.name}' asks for code of its own (auto_map: {names}). Code from a "
                "checkpoint is never run. Choose a checkpoint whose classes transformers has itself."
            )
    adapters = sorted(path.name for name in _ADAPTERS for path in folder.glob(name))
    if adapters:
        raise LoadError(
            f"'{folder.name}' holds an adapter ({adapters[0]}), which would change the weights that its card states. "
            "Merge it first (model.merge_and_unload() of peft) and save the model that comes out."
        )


def _refuse_other_weights(folder: Path, name: str, value: Any) -> None:
    """Refuse a value of the config that makes transformers load, or compute with, something else than was checked."""
    key, where = name.rpartition(".")[2], f"The config.json of '{folder.name}'"
    if key == "transformers_weights":
        raise LoadError(
            f"{where} names another file of weights (transformers_weights: {value!r}). Only model.safetensors is "
            "checked and loaded. Save the checkpoint with its weights in that file, and take the name out."
        )
    if key in ("quantization_config", "compression_config"):
        method = value.get("quant_method") if isinstance(value, dict) else value
        raise LoadError(
            f"{where} says that its weights are quantised ({key}, method {method!r}). Quantised checkpoints are not "
            "supported, because another library would read and compute with them. Give the plain checkpoint."
        )
    if key.endswith(("attn_implementation", "experts_implementation")) and value not in _ATTENTION:
        raise LoadError(
            f"{where} asks for an implementation of its own ({name}: {value!r}), which may be code from elsewhere. "
            f"Known: {', '.join(_ATTENTION)}. Take the name out of the config: which one runs is decided here."
        )


# --- sizes -----------------------------------------------------------------------------------------------------------


def check_config(folder: Path, config: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> None:
    """Refuse a config that asks for something else than its weights, or for far more than they are.

    Args:
        shapes: of every tensor, by the header of the weights; what these allow is the rule.

    Raises:
        LoadError: names the value, the rule and the way out.
    """
    layers = min(MOST_LAYERS, max(FEW_LAYERS, len(shapes)))
    rows = max((shape[0] for shape in shapes.values() if shape), default=0)
    for name, value in _values(config):
        if value is None:
            continue
        _refuse_other_weights(folder, name, value)
        key, numbers = name.rpartition(".")[2], _numbers(value)
        counted = sum(max(1, number) for number in numbers)  # a stage of no layers is made all the same
        asked = ""
        if widest := max((abs(number) for number in numbers if abs(number) >= MOST), default=0):
            asked = f"a size of {widest:,}"
        elif _LAYERS.search(key) and counted > layers:
            asked = f"{counted:,} layers"
        elif key == "num_labels" and counted > min(MOST_LABELS, max(rows, len(config.get("id2label") or ()))):
            asked = f"{counted:,} labels"
        elif key in ("id2label", "label2id") and isinstance(value, dict) and len(value) > MOST_LABELS:
            asked = f"{len(value):,} labels"
        if asked:
            raise LoadError(
                f"The config of '{folder.name}' asks for {asked} ({name}), but its weights are "
                f"{sum(map(prod, shapes.values())):,} parameters in {len(shapes):,} tensors of at most {rows:,} rows. "
                "Save the checkpoint with its true sizes."
            )


def check_input(folder: Path, size: tuple[int, ...], step: tuple[int, ...]) -> None:
    """Refuse an input size, or so many units of it, that no memory would hold; before anything of that size is made.

    Args:
        size: positions of a text, or frames, rows and columns.
        step: of one unit, as many numbers; empty for a text.
    """
    most, sees = settings().max_pixels, "x".join(map(str, size))
    if min(size) < 1 or prod(size) > most:
        raise LoadError(
            f"The config of '{folder.name}' says that it reads {sees}; each must be at least 1 "
            f"and all together at most {most:,} (FEATCORE_MAX_PIXELS). Save the checkpoint with its true sizes."
        )
    unit = "x".join(map(str, step))
    if min(step, default=1) < 1:
        raise LoadError(
            f"The config of '{folder.name}' says that a fragment is {unit} (frames, rows, columns); each must be at "
            "least 1. Save the checkpoint with its true sizes."
        )
    units = prod(whole // one for whole, one in zip(size, step, strict=True)) if step else 0
    if units > MOST_UNITS:
        raise LoadError(
            f"The config of '{folder.name}' cuts {sees} into fragments of {unit}, which makes {units:,}; at most "
            f"{MOST_UNITS:,} can be read. Save the checkpoint with its true sizes, or ask for a smaller picture."
        )


def _values(config: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every name with its value, those within other values too: "text_config.num_hidden_layers"."""
    found: list[tuple[str, Any]] = [("", config)]  # no recursion: a hostile file is nested as deep as it likes
    while found:
        name, value = found.pop()
        if name:
            yield name, value
        if isinstance(value, dict):
            found += [(f"{name}.{key}" if name else key, each) for key, each in value.items()]
        elif isinstance(value, list):
            found += [(name, each) for each in value if isinstance(each, dict | list)]


def _numbers(value: Any) -> list[int | float]:
    """The numbers of a value that is one, or a list of some; truth values are none."""
    return [
        each
        for each in (value if isinstance(value, list) else [value])
        if isinstance(each, int | float) and not isinstance(each, bool)
    ]

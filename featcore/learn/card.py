"""What was measured becomes training.json, and training.json becomes the model card."""

import hashlib
import json
import math
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from jaxtyping import Bool, Float

from featcore.encode.header import count_parameters
from featcore.errors import LoadError
from featcore.learn.recipe import Recipe

CARD = "training.json"
WEIGHTS = "model.safetensors"
BINS = 15  # of confidence, for the calibration error


def wilson(hits: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share of `hits` in `n`. Source: Wilson 1927, JASA 22(158), 209-212."""
    share, spread = hits / n, z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def numbers(
    labels: tuple[str, ...], logits: Float[np.ndarray, "n k"], targets: Float[np.ndarray, "n k"]
) -> dict[str, Any]:
    """Accuracy with its Wilson interval, n, chance level, calibration, and answers by class."""
    right, truth = logits.argmax(1) == targets.argmax(1), targets.argmax(1)
    low, high = wilson(int(right.sum()), len(right))
    return {
        "accuracy": round(float(right.mean()), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "n": len(right),
        "chance": round(1 / len(labels), 4),
        "calibration_error": round(calibration_error(logits, right), 4),
        "per_class": {
            label: round(float(right[truth == k].mean()), 4) for k, label in enumerate(labels) if (truth == k).any()
        },
        # Rows are true classes, columns what the model says.
        "confusion": np.bincount(truth * len(labels) + logits.argmax(1), minlength=len(labels) ** 2)
        .reshape(len(labels), -1)
        .tolist(),
    }


def calibration_error(logits: Float[np.ndarray, "n k"], right: Bool[np.ndarray, " n"], bins: int = BINS) -> float:
    """How far confidence and accuracy are apart on average, a share: 0 is perfect.

    Source: Guo et al. 2017, arXiv:1706.04599, equation 3, with bins of equal width.
    """
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    confidence = (shifted / shifted.sum(1, keepdims=True)).max(1)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(place, right - confidence, bins)
    return float(np.abs(gaps).sum() / len(right))


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a trained folder; raises LoadError where there is none."""
    path = Path(folder) / CARD
    if not path.is_file():
        raise LoadError(f"'{folder}' has no {CARD}: it is not a folder that `featcore train` wrote.")
    return json.loads(path.read_text(encoding="utf-8"))


def write_card(
    recipe: Recipe,
    out: Path,
    *,
    seed: int,
    epochs: float,
    steps: int,
    seconds: float,
    device: str,
    dev: float,
    history: list[dict[str, float]],
    result: dict[str, Any],
    controls: dict[str, dict[str, Any]],
) -> None:
    """Write training.json and, from it alone, README.md."""
    weights = out / WEIGHTS
    card = {
        "name": recipe.name,
        "title": recipe.title,
        "summary": recipe.summary,
        "labels": list(recipe.labels),
        "pipeline": recipe.pipeline,
        "data": recipe.data + (", labels shuffled" if recipe.shuffled else ""),
        "limit": recipe.limit,
        "data_terms": recipe.terms,
        "licence": recipe.licence,
        "origin": recipe.origin,
        "command": recipe.command(seed, epochs),
        "left_out": [list(each) for each in recipe.left_out],
        "seed": seed,
        "epochs": epochs,
        "steps": steps,
        "batch": recipe.batch,
        "peak_rate": recipe.peak_rate,
        "dev_accuracy": round(dev, 4),
        "test": result,
        "controls": controls,
        "history": history,
        "seconds": round(seconds),
        "device": device,
        "threads": torch.get_num_threads(),
        "cpu": _cpu(),
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "date": datetime.now(UTC).date().isoformat(),
        "parameters": count_parameters(weights),
        "weights_bytes": weights.stat().st_size,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    (out / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / "README.md").write_text(readme(card), encoding="utf-8")


def readme(card: dict[str, Any]) -> str:
    """A Hugging Face model card, every number of it from training.json."""
    test = card["test"]
    classes = "\n".join(f"| {label} | {_percent(share)} |" for label, share in test["per_class"].items())
    controls, left_out = _controls(card["controls"]), _left_out(card.get("left_out", []))
    origin = card.get("origin", Recipe.origin)
    command = card.get("command", f"featcore train {card['name']} --seed {card['seed']} --epochs {card['epochs']:g}")
    place = f"a busy {card['cpu']}, {card['threads']} threads" if card["device"] == "cpu" else card["device"]
    return f"""---
license: {"apache-2.0" if card["licence"] == "Apache-2.0" else "other"}
library_name: transformers
pipeline_tag: {card["pipeline"]}
---

# {card["title"]}

`{card["name"]}` is {card["summary"]}.
It was {origin}: {card["weights_bytes"] / 1e6:.1f} MB in half precision.

**{_percent(test["accuracy"])}** of {test["n"]} test examples are right (95 % interval {_interval(test)}, Wilson;
chance {_percent(test["chance"])}). Confidence and accuracy are {_percent(test["calibration_error"])} apart on average
(expected calibration error, {BINS} bins). The dev split picked the weights (dev accuracy
{_percent(card["dev_accuracy"])}); the test split was read once, after training.

| class | accuracy |
|---|---|
{classes}

{controls}{left_out}## Training

| | |
|---|---|
| data | {card["data"]} |
| terms of the data | {card["data_terms"]} |
| licence of the weights | {card["licence"]} |
| command | `{command}` |
| steps, batch, peak learning rate | {card["steps"]}, {card["batch"]}, {card["peak_rate"]:g} |
| time | {card["seconds"]} s on {place} |
| versions | torch {card["versions"]["torch"]}, transformers {card["versions"]["transformers"]} |
| date | {card["date"]} |
| SHA-256 of the weights | `{card["sha256"]}` |

Small and trained briefly: made to be looked into, not to be relied on.
"""


def _controls(found: dict[str, dict[str, Any]]) -> str:
    """The section on changed test splits; nothing where a recipe has none."""
    if not found:
        return ""
    lines = "\n".join(
        f"| {changed} | {_percent(each['accuracy'])} | {_interval(each)} | {each['n']} |"
        for changed, each in found.items()
    )
    return f"""## Controls

What the same weights answer when the test split is changed:

| changed | accuracy | 95 % interval | n |
|---|---|---|---|
{lines}

"""


def _left_out(found: list[list[str]]) -> str:
    """The section on what was not learnt from; nothing where all was."""
    if not found:
        return ""
    lines = "\n".join(f"| {name} | {reason} |" for name, reason in found)
    return f"## Left out\n\n| what | why |\n|---|---|\n{lines}\n\n"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _interval(found: dict[str, Any]) -> str:
    return f"{100 * found['low']:.1f} to {100 * found['high']:.1f} %"


def _cpu() -> str:
    """The processor's name where Linux tells it, else the architecture."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()

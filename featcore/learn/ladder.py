"""The accuracy ladder of CIFAR-10: from the article's network to conv-mini, one change a step."""

import json
from dataclasses import dataclass
from typing import Any

from featcore.settings import settings


@dataclass(frozen=True)
class Rung:
    """One recipe, and its one change to the recipe below it."""

    recipe: str
    title: str
    change: str


RUNGS = (
    Rung("conv-article", "The article's network", "One residual block, Adam at 0.001, batch 64, five epochs."),
    Rung("conv-constant", "A deeper network", "The network of conv-mini: seven convolutions in three stages."),
    Rung("conv-cycle", "A rate that rises and falls", "One cycle of the learning rate instead of a constant one."),
    Rung("conv-mini", "Augmentation", "Mirrored and shifted pictures, and softened labels."),
)


def recorded(recipe: str) -> dict[str, Any] | None:
    """The card of the full run of a rung; None where none was recorded."""
    assets = settings().assets
    for path in (assets / "ladder" / f"{recipe}.json", assets / "models" / recipe / "training.json"):
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))
    return None


def loadable(recipe: str) -> bool:
    """Whether what a recipe trains is an encoder that can be loaded; the article's network is of a class of its own."""
    return recipe != RUNGS[0].recipe

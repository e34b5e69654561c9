"""One order of units becomes curves: F while they are hidden first to last, last to first, or put back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from featcore.types import Curve

if TYPE_CHECKING:
    from featcore.explain.game import Game


def falling(scores: Float[np.ndarray, " n"], seed: int = 0) -> Int[np.ndarray, " n"]:
    """Units by falling score; equal scores in the order of a seeded permutation, never in that of the units, so that a
    constant map is a random one and gains nothing from where objects tend to lie."""
    chance = np.random.default_rng(seed).permutation(len(scores))
    return np.lexsort((chance, -np.asarray(scores, float)))


def evenly(units: int, steps: int) -> Int[np.ndarray, " p"]:
    """How many units are switched at each point: 0 to all, as even as whole units allow, no point twice."""
    return np.unique(np.rint(np.linspace(0, units, steps + 1)).astype(int))


def first_hidden(order: Int[np.ndarray, " n"], counts: Int[np.ndarray, " p"]) -> Bool[np.ndarray, "p n"]:
    """Sets of kept units, one row for each count: True where a unit stays, the first ones of the order hidden."""
    place = np.empty(len(order), int)
    place[order] = np.arange(len(order))
    return place[None] >= counts[:, None]


def curves(game: Game, order: Int[np.ndarray, " n"], steps: int, baseline: str) -> tuple[Curve, Curve, Curve]:
    """Deletion, LeRF and insertion of one order.

    With one baseline for both, putting the most relevant back is hiding the least relevant read backwards, so the
    insertion curve costs no pass of its own.
    """
    counts = evenly(len(order), steps)
    inner = counts[1:-1]
    kept = np.concatenate(
        [
            np.ones((1, len(order)), bool),
            first_hidden(order, inner),
            first_hidden(order[::-1], inner),
            np.zeros((1, len(order)), bool),
        ]
    )
    values = game.values(kept)
    whole, most, least, blank = np.split(values, [1, 1 + len(inner), 1 + 2 * len(inner)])
    share = counts / len(order)
    deletion, lerf = np.concatenate([whole, most, blank]), np.concatenate([whole, least, blank])

    def curve(kind: Literal["deletion", "lerf", "insertion"], x: np.ndarray, y: np.ndarray) -> Curve:
        return Curve(kind, x, y, baseline)

    return (
        curve("deletion", share, deletion),
        curve("lerf", share, lerf),
        curve("insertion", 1 - share[::-1], lerf[::-1]),
    )


def aopc(curve: Curve) -> float:
    """Mean fall of F over all points of a curve of hidden units, the untouched input included."""
    return float((curve.values[0] - curve.values).mean())

"""What a person should know of an attribution beyond its numbers, in sentences."""

from __future__ import annotations

from typing import Any

from featcore.explain.base import METHODS, make
from featcore.explain.game import UNIT
from featcore.types import Attribution

SATURATED = 0.99


def remarks(found: Attribution) -> tuple[str, ...]:
    """Sentences about one attribution: what its target hides, and what the method has to say of its own run."""
    method = make(found.method, **dict(found.knobs))
    own = method.remark(found) if hasattr(method, "remark") else ""
    return tuple(said for said in (saturation(found), nothing_left(found), together(found), own) if said)


def saturation(found: Attribution) -> str:
    """A probability near 0 or 1 moves by p (1 - p) of what the logit moves by, so little of it can be explained."""
    target, p = found.target, found.target_score
    if target is None or target.kind != "probability" or p is None or 1 - SATURATED <= p <= SATURATED:
        return ""
    side = "above" if p > SATURATED else "below"
    edge = SATURATED if p > SATURATED else 1 - SATURATED
    return (
        f"The probability is {p:.4g}, {side} {edge:g}: the softmax is saturated, and near this input a change of the "
        f"class score moves it by {p * (1 - p):.1g} of that change. Explain the logit to see what carries the answer."
    )


def nothing_left(found: Attribution) -> str:
    """Why a map is all zeros, of a method that cuts off what is below 0; "" where something is left.

    Such a method has `cut`, what was below 0 or 0 everywhere, and `uncut`, what to choose instead.
    """
    method: Any = METHODS[found.method]
    if not hasattr(method, "cut") or found.scores.any():
        return ""
    classes = "" if found.target is None or found.target.of_vector else "explain the runner-up instead, "
    ways = f"{classes}{method.uncut}"
    return f"All scores are 0: {method.cut} {ways[0].upper()}{ways[1:]}"


def together(found: Attribution) -> str:
    """Which units have a score only together; "" where each has its own."""
    level = dict(found.knobs).get("players", UNIT)
    return "" if level == UNIT else f"Each {level} was hidden or kept whole; its units share its score evenly."

"""Every two maps of one input are held against each other, and against one of them shifted over the input."""

from collections.abc import Mapping
from typing import Any

from featcore.compare.agreement import NORMAL, Agreement, agreement
from featcore.explain.floor import FLOORS
from featcore.types import Attribution

ATTENTION = "attention with attribution"
"""A pair of a map that explains no output, and of one that does."""

Pairs = dict[tuple[str, str], Agreement]


def agreements(maps: Mapping[str, Attribution]) -> Pairs:
    """Agreement of every two maps of the same units, by their names in the order given."""
    names = list(maps)
    return {
        (one, other): agreement(maps[one].units, maps[one].scores, maps[other].scores)
        for at, one in enumerate(names)
        for other in names[at + 1 :]
    }


def kind(one: Attribution, other: Attribution) -> str:
    """What a pair is of: `ATTENTION`, "with a floor" or ""."""
    if one.method in FLOORS or other.method in FLOORS:
        return "with a floor"
    return ATTENTION if (one.target is None) != (other.target is None) else ""


def agreement_record(maps: Mapping[str, Attribution]) -> dict[str, Any]:
    """Every pair as plain numbers, and what low agreement says."""
    pairs = [
        {
            "one": one,
            "other": other,
            "kind": kind(maps[one], maps[other]),
            "rho": found.rho,
            "null": None if found.low is None else [found.low, found.high],
            "shifts": len(found.null),
            "share": found.share,
            "clear": found.clear,
            "top": found.top,
            "overlap": found.overlap,
            "by_chance": found.by_chance,
            "why": found.why,
        }
        for (one, other), found in agreements(maps).items()
    ]
    return {"pairs": pairs, "normal": NORMAL}

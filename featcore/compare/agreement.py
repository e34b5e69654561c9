"""Do two maps of the same units agree, and would they by accident? NumPy only."""

from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from jaxtyping import Float

from featcore.errors import NotDefined
from featcore.types import Units

MOST_SHIFTS = 2000
"""Shifts that a null is made of; a clip with more places has some of them drawn."""
FEWEST_SHIFTS = 19
"""Shifts below which no place can be among the 5 % farthest: 1 / (1 + 19)."""
NORMAL = (
    "Low agreement is the normal case between attention and attributions of transformers (Kendall's tau of 0.05 to "
    "0.25 between rollout and others on DistilBERT, Neely et al. 2022, arXiv:2205.04559). It says that maps differ, "
    "not which of them is right."
)


@dataclass(frozen=True, eq=False)
class Agreement:
    """How alike two maps order the same units, and how alike they would be if one lay elsewhere.

    Attributes:
        rho: Spearman correlation of the scores, -1 to 1; None with `why` where a map is constant.
        null: correlations with one map shifted in a circle along its axes, all shifts but none.
        low, high: the middle 95 % of `null`; share: share of `null`, with the real place counted in, that lies as far
            from 0 as `rho`, or further. None where there are no shifts.
        overlap: |A & B| / |A | B| of the units of the highest scores; by_chance: what two independent maps get on
            average; top: how many units count.
    """

    rho: float | None
    null: Float[np.ndarray, " shifts"]
    low: float | None
    high: float | None
    share: float | None
    overlap: float | None
    by_chance: float
    top: int
    why: str = ""

    @property
    def clear(self) -> bool | None:
        """Whether `rho` lies outside the middle 95 % of the null; None without `rho`, or with too few units to tell."""
        if self.rho is None or self.low is None or self.high is None or len(self.null) < FEWEST_SHIFTS:
            return None
        return not self.low <= self.rho <= self.high


def agreement(
    units: Units,
    one: Float[np.ndarray, " n"],
    other: Float[np.ndarray, " n"],
    part: float = 0.1,
    seed: int = 0,
) -> Agreement:
    """Spearman correlation of two maps with a null from circular shifts, and the overlap of their strongest units.

    Smooth maps are alike by accident, so a plain p-value, which takes units for independent, would be far too small;
    a shifted map is as smooth as it was. Shifts run along t, y and x of a grid, along the text otherwise.

    Args:
        part: share of the units that count as strongest, rounded, at least one.
        seed: of the shifts drawn where there are more than `MOST_SHIFTS`, and of ties among the strongest.

    Raises:
        NotDefined: the maps are not of these units.
    """
    one, other = np.asarray(one, float), np.asarray(other, float)
    if not len(one) == len(other) == len(units):
        raise NotDefined(
            f"The maps score {len(one)} and {len(other)} units, the input has {len(units)}. Agreement is defined "
            "on the same units only: merge or cut them alike."
        )
    top = max(1, round(part * len(units)))
    if constant(one) or constant(other):
        which = "Both maps are" if constant(one) and constant(other) else "One map is"
        why = f"{which} constant, so there is no order to agree with."
        return Agreement(None, np.zeros(0), None, None, None, None, chance(len(units), top), top, why)
    rho = correlation(ranks(one), ranks(other))
    null = shifted(units, ranks(one), ranks(other), seed)
    low, high = (float(np.quantile(null, q)) for q in (0.025, 0.975)) if len(null) else (None, None)
    # The place the map has is one of the places it could have.
    share = (1 + int((abs(null) >= abs(rho) - 1e-12).sum())) / (1 + len(null)) if len(null) else None
    overlap = intersection(strongest(one, top, seed), strongest(other, top, seed + 1))
    return Agreement(rho, null, low, high, share, overlap, chance(len(units), top), top)


def gate(
    units: Units, real: Float[np.ndarray, " n"], random: Float[np.ndarray, "r n"]
) -> Literal["passes", "fails", "cannot tell"]:
    """Whether a map lets go of a model whose weights were drawn anew, over one or several draws.

    "fails" where the mean correlation of the sizes of its scores with those of each draw lies above the middle 95 % of
    what the same mean is with all draws shifted alike; "cannot tell" where maps are constant or of too few units.

    Args:
        random: one map for each draw.
    """
    found = [agreement(units, np.abs(real), np.abs(each)) for each in random]
    known = [(one.rho, one.null) for one in found if one.rho is not None and len(one.null) >= FEWEST_SHIFTS]
    if not known:
        # A map that stays the very same has not let go, however few its units are.
        return "fails" if np.allclose(random, real, atol=0) else "cannot tell"
    rhos, nulls = zip(*known, strict=True)
    return "fails" if np.mean(rhos) > np.quantile(np.mean(nulls, axis=0), 0.975) else "passes"


def constant(scores: Float[np.ndarray, " n"]) -> bool:
    """Whether a map ranks nothing: all its scores are equal, but for rounding."""
    return bool(np.ptp(scores) <= 1e-12 * np.abs(scores).max(initial=0.0)) if len(scores) else True


def ranks(scores: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Ranks from 1, equal scores sharing the mean of theirs."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    return ((last - counts + 1 + last) / 2)[inverse]


def correlation(one: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"]) -> float:
    """Pearson's, which of ranks is Spearman's."""
    a, b = one - one.mean(), other - other.mean()
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))


def shifted(
    units: Units, one: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"], seed: int
) -> Float[np.ndarray, " shifts"]:
    """Correlation of one map with every circular shift of the other but none."""
    shape = units.grid or (len(units),)
    shifts = list(product(*(range(size) for size in shape)))[1:]
    if len(shifts) > MOST_SHIFTS:
        drawn = np.random.default_rng(seed).choice(len(shifts), MOST_SHIFTS, replace=False)
        shifts = [shifts[at] for at in sorted(drawn)]
    lattice, axes = other.reshape(shape), tuple(range(len(shape)))
    return np.array([correlation(one, np.roll(lattice, shift, axes).ravel()) for shift in shifts])


def strongest(scores: Float[np.ndarray, " n"], top: int, seed: int) -> set[int]:
    """Units of the highest scores; equal scores in a seeded order, not in that of the units."""
    by_lot = np.random.default_rng(seed).permutation(len(scores))
    return set(np.lexsort((by_lot, -scores))[:top].tolist())


def intersection(one: set[int], other: set[int]) -> float:
    """|A & B| / |A | B|."""
    return len(one & other) / len(one | other)


def chance(units: int, top: int) -> float:
    """Mean of |A & B| / |A | B| over independent random sets of `top` units each; about p / (2 - p) for a share p."""
    from math import comb

    met = range(max(0, 2 * top - units), top + 1)
    ways = [comb(top, both) * comb(units - top, top - both) for both in met]
    # Divided one by one: the sum of whole numbers is too large for a float.
    return sum(way * both / ((2 * top - both) * comb(units, top)) for way, both in zip(ways, met, strict=True))

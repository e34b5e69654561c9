"""Whether a map in a shorter number format ranks the units as the same map in float32 does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from featcore.explain import explain
from featcore.explain.base import Progress, silent
from featcore.measure.randomisation import alike
from featcore.types import Attribution, Sample

if TYPE_CHECKING:
    from featcore.encode.base import Encoder

EXACT = "float32"
"""The number format that the shorter ones are held against."""

Answer = tuple[Attribution, int | None]
"""A map, and the index of the class that comes first in its number format; None without a classifier."""


@dataclass(frozen=True)
class Ranking:
    """How alike two maps rank the same units, one in a shorter number format and one in float32.

    Attributes:
        rho: Spearman correlation of the scores, signs included, -1 to 1; None where a map is constant.
        units: how many were ranked.
        same_class: whether the same class comes first in both formats; None without a classifier.
    """

    rho: float | None
    units: int
    same_class: bool | None

    def __str__(self) -> str:
        classes = {True: ", same class", False: ", another class comes first", None: ""}[self.same_class]
        if self.rho is None:
            return f"Ranks have no agreement with {EXACT}: a map of the {self.units} units is constant{classes}"
        return f"Ranks agree with {EXACT}: {self.rho:.2f} (Spearman over {self.units} units){classes}"


def ranking(short: Answer, exact: Answer) -> Ranking:
    """Rank agreement of two maps of the same units, and whether both formats give the same class."""
    (found, first), (reference, expected) = short, exact
    rho = alike(found.scores, reference.scores, signed=True)
    same = None if first is None or expected is None else first == expected
    return Ranking(rho if np.isfinite(rho) else None, len(found.units), same)


def explained_again(
    exact: Encoder, sample: Sample, found: Attribution, progress: Progress = silent, other: Sample | None = None
) -> Answer:
    """A map once more by an encoder in float32: the same method, knobs and target, so only the number format differs.

    Args:
        other: the second input that the map was asked for with, as in `featcore.explain`.
    """
    reference = explain(exact, sample, found.method, found.target, progress, other, **dict(found.knobs))
    return reference, first_class(exact, sample)


def first_class(encoder: Encoder, sample: Sample) -> int | None:
    """The index of the class that comes first; None without a classifier."""
    logits = encoder.encode(sample, attention=False).logits
    return None if logits is None else int(logits.argmax())

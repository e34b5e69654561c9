"""The floors under every comparison: scores that know nothing of the model, one by chance and one by place."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from jaxtyping import Float

from featcore.explain.base import METHODS, Progress, knob, without_passes
from featcore.types import Attribution, Sample, Target, Units

if TYPE_CHECKING:
    from featcore.encode.base import Encoder


FLOORS = ("centre", "random")
"""What a method has to beat, listed behind all others."""


@METHODS
@dataclass(frozen=True)
class Centre:
    """A bell around the middle of the clip, picture or text: where things lie in most recordings, whatever is asked.

    exp(-d^2 / 2 w^2), d the distance of a unit's middle from that of all units, each axis counted in its own length.
    Source: the central bias of pictures, Tatler 2007, doi:10.1167/7.14.4.
    """

    name: ClassVar[str] = "centre"
    title: ClassVar[str] = "Centre floor"
    needs: ClassVar[frozenset[str]] = frozenset()
    signed: ClassVar[bool] = False
    complete: ClassVar[bool] = False

    width: float = knob(0.25, "width w of the bell, as a share of each axis", low=0.05, high=2.0)

    def passes(self, sample: Sample) -> int:
        return 0

    def __call__(self, encoder: Encoder, sample: Sample, target: Target | None, progress: Progress) -> Attribution:
        start = perf_counter()
        scores = from_the_middle(sample.units, self.width)
        return without_passes(self, encoder, sample, scores, perf_counter() - start, encoder.provenance("none"))


def from_the_middle(units: Units, width: float) -> Float[np.ndarray, " n"]:
    """exp(-d^2 / 2 width^2), d the distance of each unit's middle from that of all units, in lengths of each axis."""
    extents = units.extents.astype(float)
    low, high = extents[:, :, 0].min(0), extents[:, :, 1].max(0)
    places = (extents.mean(2) - (low + high) / 2) / np.maximum(high - low, 1)
    return np.exp(-(places**2).sum(1) / (2 * width**2))


@METHODS
@dataclass(frozen=True)
class Random:
    """Scores drawn from a normal distribution; what a method has to beat before it means anything."""

    name: ClassVar[str] = "random"
    title: ClassVar[str] = "Random floor"
    needs: ClassVar[frozenset[str]] = frozenset()
    signed: ClassVar[bool] = True
    complete: ClassVar[bool] = False

    seed: int = knob(0, "another seed, another floor", low=0, high=1000)

    def passes(self, sample: Sample) -> int:
        return 0

    def __call__(self, encoder: Encoder, sample: Sample, target: Target | None, progress: Progress) -> Attribution:
        scores = np.random.default_rng(self.seed).normal(size=len(sample.units))
        return without_passes(self, encoder, sample, scores, 0.0, encoder.provenance("none", self.seed))

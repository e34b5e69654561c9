"""The floor under every comparison: scores that know nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from featcore.explain.base import METHODS, Progress, knob, without_passes
from featcore.types import Attribution, Sample, Target

if TYPE_CHECKING:
    from featcore.encode.base import Encoder


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

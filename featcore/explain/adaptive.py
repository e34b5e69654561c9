"""Integrated gradients with as many points as the input needs: twice as many until neither sum nor map moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from jaxtyping import Float

from featcore.explain.base import BASELINE_HELP, METHODS, Explained, Progress, attribute, chunk_size, knob
from featcore.types import Attribution, Sample, Target

if TYPE_CHECKING:
    from torch import Tensor

    from featcore.encode.base import Encoder

FIRST = 8  # intervals of the first rule


@METHODS
@dataclass(frozen=True)
class AdaptiveIntegrated:
    """Integrated gradients by nested Clenshaw-Curtis rules of 9, 17, 33 ... points; every point is used again.

    Stops when the scores add up to F(x) - F(baseline) within the tolerance and the map moved by no more than that since
    half as many points (sum of absolute changes over sum of absolute scores), or at the limit, which is then said.
    Smooth models settle at 17 to 129 points. Behind rectifiers and maximum pooling the gradient jumps along the line,
    where the error of a rule of n points falls as 1 / n: on conv-mini 32 points miss the sum by up to 4 %.
    Source: Sundararajan et al. 2017, arXiv:1703.01365; Clenshaw & Curtis 1960, doi:10.1007/BF01386223.
    """

    name: ClassVar[str] = "adaptive_gradients"
    title: ClassVar[str] = "Integrated gradients, adaptive"
    needs: ClassVar[frozenset[str]] = frozenset({"target", "gradient"})
    signed: ClassVar[bool] = True
    complete: ClassVar[bool] = True

    tolerance: float = knob(0.01, "stop when sum and map are this close, as a share", low=0.0001, high=0.5)
    limit: int = knob(1025, "points on the line at most, of 17, 33, 65, 129 ...", low=17, high=8193)
    baseline: str = knob("auto", BASELINE_HELP)

    @property
    def most(self) -> int:
        """Points of the largest rule within the limit."""
        return 2 ** int(np.log2(self.limit - 1)) + 1

    def passes(self, sample: Sample) -> int:
        return self.most

    def remark(self, found: Attribution) -> str:
        """What a person should know of a run."""
        if found.passes < self.most:
            return ""
        return f"It stopped at its limit of {self.most} points, so more of them might still move the map."

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        def compute(explained: Explained, embedded: Tensor, blank: Tensor | None) -> Tensor:
            import torch

            assert blank is not None
            intervals = 2 * FIRST
            explained.total = intervals + 1  # what is known to be needed so far
            # The first two rules at once: no input can settle before both are known.
            slopes, values = along(explained, embedded, blank, nodes(intervals))
            explained.learn("baseline", values[0])
            explained.learn("input", values[-1])
            before, change = weights(FIRST) @ slopes[::2], float(values[-1] - values[0])
            while True:
                scores = weights(intervals) @ slopes
                if self._settled(scores, before, change):
                    break
                if 2 * intervals >= self.most:
                    break
                before, intervals = scores, 2 * intervals
                explained.total = intervals + 1
                between, _ = along(explained, embedded, blank, nodes(intervals)[1::2])
                # every second point of the finer rule is a point of the coarser one
                slopes = np.insert(slopes, np.arange(1, len(slopes)), between, axis=0)
            return torch.from_numpy(scores)

        return attribute(self, encoder, sample, target, progress, compute, self.baseline)

    def _settled(self, scores: np.ndarray, before: np.ndarray, change: float) -> bool:
        moved = np.abs(scores - before).sum() <= self.tolerance * np.abs(scores).sum()
        # below, a gap is no share of anything: the same rule as for the gap that an attribution states
        return bool(moved and (abs(change) < 1e-6 or abs(scores.sum() - change) <= self.tolerance * abs(change)))


def along(
    explained: Explained, embedded: Tensor, blank: Tensor, shares: Float[np.ndarray, " b"]
) -> tuple[Float[np.ndarray, "b m"], Tensor]:
    """Slope of F in every row towards the input, and F itself, Float[b], at shares of the line from baseline (0) to
    input (1)."""
    import torch

    way = embedded - blank
    size = chunk_size(explained.encoder, explained.sample, gradients=True)
    slopes, values = [], []
    for part in torch.from_numpy(shares).to(embedded).split(size):
        points = (blank + part[:, None, None] * way).detach().requires_grad_()
        with torch.enable_grad():
            scores = explained(points)
        gradients = torch.autograd.grad(scores.sum(), points)[0]
        slopes.append((gradients.float() * way.float()).sum(-1).double().cpu().numpy())
        values.append(scores.detach().double().cpu())
    return np.concatenate(slopes), torch.cat(values)


def nodes(intervals: int) -> Float[np.ndarray, " n1"]:
    """Points of the Clenshaw-Curtis rule on [0, 1], rising, both ends among them."""
    return (1 - np.cos(np.pi * np.arange(intervals + 1) / intervals)) / 2


def weights(intervals: int) -> Float[np.ndarray, " n1"]:
    """Weights of the Clenshaw-Curtis rule on [0, 1] for an even number of intervals; they add up to 1."""
    places, waves = np.arange(intervals + 1), np.arange(1, intervals // 2 + 1)
    parts = np.where(waves == intervals // 2, 1, 2) / (4 * waves**2 - 1)
    inside = (1 - np.cos(2 * np.pi * np.outer(places, waves) / intervals) @ parts) / intervals
    inside[[0, -1]] /= 2
    return inside

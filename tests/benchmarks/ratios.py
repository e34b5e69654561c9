"""Two callables become a ratio of their times with an interval, a control and a verdict; for every benchmark here.

Blocks run A B B A in one process, so that a machine that slows down hurts both sides alike.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from featcore.measure.quiet import watch
from featcore.measure.timer import no_collection

SEGMENT_S = 0.02
RESAMPLES = 4000


@dataclass(frozen=True)
class Ratio:
    """Time of `ours` over time of `bare`: the median over blocks and its 95 % bootstrap interval.

    `control` is the same for `bare` against itself: how far from 1 a ratio gets here by chance.
    """

    name: str
    goal: float
    ratio: float
    interval: tuple[float, float]
    control: tuple[float, float]
    bare_s: float
    blocks: int
    disturbed: str

    @property
    def verdict(self) -> str:
        """met, missed, or cannot tell when the goal lies inside the interval or nearer than the control's own error."""
        low, high = self.interval
        error = max(abs(edge - 1) for edge in self.control)
        if low <= self.goal <= high or abs(self.ratio - self.goal) <= error:
            return "cannot tell"
        return "met" if high < self.goal else "missed"

    def __str__(self) -> str:
        return (
            f"{self.name:<44} {self.ratio:6.3f} [{self.interval[0]:.3f}, {self.interval[1]:.3f}]  "
            f"A/A [{self.control[0]:.3f}, {self.control[1]:.3f}]  bare {self.bare_s * 1e3:8.2f} ms  "
            f"goal <= {self.goal:.2f}: {self.verdict}" + (f"  (disturbed: {self.disturbed})" if self.disturbed else "")
        )


def compare(
    name: str,
    bare: Callable[[], Any],
    ours: Callable[[], Any],
    goal: float,
    blocks: int = 30,
    clock: Callable[[], float] = perf_counter,
) -> Ratio:
    """Time `ours` against `bare` in paired blocks; the control's blocks lie between them."""
    for call in (bare, ours) * 3:
        call()
    repeat = max(1, round(SEGMENT_S / max(_segment(bare, 3, clock), 1e-9)))
    disturbed, rng = watch(), np.random.default_rng(0)
    found, control, times = [], [], []
    with no_collection():
        for _ in range(blocks):
            ratio, bare_s = _block(bare, ours, repeat, clock)
            found.append(ratio)
            times.append(bare_s)
            control.append(_block(bare, bare, repeat, clock)[0])
    words = disturbed()
    return Ratio(
        name,
        goal,
        float(np.median(found)),
        bootstrap(np.array(found), rng),
        bootstrap(np.array(control), rng),
        float(np.median(times)),
        blocks,
        words,
    )


def bootstrap(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """The 95 % percentile interval of the median. Source: Efron 1979, Annals of Statistics 7(1), 1-26."""
    medians = np.median(rng.choice(values, (RESAMPLES, len(values))), axis=1)
    low, high = np.quantile(medians, (0.025, 0.975))
    return float(low), float(high)


def _block(a: Callable[[], Any], b: Callable[[], Any], repeat: int, clock: Callable[[], float]) -> tuple[float, float]:
    """B over A in one block A B B A, and seconds of one A."""
    first, second, third, fourth = (_segment(call, repeat, clock) for call in (a, b, b, a))
    return (second + third) / (first + fourth), (first + fourth) / 2


def _segment(call: Callable[[], Any], repeat: int, clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(repeat):
        call()
    return (clock() - start) / repeat

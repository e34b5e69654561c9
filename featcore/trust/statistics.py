"""Numbers of many inputs become a mean with its interval, and two such rows a verdict. NumPy only."""

from typing import Literal

import numpy as np
from jaxtyping import Float

RESAMPLES = 2000
LEAST = 10
"""Inputs below which no interval is believed."""

Interval = tuple[float, float, float]
"""Mean, and lower and upper end of its 95 % interval."""
Verdict = Literal["better", "worse", "cannot tell"]


def mean_interval(values: Float[np.ndarray, " n"], seed: int = 0) -> Interval | None:
    """The mean over inputs and its 95 % percentile bootstrap interval; None without inputs.

    Inputs are drawn again with replacement, so the interval is about other inputs of the same kind, not about another
    encoder or another marking. Where all values are alike it has no width. NaN is a value that is not defined, and is
    left out.

    Source: Efron 1979, Annals of Statistics 7(1), 1-26.
    """
    defined = np.asarray(values, float)
    defined = defined[~np.isnan(defined)]
    if not len(defined):
        return None
    drawn = np.random.default_rng(seed).integers(0, len(defined), (RESAMPLES, len(defined)))
    low, high = np.quantile(defined[drawn].mean(axis=1), (0.025, 0.975))
    return float(defined.mean()), float(low), float(high)


def paired(one: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"], seed: int = 0) -> Interval | None:
    """The mean of the differences, input by input, and its interval; inputs where one is NaN are left out."""
    return mean_interval(np.asarray(one, float) - np.asarray(other, float), seed)


def verdict(difference: Interval | None, n: int, high_is_good: bool) -> Verdict:
    """What a difference to a floor says: better or worse where its whole interval lies on one side of 0."""
    if difference is None or n < LEAST:
        return "cannot tell"
    _, low, high = difference
    if low > 0 or high < 0:
        return "better" if (low > 0) == high_is_good else "worse"
    return "cannot tell"

"""One score per unit becomes a curve: how much of the score do how few units carry?"""

import numpy as np
from jaxtyping import Float

from featcore.errors import NotDefined


def concentration(
    scores: Float[np.ndarray, " n"],
) -> tuple[Float[np.ndarray, " n1"], Float[np.ndarray, " n1"]]:
    """Share of units against share of absolute score, the strongest units first.

    Both run from 0 to 1 in n + 1 points; the curve is concave and lies on or above the diagonal. Scores that are all
    0 give the diagonal: no unit carries more than another.

    Raises:
        NotDefined: there is no score, or one is not finite.

    Source: Lorenz 1905, doi:10.2307/2276207, turned over so that the largest come first.
    """
    falling = -np.sort(-_sizes(scores))
    total = falling.sum()
    n = len(falling)
    share = np.full(n, 1 / n) if total == 0 else falling / total
    share_of_score = np.concatenate([[0.0], np.cumsum(share)])
    share_of_score[-1] = 1.0  # not 0.9999999
    return np.linspace(0.0, 1.0, n + 1), np.minimum(share_of_score, 1.0)


def gini(scores: Float[np.ndarray, " n"]) -> float:
    """0: all units carry the same; (n - 1) / n: one unit carries all. Twice the area between curve and diagonal.

    Raises:
        NotDefined: there is no score, or one is not finite.

    Source: Gini 1912.
    """
    x, y = concentration(scores)
    return float(max(0.0, 2 * np.trapezoid(y, x) - 1))


def units_for(scores: Float[np.ndarray, " n"], share: float = 0.5) -> int:
    """Smallest number of units that carry at least `share` (0 to 1) of the absolute score.

    Scores that are all 0 count as equal.

    Raises:
        NotDefined: there is no score, or one is not finite.
    """
    assert 0 <= share <= 1
    _, carried = concentration(scores)
    return int(np.argmax(carried >= share - 1e-12))  # sums of floats may miss the share by a hair


def _sizes(scores: np.ndarray) -> np.ndarray:
    sizes = np.abs(np.asarray(scores, np.float64))
    if not len(sizes):
        raise NotDefined("There is no score, so nothing can be concentrated. Choose an input with at least one unit.")
    if not np.isfinite(sizes).all():
        lost = int((~np.isfinite(sizes)).sum())
        raise NotDefined(f"{lost} of {len(sizes)} scores are not finite, so their shares are not defined.")
    largest = sizes.max()
    return sizes / largest if largest > 0 else sizes  # a sum of huge or tiny scores must not overflow or vanish

"""Scores of units become one signed number a word, so that encoders with other units can be compared."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class WordScores:
    """Sums of the scores of the units of each word; with `outside` they add up to what the units add up to.

    Attributes:
        units: how many units each word is made of; a word of none has the score 0.
        outside: sum over units that are in no word: empty paper, tokens of nothing but blanks.
    """

    words: tuple[str, ...]
    scores: Float[np.ndarray, " w"]
    units: Int[np.ndarray, " w"]
    outside: float

    @property
    def shares(self) -> Float[np.ndarray, " w"]:
        """Each score over the sum of absolute scores of all words, signed; all 0 where there is nothing to share."""
        whole = float(np.abs(self.scores).sum())
        return self.scores / whole if whole else np.zeros_like(self.scores)


def per_word(scores: Float[np.ndarray, " n"], owner: Int[np.ndarray, " n"], words: tuple[str, ...]) -> WordScores:
    """One signed number a word.

    Args:
        owner: the index of each unit's word, -1 for a unit in no word.
    """
    inside = owner >= 0
    summed = np.bincount(owner[inside], weights=scores[inside], minlength=len(words))
    counted = np.bincount(owner[inside], minlength=len(words))
    return WordScores(words, summed, counted, float(scores[~inside].sum()))

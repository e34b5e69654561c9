"""Infidelity: whether scores foretell what hiding random sets of units changes."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from featcore.explain.base import Progress, resolve_target, silent
from featcore.measure.hiding import at_least_one, explained_target, hide, scores_of
from featcore.types import Attribution, Infidelity, Sample, Target

if TYPE_CHECKING:
    from featcore.encode.base import Encoder

DRAWS = 128


def hidden_sets(units: int, draws: int, seed: int) -> Bool[np.ndarray, "draws units"]:
    """Random sets of hidden units, True where hidden: each size from 1 to all is as likely as any other, and so is each
    set of a size. Draws are independent of each other, and no set is empty: it would foretell nothing rightly."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, units + 1, draws)
    places = rng.random((draws, units)).argsort(1).argsort(1)
    return places < sizes[:, None]


@dataclass(frozen=True, eq=False)
class Falls:
    """What hiding random sets of units changes: the same sets judge every map of the same target.

    Attributes:
        hidden: the sets, True where a unit was hidden; falls: F(x) - F(x with the set hidden) of each.
    """

    target: Target
    baseline: str
    hidden: Bool[np.ndarray, "draws n"]
    falls: Float[np.ndarray, " draws"]
    seed: int
    passes: int
    seconds: float


def infidelity(
    encoder: Encoder,
    sample: Sample,
    attribution: Attribution,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Progress = silent,
    *,
    target: Target | int | str | None = None,
    baseline: str = "auto",
) -> Infidelity:
    """Mean of (I . phi - (F(x) - F(x with I hidden)))^2 over random sets I, plainly and with the best factor on phi.

    F is what the map explains, on its own scale. The best factor is E[(I . phi) d] / E[(I . phi)^2] with d the fall of
    F, and 0 for a map of zeros.
    Source: Yeh et al. 2019, arXiv:1901.09392, definition 2.1 with I a 0/1 mask of units times (x - x0), and section 3.

    Args:
        target: for maps that explain no output (attention, floors) what is read, the predicted class unless given.
    """
    scores_of(sample, attribution)
    goal = explained_target(encoder, sample, attribution, target)
    return foretold(falls(encoder, sample, goal, draws, seed, progress, baseline=baseline), attribution)


def falls(
    encoder: Encoder,
    sample: Sample,
    target: Target | int | str | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Progress = silent,
    *,
    baseline: str = "auto",
) -> Falls:
    """Hide random sets of units; one pass a set."""
    start = perf_counter()
    at_least_one("draws", draws)
    goal, kind = resolve_target(encoder, sample, target), encoder.baseline_kind(baseline)
    hidden = hidden_sets(len(sample.units), draws, seed)
    game = hide(encoder, sample, goal, kind, progress, draws + 1)
    values = game.values(np.concatenate([np.ones((1, len(sample.units)), bool), ~hidden]))
    progress(game.explained.passes, game.explained.passes)
    return Falls(goal, kind, hidden, values[0] - values[1:], seed, game.explained.passes, perf_counter() - start)


def foretold(found: Falls, attribution: Attribution) -> Infidelity:
    """Infidelity of a map from sets that were hidden already; needs no model."""
    guess = found.hidden @ np.asarray(attribution.scores, float)
    size = float(guess @ guess)
    factor = float(guess @ found.falls) / size if size > 0 else 0.0
    return Infidelity(
        method=attribution.method,
        target=found.target,
        baseline=found.baseline,
        raw=float(((guess - found.falls) ** 2).mean()),
        scaled=float(((factor * guess - found.falls) ** 2).mean()),
        scale=factor,
        changes=float((found.falls**2).mean()),
        draws=len(found.falls),
        seed=found.seed,
        passes=found.passes,
        seconds=found.seconds,
    )

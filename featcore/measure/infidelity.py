"""Infidelity: whether scores foretell what hiding random sets of units changes."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool

from featcore.explain.base import Progress, silent
from featcore.measure.hiding import explained_target, hide, scores_of
from featcore.types import Attribution, Infidelity, Sample, Target

if TYPE_CHECKING:
    from featcore.encode.base import Encoder


def hidden_sets(units: int, draws: int, seed: int) -> Bool[np.ndarray, "draws units"]:
    """Random sets of hidden units, True where hidden: each size from 1 to all is as likely as any other, and so is each
    set of a size. Draws are independent of each other, and no set is empty: it would foretell nothing rightly."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, units + 1, draws)
    places = rng.random((draws, units)).argsort(1).argsort(1)
    return places < sizes[:, None]


def infidelity(
    encoder: Encoder,
    sample: Sample,
    attribution: Attribution,
    draws: int = 128,
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
    start = perf_counter()
    scores = scores_of(sample, attribution)
    goal = explained_target(encoder, sample, attribution, target)
    kind = encoder.baseline_kind(baseline)
    game = hide(encoder, sample, goal, kind, progress, draws + 1)
    hidden = hidden_sets(len(scores), draws, seed)
    values = game.values(np.concatenate([np.ones((1, len(scores)), bool), ~hidden]))
    progress(game.explained.passes, game.explained.passes)
    falls, foretold = values[0] - values[1:], hidden @ scores
    size = float(foretold @ foretold)
    factor = float(foretold @ falls) / size if size > 0 else 0.0
    return Infidelity(
        method=attribution.method,
        target=goal,
        baseline=kind,
        raw=float(((foretold - falls) ** 2).mean()),
        scaled=float(((factor * foretold - falls) ** 2).mean()),
        scale=factor,
        changes=float((falls**2).mean()),
        draws=draws,
        seed=seed,
        passes=game.explained.passes,
        seconds=perf_counter() - start,
    )

"""Max-sensitivity: how far a map moves when the unit embedding is shaken a little."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from featcore.explain import explain
from featcore.explain.base import Progress, make, resolve_target, silent
from featcore.measure.hiding import at_least_one
from featcore.types import Sample, Sensitivity, Target

if TYPE_CHECKING:
    from featcore.encode.base import Encoder


def max_sensitivity(
    encoder: Encoder,
    sample: Sample,
    method: str,
    target: Target | int | str | None = None,
    share: float = 0.02,
    draws: int = 10,
    seed: int = 0,
    progress: Progress = silent,
    **knobs: Any,
) -> Sensitivity:
    """Largest |phi(y) - phi(x)| / |phi(x)| over random y: every entry of every unit's row moved evenly within a radius.

    The target is that of the untouched input, also where y would be answered otherwise. Rows of special positions stay.
    Source: Yeh et al. 2019, arXiv:1901.09392, definition 3.1, divided by |phi(x)| as in Captum's `sensitivity_max`,
    whose radius for pixels of unit deviation is 0.02 as well.

    Args:
        method: a registered name; knobs: its options.
        share: radius over the standard deviation of the entries of all units' rows.
    """
    import torch

    from featcore.encode.shaken import Shaken

    start = perf_counter()
    at_least_one("draws", draws)
    chosen = make(method, **knobs)
    goal = resolve_target(encoder, sample, target) if "target" in chosen.needs else None
    each = max(chosen.passes(sample), 1)

    def phi(asked: Encoder, done: int) -> np.ndarray:
        def step(passes: int, _: int) -> None:
            progress(done * each + min(passes, each), (draws + 1) * each)

        found = explain(asked, sample, method, goal, step, **knobs)
        counted.append(found.passes)
        return found.scores

    counted: list[int] = []
    still = phi(encoder, 0)
    embedded = encoder.embed(sample)
    rows = torch.from_numpy(sample.rows).to(embedded.device)
    radius = share * float(embedded[:, rows].float().std(correction=0))
    size = float(np.linalg.norm(still))
    why = _ZERO if size == 0 else _FLAT if radius == 0 else ""
    rng, worst = np.random.default_rng(seed), 0.0
    for draw in range(0 if why else draws):
        moves = torch.zeros_like(embedded)
        moves[:, rows] = torch.from_numpy(rng.uniform(-radius, radius, embedded[:, rows].shape)).to(embedded)
        worst = max(worst, float(np.linalg.norm(phi(Shaken(encoder, moves), draw + 1) - still)) / size)
    progress((draws + 1) * each, (draws + 1) * each)
    return Sensitivity(
        method=method,
        value=None if why else worst,
        why=why,
        radius=radius,
        share=share,
        draws=draws,
        seed=seed,
        passes=sum(counted),
        seconds=perf_counter() - start,
    )


_ZERO = "All scores are 0, so a change relative to them means nothing."
_FLAT = "All entries of the unit embedding are equal, so there is no deviation to measure a radius by."

"""Whether a map depends on what the model has learnt: its likeness to maps of the model with weights drawn anew."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from featcore.explain import explain
from featcore.explain.base import Progress, make, resolve_target, silent
from featcore.measure.hiding import at_least_one
from featcore.types import Attribution, Randomisation, Redraws, Sample, Target

if TYPE_CHECKING:
    from featcore.encode.base import Encoder

DRAWS = 5
"""Draws of all weights that the gate reads, unless others are asked for."""


def redraws(
    encoder: Encoder,
    sample: Sample,
    method: str,
    target: Target | int | str | None = None,
    seed: int = 0,
    progress: Progress = silent,
    draws: int = DRAWS,
    **knobs: Any,
) -> Redraws:
    """`randomisation`, and the last of its steps again with other draws of all weights: one draw may be lucky.

    Each further draw costs one map, whatever the model's depth. Works on one private copy at a time.

    Args:
        seed: of the first draw; the others count on from it.

    Raises:
        NotDefined: no draw at all.
    """
    start = perf_counter()
    at_least_one("draws", draws)
    each, before = max(make(method, **knobs).passes(sample), 1), 0

    def cascading(done: int, total: int) -> None:
        nonlocal before
        before = total
        progress(done, total + (draws - 1) * each)

    first = randomisation(encoder, sample, method, target, seed, cascading, **knobs)
    goal = resolve_target(encoder, sample, target) if "target" in make(method, **knobs).needs else None
    found: list[Attribution] = []

    def step(passes: int, _: int) -> None:
        progress(before + len(found) * each + min(passes, each), before + (draws - 1) * each)

    seeds = tuple(range(seed, seed + draws))
    for other in seeds[1:]:
        found.append(explain(_wholly_random(encoder, other), sample, method, goal, step, **knobs))
    progress(before + (draws - 1) * each, before + (draws - 1) * each)
    more = [alike(first.maps[0], one.scores) for one in found]
    return Redraws(
        cascade=first,
        similarity=np.array([first.similarity[-1], *more]),
        maps=np.stack([first.maps[0], first.maps[-1], *(one.scores for one in found)]),
        seeds=seeds,
        passes=first.passes + sum(one.passes for one in found),
        seconds=perf_counter() - start,
    )


def _wholly_random(encoder: Encoder, seed: int) -> Encoder:
    """A private copy with all weights drawn anew."""
    from featcore.encode.redrawn import redrawn

    *_, (_, private) = redrawn(encoder, seed)
    return private


def randomisation(
    encoder: Encoder,
    sample: Sample,
    method: str,
    target: Target | int | str | None = None,
    seed: int = 0,
    progress: Progress = silent,
    **knobs: Any,
) -> Randomisation:
    """Spearman correlation of |phi| with |phi| of the model whose weights are drawn anew, cascading from the head down,
    and that of phi with phi of another class on the model as it is: with its sign where the method gives one.

    Works on a private copy of the model; the encoder itself is only read. The target stays the class of the real model.
    Source: Adebayo et al. 2018, arXiv:1810.03292, cascading randomisation; another class: Sixt et al. 2020,
    arXiv:1912.09818.

    Args:
        method: a registered name; knobs: its options.
    """
    from featcore.encode.redrawn import redrawn, stages

    start = perf_counter()
    chosen = make(method, **knobs)
    goal = resolve_target(encoder, sample, target) if "target" in chosen.needs else None
    other, why = _other_class(encoder, sample, goal)
    names = [name for name, _ in stages(encoder.model)]
    each, total = max(chosen.passes(sample), 1), len(names) + 1 + (other is not None)
    found: list[Attribution] = []

    def phi(asked: Encoder, explained: Target | None) -> np.ndarray:
        def step(passes: int, _: int) -> None:
            progress(len(found) * each + min(passes, each), total * each)

        found.append(explain(asked, sample, method, explained, step, **knobs))
        return found[-1].scores

    real = phi(encoder, goal)
    # Logits of two classes nearly mirror each other: there sizes are the same, and only signs show that a map turned.
    elsewhere = None if other is None else _finite(alike(real, phi(encoder, other), chosen.signed))
    maps = [real, *(phi(private, goal) for _, private in redrawn(encoder, seed))]
    progress(total * each, total * each)
    return Randomisation(
        method=method,
        stages=tuple(names),
        similarity=np.array([alike(real, each) for each in maps[1:]]),
        other_class=elsewhere,
        signed=chosen.signed,
        why=why or ("" if elsewhere is not None else _CONSTANT),
        maps=np.stack(maps),
        seed=seed,
        passes=sum(one.passes for one in found),
        seconds=perf_counter() - start,
    )


_CONSTANT = "One of the two maps is constant, so there is no order to compare."


def alike(one: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"], signed: bool = False) -> float:
    """Spearman correlation of the sizes of two maps, or of the maps themselves; NaN where one of them is constant."""
    from scipy.stats import spearmanr

    maps = (one, other) if signed else (np.abs(one), np.abs(other))
    if any(np.ptp(each) <= 1e-12 * np.abs(each).max(initial=0.0) for each in maps):
        return float("nan")
    return float(spearmanr(*maps).statistic)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _other_class(encoder: Encoder, sample: Sample, target: Target | None) -> tuple[Target | None, str]:
    """The class that scores highest beside the explained one, and why there is none."""
    import torch

    if target is None:
        return None, "This method explains no output, so its map is the same for every class."
    if target.of_vector:
        return None, "The explained output is a number of the pooled vector, which has no classes."
    with torch.no_grad():
        order = encoder.logits(sample, encoder.embed(sample))[0].argsort(descending=True).tolist()
    rest = [index for index in order if index != target.index]
    if not rest:
        return None, "This model has one output."
    return Target(rest[0], encoder.card.labels[rest[0]]), ""

"""How far each sampled attribution is from where it converges, and what that costs: one knob, more and more of it."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from featcore.encode.base import Encoder
from featcore.encode.device import device_lock, synchronise
from featcore.errors import FeatcoreError
from featcore.explain import explain, methods
from featcore.explain.base import METHODS, Progress, make, resolve_target, silent
from featcore.inputs.samples import first_for
from featcore.measure import records, traffic
from featcore.measure.latency import StageProgress
from featcore.measure.quiet import watch
from featcore.measure.records import Record
from featcore.measure.timer import timed
from featcore.measure.trial import own, sizes, work
from featcore.types import Attribution, Sample, Target

SUITE = "convergence"
EFFORT = ("steps", "samples", "masks", "sets", "orders")
"""Knobs that say how much a method samples; a method has one of them at most."""
TIMES = (0.125, 0.25, 0.5, 1, 2)
"""Of the knob's default."""
REFERENCE = 8
"""The same for the scores that all others are held against; of another seed where there is one."""
AT_ONCE = (1, 8, 32)
"""Batches among which the fastest plain forward pass of one input is looked for."""
MOST = 30
CALLS = 5
"""Budgets of a plain pass that a whole explanation gets."""


def convergence(encoders: Sequence[Encoder], budget_s: float, progress: Progress = silent) -> Iterator[Record]:
    """A record for each method and each amount of its sampling. Beyond what every record has, it says

    knob, effort      which knob, and how much of it
    error             sum of absolute differences to the reference's scores, over the sum of the reference's own
    reference         what the reference is; it has an error too, so a small `error` is known only roughly
    completeness_gap  as of `Attribution`, null where completeness is not promised
    passes, forwards  inputs that went forward; the FLOP of the whole explanation over those of one forward pass
    forward_s         seconds of one input in the fastest batch of plain forward passes
    """
    run_id = records.new_run()
    plans = [(encoder, name, knob) for encoder in encoders for name, knob in sampled(encoder)]
    total, forward_s = len(plans) * len(TIMES), dict[str, float]()
    for index, (encoder, name, knob) in enumerate(plans):
        sample = encoder.prepare(first_for(encoder.card))
        there = replace(sample, tensors=encoder.tensors(sample))
        target = resolve_target(encoder, there, None)
        if encoder.card.name not in forward_s:
            forward_s[encoder.card.name] = _forward_s(encoder, budget_s)
        default = getattr(make(name), knob)
        try:
            goal = _reference(encoder, there, target, name, knob, default)
        except FeatcoreError:  # this input, or this encoder, is refused: there is nothing to converge to
            continue
        for step, times in enumerate(TIMES):
            tell = StageProgress(progress, index * len(TIMES) + step, total)
            effort = max(2, round(default * times))
            cost = _of_effort(encoder, there, target, name, knob, effort, budget_s, run_id, tell)
            if cost is None:
                continue
            found, record = cost
            yield record | {
                "error": distance(found.scores, goal.scores),
                "reference": f"{REFERENCE} times the default {knob}",
                "completeness_gap": found.completeness_gap,
                "forward_s": forward_s[encoder.card.name],
            }
    progress(100 * total, 100 * total)


def sampled(encoder: Encoder) -> list[tuple[str, str]]:
    """Methods that this encoder allows and that sample, each with the knob that says how much."""
    found = []
    for method in methods(encoder.card):
        knobs = [each.name for each in fields(METHODS[method.name]) if each.name in EFFORT]  # type: ignore[arg-type]
        found += [(method.name, knobs[0])] if knobs else []
    return found


def distance(found: Float[np.ndarray, " n"], goal: Float[np.ndarray, " n"]) -> float:
    """Sum of absolute differences over the sum of absolute scores of the goal; 0 is equal."""
    whole = float(np.abs(goal).sum())
    return float(np.abs(np.asarray(found, float) - goal).sum() / whole) if whole else float(np.any(found))


def _reference(encoder: Encoder, sample: Sample, target: Target, name: str, knob: str, default: int) -> Attribution:
    stated = {each.name: each.metadata for each in fields(METHODS[name])}  # type: ignore[arg-type]
    much: dict[str, Any] = {knob: min(REFERENCE * default, stated[knob]["high"] or REFERENCE * default)}
    if "seed" in stated:
        much["seed"] = 1
    return explain(encoder, sample, name, target, **much)


def _of_effort(
    encoder: Encoder,
    sample: Sample,
    target: Target,
    name: str,
    knob: str,
    effort: int,
    budget_s: float,
    run_id: str,
    tell: StageProgress,
) -> tuple[Attribution, Record] | None:
    """What so much of a method gives and costs; None where the method needs more of it."""
    knobs: dict[str, Any] = {knob: effort}
    call = partial(explain, encoder, sample, name, target, **knobs)
    try:
        with device_lock(encoder.device).alone(f"attribution:{name}"):
            counted = traffic.of_call(call, encoder.device)
            disturbed = watch()
            timing = timed(call, partial(synchronise, encoder.device), CALLS * budget_s, MOST, tell)
            words = disturbed()
    except FeatcoreError:
        return None
    found, trial = timing.result, own(encoder)
    record = records.of_timing(
        timing,
        f"attribution:{name}",
        f"{effort} {knob}",
        run_id,
        words,
        **records.of_encoder(encoder, found.provenance.attention, grad="input"),
        **sizes(trial),
        **counted,
        suite=SUITE,
        knob=knob,
        effort=effort,
        passes=found.passes,
        forwards=counted["flops_counted"] / work(trial)[0],
    )
    return found, record | records.of_work(counted["flops_counted"], "counter", record["p50_s"])


def _forward_s(encoder: Encoder, budget_s: float) -> float:
    """Seconds of one input in the fastest of a few batches of plain forward passes."""
    best = float("inf")
    for batch in AT_ONCE:
        trial = own(encoder).repeated(batch)
        with device_lock(encoder.device).alone("forward"), encoder.running("sdpa"):
            timing = timed(trial.forward, partial(synchronise, encoder.device), budget_s, MOST)
        best = min(best, float(np.median(timing.samples_s)) / batch)
    return best

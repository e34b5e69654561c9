"""What featcore adds to the libraries below it: the goals measured in pairs, as records with their judgement."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from featcore.encode.base import Encoder
from featcore.encode.device import device_lock, synchronise
from featcore.encode.fresh import base_sized, in_format, vit_sized
from featcore.explain.base import Progress, resolve_target, silent
from featcore.inputs.samples import first_for
from featcore.measure import records
from featcore.measure.aims import Goal, defined, goals_on
from featcore.measure.files import BASE_NAME
from featcore.measure.latency import StageProgress
from featcore.measure.pairs import Paired, compare
from featcore.measure.records import Record
from featcore.measure.sides import longest
from featcore.measure.trial import Trial, sizes
from featcore.types import Sample

PAIR = 5
"""Budgets of a point that a pair gets: two sides, and a control as long again."""


def measure(
    goal: Goal,
    encoder: Encoder,
    budget_s: float,
    tell: Callable[[float], None] = lambda share: None,
    most: int = 200,
) -> Paired:
    """One goal on one encoder's first sample, everything with fused attention unless the goal asks for maps."""
    sample = _sample(goal, encoder)
    target = resolve_target(encoder, sample, None)
    settle = partial(synchronise, encoder.device)
    with device_lock(encoder.device).alone("goals"), encoder.running("sdpa"):
        a, b = goal.sides(encoder, sample, target)
        return compare(f"{encoder.card.name}: {goal.what}", a, b, goal.longer * budget_s, most, settle, tell)


def _sample(goal: Goal, encoder: Encoder) -> Sample:
    """What a goal is measured on: a sample of ours, filled up where the goal is of a length."""
    sample = encoder.prepare(first_for(encoder.card))
    return longest(encoder, sample, goal.filled) if goal.filled else sample


def _beside(goal: Goal, encoder: Encoder) -> Record:
    """What a goal says beside its times, on the sample that it was measured on."""
    if goal.beside is None:
        return {}
    sample = _sample(goal, encoder)
    with encoder.running("sdpa"):
        return goal.beside(encoder, sample, resolve_target(encoder, sample, None))


def _size(goal: Goal, encoder: Encoder) -> Record:
    sample = _sample(goal, encoder)
    frames, rows, columns = (1, None, None) if encoder.card.modality == "text" else encoder.card.input_size
    return sizes(
        Trial(encoder, encoder.tensors(sample), len(sample.units), len(sample.sequence), 1, frames, rows, columns)
    )


def _of_sizes(encoders: Sequence[Encoder]) -> Iterator[tuple[Encoder, Goal]]:
    """The goals that are asked of other sizes than the embedded ones, each with a fresh encoder of that size."""
    made: dict[tuple[str, str], Encoder] = {}
    for kind in dict.fromkeys(each.device.type for each in encoders):
        for goal in goals_on(kind):
            fitting = [each for each in encoders if goal.base and each.device.type == kind and defined(goal, each)]
            for encoder in fitting[:1]:
                size = goal.vit, goal.both
                if size not in made:
                    fresh = vit_sized(encoder, goal.vit) if goal.vit else base_sized(encoder, BASE_NAME)
                    made[size] = in_format(fresh, goal.both) if goal.both else fresh
                yield made[size], goal


def goals(encoders: Sequence[Encoder], budget_s: float, progress: Progress = silent) -> Iterator[Record]:
    """Three records a goal: the library's side, ours, and their ratio, which says of how it ran what ours says.

    The ratio has `goal` (its key), `goal_most` and `goal_least` (the ratios between which it is met here; null without
    a least), `judgement` (met, missed, or cannot tell: the whole interval must lie on one side, by more than the
    control's error) and `why` (what stands in the way, where it is missed). That of integrated gradients in bfloat16
    says how its scores rank the units beside those in float32: `rank_agreement` (Spearman, -1 to 1; null where a map is
    constant), `ranked_units` and `same_class` (whether the same class comes first; null without a classifier).
    """
    run_id = records.new_run()
    plans = [
        (encoder, goal)
        for encoder in encoders
        for goal in goals_on(encoder.device.type)
        if not goal.base and defined(goal, encoder)
    ]
    plans += [*_of_sizes(encoders)]
    for index, (encoder, goal) in enumerate(plans):
        found = measure(goal, encoder, PAIR * budget_s, StageProgress(progress, index, len(plans)))
        theirs, ours = goal.stated(encoder)
        more = {**_size(goal, encoder), "suite": "goals", "goal": goal.key}
        first, second, ratio = records.of_pair(found, "total", run_id, **more)
        yield first | theirs
        yield second | ours
        judgement = goal.judge(found)
        yield (
            ratio
            | ours
            | {
                "goal_most": goal.limit(found),
                "goal_least": goal.least,
                "judgement": judgement.replace(" ", "_"),
                "why": goal.why if judgement == "missed" else None,
            }
            | _beside(goal, encoder)
        )
    progress(100 * len(plans), 100 * len(plans))

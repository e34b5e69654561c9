"""Every method over the inputs of one set: how well it points, how faithful it is, and what it costs.

The answer is a record: plain numbers and words, without anything of the inputs but how many there were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from featcore.errors import InputError, NotDefined
from featcore.explain import METHODS, explain, why_not
from featcore.explain.base import Method, knobs_of, make, resolve_target, silent
from featcore.explain.floor import FLOORS
from featcore.keys import digest
from featcore.measure.faithfulness import judge
from featcore.measure.infidelity import DRAWS, Falls, falls, foretold
from featcore.measure.quiet import watch
from featcore.measure.truth import localise
from featcore.settings import settings
from featcore.trust.cheaper import Turned, affordable, turned_down
from featcore.trust.measures import MEASURES
from featcore.trust.sets import SETS, LeftOut, MarkedSet
from featcore.trust.statistics import LEAST, RESAMPLES, Verdict, mean_interval, paired, verdict
from featcore.types import Attribution, Sample, Target, Truth

if TYPE_CHECKING:
    from featcore.encode.base import Encoder

SCHEMA = 1
STEPS = 20
"""Parts that deletion and insertion cut the order of units into."""

Record = dict[str, Any]


@dataclass(frozen=True, eq=False)
class _Input:
    """One prepared input; `right` says whether the encoder predicts its class, None where no class is right."""

    sample: Sample
    truth: Truth
    target: Target
    right: bool | None


@dataclass(frozen=True, eq=False)
class _Done:
    """What is kept of one input: its maps by method, and one number of each measure for each of them."""

    key: str
    truth: Truth
    label: str
    right: bool | None
    maps: dict[str, tuple[Attribution, dict[str, float | None]]]


def run(
    name: str,
    encoder: Encoder,
    n: int = 200,
    chosen: Sequence[str] = (),
    data: Path | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] = silent,
) -> Record:
    """Judge methods over inputs of a set.

    Args:
        name: of a set, see `sets.SETS`.
        chosen: methods; unless given, all that are defined for the encoder. Those that need more than
            `cheaper.AFFORDABLE` passes for the first input have a knob turned down until they do not. The floors are
            always there.
        data: folder of the data, that of the settings unless given.
        seed: of the order of inputs, of the random floor and of the resampling.
        progress: called with (maps done, maps in all) before every map.

    Interrupted (Ctrl-C), it gives the record of the inputs that were finished, with `complete` false.

    Raises:
        UnknownName: no such set or method. InputError: the data are not there, or no input can be judged.
        NotDefined: a method that was asked for, or the set, is not defined for this encoder.
    """
    chosen_set, start, disturbed = SETS[name], perf_counter(), watch()
    folder = settings().data if data is None else data
    if "logits" not in encoder.card.provides:
        raise NotDefined(
            f"'{encoder.card.name}' has no classifier, so it gives no answer that could come from a marked place. "
            "Choose an encoder with labels."
        )
    wanted = [make(one) for one in dict.fromkeys((*chosen, *FLOORS))] if chosen else []
    for method in wanted:
        if reason := why_not(type(method), encoder):
            raise NotDefined(reason)
    rng, skipped = np.random.default_rng(seed), Counter[str]()
    done: list[_Done] = []
    not_run: dict[str, str] = {}
    turned: dict[str, Turned] = {}
    complete = True
    try:
        for one in _inputs(chosen_set, encoder, folder, rng, skipped):
            if not wanted:
                wanted, not_run = affordable(encoder, one.sample)
                turned = turned_down(encoder, one.sample, not_run)
                wanted = [*(each.method for each in turned.values()), *wanted]
                not_run = {name: reason for name, reason in not_run.items() if name not in turned}
            changes = falls(encoder, one.sample, one.target, seed=seed + len(done))
            maps = {}
            for place, method in enumerate(wanted):
                progress(len(done) * len(wanted) + place, n * len(wanted))
                try:
                    maps[method.name] = _judged(encoder, one, method, changes, seed + len(done))
                except NotDefined as reason:
                    # Some only find out with an input; what was asked for, or ran before, is not dropped in silence.
                    # One that was turned down may be too coarse for a longer input: then it says so in the record.
                    if method.name in chosen or (done and method.name not in turned):
                        raise
                    not_run[method.name] = str(reason)
            wanted = [method for method in wanted if method.name not in not_run]
            # All of an input at once, so that an interruption leaves every method with the same inputs.
            done.append(_Done(one.sample.source.key, one.truth, one.target.label, one.right, maps))
            if len(done) == n:
                break
    except KeyboardInterrupt:
        complete = False
    if not done:
        reasons = "; ".join(f"{count} times: {reason}" for reason, count in skipped.items())
        raise InputError(f"No input of the set '{name}' was judged. {reasons or 'It was stopped before the first.'}")
    progress(1, 1)
    values = {method.name: _values(done, method.name) for method in wanted}
    right = [one.right for one in done if one.right is not None]
    return {
        "schema": SCHEMA,
        "what": "trust",
        "set": name,
        "title": chosen_set.title,
        "marked": chosen_set.about,
        "rule": done[0].truth.rule,
        "target": chosen_set.target,
        "encoder": encoder.card.name,
        "modality": encoder.card.modality,
        "n": len(done),
        "asked": n,
        "complete": complete,
        "seed": seed,
        "skipped": dict(skipped),
        "chance": _rounded(mean_interval(np.array([one.truth.chance for one in done], float), seed)),
        "units": [int(each) for each in np.quantile([len(one.truth.mask) for one in done], (0, 0.5, 1))],
        "right": _round(np.mean(right)) if right else None,
        "measures": {name: [one.name, one.sentence, one.better] for name, one in MEASURES.items()},
        "steps": STEPS,
        "reads": "while units are hidden, F is the softmax probability of the explained class; infidelity reads what "
        f"is explained itself, over {DRAWS} random sets of hidden units, the same for all maps of an input",
        "interval": f"95 % percentile bootstrap over inputs, {RESAMPLES} resamples; verdicts from {LEAST} inputs on",
        "methods": [_summary(done, method.name, turned.get(method.name), values, seed) for method in wanted],
        "best": {measure: _best(measure, values, seed) for measure in MEASURES},
        "not_run": not_run,
        "data_sha256": chosen_set.data_digest(folder),
        "inputs_sha256": digest(*((one.key, one.truth.mask.tobytes().hex(), one.label) for one in done)),
        "provenance": _stamp(encoder, seed),
        "seconds": round(perf_counter() - start, 1),
        "disturbed": disturbed(),
        "time_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _inputs(
    chosen: MarkedSet, encoder: Encoder, folder: Path, rng: np.random.Generator, skipped: Counter[str]
) -> Iterator[_Input]:
    """What can be judged of a set; the rest is counted by its reason."""
    for item in chosen.read(folder, encoder, rng):
        if isinstance(item, LeftOut):
            skipped[item.reason] += 1
            continue
        sample = encoder.prepare(item.source)
        truth = item.mark(sample.units)
        if reason := _useless(sample, truth):
            skipped[reason] += 1
            continue
        target = resolve_target(encoder, sample, item.label)
        right = None if item.label is None else resolve_target(encoder, sample, None).index == target.index
        yield _Input(sample, truth, target, right)


def _useless(sample: Sample, truth: Truth) -> str:
    if sample.left_out:
        return "longer than the encoder has positions"
    if not truth.mask.any():
        return "no unit is marked"
    return "every unit is marked" if truth.mask.all() else ""


def _judged(
    encoder: Encoder, one: _Input, method: Method, changes: Falls, draw: int
) -> tuple[Attribution, dict[str, float | None]]:
    """One map of one input, and its numbers by the names of `MEASURES`."""
    knobs: dict[str, Any] = dict(knobs_of(method))
    if method.name == "random":
        # One map of noise for all inputs would be one fixed map; each input draws its own.
        knobs["seed"] = draw % 1001
    found = explain(encoder, one.sample, method.name, one.target, **knobs)
    points = localise(found.scores, one.truth)
    faithful = judge(encoder, one.sample, found, steps=STEPS, target=one.target)
    numbers = {name: getattr(points if hasattr(points, name) else faithful, name, None) for name in MEASURES}
    return found, numbers | {"infidelity": foretold(changes, found).share}


# --- what the record says --------------------------------------------------------------------------------------------


Values = dict[str, dict[str, np.ndarray]]
"""Method to measure to one number an input, NaN where it is not defined."""


def _values(done: list[_Done], method: str) -> dict[str, np.ndarray]:
    numbers = [one.maps[method][1] for one in done]
    return {
        measure: np.array([np.nan if each[measure] is None else each[measure] for each in numbers], float)
        for measure in MEASURES
    }


def _summary(done: list[_Done], name: str, turned: Turned | None, values: Values, seed: int) -> Record:
    maps = [one.maps[name][0] for one in done]
    method, seconds = METHODS[maps[0].method], [each.seconds for each in maps]
    gaps = [each.completeness_gap for each in maps if each.completeness_gap is not None]
    knobs = {key: value for key, value in maps[0].knobs if (method.name, key) != ("random", "seed")}
    return {
        "name": method.name,
        "title": method.title if turned is None else turned.title,
        "turned_down": None if turned is None else [turned.knob, turned.default, turned.value],
        "knobs": knobs,
        "passes": int(np.median([each.passes for each in maps])),
        "seconds": [_round(np.median(seconds)), _round(max(seconds))],
        "gap": [len(gaps), _round(np.median(gaps)), _round(max(gaps))] if gaps else None,
        "numbers": {measure: _numbers(method.name, measure, values, seed) for measure in MEASURES},
    }


def _numbers(method: str, measure: str, values: Values, seed: int) -> Record:
    """Mean and interval of one measure, its paired differences to the floors, and what they say."""
    own = values[method][measure]
    found: Record = {"n": int((~np.isnan(own)).sum()), "mean": _rounded(mean_interval(own, seed))}
    for floor in FLOORS:
        if floor in values and floor != method:
            found[f"over_{floor}"] = [*(_rounded(paired(own, values[floor][measure], seed)) or ())]
            found[f"beats_{floor}"] = _said(own, values[floor][measure], measure, seed)
    return found


def _said(one: np.ndarray, other: np.ndarray, measure: str, seed: int) -> Verdict:
    n = int((~np.isnan(one - other)).sum())
    return verdict(paired(one, other, seed), n, MEASURES[measure].better == "higher")


def _best(measure: str, values: Values, seed: int) -> Record | None:
    """The method with the best mean, floors apart, and those that the pairs cannot tell from it."""
    sign = 1 if MEASURES[measure].better == "higher" else -1
    own = {name: each[measure] for name, each in values.items() if name not in FLOORS}
    means = {name: sign * float(np.nanmean(each)) for name, each in own.items() if not np.isnan(each).all()}
    if not means:
        return None
    first = max(means, key=lambda name: means[name])
    alike = [name for name in means if name != first and _said(own[name], own[first], measure, seed) == "cannot tell"]
    return {"method": first, "not_told_apart": alike}


def _stamp(encoder: Encoder, seed: int) -> Record:
    stated = encoder.provenance("sdpa", seed)
    return {
        "revision": stated.revision,
        "weights_sha256": stated.weights_sha256,
        "device": stated.device,
        "dtype": stated.dtype,
        "threads": stated.threads,
        "machine": stated.machine,
        "versions": dict(stated.versions),
    }


def _round(value: Any) -> float:
    return float(f"{float(value):.4g}")


def _rounded(interval: tuple[float, float, float] | None) -> list[float] | None:
    return None if interval is None else [_round(each) for each in interval]

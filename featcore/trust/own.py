"""One input of one's own becomes a verdict on every method: what each map is worth beside maps that know nothing.

The page Trust and `featcore trust` call the same functions; they differ in who answers: the page asks a memory first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from featcore.compare.agreement import gate
from featcore.compare.floors import leader
from featcore.errors import FeatcoreError
from featcore.explain import METHODS, explain
from featcore.explain.base import Progress
from featcore.explain.floor import FLOORS
from featcore.measure.definitions import DEFINITIONS
from featcore.measure.faithfulness import judge, max_sensitivity, passes_of, redraws
from featcore.measure.infidelity import Falls, falls, foretold
from featcore.trust.agreements import agreement_record
from featcore.trust.statistics import RESAMPLES, Interval, mean_interval
from featcore.types import Attribution, Faithfulness, Infidelity, Redraws, Sample, Sensitivity

if TYPE_CHECKING:
    from featcore.encode.base import Encoder

CENTRE, RANDOM = FLOORS
MARKED = ("deletion", "insertion", "abpc", "infidelity")
"""Numbers in which a best method is named, where it is clear of the floors."""

SHARED = ("sensitivity", "randomisation", "other_class", "seconds", "passes")
"""Numbers of a method, the same for all its maps of one input."""

BELOW = "95 % interval of that mean"
"""Title of what stands below the mean of the random maps."""

Numbers = dict[str, float | None]


@dataclass(frozen=True)
class Asked:
    """What is judged, and how: `scale` is what curves read, `maps` how many random maps make the floor."""

    methods: tuple[str, ...]
    target: str | int | None = None
    scale: str = "probability"
    baseline: str = "auto"
    steps: int = 20
    maps: int = 19

    @property
    def reading(self) -> dict[str, Any]:
        """Options of `judge`."""
        return {"scale": self.scale, "baseline": self.baseline, "steps": self.steps}


@dataclass
class Judged:
    """One map and all that is known of it; what was not computed, or could not be, is None."""

    title: str
    map: Attribution
    faithful: Faithfulness
    infidelity: Infidelity
    sensitivity: Sensitivity | None = None
    redraws: Redraws | None = None

    @property
    def gate(self) -> str:
        """Whether the map lets go of a model with weights drawn anew; "" where nobody asked."""
        if self.redraws is None:
            return ""
        return gate(self.map.units, self.redraws.maps[0], self.redraws.maps[1:])

    @property
    def standing(self) -> str:
        """The range over draws and the verdict: "(0.10 to 0.31) passes"."""
        if self.redraws is None or self.redraws.reach is None:
            return self.gate
        low, high = self.redraws.reach
        return f"({low:.2f} to {high:.2f}) {self.gate}"

    def value(self, name: str) -> float | None:
        """One number by its name in the table of definitions."""
        if name == "infidelity":
            return self.infidelity.share
        if name == "infidelity_raw":
            return self.infidelity.raw
        if name == "sensitivity":
            return None if self.sensitivity is None else self.sensitivity.value
        if name == "randomisation":
            return None if self.redraws is None else self.redraws.mean
        if name == "other_class":
            return None if self.redraws is None else self.redraws.cascade.other_class
        if name in ("seconds", "passes"):
            return getattr(self.map, name)
        return getattr(self.faithful, name)


@dataclass
class Verdicts:
    """Every method by name, the centre floor among them, the random maps, and why a method is not there.

    Attributes:
        changes: what hiding random sets of units changed; every infidelity is read from it.
    """

    asked: Asked
    changes: Falls
    judged: dict[str, Judged] = field(default_factory=dict)
    chance: list[Judged] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def methods(self) -> dict[str, Judged]:
        """Without the floor."""
        return {name: one for name, one in self.judged.items() if name != CENTRE}

    def floor(self, name: str) -> list[float | None]:
        """One number of every map that knows nothing."""
        centre = [self.judged[CENTRE]] if CENTRE in self.judged else []
        return [one.value(name) for one in (*centre, *self.chance)]

    def leader(self, name: str) -> str | None:
        """The best method in one number, if it is clear of the floors by more than a tenth of their spread."""
        better = DEFINITIONS[name].better
        chance = [value for one in self.chance if (value := one.value(name)) is not None]
        margin = float(np.std(chance)) / 10 if chance else 0.0
        values = {method: one.value(name) for method, one in self.methods.items()}
        return None if better == "" else leader(values, self.floor(name), better, margin)

    def rows(self) -> list[tuple[str, Numbers]]:
        """Every map by its title with all its numbers; last what random maps get on average, the ends of the 95 %
        interval of that, and the best that one of them got."""
        found = [(one.title, {name: one.value(name) for name in DEFINITIONS}) for one in self.judged.values()]
        mean: Numbers = {}
        best: Numbers = {}
        for name, definition in DEFINITIONS.items():
            values = [value for one in self.chance if (value := one.value(name)) is not None]
            mean[name] = float(np.mean(values)) if values else None
            best[name] = (min if definition.better == "lower" else max)(values) if values else None
        n, about = len(self.chance), {name: interval(self, name) for name in DEFINITIONS}
        ends: list[tuple[str, Numbers]] = [
            (f"{BELOW}, {end}", {name: None if each is None else each[at] for name, each in about.items()})
            for at, end in ((1, "from"), (2, "to"))
        ]
        floor = [(f"Random floor, mean of {n}", mean), *ends, (f"Random floor, best of {n}", best)]
        return found + (floor if n else [])


# --- who answers -----------------------------------------------------------------------------------------------------


class Compute(Protocol):
    """One piece of work on a prepared input."""

    def __call__(self, encoder: Encoder, sample: Sample, progress: Progress) -> Any: ...


class Answer(Protocol):
    """Gives what `compute` gives for this input, computed now or remembered; None where it declines.

    Args:
        what: is asked: "attribution", "faithfulness", "falls", "chance", "sensitivity", "randomisation".
        method: of the map it is about; options: all else that the answer depends on.
    """

    def __call__(self, what: str, method: str, options: dict[str, Any], compute: Compute) -> Any: ...


# --- the verdicts ----------------------------------------------------------------------------------------------------


def judge_all(asked: Asked, answer: Answer) -> Verdicts:
    """Every method and both floors; a method that fails says why in `failed` and leaves the others.

    Raises:
        FeatcoreError: the target, the baseline or the input is not defined, so nothing can be judged.
    """
    changes = answer("falls", RANDOM, {"baseline": asked.baseline}, _falls(asked))
    found = Verdicts(asked, changes)
    pairs = answer("chance", RANDOM, {**asked.reading, "maps": asked.maps}, _chance(asked, changes))
    found.chance = [Judged("Random floor", each, faithful, foretold(changes, each)) for each, faithful in pairs]
    for name in dict.fromkeys((*asked.methods, CENTRE)):
        try:
            attribution = answer("attribution", name, {}, _map(name, asked))
            faithful = answer("faithfulness", name, asked.reading, _faithful(asked, attribution))
        except FeatcoreError as error:
            found.failed[name] = str(error)
        else:
            found.judged[name] = Judged(METHODS[name].title, attribution, faithful, foretold(changes, attribution))
    return found


def check_all(found: Verdicts, answer: Answer) -> dict[str, str]:
    """Add max-sensitivity and the randomisation gate to every map of the verdicts, where `answer` gives them.

    Returns:
        Why a method could not be checked, by its name.
    """
    failed: dict[str, str] = {}
    for name, each in [*((name, [one]) for name, one in found.judged.items()), (RANDOM, found.chance)]:
        try:
            shaken = answer("sensitivity", name, {}, _shaken(name, found.asked))
            drawn = answer("randomisation", name, {}, _drawn(name, found.asked))
        except FeatcoreError as error:
            failed[name] = str(error)
            continue
        for one in each:
            one.sensitivity, one.redraws = shaken, drawn
    return failed


def _map(name: str, asked: Asked) -> Compute:
    return lambda encoder, sample, progress: explain(encoder, sample, name, asked.target, progress)


def _faithful(asked: Asked, attribution: Attribution) -> Compute:
    return lambda encoder, sample, progress: judge(
        encoder, sample, attribution, progress=progress, target=asked.target, **asked.reading
    )


def _falls(asked: Asked) -> Compute:
    def compute(encoder: Encoder, sample: Sample, progress: Progress) -> Falls:
        from featcore.explain import preload

        preload()  # no map should pay for the import of a library
        return falls(encoder, sample, asked.target, progress=progress, baseline=asked.baseline)

    return compute


def _chance(asked: Asked, changes: Falls) -> Compute:
    """Random maps, each of another seed, with their judgements."""

    def compute(encoder: Encoder, sample: Sample, progress: Progress) -> list[tuple[Attribution, Faithfulness]]:
        each, pairs = passes_of(len(sample.units), asked.steps), []
        for seed in range(asked.maps):
            one = explain(encoder, sample, RANDOM, seed=seed)
            step = lambda done, _, seed=seed: progress(seed * each + done, asked.maps * each)  # noqa: E731
            # The target is resolved by now: nobody asks for the predicted class again.
            pairs.append((one, judge(encoder, sample, one, progress=step, target=changes.target, **asked.reading)))
        return pairs

    return compute


def _shaken(name: str, asked: Asked) -> Compute:
    return lambda encoder, sample, progress: max_sensitivity(encoder, sample, name, asked.target, progress=progress)


def _drawn(name: str, asked: Asked) -> Compute:
    return lambda encoder, sample, progress: redraws(encoder, sample, name, asked.target, progress=progress)


# --- as plain numbers and words --------------------------------------------------------------------------------------


def record(found: Verdicts, encoder: Encoder, sample: Sample) -> dict[str, Any]:
    """All numbers with the conditions they hold under, for programs and for the terminal; needs no model."""
    first = next(iter(found.judged.values()), None) or found.chance[0]
    return {
        "what": "verdicts",
        "input": {"name": sample.source.name, "key": sample.source.key, "modality": encoder.card.modality},
        "units": len(sample.units),
        "kind": sample.units.kind,
        "encoder": encoder.card.name,
        "reads": str(first.faithful.target),
        "explained": str(found.changes.target),
        "baseline": first.faithful.baseline,
        "steps": len(first.faithful.curves[0].share) - 1,
        "maps": [_of_map(found, name, one) for name, one in found.judged.items()],
        "random": _of_chance(found),
        "best": {name: found.leader(name) for name in MARKED},
        "agreement": agreement_record({name: one.map for name, one in found.judged.items()}),
        "failed": found.failed,
        "definitions": {name: vars(each) for name, each in DEFINITIONS.items()},
        "provenance": first.faithful.provenance,
    }


def _of_map(found: Verdicts, name: str, one: Judged) -> dict[str, Any]:
    drawn = one.redraws
    why = dict(one.faithful.undefined)
    if one.sensitivity is not None and one.sensitivity.why:
        why["sensitivity"] = one.sensitivity.why
    if drawn is not None and drawn.cascade.why:
        why["other_class"] = drawn.cascade.why
    return {
        "name": name,
        "title": one.title,
        "knobs": dict(one.map.knobs),
        "numbers": {each: one.value(each) for each in DEFINITIONS},
        "infidelity": {"draws": one.infidelity.draws, "interval": foretold_interval(found.changes, one.map.scores)},
        "gate": None
        if drawn is None
        else {"verdict": one.gate, "draws": len(drawn.seeds), "mean": drawn.mean, "reach": drawn.reach}
        | {"similarity": drawn.similarity},
        "undefined": why,
        "notes": one.faithful.notes,
    }


def _of_chance(found: Verdicts) -> dict[str, Any]:
    rows = dict(found.rows())
    n = len(found.chance)
    return {
        "n": n,
        "mean": rows[f"Random floor, mean of {n}"],
        "interval": {name: interval(found, name) for name in DEFINITIONS},
        "best": rows[f"Random floor, best of {n}"],
    }


# --- how sure the numbers are ----------------------------------------------------------------------------------------


def interval(found: Verdicts, name: str) -> Interval | None:
    """The mean of one number over the random maps with its 95 % interval; None where no map has it, or all of them
    share one answer.

    Deletion, insertion and their like are exact for one map of one input: only draws have an interval.
    """
    if name in SHARED:
        return None
    values = [value for one in found.chance if (value := one.value(name)) is not None]
    return mean_interval(np.array(values, float)) if values else None


def foretold_interval(found: Falls, scores: Sequence[float] | np.ndarray, seed: int = 0) -> Interval | None:
    """Infidelity as a share, with the 95 % interval over other random sets of hidden units; None where F never changed.

    Sets are drawn again with replacement, and the best factor is found anew each time.
    """
    guess, fall = found.hidden @ np.asarray(scores, float), found.falls
    draws = np.random.default_rng(seed).integers(0, len(fall), (RESAMPLES, len(fall)))
    moments = [np.concatenate([[part.mean()], part[draws].mean(axis=1)]) for part in (guess**2, guess * fall, fall**2)]
    sizes, both, changes = moments
    if changes[0] <= 1e-12:
        return None
    defined = changes > 1e-12
    explained = np.divide(both**2, sizes * changes, out=np.zeros_like(both), where=defined & (sizes > 0))
    shares = 1 - explained[defined]
    low, high = np.quantile(shares[1:], (0.025, 0.975))
    return float(shares[0]), float(low), float(high)

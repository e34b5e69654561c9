"""What featcore adds to the libraries below it: paired comparisons with a goal each, and its judgement."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from featcore.encode.base import Encoder
from featcore.encode.device import device_lock, synchronise
from featcore.encode.fresh import base_sized
from featcore.explain.base import Progress, resolve_target, silent
from featcore.inputs.samples import first_for
from featcore.measure import records, sides
from featcore.measure.files import BASE_NAME
from featcore.measure.latency import StageProgress
from featcore.measure.pairs import Judgement, Paired, compare
from featcore.measure.records import Record
from featcore.measure.sides import STEPS, Sides, longest
from featcore.measure.trial import Trial, sizes
from featcore.types import Sample, Target

PAIR = 5
"""Budgets of a point that a pair gets: two sides, and a control as long again."""
SHORT_S = 0.010
"""A forward pass shorter than this is judged by what is added in seconds, since a share of it says little."""
ADDED_S = 0.0002
BASE_POSITIONS = 128


@dataclass(frozen=True)
class Goal:
    """One comparison: B, ours, against A, and the largest ratio B / A that meets the goal.

    Attributes:
        key: the number of the goal; what: the question in words, without the encoder.
        least: the smallest ratio that meets the goal, where there is one.
        why: what stands in the way where the goal is missed.
        short: whether a forward pass shorter than `SHORT_S` is judged by `ADDED_S` instead of by the ratio.
        base: asked of an encoder of BERT-base size instead of the embedded ones.
        filled: positions up to which a text is repeated; 0 leaves it as it is.
        longer: budgets of a pair that one of this goal gets, since six blocks are the least that says anything.
    """

    key: str
    what: str
    most: float
    sides: Callable[[Encoder, Sample, Target], Sides]
    needs: frozenset[str] = frozenset({"logits"})
    least: float | None = None
    why: str = ""
    short: bool = False
    base: bool = False
    filled: int = 0
    longer: float = 1.0

    def limit(self, found: Paired) -> float:
        """The largest ratio that meets the goal on this machine."""
        forward_s = float(np.median(found.a_s))
        return 1 + ADDED_S / forward_s if self.short and forward_s < SHORT_S else self.most

    def judge(self, found: Paired) -> Judgement:
        most = found.judge(self.limit(found))
        if self.least is None:
            return most
        least = found.judge(self.least, least=True)
        return next((worse for worse in _WORST_FIRST if worse in (most, least)), "met")


_WORST_FIRST: tuple[Judgement, ...] = ("missed", "cannot tell")

_ROWS = frozenset({"logits", "gradient"})
_FORMATS = "So much is gained only where the processor multiplies whole matrices of the shorter numbers (AMX on CPUs)."
GOALS = (
    Goal(
        *("G1", "encode / bare forward", 1.02, sides.encode),
        why="Hidden states of every layer are kept and copied, which a bare pass does not do.",
        short=True,
        longer=2,
    ),
    Goal(
        *("G3", "encode with all heads and rollout / bare forward", 1.10, sides.maps),
        frozenset({"logits", "attention"}),
        why="A fused pass never writes the maps down; of short sequences the writing itself costs more than the tenth.",
        longer=2,
    ),
    Goal(
        *("G4b", f"IG-{STEPS} / Captum, one step a pass", 1 / 1.1, partial(sides.integrated, at_once=1), _ROWS),
        why="Steps that share a pass gain little where one step fills both cores already.",
        longer=6,
    ),
    Goal(
        *("G4c", f"IG-{STEPS} / Captum", 1.0, sides.integrated, _ROWS),
        why="Ours also runs F(x) and F(baseline) to state its gap; the next line compares like with like.",
        longer=2,
    ),
    Goal(
        *("G4c", f"IG-{STEPS} / Captum with its gap", 1.0, partial(sides.integrated, delta=True), _ROWS),
        why="Both spend the same passes; what is left is how ours states what it did.",
        longer=2,
    ),
    Goal(
        *("G5", f"adaptive IG / IG-{STEPS} at equal error, median sample", 1 / 2, sides.adaptive, _ROWS),
        why="There are fewer passes, but one so short costs nearly as much with 17 points as with 50; and where the "
        "gradient jumps along the line (rectifiers, maximum pooling), doubling the points gains little.",
        longer=3,
    ),
    Goal(
        *("G6", "occlusion / Captum, one unit a pass", 1 / 1.05, sides.occlusion),
        why="Units that share a pass gain little where one pass fills both cores already.",
        longer=3,
    ),
    Goal(
        *("G7", "KernelSHAP, units left out / replaced", 1 / 1.7, sides.leaving_out),
        why="Passes this short are mostly the calls between the products, which do not become fewer with the rows.",
        filled=BASE_POSITIONS,
        longer=6,
    ),
    Goal(
        *("G10", "sum of stages / end to end", 1.05, sides.parts, _ROWS),
        least=0.95,
        why="In a row each stage finds the caches of the processor filled by the one before it.",
        longer=3,
    ),
    Goal(
        *("G10", "instrumented / not", 1.01, sides.instrumented, _ROWS),
        why="Reading the clock costs that much of calls this short.",
        longer=3,
    ),
    Goal(
        *("G1", "encode / bare forward, base size", 1.02, sides.encode),
        why="Hidden states of every layer are kept and copied, which a bare pass does not do.",
        base=True,
        filled=BASE_POSITIONS,
        longer=10,
    ),
    *(
        Goal(
            *("G8", f"{dtype} / float32, base size", most, partial(sides.number_format, dtype=dtype)),
            why=_FORMATS,
            base=True,
            filled=BASE_POSITIONS,
            longer=8,
        )
        for dtype, most in (("bfloat16", 1 / 2.5), ("int8", 1 / 4))
    ),
    Goal(
        *("G7", "KernelSHAP, units left out / replaced, base size", 1 / 1.7),
        partial(sides.leaving_out, sets=BASE_POSITIONS // 2),
        why="Sequences are filled up to share a pass, and masked attention is slower than attention without a mask.",
        base=True,
        filled=BASE_POSITIONS // 2,
        longer=30,
    ),
    Goal(
        *("G4b", f"IG-{STEPS} in bfloat16 / Captum in float32, one step a pass, base size", 1 / 2.5),
        partial(sides.integrated_in, dtype="bfloat16"),
        _ROWS,
        why=_FORMATS,
        base=True,
        longer=40,
    ),
)


def defined(goal: Goal, encoder: Encoder) -> bool:
    """Whether both sides exist: Captum's side needs rows of an embedding module that can be exchanged."""
    layout = encoder.layout
    if goal.base:
        return layout.family == "bert"
    if goal.sides is sides.maps and layout.attention not in ("full", "causal"):
        return False
    if goal.sides is sides.leaving_out and not (layout.shortens and (layout.modality == "text" or layout.prefix)):
        return False
    return goal.needs <= encoder.card.provides and (goal.key not in ("G4b", "G4c", "G6") or not layout.pixels)


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


def _size(goal: Goal, encoder: Encoder) -> Record:
    sample = _sample(goal, encoder)
    frames, rows, columns = (1, None, None) if encoder.card.modality == "text" else encoder.card.input_size
    return sizes(
        Trial(encoder, encoder.tensors(sample), len(sample.units), len(sample.sequence), 1, frames, rows, columns)
    )


def goals(encoders: Sequence[Encoder], budget_s: float, progress: Progress = silent) -> Iterator[Record]:
    """Three records a goal: the library's side, ours, and their ratio.

    The ratio has `goal` (its key), `goal_most` and `goal_least` (the ratios between which it is met here; null without
    a least), `judgement` (met, missed, or cannot tell: the whole interval must lie on one side, by more than the
    control's error) and `why` (what stands in the way, where it is missed).
    """
    run_id = records.new_run()
    plans = [(encoder, goal) for encoder in encoders for goal in GOALS if not goal.base and defined(goal, encoder)]
    texts = [each for each in encoders if each.layout.family == "bert"][:1]
    large = [base_sized(each, BASE_NAME) for each in texts]
    plans += [(encoder, goal) for encoder in large for goal in GOALS if goal.base]
    for index, (encoder, goal) in enumerate(plans):
        found = measure(goal, encoder, PAIR * budget_s, StageProgress(progress, index, len(plans)))
        weights = "random" if goal.base else "pretrained"
        more = records.of_encoder(encoder, "sdpa", weights=weights) | _size(goal, encoder)
        first, second, ratio = records.of_pair(found, "total", run_id, **more, suite="goals", goal=goal.key)
        yield first
        yield second
        judgement = goal.judge(found)
        yield ratio | {
            "goal_most": goal.limit(found),
            "goal_least": goal.least,
            "judgement": judgement.replace(" ", "_"),
            "why": goal.why if judgement == "missed" else None,
        }
    progress(100 * len(plans), 100 * len(plans))

"""What is asked of featcore: paired comparisons, each with the ratio that meets it and why one may be missed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from featcore.encode.base import Encoder
from featcore.measure import accelerated, records, sides
from featcore.measure.pairs import Judgement, Paired
from featcore.measure.records import Record
from featcore.measure.sides import STEPS, Sides
from featcore.measure.variants import weight_bytes
from featcore.types import Sample, Target

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
        base: asked of an encoder of BERT-base size instead of the embedded ones, or of the ViT that `vit` names.
        filled: positions up to which a text is repeated; 0 leaves it as it is.
        longer: budgets of a pair that one of this goal gets, since six blocks are the least that says anything.
        dtype: number format of ours, "" the encoder's own; attention: kind that ours runs with. A's are the encoder's
            own format and fused attention.
        both: number format of both sides, "" the encoder's own.
        device: kind of device that the limit is for.
        beside: what the ratio's record says beside the times, where the answers of both sides are held together.
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
    dtype: str = ""
    attention: str = "sdpa"
    vit: str = ""
    both: str = ""
    device: str = "cpu"
    beside: Callable[[Encoder, Sample, Target], Record] | None = None

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

    def stated(self, encoder: Encoder) -> tuple[Record, Record]:
        """How A and B run, of their records: number format, bytes of weights, attention, and what keeps gradients."""
        grad, weights = "input" if "gradient" in self.needs else "none", "random" if self.base else "pretrained"
        theirs, ours = (records.of_encoder(encoder, kind, grad, weights) for kind in ("sdpa", self.attention))
        if self.dtype:
            ours |= {"dtype": self.dtype, "weight_bytes": weight_bytes(encoder, self.dtype)}
        return theirs, ours


_WORST_FIRST: tuple[Judgement, ...] = ("missed", "cannot tell")

_ROWS = frozenset({"logits", "gradient"})
_STEPS = (
    "Keeping and copying hidden states costs next to nothing; what is added are the Python steps around one pass "
    "(locks, moving the input, provenance, the record of the answer): 0.1 to 0.2 ms however long it takes."
)
_FORMATS = (
    "No more is gained than products of such matrices are faster: `featcore bench ceilings` measures them, and "
    "bfloat16 over float32 is 2.1 on the CPU of the shipped records (442 over 207 GFLOP/s)."
)
_LINEAR = (
    "Only linear maps become int8: attention, norms and activations stay in float32, and every input is rounded anew."
)
GOALS = (
    Goal(
        *("G1", "encode / bare forward", 1.02, sides.encode),
        why=_STEPS,
        short=True,
        longer=2,
    ),
    Goal(
        *("G3", "encode with all heads and rollout / bare forward", 1.10, sides.maps),
        frozenset({"logits", "attention"}),
        why="Of passes this short attention that is not fused takes 3 to 6 % more, keeping its maps 2 % and the "
        "rollout 0.03 ms at most; the rest are encode's Python steps (see G1) and the check that rows add up to 1.",
        longer=2,
        attention="eager",
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
        why="The time follows the passes: at equal error the median picture and clip take 35 where 50 steps take 52. "
        "Where the gradient jumps along the line (rectifiers, maximum pooling), doubling gains little: 131.",
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
        longer=16,
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
        why=_STEPS,
        base=True,
        filled=BASE_POSITIONS,
        longer=10,
    ),
    *(
        Goal(
            *("G8", f"{dtype} / float32, base size", most, partial(sides.number_format, dtype=dtype)),
            why=_LINEAR if dtype == "int8" else _FORMATS,
            base=True,
            filled=BASE_POSITIONS,
            longer=8,
            dtype=dtype,
        )
        for dtype, most in (("bfloat16", 1 / 2.5), ("int8", 1 / 4))
    ),
    Goal(
        *("G7", "KernelSHAP, units left out / replaced, base size", 1 / 1.7),
        partial(sides.leaving_out, sets=BASE_POSITIONS // 2),
        why="Sequences are filled up to share a pass, and masked attention is slower than attention without a mask.",
        base=True,
        filled=BASE_POSITIONS // 2,
        longer=60,
    ),
    Goal(
        *("G4b", f"IG-{STEPS} in bfloat16 / Captum in float32, one step a pass, base size", 1 / 2.5),
        partial(sides.integrated_in, dtype="bfloat16"),
        _ROWS,
        why=_FORMATS,
        base=True,
        longer=56,
        dtype="bfloat16",
        beside=partial(sides.ranks_in, dtype="bfloat16"),
    ),
)


_LAUNCHED = "The device computes longer than the host takes to launch what it computes, so there is less to gain."
_on_cuda = partial(Goal, why=_LAUNCHED, base=True, both="bfloat16", device="cuda")
CUDA_GOALS = (
    _on_cuda(
        *("G2", "captured forward / eager forward, one input, base size", 1 / 2, accelerated.captured),
        filled=BASE_POSITIONS,
    ),
    _on_cuda(
        *("G2", "captured forward / eager forward, one input, ViT-B size", 1 / 2, accelerated.captured),
        vit="ViT-B size",
    ),
    _on_cuda(
        *("G4a", f"IG-{STEPS} / Captum, one step a pass, base size", 1 / 20),
        partial(sides.integrated, at_once=1),
        _ROWS,
        filled=BASE_POSITIONS,
        longer=6,
    ),
    _on_cuda(
        *("G6", "occlusion / Captum, one unit a pass, 196 patches", 1 / 20, sides.occlusion),
        vit="ViT-B size",
        longer=6,
    ),
    _on_cuda(
        *("G11", "forward at its best batch / product of as many FLOP, ViT-L size", 2.0, accelerated.at_peak),
        why="Norms, activations and softmax read and write memory and multiply nothing.",
        vit="ViT-L size",
        longer=3,
    ),
)


def goals_on(device: str) -> tuple[Goal, ...]:
    """The goals whose limits are for a kind of device; none where nothing was promised for it."""
    return tuple(goal for goal in (*GOALS, *CUDA_GOALS) if goal.device == device)


def defined(goal: Goal, encoder: Encoder) -> bool:
    """Whether both sides exist: Captum's side needs rows of an embedding module that can be exchanged."""
    layout = encoder.layout
    if goal.base:
        return layout.family == ("vit" if goal.vit else "bert")
    if goal.sides is sides.maps and layout.attention not in ("full", "causal"):
        return False
    if goal.sides is sides.leaving_out and not (layout.shortens and (layout.modality == "text" or layout.prefix)):
        return False
    return goal.needs <= encoder.card.provides and (goal.key not in ("G4b", "G4c", "G6") or not layout.pixels)

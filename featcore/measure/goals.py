"""What featcore adds to the libraries below it: paired comparisons with a goal each, and its judgement."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from captum.attr import IntegratedGradients
from captum.attr import Occlusion as CaptumOcclusion
from torch import Tensor

from featcore.encode.base import Encoder
from featcore.encode.device import device_lock, synchronise
from featcore.explain import explain
from featcore.explain.attention import rollout_scores
from featcore.explain.base import Progress, resolve_target, silent
from featcore.inputs.samples import first_for
from featcore.measure import records
from featcore.measure.latency import StageProgress
from featcore.measure.pairs import Judgement, Paired, compare
from featcore.measure.records import Record
from featcore.measure.trial import own, sizes
from featcore.types import Sample, Target

PAIR = 5
"""Budgets of a point that a pair gets: two sides, and a control as long again."""
STEPS = 50
SHORT_S = 0.010
"""A forward pass shorter than this is judged by what is added in seconds, since a share of it says little."""
ADDED_S = 0.0002
ALIKE = 1e-3
"""The two sides of a comparison must compute the same numbers to this."""

Call = Callable[[], Any]


@dataclass(frozen=True)
class Goal:
    """One comparison: B, ours, against A, and the largest ratio B / A that meets the goal.

    Attributes:
        key: the number of the goal; what: the question in words, without the encoder.
        short: whether a forward pass shorter than `SHORT_S` is judged by `ADDED_S` instead of by the ratio.
    """

    key: str
    what: str
    most: float
    sides: Callable[[Encoder, Sample, Target], tuple[tuple[str, Call], tuple[str, Call]]]
    needs: frozenset[str] = frozenset({"logits"})
    short: bool = False

    def limit(self, found: Paired) -> float:
        """The largest ratio that meets the goal on this machine."""
        forward_s = float(np.median(found.a_s))
        return 1 + ADDED_S / forward_s if self.short and forward_s < SHORT_S else self.most

    def judge(self, found: Paired) -> Judgement:
        return found.judge(self.limit(found))


def bare(encoder: Encoder, sample: Sample) -> Call:
    """The model's own forward pass, of tensors that are on the device."""
    tensors = encoder.tensors(sample)

    def forward() -> Tensor:
        with torch.inference_mode():
            return encoder.model(**tensors).logits

    return forward


def encode(encoder: Encoder, sample: Sample, target: Target) -> tuple[tuple[str, Call], tuple[str, Call]]:
    """`Encoder.encode` without attention over the model's own forward: same weights, same fused attention."""
    return ("forward", bare(encoder, sample)), ("encode", partial(encoder.encode, sample, attention=False))


def maps(encoder: Encoder, sample: Sample, target: Target) -> tuple[tuple[str, Call], tuple[str, Call]]:
    """A pass that keeps all heads and rolls them through the layers, over the model's own fused forward."""

    def ours() -> Any:
        return rollout_scores(encoder.encode(sample, attention=True))

    def forward() -> Tensor:
        with encoder.running("sdpa"):
            return fused()

    fused = bare(encoder, sample)
    return ("forward", forward), ("attention and rollout", ours)


def integrated(
    encoder: Encoder, sample: Sample, target: Target, at_once: int | None = None, delta: bool = False
) -> tuple[tuple[str, Call], tuple[str, Call]]:
    """Our integrated gradients over Captum's class on a plain function from embedding to logits.

    Same steps, rule, baseline and target. Captum runs all steps in one batch (its default) unless `at_once` says how
    many; ours chunks, embeds input and baseline, and runs F(x) and F(baseline) to state its gap, as Captum does when
    asked for its `delta`.
    """
    embedded, blank = encoder.embed(sample).detach().clone(), encoder.baseline(sample)
    captum = IntegratedGradients(plain(encoder, sample))

    def theirs() -> Tensor:
        leaf = embedded.clone().requires_grad_()
        options = {"n_steps": STEPS, "method": "gausslegendre", "return_convergence_delta": delta}
        found = captum.attribute(leaf, blank, target.index, internal_batch_size=at_once, **options)
        return (found[0] if delta else found)[0].sum(-1)

    def ours() -> Any:
        return explain(encoder, sample, "integrated_gradients", target, steps=STEPS)

    alike(theirs().detach()[torch.from_numpy(sample.rows)], ours().scores)
    return ("Captum", theirs), ("ours", ours)


def occlusion(encoder: Encoder, sample: Sample, target: Target) -> tuple[tuple[str, Call], tuple[str, Call]]:
    """Our occlusion over Captum's on the embedding, one unit a pass, as its defaults have it."""
    embedded, blank = encoder.embed(sample).detach(), encoder.baseline(sample)
    width, captum = embedded.shape[-1], CaptumOcclusion(plain(encoder, sample))
    rows = torch.from_numpy(sample.rows)

    def theirs() -> Tensor:
        with torch.no_grad():
            found = captum.attribute(embedded, (1, width), None, blank, target.index)
        return found[0, :, 0]

    def ours() -> Any:
        return explain(encoder, sample, "occlusion", target)

    alike(theirs()[rows], ours().scores)
    return ("Captum", theirs), ("ours", ours)


def plain(encoder: Encoder, sample: Sample) -> Callable[[Tensor], Tensor]:
    """From unit embeddings to logits with nothing of ours between: the embedding module answers what it is told."""
    tensors, module = encoder.tensors(sample), encoder.model.get_input_embeddings()

    def forward(rows: Tensor) -> Tensor:
        module.forward = lambda *_, **__: rows
        try:
            many = {name: value.expand(len(rows), *value.shape[1:]) for name, value in tensors.items()}
            return encoder.model(**many).logits
        finally:
            del module.forward

    return forward


def alike(theirs: Tensor, ours: np.ndarray) -> None:
    """Two sides that compute different things are not compared."""
    difference = float(abs(theirs.double().cpu().numpy() - ours).max())
    assert difference < ALIKE, f"the two sides do not compute the same: {difference}"


_ROWS = frozenset({"logits", "gradient"})
GOALS = (
    Goal("G1", "encode / bare forward", 1.02, encode, short=True),
    Goal("G3", "encode with all heads and rollout / bare forward", 1.10, maps, frozenset({"logits", "attention"})),
    Goal("G4b", f"IG-{STEPS} / Captum, one step a pass", 1 / 1.1, partial(integrated, at_once=1), _ROWS),
    Goal("G4c", f"IG-{STEPS} / Captum", 1.0, integrated, _ROWS),
    Goal("G4c", f"IG-{STEPS} / Captum with its gap", 1.0, partial(integrated, delta=True), _ROWS),
    Goal("G6", "occlusion / Captum, one unit a pass", 1 / 1.05, occlusion),
)


def defined(goal: Goal, encoder: Encoder) -> bool:
    """Whether both sides exist: Captum's side needs rows of an embedding module that can be exchanged."""
    if goal.sides is maps and encoder.layout.attention not in ("full", "causal"):
        return False
    return goal.needs <= encoder.card.provides and (goal.key in ("G1", "G3") or not encoder.layout.pixels)


def measure(
    goal: Goal,
    encoder: Encoder,
    budget_s: float,
    tell: Callable[[float], None] = lambda share: None,
    most: int = 200,
) -> Paired:
    """One goal on one encoder's first sample, everything with fused attention unless the goal asks for maps."""
    sample = encoder.prepare(first_for(encoder.card))
    target = resolve_target(encoder, sample, None)
    settle = partial(synchronise, encoder.device)
    with device_lock(encoder.device).alone("goals"), encoder.running("sdpa"):
        a, b = goal.sides(encoder, sample, target)
        return compare(f"{encoder.card.name}: {goal.what}", a, b, budget_s, most, settle, tell)


def goals(encoders: Sequence[Encoder], budget_s: float, progress: Progress = silent) -> Iterator[Record]:
    """Three records a goal: the library's side, ours, and their ratio.

    The ratio has `goal` (its key), `goal_most` (the largest ratio that meets it here) and `judgement` (met, missed, or
    cannot tell: the whole interval must lie on one side, by more than the control's error).
    """
    run_id = records.new_run()
    plans = [(encoder, goal) for encoder in encoders for goal in GOALS if defined(goal, encoder)]
    for index, (encoder, goal) in enumerate(plans):
        found = measure(goal, encoder, PAIR * budget_s, StageProgress(progress, index, len(plans)))
        more = records.of_encoder(encoder, "sdpa") | sizes(own(encoder)) | {"suite": "goals", "goal": goal.key}
        first, second, ratio = records.of_pair(found, "total", run_id, **more)
        yield first
        yield second
        yield ratio | {"goal_most": goal.limit(found), "judgement": goal.judge(found).replace(" ", "_")}
    progress(100 * len(plans), 100 * len(plans))

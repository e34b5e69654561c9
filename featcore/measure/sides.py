"""The two sides of each goal: what the bare library does and what ours does, as callables that compute the same."""

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import torch
from captum.attr import IntegratedGradients
from captum.attr import Occlusion as CaptumOcclusion
from torch import Tensor

from featcore.encode.base import Encoder
from featcore.encode.device import synchronise
from featcore.encode.fresh import in_format
from featcore.explain import explain
from featcore.explain.attention import rollout_scores
from featcore.explain.base import resolve_target
from featcore.inputs.samples import first_for, samples
from featcore.measure.files import Record
from featcore.measure.formats import explained_again, first_class, ranking
from featcore.measure.pairs import Call, Side
from featcore.measure.variants import quantised
from featcore.types import Attribution, Sample, Target

STEPS = 50
SETS = 512
ALIKE = {torch.float32: 1e-3, torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""The two sides of a comparison must compute the same numbers to this, by the number format of both."""
CLOSE = 0.01
"""Error of a map, as a share of it, that both sides must stay below where they take different steps."""
REFERENCE = 1025
"""Points of the rule that stands for the truth; Clenshaw-Curtis, so a power of two and one."""
INPUTS = 7
"""Samples whose median is asked."""

Sides = tuple[Side, Side]


def bare(encoder: Encoder, sample: Sample) -> Call:
    """The model's own forward pass, of tensors that are on the device."""
    tensors = encoder.tensors(sample)

    def forward() -> Tensor:
        with torch.inference_mode():
            return encoder.model(**tensors).logits

    return forward


def encode(encoder: Encoder, sample: Sample, target: Target) -> Sides:
    """`Encoder.encode` without attention over the model's own forward: same weights, same fused attention."""
    return ("forward", bare(encoder, sample)), ("encode", partial(encoder.encode, sample, attention=False))


def maps(encoder: Encoder, sample: Sample, target: Target) -> Sides:
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
) -> Sides:
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

    alike(theirs().detach()[torch.from_numpy(sample.rows)], ours().scores, encoder.dtype)
    return ("Captum", theirs), ("ours", ours)


def occlusion(encoder: Encoder, sample: Sample, target: Target) -> Sides:
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

    alike(theirs()[rows], ours().scores, encoder.dtype)
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


def alike(theirs: Tensor, ours: np.ndarray, dtype: torch.dtype = torch.float32) -> None:
    """Two sides that compute different things are not compared."""
    difference = float(abs(theirs.double().cpu().numpy() - ours).max())
    assert difference < ALIKE[dtype], f"the two sides do not compute the same: {difference}"


def adaptive(encoder: Encoder, sample: Sample, target: Target) -> Sides:
    """Adaptive integrated gradients over those of fixed steps, on the sample of median need among the first of ours.

    Both maps lie within `CLOSE` of that of 1,025 points, or, where the fixed steps do not, the adaptive one lies no
    further off than they do.
    """
    needs = []
    for example in samples(encoder.card.modality)[:INPUTS]:
        frames = {"frames": encoder.card.input_size[0]} if encoder.card.modality == "video" else {}
        other = encoder.prepare(example.load(**frames))
        aim = resolve_target(encoder, other, None)
        needs.append((*_as_close(encoder, other, aim), other, aim))
    passes, tolerance, middle, aim = sorted(needs, key=lambda each: each[0])[len(needs) // 2]
    fixed = partial(explain, encoder, middle, "integrated_gradients", aim, steps=STEPS)
    ours = partial(explain, encoder, middle, "adaptive_gradients", aim, tolerance=tolerance)
    return (f"{STEPS} steps", fixed), (f"adaptive, {passes} passes", ours)


def _as_close(encoder: Encoder, sample: Sample, target: Target) -> tuple[int, float]:
    """Passes and tolerance of the adaptive rule that is no further off than `CLOSE` or, if more, than the fixed one."""

    def off(found: Attribution) -> float:
        return float(abs(found.scores - truth).sum() / abs(truth).sum())

    truth = explain(encoder, sample, "adaptive_gradients", target, tolerance=0.0001, limit=REFERENCE).scores
    least = max(CLOSE, off(explain(encoder, sample, "integrated_gradients", target, steps=STEPS)))
    tolerance = min(least, 0.5)
    while True:
        found = explain(encoder, sample, "adaptive_gradients", target, tolerance=tolerance, limit=REFERENCE)
        if off(found) <= least or tolerance <= 0.0002:
            return found.passes, tolerance
        tolerance /= 2


def leaving_out(encoder: Encoder, sample: Sample, target: Target, sets: int = SETS) -> Sides:
    """KernelSHAP whose hidden units leave the sequence over one that replaces them; as many sets, the same draws.

    Two games with different values, so only their cost is compared.
    """
    replaced = partial(explain, encoder, sample, "kernel_shap", target, sets=sets)
    return ("replaced", replaced), ("left out", partial(replaced, hiding="left out"))


def longest(encoder: Encoder, sample: Sample, most: int = 128) -> Sample:
    """The sample; of a text, its words over and over up to `most` positions or what the encoder reads."""
    if encoder.card.modality != "text":
        return sample
    from featcore.inputs.text import read_text

    words = " ".join([sample.source.text] * (most // 2))  # type: ignore[union-attr]
    whole = encoder.prepare(read_text(words, name="the sample, repeated"))
    if len(whole.sequence) <= most:
        return whole
    stop = int(whole.units.extents[most - len(whole.sequence) - 1, 0, 1])  # of the last token that still fits
    return encoder.prepare(read_text(words[:stop], name="the sample, repeated"))


def parts(encoder: Encoder, sample: Sample, target: Target) -> Sides:
    """Stages one by one, each in a loop of its own, over all of them in a row: do the parts add up?"""
    stages = _stages(encoder, sample, target)
    return ("end to end", partial(_in_a_row, encoder, target)), ("sum of stages", *stages)


def instrumented(encoder: Encoder, sample: Sample, target: Target) -> Sides:
    """All stages in a row with a clock read and the device awaited after each, over the same without."""

    def watched() -> list[float]:
        stamps = [perf_counter()]

        def stamp() -> None:
            synchronise(encoder.device)
            stamps.append(perf_counter())

        _in_a_row(encoder, target, stamp)
        return stamps

    return ("not instrumented", partial(_in_a_row, encoder, target)), ("instrumented", watched)


def _stages(encoder: Encoder, sample: Sample, target: Target) -> tuple[Call, ...]:
    source = first_for(encoder.card)
    return (
        partial(first_for, encoder.card),
        partial(encoder.prepare, source),
        partial(encoder.encode, sample, attention=False),
        partial(explain, encoder, sample, "input_x_gradient", target),
    )


def _in_a_row(encoder: Encoder, target: Target, after: Call = lambda: None) -> None:
    source = first_for(encoder.card)
    after()
    sample = encoder.prepare(source)
    after()
    encoder.encode(sample, attention=False)
    after()
    explain(encoder, sample, "input_x_gradient", target)
    after()


def number_format(encoder: Encoder, sample: Sample, target: Target, dtype: str) -> Sides:
    """Encoding in another number format over float32; int8 concerns the linear maps, which the CPU alone has."""
    other = in_format(encoder, "float32" if dtype == "int8" else dtype)
    if dtype == "int8":
        other.model = quantised(other.model)
    theirs, ours = (partial(each.encode, sample, attention=False) for each in (encoder, other))
    return ("float32", theirs), (dtype, ours)


def integrated_in(encoder: Encoder, sample: Sample, target: Target, dtype: str) -> Sides:
    """Our integrated gradients in another number format over Captum's in float32, one step a pass."""
    theirs, _ = integrated(encoder, sample, target, at_once=1)
    ours = partial(explain, in_format(encoder, dtype), sample, "integrated_gradients", target, steps=STEPS)
    return theirs, (f"ours in {dtype}", ours)


def ranks_in(encoder: Encoder, sample: Sample, target: Target, dtype: str) -> Record:
    """Whether our integrated gradients in another number format rank the units as those in float32 do, of a record."""
    short = in_format(encoder, dtype)
    found = explain(short, sample, "integrated_gradients", target, steps=STEPS)
    agreed = ranking((found, first_class(short, sample)), explained_again(encoder, sample, found))
    return {"rank_agreement": agreed.rho, "ranked_units": agreed.units, "same_class": agreed.same_class}

"""What featcore adds to the libraries below it; by hand: `python -m tests.benchmarks.bench [most blocks]`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from captum.attr import IntegratedGradients
from torch import Tensor

import featcore as fc
from featcore.encode.device import describe
from featcore.explain import explain
from featcore.explain.base import resolve_target
from featcore.measure.pairs import Paired, compare
from featcore.runs import first_sample

NAMES = ("text-mini", "image-mini", "video-mini")
STEPS = 32
GOAL_ENCODE, GOAL_ATTRIBUTION = 1.05, 1.05
BUDGET_S = 60.0


def line(found: Paired, goal: float) -> str:
    """A comparison in one line, judged by the largest ratio that is allowed."""
    (low, high), (least, most) = found.interval, found.control_interval
    return (
        f"{found.name:<44} {found.ratio:6.3f} [{low:.3f}, {high:.3f}]  A/A [{least:.3f}, {most:.3f}]  "
        f"{found.a} {np.median(found.a_s) * 1e3:8.2f} ms  {len(found.ratios)} blocks, {found.stopped}  "
        f"goal <= {goal:.2f}: {found.judge(goal)}" + (f"  (disturbed: {found.disturbed})" if found.disturbed else "")
    )


def encode_over_forward(encoder: Any, sample: Any, blocks: int) -> str:
    """(a) `encoder.encode` without attention over the model's own forward, same weights, same fused attention."""
    tensors = encoder.tensors(sample)

    def bare() -> Tensor:
        with torch.inference_mode():
            return encoder.model(**tensors).logits

    def ours() -> Any:
        return encoder.encode(sample, attention=False)

    found = compare(f"{encoder.card.name}: encode / forward", ("forward", bare), ("encode", ours), BUDGET_S, blocks)
    return line(found, GOAL_ENCODE)


def attribution_over_captum(encoder: Any, sample: Any, blocks: int, delta: bool = False) -> str:
    """(b) Our integrated gradients over Captum's class on a plain function from embedding to logits.

    Same steps, rule, baseline and target. Captum runs all steps in one batch (its default); ours chunks, embeds input
    and baseline, and runs F(x) and F(baseline) to state its gap, as Captum does when asked for its `delta`.
    """
    target = resolve_target(encoder, sample, None)
    embedded, blank = encoder.embed(sample).detach().clone(), encoder.baseline(sample)
    tensors, module = encoder.tensors(sample), encoder.model.get_input_embeddings()

    def forward(rows: Tensor) -> Tensor:
        module.forward = lambda *_, **__: rows
        try:
            many = {name: value.expand(len(rows), *value.shape[1:]) for name, value in tensors.items()}
            return encoder.model(**many).logits
        finally:
            del module.forward

    captum = IntegratedGradients(forward)

    def bare() -> Tensor:
        leaf = embedded.clone().requires_grad_()
        options = {"n_steps": STEPS, "method": "gausslegendre", "return_convergence_delta": delta}
        found = captum.attribute(leaf, blank, target.index, **options)
        return (found[0] if delta else found)[0].sum(-1)

    def ours() -> Any:
        return explain(encoder, sample, "integrated_gradients", target, steps=STEPS)

    difference = abs(bare().detach()[torch.from_numpy(sample.rows)].double().numpy() - ours().scores).max()
    assert difference < 1e-3, f"the two sides do not compute the same: {difference}"
    name = f"{encoder.card.name}: IG-{STEPS} / Captum" + " with its gap" * delta
    return line(compare(name, ("Captum", bare), ("ours", ours), BUDGET_S, blocks), GOAL_ATTRIBUTION)


@contextmanager
def alone(encoder: Any) -> Iterator[None]:
    """Fused attention for both sides, and the device for nobody else."""
    with encoder.running("sdpa"):
        yield


def main(blocks: int = 30) -> None:
    with_gap = partial(attribution_over_captum, delta=True)
    questions: tuple[Callable[..., str], ...] = (encode_over_forward, attribution_over_captum, with_gap)
    known = {card.name for card in fc.encoders()}
    for name in NAMES:
        if name not in known:
            print(f"{name}: not there, left out")
            continue
        encoder = fc.load(name)
        sample = encoder.prepare(first_sample(encoder.card))
        where = f"{describe(encoder.device)}, {encoder.provenance('sdpa').dtype}"
        print(f"{name}: {len(sample.sequence)} positions, {where}, at most {blocks} blocks A B B A")
        with alone(encoder):
            for question in questions:
                print("  ", question(encoder, sample, blocks), flush=True)


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:2]))

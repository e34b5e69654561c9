"""One encoder in several number formats and kinds of attention, each in pairs against float32 with fused attention."""

import copy
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from shutil import which
from typing import Any, NamedTuple

import torch
from torch import Tensor

from featcore.encode.base import Encoder
from featcore.encode.device import device_lock, synchronise
from featcore.explain.base import Progress, silent
from featcore.measure import records
from featcore.measure.latency import StageProgress
from featcore.measure.pairs import compare
from featcore.measure.records import Record
from featcore.measure.trial import Trial, every, own, sizes, work

PAIR = 5
"""Budgets of a point that a pair gets: two sides, and a control as long again."""


class Kind(NamedTuple):
    """How one model runs: number format, kind of attention, and the compiler that joins its operators, if any."""

    dtype: str
    attention: str
    compiler: str = "none"

    def __str__(self) -> str:
        return " ".join((self.dtype, self.attention, *(("compiled",) if self.compiler != "none" else ())))


BASELINE = Kind("float32", "sdpa")
VARIANTS = (
    Kind("float32", "eager"),
    Kind("float32", "sdpa", "inductor"),
    Kind("bfloat16", "sdpa"),
    Kind("bfloat16", "eager"),
    Kind("float16", "sdpa"),
    Kind("int8", "sdpa"),
)


def variants(encoders: Sequence[Encoder], budget_s: float, progress: Progress = silent) -> Iterator[Record]:
    """Three records a variant: baseline, variant, and their ratio with a control.

    int8 is dynamic quantisation of the linear maps, on the CPU and forward only. The ratio says beside the times how
    far the answers to `answers` of our samples are from the baseline's: the largest difference of class scores
    (`max_abs_diff`), the least `cosine` of them, and to how many inputs the same class comes first (`same_answers`;
    null without a classifier). Compiling happens in the first call, which is apart. A variant that does not exist here
    is left out; one that fails is a record without samples whose `stop_reason` says what failed.
    """
    run_id = records.new_run()
    plans = [(encoder, kind) for encoder in encoders for kind in VARIANTS if _holds(encoder, kind)]
    for index, (encoder, kind) in enumerate(plans):
        tell = StageProgress(progress, index, len(plans))
        baseline, other = of_kind(encoder, BASELINE), of_kind(encoder, kind)
        kinds = {"suite": "variants", **records.of_encoder(encoder, kind.attention), **sizes(baseline)}
        stated = {"dtype": kind.dtype, "compiled": kind.compiler}
        name = f"{encoder.card.name}: {kind} / {BASELINE}"
        with device_lock(encoder.device).alone("variants"), ExitStack() as held:
            held.enter_context(baseline.encoder.running(BASELINE.attention))
            held.enter_context(other.encoder.running(kind.attention))
            if failed := failure(other):
                yield records.refused(failed, "forward", str(kind), run_id, **kinds | stated)
                continue
            settle = partial(synchronise, encoder.device)
            sides = (str(BASELINE), baseline.forward), (str(kind), other.forward)
            found = compare(name, *sides, PAIR * budget_s, settle=settle, tell=tell)
            apart = difference(answers(baseline.encoder), answers(other.encoder), "logits" in encoder.card.provides)
        first, second, ratio = records.of_pair(found, "forward", run_id, **kinds)
        flop, source = work(baseline)
        yield (
            first
            | {"dtype": BASELINE.dtype, "attn_impl": encoder.provenance(BASELINE.attention).attention}
            | records.of_work(flop, source, first["p50_s"])
        )
        yield (
            second
            | stated
            | {"weight_bytes": weight_bytes(encoder, kind.dtype)}
            | records.of_work(flop, source, second["p50_s"])
        )
        yield ratio | stated | apart
    progress(100 * len(plans), 100 * len(plans))


def failure(trial: Trial) -> str:
    """Why a trial cannot be timed here: an operator that this device lacks in this format, or answers beyond its
    range; "" where it can."""
    try:
        found = trial.forward()
    except RuntimeError as error:  # torch says with it, and with its kin, that it has no such operator
        return str(error).partition("\n")[0]
    return "" if found.isfinite().all() else "its answers are no finite numbers"


def answers(encoder: Encoder) -> list[Tensor]:
    """What an encoder answers to each of our samples."""
    return [trial.forward() for trial in every(encoder)]


def of_kind(encoder: Encoder, kind: Kind) -> Trial:
    """The first sample for the same checkpoint that runs in another way; a model of its own."""
    from featcore.encode.catalog import load

    dtype = "float32" if kind.dtype == "int8" else kind.dtype
    loaded = load(encoder.card.checkpoint, str(encoder.device), dtype)
    trial = own(loaded)
    if kind.dtype == "int8":
        loaded.model = quantised(loaded.model)
    if kind.compiler != "none":
        loaded.model = torch.compile(loaded.model, backend=kind.compiler)  # type: ignore[assignment]
    return trial


def quantised(model: Any) -> Any:
    """A copy whose linear maps hold int8 weights and round their inputs to int8 as they come."""
    from torch.ao.quantization import quantize_dynamic

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that another package will replace it
        return quantize_dynamic(copy.deepcopy(model), {torch.nn.Linear}, torch.qint8)


def weight_bytes(encoder: Encoder, dtype: str) -> int:
    """Bytes of the weights in a number format; int8 concerns the matrices of linear maps alone."""
    whole = sum(weight.numel() for weight in encoder.model.parameters())
    linear = sum(each.weight.numel() for each in encoder.model.modules() if isinstance(each, torch.nn.Linear))
    return 4 * whole - 3 * linear if dtype == "int8" else whole * getattr(torch, dtype).itemsize


def difference(expected: Sequence[Tensor], found: Sequence[Tensor], labels: bool = True) -> Record:
    """How far answers are from those of the baseline, input by input; `labels`: whether they score classes."""
    pairs = [(a.double(), b.double()) for a, b in zip(expected, found, strict=True)]
    alike = [torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0) for a, b in pairs]
    # A language model's answer is what follows its last position.
    first = [tuple(int(each.flatten(0, -2)[-1].argmax()) for each in pair) for pair in pairs]
    return {
        "max_abs_diff": max(float((a - b).abs().max()) for a, b in pairs),
        "cosine": float(min(alike)),
        "answers": len(pairs),
        "same_answers": sum(a == b for a, b in first) if labels else None,
    }


def _holds(encoder: Encoder, kind: Kind) -> bool:
    """Whether a variant exists for this encoder here: two kinds of attention, linear maps to round, a compiler."""
    kinds = {encoder.provenance(each).attention for each in ("eager", "sdpa")}
    if kind.attention == "eager" and len(kinds) == 1:
        return False  # it has one kind of attention or none, so this would be the baseline again
    if kind.compiler != "none":
        return encoder.device.type == "cuda" or which(os.environ.get("CXX", "g++")) is not None
    if kind.dtype == "int8":
        layers = [each for each in encoder.model.modules() if isinstance(each, torch.nn.Linear)]
        return encoder.device.type == "cpu" and len(layers) > 1 and bool(torch.backends.quantized.supported_engines)
    return True

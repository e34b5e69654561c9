"""An encoder and a source become wall times by stage, for text, image and video alike."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from featcore.encode.base import Encoder
from featcore.encode.device import device_lock, synchronise
from featcore.errors import NotDefined
from featcore.explain.base import METHODS, Progress, resolve_target, silent
from featcore.measure.quiet import watch
from featcore.measure.staged import DEVICE_CLOCK
from featcore.measure.stream import stopwatch
from featcore.measure.timer import timed
from featcore.types import Latency, Sample, Source

DEFAULT = ("read", "cut", "transfer", "encode", "attention", "total")
MOST = 300
"""Samples of a stage at most; 299 are what a p99 needs."""
TELL_S = 0.05
"""Seconds between two reports of progress: telling a page costs more than some of the calls that are timed."""


def latency(
    encoder: Encoder,
    source: Source,
    stages: Iterable[str] = DEFAULT,
    methods: Iterable[str] = (),
    budget_s: float = 3.0,
    reread: Callable[[], Source] | None = None,
    progress: Progress = silent,
) -> list[Latency]:
    """Wall times of each stage, from raw file to attribution.

    read: decode the file again. cut: tokenize or fragment. transfer: host to device. encode: one forward pass with
    fused attention, hidden states copied to the host. attention: the same with eager attention, all maps copied to
    the host. attribution:<method>: the whole explanation with the method's default knobs, its target known. total: all
    of these but attention, as far as they can be measured here, in a row as one call, to hold their sum against.
    A stage that cannot be measured here is left out; `left_out` says why. Where the device has a clock of its own
    (CUDA), each stage is followed by the same calls by that clock.

    Each stage holds the device's lock from its first call to its last, so that other sessions wait; between stages
    they get their turn. Model stages start from tensors that are on the device already.

    Args:
        stages: which of `DEFAULT`, in any order.
        methods: names of attribution methods.
        budget_s: seconds of timing a stage; the warm-up comes on top, a third of that at most (and never less than
            the first call).
        reread: reads the same source again from where it came.
        progress: called with (hundredths done, hundredths in all), a hundred a stage; raise `Cancelled` to stop.

    Raises:
        NotDefined: no such stage, or a method that this encoder cannot run. UnknownName: no such method.
    """
    return list(one_by_one(encoder, source, stages, methods, budget_s, reread, progress))


def one_by_one(
    encoder: Encoder,
    source: Source,
    stages: Iterable[str] = DEFAULT,
    methods: Iterable[str] = (),
    budget_s: float = 3.0,
    reread: Callable[[], Source] | None = None,
    progress: Progress = silent,
) -> Iterator[Latency]:
    """What `latency` measures, each stage as soon as it is known."""
    stages, methods = tuple(stages), tuple(methods)
    _check(encoder, stages, methods)
    missing = left_out(encoder, stages, reread)
    sample = encoder.prepare(source)
    calls = _calls(encoder, source, sample, methods, reread)
    wanted = [s for s in DEFAULT if s in stages and s not in missing] + [f"attribution:{m}" for m in methods]
    wanted.sort(key=lambda stage: stage == "total")
    for index, stage in enumerate(wanted):
        call, attention = calls[stage]
        tell = StageProgress(progress, index, len(wanted))
        yield from _stage(encoder, sample, stage, call, attention, budget_s, tell)
    progress(100 * len(wanted), 100 * len(wanted))


def left_out(
    encoder: Encoder, stages: Iterable[str] = DEFAULT, reread: Callable[[], Source] | None = None
) -> dict[str, str]:
    """Stages that cannot be measured here, with the reason in words; they are absent rather than 0 seconds."""
    reasons = {}
    if reread is None:
        reasons["read"] = "There is no file to read again."
    if encoder.device.type == "cpu":
        reasons["transfer"] = "The encoder computes on the CPU, where the input is already: nothing is transferred."
    if "attention" not in encoder.card.provides:
        reasons["attention"] = f"'{encoder.card.name}' gives no attention."
    return {stage: reasons[stage] for stage in stages if stage in reasons}


def _check(encoder: Encoder, stages: tuple[str, ...], methods: tuple[str, ...]) -> None:
    """Refuse before anything is timed."""
    for stage in stages:
        if stage not in DEFAULT:
            raise NotDefined(
                f"No stage is called '{stage}'. Known: {', '.join(DEFAULT)}; attributions go by `methods`."
            )
    for name in methods:
        lacking = METHODS[name].needs - encoder.card.provides
        if lacking:
            raise NotDefined(f"'{encoder.card.name}' lacks {', '.join(sorted(lacking))}, which '{name}' needs.")


def _calls(
    encoder: Encoder, source: Source, sample: Sample, methods: tuple[str, ...], reread: Callable[[], Source] | None
) -> dict[str, tuple[Callable[[], Any], str]]:
    """What each stage runs, and with which attention; "" asks the result, "none" runs no model."""
    from featcore.explain import explain

    there = replace(sample, tensors=encoder.tensors(sample))
    target = resolve_target(encoder, there, None) if methods else None

    def total() -> None:
        again = encoder.prepare(source if reread is None else reread())
        moved = replace(again, tensors=encoder.tensors(again))
        encoder.encode(moved, attention=False)
        for name in methods:
            explain(encoder, moved, name, target)

    calls: dict[str, tuple[Callable[[], Any], str]] = {
        "cut": (lambda: encoder.prepare(source), "none"),
        "transfer": (lambda: encoder.tensors(sample), "none"),
        "encode": (lambda: encoder.encode(there, attention=False), "sdpa"),
        "attention": (lambda: encoder.encode(there, attention=True), "eager"),
        "total": (total, "sdpa"),
    }
    if reread is not None:
        calls["read"] = (reread, "none")
    for name in methods:
        calls[f"attribution:{name}"] = (partial(explain, encoder, there, name, target), "")
    return calls


def _stage(
    encoder: Encoder,
    sample: Sample,
    stage: str,
    call: Callable[[], Any],
    attention: str,
    budget_s: float,
    tell: Callable[[float], None],
) -> Iterator[Latency]:
    device = encoder.device
    with device_lock(device).alone(stage):  # who waits reads this; whose encoder it is concerns nobody
        disturbed = watch()
        timing = timed(call, lambda: synchronise(device), budget_s, MOST, tell, watch=stopwatch(device))
        words = disturbed()
    wall = Latency(
        stage=stage,
        samples_s=np.array(timing.samples_s),
        warmup=timing.warmup,
        first_s=timing.first_s,
        stopped=timing.stopped,
        units=len(sample.units),
        provenance=encoder.provenance(attention or timing.result.provenance.attention),
        disturbed=words,
    )
    yield wall
    if timing.device_s:
        samples = np.array(timing.device_s)
        yield replace(wall, stage=f"{stage}{DEVICE_CLOCK}", samples_s=samples, first_s=timing.device_first_s)


class StageProgress:
    """Turns the share done of one stage into progress over all stages, not too often."""

    def __init__(self, progress: Progress, index: int, n_stages: int) -> None:
        self.progress, self.index, self.total = progress, index, 100 * n_stages
        self.told_s = -TELL_S

    def __call__(self, share: float) -> None:
        now = perf_counter()
        if now - self.told_s >= TELL_S:
            self.told_s = now
            self.progress(100 * self.index + int(100 * share), self.total)

"""What each attribution method costs: seconds, passes, FLOP, and the least that its own work would take."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from featcore.encode.base import Encoder
from featcore.encode.device import device_lock, synchronise
from featcore.errors import NotDefined
from featcore.explain import explain, methods
from featcore.explain.base import Progress, resolve_target, silent
from featcore.inputs.samples import first_for
from featcore.measure import records, traffic
from featcore.measure.latency import StageProgress
from featcore.measure.quiet import watch
from featcore.measure.records import Record
from featcore.measure.stream import stopwatch
from featcore.measure.timer import timed
from featcore.measure.trial import measured, own, sizes, work

SUITE = "attribution"
AT_ONCE = (1, 8, 32)
"""Batches among which the fastest plain forward pass of one input is looked for."""
MOST = 30


def attributions(encoders: Sequence[Encoder], budget_s: float, progress: Progress = silent) -> Iterator[Record]:
    """First plain forward passes in batches, then every method that is defined, with its default knobs.

    A record of a method has, beyond those of every record,

        passes       inputs that went forward, as the attribution itself states
        flops        FLOP of the whole explanation, counted operator by operator, backward passes included
        forwards     the same in units of one forward pass of one input
        forward_s    seconds of one input in the fastest batch of plain forward passes on this machine; `forward_batch`
        minimum_s    forwards x forward_s: what the same work would take at the speed of the plain forward pass
        over_minimum median (mean, where there are too few samples for one) / minimum_s; 1 means that nothing but the
                     model's own work is left
    """
    run_id = records.new_run()
    plans = [(encoder, [method.name for method in methods(encoder.card)]) for encoder in encoders]
    total, index = sum(len(AT_ONCE) + len(names) for _, names in plans), 0
    for encoder, names in plans:
        plain = []
        for batch in AT_ONCE:
            tell = StageProgress(progress, index, total)
            index += 1
            more: Record = {"suite": SUITE, "axis": "batch", "axis_value": batch}
            found = measured(own(encoder).repeated(batch), budget_s, run_id, tell, **more)
            plain.append(found)
            yield found
        fastest = min(plain, key=lambda each: _middle_s(each) / each["batch"])
        forward_s = _middle_s(fastest) / fastest["batch"]
        for name in names:
            tell = StageProgress(progress, index, total)
            index += 1
            cost = _of_method(encoder, name, budget_s, run_id, tell)
            if cost is not None:
                yield cost | _least(cost, forward_s, fastest["batch"])
    progress(100 * total, 100 * total)


def _of_method(encoder: Encoder, name: str, budget_s: float, run_id: str, tell: StageProgress) -> Record | None:
    """None where the method refuses this encoder or this input."""
    trial, sample = own(encoder), encoder.prepare(first_for(encoder.card))
    there = replace(sample, tensors=encoder.tensors(sample))
    try:
        target = resolve_target(encoder, there, None)
        encoder.activation_bytes(there)  # asked once for each length of input, and not part of any method
        call = partial(explain, encoder, there, name, target)
        with device_lock(encoder.device).alone(f"attribution:{name}"):
            counted = traffic.of_call(call, encoder.device)
            disturbed = watch()
            timing = timed(
                call,
                partial(synchronise, encoder.device),
                budget_s,
                tell=tell,
                most=MOST,
                watch=stopwatch(encoder.device),
            )
            words = disturbed()
    except NotDefined:
        return None
    found = timing.result
    record = records.of_timing(
        timing,
        f"attribution:{name}",
        name,
        run_id,
        words,
        **records.of_encoder(encoder, found.provenance.attention, grad="input"),
        **sizes(trial),
        **counted,
        suite=SUITE,
        passes=found.passes,
        knobs=dict(found.knobs),
        forwards=counted["flops_counted"] / work(trial)[0],
    )
    return record | records.of_work(counted["flops_counted"], "counter", record["p50_s"])


def _least(record: Record, forward_s: float, batch: int) -> Record:
    minimum_s = record["forwards"] * forward_s
    over = _middle_s(record) / minimum_s if minimum_s else None
    return {"forward_s": forward_s, "forward_batch": batch, "minimum_s": minimum_s, "over_minimum": over}


def _middle_s(record: Record) -> float:
    return record["p50_s"] or record["mean_s"]

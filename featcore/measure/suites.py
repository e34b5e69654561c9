"""Named suites of measurements; each yields records one at a time, so that a page can draw while it runs.

A record is one line of JSON, as of `featcore.measure.records`. Beyond what every record has, one of a sweep has

    suite            the suite's name
    axis             what grows along the sweep: "tokens", "fragments", "frames" or "batch"
    axis_value       how much of it here: positions of a text, fragments of a picture or of one clip, frames, inputs
    series           joins the records of one curve: encoder, axis and variant
    units            tokens or fragments of one input; `tokens` are the positions, special ones included
    batch, frames, height, width      of the call; height and width in pixels, null for text
    weights          "pretrained", or "random" where the checkpoint's table of positions does not allow this size
    flops            FLOP of the whole call (multiply-add = 2); flops_source "formula" or "counter"
    bytes_moved      operands and results of all operators, in bytes; `intensity` is FLOP a byte of it
    activation_peak_bytes             most bytes of results alive at once in the call, without weights and input
    device_alloc_peak_bytes           on CUDA what the allocator held at most, weights and input included; else null
    attention_bytes  bytes of all attention maps of the call, if they are kept (eager attention)
    weight_bytes     bytes of the weights in their number format
    throughput       inputs a second by the median; throughput_unit "inputs/s"
    p50_s, p50_ci95_s, samples_s, first_s, disturbed, device, device_name ...    as everywhere
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from featcore.encode.base import Encoder
from featcore.explain.base import Progress, silent
from featcore.measure import records
from featcore.measure.latency import StageProgress
from featcore.measure.records import Record
from featcore.measure.trial import Trial, measured, of_length, of_shape, own, work
from featcore.registry import Registry

LENGTHS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
"""Positions of a text."""
SCALES = (0.5, 1, 1.5, 2, 3, 4)
"""Side of a picture, as a multiple of the checkpoint's own."""
FRAMES = (0.25, 0.5, 1, 2, 4, 8)
"""Frames of a clip, as a multiple of the checkpoint's own."""
BATCHES = (1, 2, 4, 8, 16, 32, 64)
LEAST_CALLS = 5
"""A sweep ends before the size at which fewer calls than this, by FLOP, would fit into the budget."""


@dataclass(frozen=True)
class Suite:
    """What a suite is called, what it asks, and how it runs."""

    name: str
    title: str
    records: Callable[[Sequence[Encoder], float, Progress], Iterator[Record]]


SUITES: Registry[Suite] = Registry("suite")


def run(name: str, encoders: Sequence[Encoder], budget_s: float = 1.0, progress: Progress = silent) -> Iterator[Record]:
    """The records of one suite, each as soon as it is measured.

    Each measurement holds its device from its first call to its last; between two others get their turn, and the
    caller does what it likes with the record. Closing the iterator ends the suite.

    Args:
        encoders: loaded ones; what they allow decides which points there are.
        budget_s: seconds of timing one point; warm-up, counting and what the points need come on top.
        progress: called with (hundredths done, hundredths in all), a hundred a point; raise `Cancelled` to stop.

    Raises:
        UnknownName: no such suite.
    """
    return SUITES[name].records(encoders, budget_s, progress)


Point = tuple[str, int, Callable[[], Trial]]
"""Axis, value on it, and how the trial is made."""


def sweep(
    suite: str, points: Sequence[tuple[Encoder, list[Point]]], budget_s: float, progress: Progress
) -> Iterator[Record]:
    """Measure points in order, each encoder's axis from small to large; see `LEAST_CALLS` for where it ends."""
    run_id, total = records.new_run(), sum(len(each) for _, each in points)
    index = 0
    for encoder, each in points:
        last: dict[str, Record | None] = {}
        for axis, value, make in each:
            tell = StageProgress(progress, index, total)
            index += 1
            before = last.get(axis)
            if axis in last and before is None:
                continue
            tell(0.0)
            trial = make()
            series = f"{encoder.card.name} {axis}"
            if before is not None and _too_long(before, trial, budget_s):
                last[axis] = None
                continue
            more: Record = {"suite": suite, "axis": axis, "axis_value": value, "series": series}
            last[axis] = record = measured(trial, budget_s, run_id, tell, **more)
            record["model_id"] = encoder.card.name
            yield record
    progress(100 * total, 100 * total)


def _too_long(before: Record, trial: Trial, budget_s: float) -> bool:
    """Whether a few calls would take longer than the budget, at the speed of the point before."""
    expected_s = before["mean_s"] * work(trial)[0] / max(before["flops"], 1)
    return LEAST_CALLS * expected_s > budget_s


def lengths(encoder: Encoder) -> list[Point]:
    """Along the axis of units: texts grow in tokens, pictures in pixels, clips in pixels and then in frames."""
    card, layout = encoder.card, encoder.layout
    if layout.modality == "text":
        return [("tokens", n, partial(of_length, encoder, n)) for n in LENGTHS]
    step = layout.unit_step(card.config)
    frames, rows, columns = (size // unit for size, unit in zip(card.input_size, step, strict=True))
    found: list[Point] = []
    for scale in SCALES:
        y, x = round(rows * scale), round(columns * scale)
        shape = (card.input_size[0], y * step[1], x * step[2])
        found.append(("fragments", frames * y * x, partial(of_shape, encoder, *shape)))
    if layout.modality == "video":
        counts = sorted({max(1, round(frames * scale)) for scale in FRAMES})
        sides = card.input_size[1:]
        found += [("frames", t * step[0], partial(of_shape, encoder, t * step[0], *sides)) for t in counts]
    return found


def batches(encoder: Encoder) -> list[Point]:
    """The sample of ours, more and more of it at once."""
    one = own(encoder)
    return [("batch", n, partial(one.repeated, n)) for n in BATCHES]


def scaling(encoders: Sequence[Encoder], budget_s: float, progress: Progress = silent) -> Iterator[Record]:
    """How time grows with units and with batch."""
    points = [(encoder, [*lengths(encoder), *batches(encoder)]) for encoder in encoders]
    yield from sweep("scaling", points, budget_s, progress)


SUITES(Suite("scaling", "How time grows with tokens, fragments, frames and batch", scaling))

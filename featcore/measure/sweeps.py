"""An encoder becomes points along an axis, and a sweep over them records, each size after the smaller one."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from featcore.encode.base import Encoder
from featcore.encode.device import free_bytes
from featcore.errors import NotDefined
from featcore.explain.base import Progress, silent
from featcore.measure import records
from featcore.measure.latency import StageProgress
from featcore.measure.records import Record
from featcore.measure.trial import Trial, measured, of_length, of_patch, of_shape, own, sizes, work

LENGTHS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
"""Positions of a text."""
SCALES = (0.5, 1, 1.5, 2, 3, 4)
"""Side of a picture, as a multiple of the checkpoint's own."""
FRAMES = (0.25, 0.5, 1, 2, 4, 8)
"""Frames of a clip, as a multiple of the checkpoint's own."""
PATCHES = (16, 8, 4, 2)
"""Sides of a patch in pixels, those of them that divide the picture; the smaller the patch, the more there are."""
BATCHES = (1, 2, 4, 8, 16, 32, 64)
ENOUGH = 0.9
"""Share of the largest throughput that a batch must reach to be called enough."""
LEAST_CALLS = 5
"""A sweep ends before the size at which fewer calls than this, by FLOP, would fit into the budget."""


AXES = ("tokens", "fragments", "frames", "patch", "batch")
Point = tuple[str, int, Callable[[], Trial]]
"""Axis, value on it, and how the trial is made."""


def sweep(
    suite: str, points: Sequence[tuple[Encoder, list[Point]]], budget_s: float, progress: Progress
) -> Iterator[Record]:
    """Measure points in order, each encoder's axis from small to large.

    It ends before the size of which too few calls fit into the budget (`LEAST_CALLS`), and at the first that would not
    fit into memory: that one is a record without samples whose `stop_reason` is "memory".
    """
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
            more["model_id"] = encoder.card.name
            if before is not None and not _fits(before, trial):
                last[axis] = None
                yield records.refused("memory", "forward", "sdpa", run_id, **_stated(trial) | more)
                continue
            last[axis] = record = measured(trial, budget_s, run_id, tell)
            record |= more
            yield record
    progress(100 * total, 100 * total)


def _too_long(before: Record, trial: Trial, budget_s: float) -> bool:
    """Whether a few calls would take longer than the budget, at the speed of the point before."""
    expected_s = before["mean_s"] * work(trial)[0] / max(before["flops"], 1)
    return LEAST_CALLS * expected_s > budget_s


def _fits(before: Record, trial: Trial) -> bool:
    """Whether the activations of a call fit into the memory that is free, if they grow as its work does."""
    free = free_bytes(trial.encoder.device)
    expected = before["activation_peak_bytes"] * work(trial)[0] / max(before["flops"], 1)
    return free is None or expected < free


def _stated(trial: Trial) -> Record:
    return {**records.of_encoder(trial.encoder, "sdpa", weights=trial.weights), **sizes(trial)}


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


def patches(encoder: Encoder) -> list[Point]:
    """The sample of ours at its own size, cut ever finer by fresh encoders of the same width and depth.

    None where units are no patches of one size: of a text, of windows, and of the cells of feature maps.
    """
    layout, card = encoder.layout, encoder.card
    if "patch_size" not in card.config or layout.cells or layout.attention not in ("full", "spatial"):
        return []
    sides = [side for side in PATCHES if all(size % side == 0 for size in card.input_size[1:])]
    return [("patch", side, partial(of_patch, encoder, side)) for side in sides]


def batches(encoder: Encoder) -> list[Point]:
    """The sample of ours, more and more of it at once."""
    one = own(encoder)
    return [("batch", n, partial(one.repeated, n)) for n in BATCHES]


def scaling(
    encoders: Sequence[Encoder], budget_s: float, progress: Progress = silent, axis: str | None = None
) -> Iterator[Record]:
    """How time grows with units, with finer patches and with batch; `axis`: along this one of `AXES` alone.

    Raises:
        NotDefined: no such axis.
    """
    if axis not in (None, *AXES):
        raise NotDefined(f"No sweep goes along '{axis}'. Known: {', '.join(AXES)}.")
    points = []
    for encoder in encoders:
        every = [*lengths(encoder), *patches(encoder), *batches(encoder)]
        points.append((encoder, [point for point in every if axis in (None, point[0])]))
    yield from sweep("scaling", points, budget_s, progress)


def batch(encoders: Sequence[Encoder], budget_s: float, progress: Progress = silent) -> Iterator[Record]:
    """What is gained by more inputs at once; `knee` finds where it ends to be worth it."""
    yield from sweep("batch", [(encoder, batches(encoder)) for encoder in encoders], budget_s, progress)


def knee(swept: Sequence[Record]) -> int | None:
    """The smallest batch that reaches 90 % of the largest throughput of these records, None without any.

    More inputs at once than that make everybody wait longer and hardly anything faster.
    """
    known = sorted((each["batch"], each["throughput"]) for each in swept if each.get("throughput"))
    most = max((rate for _, rate in known), default=0.0)
    return next((size for size, rate in known if rate >= ENOUGH * most), None)

"""Records of a sweep become series and the numbers that charts of them state; no figures.

A record is a dictionary of the fields in `measure.records`. It may come from a stranger, so a field that is no number
counts as not known, and medians are worked out again from the raw samples.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from featcore.draw.meta import shorten
from featcore.types import SAMPLES_NEEDED, median_interval

Record = Mapping[str, Any]

AXES = {
    "units": "tokens or fragments (positions of the sequence)",
    "resolution": "side of the picture (px)",
    "frames": "frames",
    "patch": "side of a patch (px)",
    "batch": "inputs at once (batch)",
}
"""What a sweep varies, and the title of that axis."""
_FIELD = {"units": "tokens", "resolution": "height"}
_SIZES = ("batch", "tokens", "frames", "height", "width")
_VARIED = {
    "units": {"tokens", "height", "width"},
    "resolution": {"tokens", "height", "width"},
    "frames": {"tokens", "frames"},
    "patch": {"tokens"},
    "batch": {"batch"},
}
_SWEPT = {
    "units": ("tokens", "fragments"),
    "resolution": ("fragments",),
    "frames": ("frames",),
    "patch": ("patch",),
    "batch": ("batch",),
}
"""What the records of a sweep along an axis call it; a record that belongs to no sweep may stand on any axis."""
_SWEEPS = (None, "scaling", "batch")
"""Suites whose records make lines; others measure the same passes for another purpose."""
PARTS = ("model_id", "stage", "variant", "dtype", "attn_impl", "compiled", "machine", "origin")
"""What makes two records two lines."""
MOST_CHARACTERS = 80
"""Of one text of a record in a chart."""
NEAR_BEST = 0.9
"""Share of the largest throughput that the knee reaches."""


@dataclass(frozen=True)
class Series:
    """One line of a chart: records that differ in one size only, the smallest first.

    Attributes:
        name: for people: the encoder and whatever else tells it from the other lines.
        parts: the value of each of `PARTS`.
        records: one a place on the axis.
    """

    name: str
    parts: dict[str, str]
    axis: str
    records: tuple[Record, ...]

    @cached_property
    def x(self) -> Float[np.ndarray, " p"]:
        return np.array([size(record, self.axis) for record in self.records], float)

    @cached_property
    def median_s(self) -> Float[np.ndarray, " p"]:
        return np.array([median_s(record) for record in self.records], float)

    @cached_property
    def interval_s(self) -> Float[np.ndarray, "p 2"]:
        """95 % intervals of the medians; not a number where there are fewer than 6 samples."""
        found = [median_interval(record["samples_s"]) or (np.nan, np.nan) for record in self.records]
        return np.array(found, float).reshape(-1, 2)

    @cached_property
    def disturbed(self) -> Bool[np.ndarray, " p"]:
        return np.array([bool(record.get("disturbed")) for record in self.records], bool)

    def known(self, field: str) -> Float[np.ndarray, " p"]:
        """A field of every record, not a number where it is not known."""
        return np.array([_or_nan(known(record, field)) for record in self.records], float)

    @property
    def throughput(self) -> Float[np.ndarray, " p"]:
        """Inputs a second."""
        batch = self.known("batch")
        return np.where(np.isfinite(batch), batch, 1.0) / self.median_s


def known(record: Record, field: str) -> float | None:
    """A field that is a number above zero, of a size that anything measured has, else None."""
    found = record.get(field)
    if isinstance(found, int | float) and not isinstance(found, bool) and 1e-30 < found < 1e30:
        return float(found)
    return None


def size(record: Record, axis: str) -> float | None:
    """Where a record stands on an axis."""
    return known(record, _FIELD.get(axis, axis))


def median_s(record: Record) -> float:
    """Median of the raw samples, not a number with fewer than five."""
    samples = record["samples_s"]
    return float(np.median(samples)) if len(samples) >= SAMPLES_NEEDED[50] else float("nan")


def machine(record: Record) -> str:
    """What the record was measured on: the accelerator, or the processor with its threads."""
    if str(record.get("device", "")).startswith("cuda"):
        return part(record, "gpu") or part(record, "device_name") or "CUDA"
    threads = known(record, "threads_intra")
    count = "" if threads is None else f", {threads:.0f} thread{'' if threads == 1 else 's'}"
    return f"{part(record, 'cpu_model') or 'unknown processor'}{count}"


def part(record: Record, name: str) -> str:
    """One of `PARTS` of a record, as text."""
    if name == "machine":
        return machine(record)
    found = record.get(name)
    return "" if found is None else shorten(str(found), MOST_CHARACTERS)


def attention_of(record: Record) -> str:
    """The kind of attention of a pass, "" where there is none: a convolutional network keeps maps of no bytes."""
    kind = part(record, "attn_impl")
    return "" if kind in ("no", "none") or record.get("attention_bytes") == 0 else kind


def series(records: Iterable[Record], axis: str, least: int = 2) -> list[Series]:
    """The lines that a set of records holds along an axis: records of one run, equal in all but that axis.

    Of several runs of the same the youngest counts, and of several records at one place of one line too. Records
    without a median are left out, and so are lines with fewer than `least` places.
    """
    kept = [name for name in _SIZES if name not in _VARIED[axis]]
    groups: dict[tuple, dict[str, dict[float, Record]]] = {}
    for record in records:
        at = size(record, axis)
        if record.get("axis") not in (None, *_SWEPT[axis]) or record.get("suite") not in _SWEEPS:
            continue
        if at is None or np.isnan(median_s(record)):
            continue
        key = (*(part(record, name) for name in PARTS), *(known(record, name) for name in kept))
        place = groups.setdefault(key, {}).setdefault(part(record, "run_id"), {})
        if at not in place or _when(place[at]) <= _when(record):
            place[at] = record
    long = {key: place for key, runs in groups.items() if (place := _youngest(runs, least))}
    names = _names(list(long), kept)
    return [
        Series(names[key], dict(zip(PARTS, key, strict=False)), axis, tuple(place[at] for at in sorted(place)))
        for key, place in long.items()
    ]


def _youngest(runs: Mapping[str, dict[float, Record]], least: int) -> dict[float, Record]:
    """The last run that has enough places for a line, empty where none has."""
    enough = [place for place in runs.values() if len(place) >= least]
    return max(enough, key=lambda place: max(map(_when, place.values())), default={})


def _when(record: Record) -> str:
    return part(record, "time_utc")


def _names(keys: list[tuple], sizes: Sequence[str]) -> dict[tuple, str]:
    """The encoder, every other part in which the lines differ, and every size in which lines of one encoder differ."""
    labels = [*PARTS, *sizes]

    def told(key: tuple, i: int) -> bool:
        others = keys if i < len(PARTS) else [other for other in keys if other[0] == key[0]]
        return i == 0 or len({other[i] for other in others}) > 1

    def name(key: tuple) -> str:
        words = (_spell(labels[i], key[i]) for i in range(len(key)) if told(key, i))
        return " · ".join(dict.fromkeys(filter(None, words)))

    return {key: name(key) for key in keys}


def _spell(label: str, value: Any) -> str:
    if value is None or value == "":
        return ""
    if label in _SIZES:
        return f"{label} {value:g}"
    return f"{value} attention" if label == "attn_impl" else str(value)


def local_exponents(
    x: Float[np.ndarray, " p"], y: Float[np.ndarray, " p"], interval: Float[np.ndarray, "p 2"] | None = None
) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, " q"], Float[np.ndarray, "q 2"]]:
    """Slope of log y over log x between neighbours: 1 is "twice the size, twice the time", 2 is four times.

    Args:
        interval: 95 % intervals of y.

    Returns:
        The middle of each step (geometric), the exponent, and its interval: not a number where y has none. Two
        independent intervals become that of their ratio by recovering the variances.

    Source: Zou & Donner 2008, Statistics in Medicine 27(10), 1693-1702.
    """
    x, logs, steps = np.asarray(x, float), np.log(np.asarray(y, float)), np.diff(np.log(np.asarray(x, float)))
    rise = np.diff(logs)
    edges = np.full((len(logs), 2), np.nan) if interval is None else np.log(np.asarray(interval, float))
    below, above = logs - edges[:, 0], edges[:, 1] - logs
    low = rise - np.hypot(below[1:], above[:-1])
    high = rise + np.hypot(above[1:], below[:-1])
    return np.sqrt(x[1:] * x[:-1]), rise / steps, np.stack([low, high], 1) / steps[:, None]


def crossover(positions: Float[np.ndarray, " p"], flops: Float[np.ndarray, " p"]) -> float | None:
    """The number of positions N at which the products of attention cost as much as the linear maps.

    FLOP of a transformer with full attention are c + aN + bN^2, so sizes give a and b, and N = a / b. With inner
    maps four times as wide as the model (m = 4d) that is 6d; in general 2d + m. None where the work follows another law
    (windows, convolutions) or fewer than four sizes are known, which any law would fit.
    """
    good = np.isfinite(positions) & np.isfinite(flops)
    n, work = np.asarray(positions, float)[good], np.asarray(flops, float)[good]
    if len(np.unique(n)) < 4:
        return None
    scale = n.max()
    columns = np.stack([np.ones_like(n), n / scale, (n / scale) ** 2], 1) / work[:, None]
    fitted = np.linalg.lstsq(columns, np.ones_like(n), rcond=None)[0]
    missed, (a, b) = np.abs(columns @ fitted - 1).max(), fitted[1:]
    return float(scale * a / b) if missed < 1e-3 and b > 1e-6 * abs(a) and a > 0 else None


def knee(throughput: Float[np.ndarray, " p"], share: float = NEAR_BEST) -> int:
    """The first place that reaches this share of the largest throughput: a larger batch only makes people wait."""
    return int(np.flatnonzero(np.asarray(throughput) >= share * np.nanmax(throughput))[0])


def pareto(cost: Float[np.ndarray, " p"], gain: Float[np.ndarray, " p"]) -> list[int]:
    """Points that no other beats in one of both without losing in the other, the cheapest first."""
    best, kept = -np.inf, []
    for i in sorted(range(len(cost)), key=lambda i: (cost[i], -gain[i])):
        if gain[i] > best:
            best = gain[i]
            kept.append(i)
    return kept


def distinct(each: Sequence[Series], of: Callable[[Series], Any]) -> dict[Any, int]:
    """The different values among lines, each with its place in order of appearance."""
    return {value: i for i, value in enumerate(dict.fromkeys(map(of, each)))}


def rows_of(each: Sequence[Series]) -> Iterator[dict[str, Any]]:
    """One row a record, for tables: what ran, where, how large, how long, how sure, and whether it was disturbed."""
    for one in each:
        for middle, (low, high), record in zip(one.median_s, one.interval_s, one.records, strict=True):
            yield {
                "line": one.name,
                "encoder": part(record, "model_id"),
                **{name: known(record, name) for name in _SIZES},
                "median_s": float(middle),
                "median_low_s": _or_none(low),
                "median_high_s": _or_none(high),
                "n": len(record["samples_s"]),
                "stopped": part(record, "stop_reason"),
                "flop": known(record, "flops"),
                "dtype": part(record, "dtype"),
                "attention": part(record, "attn_impl"),
                "machine": machine(record),
                "disturbed": part(record, "disturbance") or ("yes" if record.get("disturbed") else ""),
                "time_utc": part(record, "time_utc"),
            }


def columns(rows: Iterable[Mapping[str, Any]]) -> dict[str, list]:
    """Rows of equal keys as columns."""
    listed = list(rows)
    return {key: [row[key] for row in listed] for key in (listed[0] if listed else {})}


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

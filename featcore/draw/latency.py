"""Latencies become a waterfall: stages of several encoders on one axis, each where the one before it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from featcore.draw.curves import legend_below
from featcore.draw.meta import canvas, escape, finish, number, ruled, shorten, titled, whisker
from featcore.draw.scale import CATEGORIES
from featcore.types import Latency, median_interval

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

TOTAL = "total"
"""The stages in a row as one call: a mark to hold their sum against, and no step of its own."""
BESIDE = "attention"
"""Instead of "encode": it begins where that does, and the next stage does not wait for it."""
_CLOCK = " (device clock)"


def named(latencies: Mapping[str, Sequence[Latency]] | Sequence[Sequence[Latency]]) -> dict[str, list[Latency]]:
    """Encoder names with their stages; lists without names take the encoder of their provenance."""
    if isinstance(latencies, Mapping):
        return {name: list(each) for name, each in latencies.items()}
    found: dict[str, list[Latency]] = {}
    for each in latencies:
        if not each:
            continue
        name = each[0].provenance.encoder
        found[name if name not in found else f"{name} ({len(found) + 1})"] = list(each)
    return found


def spell_stage(stage: str) -> str:
    """'attribution:integrated_gradients' becomes 'integrated gradients'."""
    return "end to end" if stage == TOTAL else stage.split(":", 1)[-1].replace("_", " ")


def conditions(latency: Latency) -> str:
    """Where and how it was measured, escaped, in lines."""
    p = latency.provenance
    lines = [
        f"n = {len(latency.samples_s)} after {latency.warmup} warm-up calls, stopped by {escape(latency.stopped)}",
        f"{escape(p.device)} · {escape(p.dtype)} · {p.threads} thread{'' if p.threads == 1 else 's'}"
        + (f" · {escape(p.attention)} attention" if p.attention not in ("", "none") else ""),
        f"{latency.units} units in the input",
    ]
    if latency.disturbed:
        lines.append(f"<b>disturbed:</b> {escape(latency.disturbed)}")
    return "<br>".join(lines)


def faded(colour: str, share: float = 0.55) -> str:
    """A '#rrggbb' colour with opacity, so that hatching and dots in the full colour stand out on it."""
    r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({r},{g},{b},{share})"


def ms(seconds: float) -> str:
    return f"{number(1000 * seconds)} ms"


@dataclass(frozen=True)
class Step:
    """One bar: a stage of one encoder, in the unit that is drawn.

    Attributes:
        begins: where the stages before it end, by their medians; None where one of those is not known.
        middle, low, high: the median and its 95 % interval; not a number with too few samples.
        first: the first (cold) call.
        adds: whether it is part of the sum.
    """

    encoder: str
    latency: Latency
    begins: float | None
    middle: float
    low: float
    high: float
    first: float
    adds: bool

    @property
    def ends(self) -> float:
        return nan if self.begins is None else self.begins + self.middle


def steps(encoder: str, latencies: Sequence[Latency], per_unit: bool = False) -> list[Step]:
    """Stages one behind the other, in ms or in microseconds a unit; what runs end to end stands last."""
    found: list[Step] = []
    at: float | None = 0.0
    begun: dict[str, float | None] = {}
    for latency in sorted(latencies, key=lambda each: each.stage.removesuffix(_CLOCK) == TOTAL):
        scale = 1e6 / max(latency.units, 1) if per_unit else 1e3
        p50, interval = latency.p50_s, median_interval(np.asarray(latency.samples_s, float))
        middle = nan if p50 is None else scale * p50
        low, high = (nan, nan) if interval is None else (scale * interval[0], scale * interval[1])
        adds = latency.stage not in (TOTAL, BESIDE) and not latency.stage.endswith(_CLOCK)
        whole = latency.stage.removesuffix(_CLOCK)
        begins = 0.0 if whole == TOTAL else begun.setdefault("encode" if whole == BESIDE else whole, at)
        found.append(Step(encoder, latency, begins, middle, low, high, scale * latency.first_s, adds))
        if adds:
            at = None if at is None or np.isnan(middle) else at + middle
    return found


def added(found: Sequence[Step]) -> float:
    """The sum of the medians of one encoder's stages; not a number where one is not known."""
    return float(sum(step.middle for step in found if step.adds))


def stages(
    latencies: Mapping[str, Sequence[Latency]] | Sequence[Sequence[Latency]], per_unit: bool = False
) -> "Picture":
    """A waterfall: each stage begins where the one before it ended, by their medians; encoders share the axis.

    The whisker is the 95 % interval of the median, from 6 samples on. A hollow bar is no part of the sum: attention in
    full, which begins where "encode" does and replaces it, a device's own clock, and the measured call from end to end.
    Hatching marks stages measured while the machine was busy.

    Args:
        per_unit: microseconds a token or fragment instead of milliseconds a call.
    """
    import plotly.graph_objects as go

    encoders = {name: steps(name, each, per_unit) for name, each in named(latencies).items()}
    listed = [step for found in encoders.values() for step in found]
    unit = "µs a unit" if per_unit else "ms"
    figure = canvas(max(len(listed), 1) * 23 + 10 * len(encoders) + 100, 8, 16, 8, 96)
    place, places = 0.0, []
    for i, (name, found) in enumerate(encoders.items()):
        colour, rows = CATEGORIES[i % len(CATEGORIES)], [place + row for row in range(len(found))]
        middle = [None if np.isnan(step.ends) else step.middle for step in found]
        bar = go.Bar(orientation="h", name=escape(name), legendgroup=name, x=middle, y=rows, width=0.74)
        bar.update(
            base=[0.0 if step.begins is None else step.begins for step in found],
            marker={
                "color": [faded(colour) if step.adds else "rgba(0,0,0,0)" for step in found],
                "line": {"color": colour, "width": [1 if step.adds else 1.5 for step in found]},
                "pattern": {
                    "shape": ["/" if step.latency.disturbed else "" for step in found],
                    "fgcolor": colour,
                    "fillmode": "overlay",
                    "size": 7,
                    "solidity": 0.35,
                },
            },
            error_x=whisker([step.middle for step in found], [(step.low, step.high) for step in found], colour),
            customdata=[[name, step.latency.stage] for step in found],
            hovertext=[_said(step, unit, found) for step in found],
            hovertemplate="%{hovertext}<extra></extra>",
        )
        words = go.Scatter(mode="text", legendgroup=name, showlegend=False, hoverinfo="skip", y=rows, cliponaxis=False)
        words.update(
            x=[_end(step) for step in found],
            text=[f" {_beside(step, unit, found)}" for step in found],
            textposition="middle right",
        )
        figure.add_traces([bar, words])
        places += rows
        place += len(found) + 0.45  # encoders stand a little apart
    ends = [_end(step) for step in listed]
    figure.update_layout(
        barmode="overlay",
        xaxis=ruled(
            title=titled(f"{'µs a token or fragment' if per_unit else 'ms'}, from the start<br>whisker 95 %", 12),
            range=[0, 1.3 * max(ends, default=1.0)],  # numbers stand behind the bars
            nticks=7,
        ),
        yaxis=ruled(
            tickmode="array",
            tickvals=places,
            ticktext=[_tick(step) for step in listed],
            range=[place - 0.8, -0.7],
            showgrid=False,
            ticklabelstandoff=6,
        ),
        showlegend=len(encoders) > 1,
        legend=legend_below(),
    )
    told = "; ".join(f"{name} {_summary(found, unit)}" for name, found in encoders.items() if found)
    return finish(figure, f"Stages one behind the other, by their medians: {told or 'none'}.", _table(listed, per_unit))


def _tick(step: Step) -> str:
    words = escape(shorten(spell_stage(step.latency.stage), 24))
    return f"<b>{words}</b>" if step.latency.stage == TOTAL else words


def _end(step: Step) -> float:
    """Where the number of a step stands: behind its bar and its whisker."""
    return float(np.nan_to_num((step.begins or 0.0) + max(np.nan_to_num(step.middle), np.nan_to_num(step.high))))


def _beside(step: Step, unit: str, found: Sequence[Step]) -> str:
    """What stands behind a bar."""
    if np.isnan(step.middle):
        return "fewer than 5 samples"
    words = f"{_plain(step.middle)} {unit.split()[0]}"
    whole = added(found)
    return f"{words}, sum {_plain(whole)}" if step.latency.stage == TOTAL and np.isfinite(whole) else words


def _said(step: Step, unit: str, found: Sequence[Step]) -> str:
    """Hover text of one step."""
    middle = "fewer than 5 samples, no median" if np.isnan(step.middle) else f"median {_plain(step.middle)} {unit}"
    sure = "" if np.isnan(step.low) else f", 95 % interval {_plain(step.low)} to {_plain(step.high)}"
    lines = [f"<b>{escape(step.encoder)}</b> · {escape(spell_stage(step.latency.stage))}", middle + sure]
    if step.latency.stage == TOTAL:
        lines.append(f"the stages as one call; their medians add up to {_plain(added(found))} {unit}")
    elif step.latency.stage == BESIDE:
        lines.append("instead of encode: every map is kept. Not in the sum")
    lines += [f"first (cold) call {_plain(step.first)} {unit}", conditions(step.latency)]
    return "<br>".join(lines)


def _summary(found: Sequence[Step], unit: str) -> str:
    said = ", ".join(
        f"{spell_stage(step.latency.stage)} "
        + ("not enough samples" if np.isnan(step.middle) else f"{_plain(step.middle)} {unit}")
        for step in found
    )
    whole = added(found)
    return said + ("" if np.isnan(whole) else f", the sum {_plain(whole)} {unit}")


def _table(listed: Sequence[Step], per_unit: bool) -> dict[str, list[Any]]:
    """One row a stage and encoder; times carry their unit in the name of their column."""
    end = "us_per_unit" if per_unit else "ms"
    rows = [
        {
            "encoder": step.encoder,
            "stage": step.latency.stage,
            f"begins_{end}": step.begins,
            f"median_{end}": _or_none(step.middle),
            f"median_low_{end}": _or_none(step.low),
            f"median_high_{end}": _or_none(step.high),
            f"first_{end}": step.first,
            "in_sum": step.adds,
            "n": len(step.latency.samples_s),
            "warmup": step.latency.warmup,
            "stopped": step.latency.stopped,
            "units": step.latency.units,
            "device": step.latency.provenance.device,
            "dtype": step.latency.provenance.dtype,
            "attention": step.latency.provenance.attention,
            "threads": step.latency.provenance.threads,
            "disturbed": step.latency.disturbed,
        }
        for step in listed
    ]
    return {key: [row[key] for row in rows] for key in (rows[0] if rows else {})}


def _plain(value: float) -> str:
    """Three digits that matter; thousands in full, as microseconds a unit often are."""
    return number(value) if value < 1000 else f"{value:,.0f}"


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value

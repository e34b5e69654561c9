"""Records of a sweep over the batch become figures of what a second yields and how long one waits for it."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from featcore.draw.curves import legend_below
from featcore.draw.meta import canvas, escape, finish, number
from featcore.draw.ruler import SYMBOLS, curve, disturbed_words, duration, hollow, log_axis, looks, told
from featcore.draw.scale import CATEGORIES, QUIET
from featcore.draw.sweep import (
    NEAR_BEST,
    Record,
    Series,
    attention_of,
    columns,
    knee,
    known,
    machine,
    median_s,
    pareto,
    part,
    rows_of,
    series,
)

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

_INPUT = ("tokens", "frames", "height", "width")
_PASSES = (None, "scaling", "batch", "variants")
"""Suites whose passes, under the stage "forward", are points; others time the same for a purpose of their own."""
LEGEND_PX = 14
"""Height for each entry of the legend that goes beyond its first lines, two of them side by side."""
REFUSED = "memory"
"""`stop_reason` of a size that did not fit into memory: a record without samples."""


def throughput(records: Iterable[Record], height: int = 430) -> "Picture":
    """Inputs a second against the batch, with the knee and the batch that no longer fitted into memory.

    The knee is the smallest batch that reaches 90 % of the largest throughput of its line: beyond it people only wait
    longer. A cross on the upper edge is a batch that was refused for memory; a dotted line the batch whose activations
    would fill it, where that lies near.
    """
    import plotly.graph_objects as go

    records = list(records)
    each = series(records, "batch")
    figure = canvas(height, 8, 12, 8, 96)
    if not each:
        return finish(figure, "No sweep over the batch has been measured: it takes two sizes of one encoder.", {})
    said: list[str] = []
    edges: list[float] = []
    rates = np.concatenate([one.throughput for one in each])
    for one, look in zip(each, looks(each), strict=True):
        rate, at = one.throughput, knee(one.throughput)
        beside = [
            f"<b>{escape(one.name)}</b><br>batch {batch:,.0f}: {number(each_rate)} inputs/s<br>{told(record)}"
            for batch, each_rate, record in zip(one.x, rate, one.records, strict=True)
        ]
        rates_95 = one.x[:, None] / one.interval_s[:, ::-1]  # the longest time is the lowest rate
        figure.add_trace(curve(one, look, one.x, rate, rates_95, one.disturbed, beside))
        ring = go.Scatter(x=[one.x[at]], y=[rate[at]], mode="markers", legendgroup=one.name, showlegend=False)
        ring.update(
            marker={"symbol": "circle-open", "size": 17, "color": look["color"], "line": {"width": 2.5}},
            hovertext=f"<b>{escape(one.name)}</b><br>knee: the smallest batch with {NEAR_BEST:.0%} of the best rate",
            hovertemplate="%{hovertext}<extra></extra>",
        )
        figure.add_trace(ring)
        line = f"{one.name} has its knee at batch {one.x[at]:,.0f} with {number(rate[at])} inputs/s"
        if (limit := refused(records, one)) is not None:
            _mark_refused(figure, one, look["color"], limit, float(np.nanmax(rates)))
            edges.append(limit)
            line += f", and batch {limit:,.0f} did not fit into memory"
        elif (fits := fitting(one)) is not None:
            line += f", and memory would hold about batch {fits:,.0f}"
            if fits < 4 * one.x.max():
                figure.add_vline(x=fits, line={"color": look["color"], "width": 1.5, "dash": "dot"})
                edges.append(fits)
        said.append(line)
    figure.update_layout(
        xaxis=log_axis([*edges, *(at for one in each for at in one.x)], "inputs at once (batch)", exact=True),
        yaxis=log_axis([*rates, *(1 / edge for one in each for edge in _waits(one))], "inputs a second"),
        showlegend=True,
        legend=legend_below(),
    )
    table = columns(rows_of(each))
    table["inputs_per_s"] = rates.tolist()
    table["knee"] = [bool(i == knee(one.throughput)) for one in each for i in range(len(one.x))]
    disturbed = disturbed_words(sum(int(one.disturbed.sum()) for one in each), len(rates))
    return finish(figure, "Throughput by batch: " + "; ".join(said) + "." + disturbed, table)


def _waits(one: Series) -> Float[np.ndarray, " p2"]:
    """Both ends of the intervals of a line, in seconds of one input; not a number where there is none."""
    return (one.interval_s / one.x[:, None]).ravel()


def refused(records: Iterable[Record], one: Series) -> float | None:
    """The smallest batch that the machine refused for memory on this line, None where every batch fitted."""
    sizes = [
        known(record, "batch")
        for record in records
        if record.get("stop_reason") == REFUSED
        and all(part(record, name) == one.parts[name] for name in ("model_id", "dtype", "attn_impl", "machine"))
    ]
    return min((batch for batch in sizes if batch is not None), default=None)


def fitting(one: Series) -> float | None:
    """The batch whose activations would fill the memory that weights leave, by how they grew so far."""
    peak, whole = one.known("activation_peak_bytes"), one.known("memory_bytes")
    if len(one.x) < 2 or not np.isfinite([peak[0], peak[-1], whole[-1]]).all() or peak[-1] <= peak[0]:
        return None
    each = (peak[-1] - peak[0]) / (one.x[-1] - one.x[0])
    free = whole[-1] - np.nan_to_num(one.known("weight_bytes"))[-1]
    return float(np.floor(free / each)) if free > each else None


def _mark_refused(figure: "Picture", one: Series, colour: str, batch: float, top: float) -> None:
    import plotly.graph_objects as go

    cross = go.Scatter(x=[batch], y=[top], mode="markers", legendgroup=one.name, showlegend=False)
    cross.update(
        marker={"symbol": "x", "size": 11, "color": colour},
        hovertext=f"<b>{escape(one.name)}</b><br>batch {batch:,.0f} did not fit into memory",
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.add_trace(cross)


def tradeoff(records: Iterable[Record], height: int = 430) -> "Picture":
    """Latency of one call against throughput: a point a batch, number format, kind of attention and compiler.

    The grey line of an encoder joins its Pareto set: points that no other of the same encoder, input and machine beats
    in one of both without losing in the other.
    """
    import plotly.graph_objects as go

    found = _chosen(record for record in records if _is_pass(record))
    variants = {kind: i for i, kind in enumerate(dict.fromkeys(map(_variant, found)))}
    listed = len(_encoders(found)) + len(variants)
    figure = canvas(height + LEGEND_PX * max(listed - 4, 0), 8, 12, 8, 96)
    if not found:
        return finish(figure, "Nothing has been measured of which latency and throughput are both known.", {})
    kinds = _by(found, lambda r: (part(r, "model_id"), machine(r), *(known(r, size) for size in _INPUT)))
    colours = {encoder: CATEGORIES[i % len(CATEGORIES)] for i, encoder in enumerate(_encoders(found))}
    several = len({machine(record) for record in found}) > 1
    rows, said = [], []
    for (encoder, place, *_), members in kinds.items():
        wait = np.array([median_s(record) for record in members])
        gain = np.array([float(known(record, "batch") or 1) for record in members]) / wait
        best = pareto(wait, gain)
        front = go.Scatter(x=(1e3 * wait[best]).tolist(), y=gain[best].tolist(), mode="lines", showlegend=False)
        front.update(hoverinfo="skip", line={"color": QUIET, "width": 1.5, "shape": "hv"})
        figure.add_trace(front)
        for variant, chosen in _by(range(len(members)), lambda i, m=members: _variant(m[i])).items():
            name = " · ".join(filter(None, (encoder, variant, place * several)))
            bad = [bool(members[i].get("disturbed")) for i in chosen]
            shape = SYMBOLS[variants[variant] % len(SYMBOLS)]
            dots = go.Scatter(x=(1e3 * wait[chosen]).tolist(), y=gain[chosen].tolist(), mode="markers")
            dots.update(
                showlegend=False,
                marker={
                    "color": colours[encoder],
                    "size": [12 if i in best else 8 for i in chosen],
                    "symbol": [hollow(shape) if each else shape for each in bad],
                    "line": {"width": [1.5 if each else 0 for each in bad], "color": colours[encoder]},
                    "opacity": [1.0 if i in best else 0.55 for i in chosen],
                },
                hovertext=[
                    f"<b>{escape(name)}</b><br>batch {known(members[i], 'batch'):,.0f}: {number(gain[i])} inputs/s, "
                    f"a call takes {duration(wait[i])}"
                    + ("<br>on the Pareto line" if i in best else "")
                    + f"<br>{told(members[i])}"
                    for i in chosen
                ],
                hovertemplate="%{hovertext}<extra></extra>",
            )
            figure.add_trace(dots)
        rows += [
            {
                "encoder": encoder,
                "variant": _variant(members[i]),
                "batch": known(members[i], "batch"),
                "median_s": float(wait[i]),
                "inputs_per_s": float(gain[i]),
                "pareto": i in best,
                "machine": place,
                "disturbed": bool(members[i].get("disturbed")),
            }
            for i in range(len(members))
        ]
        fastest, widest = best[0], best[-1]
        said.append(
            f"{encoder} from {duration(wait[fastest])} a call to {number(gain[widest])} inputs/s "
            f"at {duration(wait[widest])}"
        )
    keys = [(encoder, colour, "circle") for encoder, colour in colours.items()]
    if len(variants) > 1:
        keys += [(_brief(variant), QUIET, SYMBOLS[i % len(SYMBOLS)]) for variant, i in variants.items()]
    for name, colour, symbol in keys:  # colours for encoders and symbols for variants, not every pair of both
        entry = go.Scatter(x=[None], y=[None], mode="markers", name=escape(name), hoverinfo="skip")
        figure.add_trace(entry.update(marker={"color": colour, "symbol": symbol, "size": 9}))
    figure.update_layout(
        xaxis=log_axis([1e3 * row["median_s"] for row in rows], "ms a call"),
        yaxis=log_axis([row["inputs_per_s"] for row in rows], "inputs a second"),
        showlegend=True,
        legend=legend_below(),
    )
    bad_count = sum(row["disturbed"] for row in rows)
    text = "The Pareto line goes, of " + "; of ".join(said) + "." + disturbed_words(bad_count, len(rows))
    return finish(figure, text, columns(rows))


def _is_pass(record: Record) -> bool:
    """Whether it is the time of plain passes of one input, alone or in a batch, at its own size.

    Pairs of goals are of something else also where they are called "total", so they are left out.
    """
    plain = part(record, "stage") == "forward" and record.get("suite") in _PASSES
    return plain and record.get("axis") in (None, "batch") and _timed(record)


def _timed(record: Record) -> bool:
    return bool(np.isfinite(median_s(record))) and known(record, "batch") is not None


def _chosen(records: Iterable[Record]) -> list[Record]:
    """One record of each pass: several suites measure the same, and the youngest that was not disturbed counts."""
    same: dict[tuple, Record] = {}
    for record in sorted(records, key=lambda r: (not r.get("disturbed"), part(r, "time_utc"))):
        names = ("model_id", "machine", "origin", "weights")
        key = (*(part(record, name) for name in names), *(known(record, size) for size in (*_INPUT, "batch")))
        same[*key, _variant(record)] = record
    return list(same.values())


def _variant(record: Record) -> str:
    """Number format, kind of attention where there is any, and the compiler where one joined the operators."""
    attention, compiler = attention_of(record), part(record, "compiled")
    words = (
        part(record, "dtype"),
        f"{attention} attention" if attention else "",
        "" if compiler in ("", "none") else f"compiled by {compiler}",
    )
    return ", ".join(filter(None, words))


def _brief(variant: str) -> str:
    """As a legend has room for it on a phone."""
    return variant.replace(" attention", "").replace("compiled by", "by")


def _encoders(records: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(part(record, "model_id") for record in records))


def _by(items: Iterable[Any], key: Any) -> dict[Any, list]:
    """Items in groups, in order of appearance."""
    found: dict[Any, list] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found

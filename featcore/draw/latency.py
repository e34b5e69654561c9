"""Latencies become figures: stages of several encoders on one axis, one run in order, percentiles."""

from collections.abc import Iterator, Mapping, Sequence
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from featcore.draw.curves import legend_below
from featcore.draw.meta import canvas, escape, finish, number, ruled, shorten, titled, whisker
from featcore.draw.scale import CATEGORIES
from featcore.types import Latency, median_interval

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

MOST_DOTS = 300  # samples drawn of one stage; the median uses all of them


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
    return stage.split(":", 1)[-1].replace("_", " ")


def conditions(latency: Latency) -> str:
    """Where and how it was measured, escaped, in lines."""
    p = latency.provenance
    lines = [
        f"n = {len(latency.samples_s)} after {latency.warmup} warm-up calls, stopped by {escape(latency.stopped)}",
        f"{escape(p.device)} · {escape(p.dtype)} · {p.threads} thread{'' if p.threads == 1 else 's'}"
        + (f" · {escape(p.attention)} attention" if p.attention else ""),
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


def rows_of(latencies: Mapping[str, Sequence[Latency]]) -> Iterator[dict[str, Any]]:
    """One record a stage and encoder, for tables."""
    for name, each in latencies.items():
        for latency in each:
            samples = np.asarray(latency.samples_s, float)
            interval = median_interval(samples)
            p50 = latency.p50_s
            yield {
                "encoder": name,
                "stage": latency.stage,
                "median_ms": None if p50 is None else 1000 * p50,
                "median_low_ms": None if interval is None else 1000 * interval[0],
                "median_high_ms": None if interval is None else 1000 * interval[1],
                "first_ms": 1000 * latency.first_s,
                "n": len(samples),
                "warmup": latency.warmup,
                "stopped": latency.stopped,
                "units": latency.units,
                "device": latency.provenance.device,
                "dtype": latency.provenance.dtype,
                "attention": latency.provenance.attention,
                "threads": latency.provenance.threads,
                "disturbed": latency.disturbed,
            }


def stages(
    latencies: Mapping[str, Sequence[Latency]] | Sequence[Sequence[Latency]], log: bool = False, cold: bool = True
) -> "Picture":
    """Median latency by stage, encoders side by side on one axis, with every sample as a dot.

    The whisker is the 95 % interval of the median, from 6 samples on; the diamond is the first (cold) call; hatching
    marks stages measured while the machine was busy.

    Args:
        log: logarithmic axis, for stages of very different size.
        cold: draw the cold calls, which may be far out.
    """
    import plotly.graph_objects as go

    encoders = named(latencies)
    order = list(dict.fromkeys(latency.stage for each in encoders.values() for latency in each))
    share = 0.8 / max(len(encoders), 1)
    figure = canvas(max(len(order), 1) * (18 + 24 * max(len(encoders), 1)) + 120, 8, 16, 8, 100)
    for i, (name, each) in enumerate(encoders.items()):
        colour, group = CATEGORIES[i % len(CATEGORIES)], f"encoder {i}"
        place = [order.index(latency.stage) - 0.4 + share * (i + 0.5) for latency in each]
        whiskers = [median_interval(np.asarray(latency.samples_s, float)) for latency in each]
        middle = [latency.p50_s for latency in each]
        edges = [(nan, nan) if w is None else (1000 * w[0], 1000 * w[1]) for w in whiskers]
        said = [
            f"<b>{escape(name)}</b> · {escape(spell_stage(latency.stage))}<br>"
            + ("fewer than 5 samples, no median" if m is None else f"median {ms(m)}")
            + (f", 95 % interval {ms(w[0])} to {ms(w[1])}" if m is not None and w else "")
            + f"<br>first call {ms(latency.first_s)}<br>{conditions(latency)}"
            for latency, m, w in zip(each, middle, whiskers, strict=True)
        ]
        figure.add_trace(
            go.Bar(
                orientation="h",
                name=escape(name),
                legendgroup=group,
                x=[None if m is None else 1000 * m for m in middle],
                y=place,
                width=share * 0.86,
                marker={
                    "color": faded(colour),
                    "line": {"color": colour, "width": 1},
                    "pattern": {
                        "shape": ["/" if latency.disturbed else "" for latency in each],
                        "fgcolor": colour,
                        "fillmode": "overlay",
                        "size": 7,
                        "solidity": 0.35,
                    },
                },
                error_x=whisker([nan if m is None else 1000 * m for m in middle], edges, colour),
                customdata=[[name, latency.stage] for latency in each],
                hovertext=said,
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
        xs, ys, notes = dots(each, place, share)
        raw = go.Scatter(x=xs, y=ys, mode="markers", legendgroup=group, showlegend=False, hovertext=notes)
        raw.update(marker={"color": colour, "size": 4, "opacity": 0.55}, hovertemplate="%{hovertext}<extra></extra>")
        figure.add_trace(raw)
        if cold:
            first = go.Scatter(x=[1000 * latency.first_s for latency in each], y=place, mode="markers")
            first.update(
                legendgroup=group,
                showlegend=False,
                marker={"symbol": "diamond-open", "size": 9, "color": colour, "line": {"width": 1.5}},
                hovertext=[
                    f"<b>{escape(name)}</b> · {escape(spell_stage(e.stage))}<br>first call {ms(e.first_s)}"
                    for e in each
                ],
                hovertemplate="%{hovertext}<extra></extra>",
            )
            figure.add_trace(first)
    title = "ms a call<br>" + "bar median · whisker 95 % · dot call" + (" · ◇ first" if cold else "")
    figure.update_layout(
        barmode="overlay",
        xaxis=ruled(title=titled(title, 12), type="log" if log else "linear", rangemode="tozero")
        | ({"dtick": 1, "minor": {"ticks": ""}} if log else {"nticks": 7}),
        yaxis=ruled(
            tickmode="array",
            tickvals=list(range(len(order))),
            ticktext=[escape(shorten(spell_stage(stage), 22)).replace(" ", "<br>") for stage in order],
            range=[len(order) - 0.5, -0.5],
            showgrid=False,
            ticklabelstandoff=6,
        ),
        showlegend=len(encoders) > 1,
        legend=legend_below(),
    )
    records = list(rows_of(encoders))
    text = "Median latency: " + "; ".join(
        f"{r['encoder']} {spell_stage(r['stage'])} "
        + ("not enough samples" if r["median_ms"] is None else f"{number(r['median_ms'])} ms")
        for r in records
    )
    return finish(figure, text + ".", {key: [r[key] for r in records] for key in (records[0] if records else {})})


def dots(each: Sequence[Latency], place: Sequence[float], share: float) -> tuple[list, list, list]:
    """Samples in ms, spread over the height of their bar in run order, with hover texts."""
    xs: list[float] = []
    ys: list[float] = []
    notes: list[str] = []
    for latency, y in zip(each, place, strict=True):
        n = len(latency.samples_s)
        for i in np.unique(np.linspace(0, n - 1, min(n, MOST_DOTS)).astype(int)) if n else []:
            xs.append(round(1000 * float(latency.samples_s[i]), 5))
            ys.append(round(y + share * 0.6 * ((i + 0.5) / n - 0.5), 4))
            notes.append(f"call {i + 1} of {n}: {ms(float(latency.samples_s[i]))}")
    return xs, ys, notes

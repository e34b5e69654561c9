"""One measurement in detail: its calls in order, and the percentiles that its number of samples allows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from featcore.draw.curves import legend_below
from featcore.draw.latency import conditions, faded, ms, spell_stage
from featcore.draw.meta import canvas, escape, finish, number, ruled, titled, whisker
from featcore.draw.scale import CATEGORIES, QUIET
from featcore.types import SAMPLES_NEEDED, Latency, median_interval

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

MOST_DOTS = 120
"""Samples drawn below the percentiles; the percentiles use all of them."""
FAR = 3
"""A first call beyond so many times the slowest other is cut off at the edge, or the others would be a line."""
ROWS = ("calls", *(f"p{percent}" for percent in SAMPLES_NEEDED), "first")


def trace(latency: Latency, height: int = 240) -> "Picture":
    """The calls in the order they ran, with the first one: drift and single outliers show here."""
    import plotly.graph_objects as go

    samples = 1000 * np.asarray(latency.samples_s, float)
    figure = canvas(height, 8, 12, 8, 44)
    calls = np.arange(1, len(samples) + 1)
    line = go.Scatter(x=calls.tolist(), y=samples.round(5).tolist(), mode="lines+markers", name="timed call")
    line.update(
        line={"color": "rgba(47,134,209,0.35)", "width": 1},
        marker={"color": CATEGORIES[0], "size": 5},
        hovertemplate="call %{x}: %{y:.3g} ms<extra></extra>",
    )
    first = go.Scatter(x=[-latency.warmup], y=[1000 * latency.first_s], mode="markers", name="first call")
    first.update(
        marker={"symbol": "diamond-open", "size": 10, "color": CATEGORIES[1], "line": {"width": 2}},
        hovertemplate="first (cold) call: %{y:.3g} ms<extra></extra>",
    )
    figure.add_traces([line, first])
    if latency.p50_s is not None:
        figure.add_hline(y=1000 * latency.p50_s, line={"color": QUIET, "width": 1.5, "dash": "dot"})
        figure.add_annotation(
            x=1,
            xref="paper",
            xanchor="right",
            y=1000 * latency.p50_s,
            yanchor="bottom",
            yshift=8,
            showarrow=False,
            text=f"median {ms(latency.p50_s)}",
            font={"size": 12},
        )
    figure.update_layout(
        xaxis=ruled(title=titled("call, in run order" + (" (disturbed)" if latency.disturbed else "")), showgrid=False),
        yaxis=ruled(title=titled("ms"), rangemode="tozero", nticks=6),
    )
    text = f"{latency.stage}: {len(samples)} calls in run order, first call {ms(latency.first_s)}."
    if latency.disturbed:
        text += f" Disturbed: {latency.disturbed}."
    return finish(figure, text, {"call": calls, "ms": samples})


def percentiles(latencies: Sequence[Latency], height: int | None = None) -> "Picture":
    """Single calls as dots, p50, p90, p95 and p99 where the number of samples allows them, and the first call.

    The whisker is the 95 % interval of the median, the tick among the dots the fastest call. The first (cold) call is
    a hollow bar of its own, in no percentile.
    """
    share = 0.8 / max(len(latencies), 1)
    figure = canvas(height or len(ROWS) * (10 + 22 * max(len(latencies), 1)) + 70 + 40 * (len(latencies) > 1), 8, 16, 4)
    several = len({latency.provenance.encoder for latency in latencies}) > 1
    slowest = max((float(np.max(latency.samples_s)) for latency in latencies if len(latency.samples_s)), default=1e-3)
    first = max((latency.first_s for latency in latencies), default=0.0)
    edge = 1000 * max(slowest, first if first <= FAR * slowest else 0.0)
    rows: list[dict[str, Any]] = []
    for i, latency in enumerate(latencies):
        name = f"{latency.provenance.encoder} · " * several + spell_stage(latency.stage)
        places = [row - 0.4 + share * (i + 0.5) for row in range(len(ROWS))]
        figure.add_traces(_of_one(latency, name, CATEGORIES[i % len(CATEGORIES)], places, share, edge))
        rows += _rows(latency)
    figure.update_layout(
        barmode="overlay",
        margin_b=44 + 40 * (len(latencies) > 1),
        xaxis=ruled(title=titled("ms a call"), range=[0, 1.3 * edge], nticks=7),  # numbers stand behind the bars
        yaxis=ruled(
            tickmode="array",
            tickvals=list(range(len(ROWS))),
            ticktext=[*ROWS[:-1], "first call"],
            range=[len(ROWS) - 0.5, -0.5],
            showgrid=False,
            ticklabelstandoff=6,
        ),
        showlegend=len(latencies) > 1,
        legend=legend_below(),
    )
    said = ", ".join(f"{row['what']} {number(row['ms'])} ms" for row in rows if row["ms"] is not None)
    table = {key: [row[key] for row in rows] for key in (rows[0] if rows else {})}
    return finish(figure, f"Percentiles of {len(latencies)} measurements: {said or 'not enough samples'}.", table)


def _of_one(latency: Latency, name: str, colour: str, places: list[float], share: float, edge: float) -> list:
    """Dots, the tick of the fastest call, bars, the hollow bar of the first call, and the words behind each."""
    import plotly.graph_objects as go

    samples = 1000 * np.asarray(latency.samples_s, float)
    values = [latency.percentile_s(percent) for percent in SAMPLES_NEEDED]
    bars = [0.0 if value is None else 1000 * value for value in values]
    low, high = (1000 * each for each in median_interval(latency.samples_s) or (np.nan, np.nan))
    first, about = 1000 * latency.first_s, conditions(latency)
    dots = go.Scatter(mode="markers", name=escape(name), legendgroup=name, showlegend=False, **_dots(samples))
    dots.update(
        y=[round(places[0] + share * lift, 3) for lift in dots.y],
        marker={"color": colour, "size": 4, "opacity": 0.55},
        hovertemplate="call %{customdata}: %{x:.3g} ms<extra></extra>",
    )
    tick = go.Scatter(x=[samples.min()] if len(samples) else [], y=places[:1], mode="markers", legendgroup=name)
    tick.update(
        showlegend=False,
        marker={"symbol": "line-ns", "size": 20, "line": {"color": colour, "width": 2.5}},
        hovertemplate="fastest call: %{x:.3g} ms<extra></extra>",
    )
    bar = go.Bar(orientation="h", name=escape(name), legendgroup=name, x=bars, y=places[1:-1], width=share * 0.86)
    bar.update(
        marker={"color": faded(colour), "line": {"color": colour, "width": 1}},
        error_x=whisker(bars, [(low, high), *[(np.nan, np.nan)] * (len(bars) - 1)], colour),
        hovertext=[
            f"<b>{escape(name)}</b><br>p{percent} "
            + ("not known" if value is None else ms(value))
            + (_interval(low, high) if percent == 50 else "")
            + f"<br>{about}"
            for percent, value in zip(SAMPLES_NEEDED, values, strict=True)
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    cold = go.Bar(orientation="h", x=[min(first, 1.04 * edge)], y=places[-1:], width=share * 0.86, legendgroup=name)
    cold.update(
        showlegend=False,
        marker={"color": "rgba(0,0,0,0)", "line": {"color": colour, "width": 1.5}},
        hovertext=[f"<b>{escape(name)}</b><br>first (cold) call {ms(latency.first_s)}"],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    n = len(samples)
    words = [
        f"needs n ≥ {SAMPLES_NEEDED[percent]}, has {n}" if value is None else ms(value)
        for percent, value in zip(SAMPLES_NEEDED, values, strict=True)
    ]
    words.append(ms(latency.first_s) + (" →" if first > 1.04 * edge else ""))
    ends = [max(bars[0], float(np.nan_to_num(high))), *bars[1:], min(first, 1.04 * edge)]
    return [dots, tick, bar, cold, _words(words, ends, places[1:], name)]


def _words(words: list[str], ends: list[float], places: list[float], name: str) -> Any:
    """Numbers behind their bars and whiskers; a bar's own text would stand on the whisker."""
    import plotly.graph_objects as go

    text = go.Scatter(x=ends, y=places, mode="text", legendgroup=name, showlegend=False, hoverinfo="skip")
    return text.update(text=[f" {word}" for word in words], textposition="middle right", cliponaxis=False)


def _dots(samples: np.ndarray) -> dict[str, Any]:
    """At most `MOST_DOTS` samples spread evenly over the run, lifted in run order so that equal ones stay apart."""
    n = len(samples)
    at = np.unique(np.linspace(0, n - 1, min(n, MOST_DOTS)).astype(int)) if n else np.array([], int)
    lifts = 0.7 * ((at * 0.618) % 1 - 0.5)  # steps of the golden ratio: neighbours in time are far apart
    return {"x": [float(f"{samples[i]:.4g}") for i in at], "y": lifts.tolist(), "customdata": (at + 1).tolist()}


def _interval(low: float, high: float) -> str:
    return f", 95 % interval {number(low)} to {number(high)} ms" if np.isfinite([low, high]).all() else ""


def _rows(latency: Latency) -> list[dict[str, Any]]:
    """What the figure states, for tables: percentiles, then the fastest and the first call."""
    n, interval = len(latency.samples_s), median_interval(latency.samples_s)
    low, high = (None, None) if interval is None else (1000 * interval[0], 1000 * interval[1])
    shared = {"encoder": latency.provenance.encoder, "stage": latency.stage}
    found = []
    for percent, needed in SAMPLES_NEEDED.items():
        value, sure = latency.percentile_s(percent), (low, high) if percent == 50 else (None, None)
        found.append((f"p{percent}", None if value is None else 1000 * value, *sure, n, needed))
    if n:
        found.append(("fastest", 1000 * float(np.min(latency.samples_s)), None, None, n, 1))
    found.append(("first call", 1000 * latency.first_s, None, None, 1, 1))
    return [shared | dict(zip(("what", "ms", "low_ms", "high_ms", "n", "needed"), row, strict=True)) for row in found]

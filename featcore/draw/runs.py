"""One measurement in detail: its calls in order, and the percentiles that its number of samples allows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from featcore.draw.curves import legend_below
from featcore.draw.latency import conditions, ms, spell_stage
from featcore.draw.meta import canvas, escape, finish, number, ruled, titled
from featcore.draw.scale import CATEGORIES, QUIET
from featcore.types import SAMPLES_NEEDED, Latency

if TYPE_CHECKING:
    from featcore.draw.picture import Picture


def trace(latency: Latency, height: int = 240) -> "Picture":
    """The calls in the order they ran: drift, throttling and single outliers show here."""
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
    """p50, p90, p95 and p99 where the number of samples allows them, else what they need."""
    import plotly.graph_objects as go

    asked = list(SAMPLES_NEEDED)
    share = 0.8 / max(len(latencies), 1)
    figure = canvas(height or len(asked) * (14 + 24 * max(len(latencies), 1)) + 100, 8, 64, 4, 96)
    table: dict[str, list] = {"encoder": [], "stage": [], "percentile": [], "ms": [], "n": [], "needed": []}
    several = len({latency.provenance.encoder for latency in latencies}) > 1
    for i, latency in enumerate(latencies):
        name = f"{latency.provenance.encoder} · " * several + spell_stage(latency.stage)
        colour = CATEGORIES[i % len(CATEGORIES)]
        values = [latency.percentile_s(p) for p in asked]
        place = [row - 0.4 + share * (i + 0.5) for row in range(len(asked))]
        n = len(latency.samples_s)
        figure.add_trace(
            go.Bar(
                orientation="h",
                name=escape(name),
                x=[0 if v is None else 1000 * v for v in values],
                y=place,
                width=share * 0.86,
                marker={"color": colour, "opacity": 0.75},
                text=[
                    f"needs n ≥ {SAMPLES_NEEDED[p]}, has {n}" if v is None else ms(v)
                    for p, v in zip(asked, values, strict=True)
                ],
                textposition="outside",
                cliponaxis=False,
                hovertext=[
                    f"<b>{escape(name)}</b><br>p{p} "
                    + ("not known" if v is None else ms(v))
                    + f"<br>{conditions(latency)}"
                    for p, v in zip(asked, values, strict=True)
                ],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
        for p, v in zip(asked, values, strict=True):
            row = (latency.provenance.encoder, latency.stage, p, None if v is None else 1000 * v, n, SAMPLES_NEEDED[p])
            for column, cell in zip(table.values(), row, strict=True):
                column.append(cell)
    known = [v for v in table["ms"] if v is not None]
    figure.update_layout(
        barmode="overlay",
        xaxis=ruled(title=titled("ms a call"), range=[0, 1.12 * max(known, default=1.0)], nticks=7),
        yaxis=ruled(
            tickmode="array",
            tickvals=list(range(len(asked))),
            ticktext=[f"p{p}" for p in asked],
            range=[len(asked) - 0.5, -0.5],
            showgrid=False,
            ticklabelstandoff=6,
        ),
        showlegend=len(latencies) > 1,
        legend=legend_below(),
    )
    said = ", ".join(
        f"p{p} {number(v)} ms" for p, v in zip(table["percentile"], table["ms"], strict=True) if v is not None
    )
    return finish(figure, f"Percentiles of {len(latencies)} measurements: {said or 'not enough samples'}.", table)

"""Attributions become a figure of accuracy against cost: what one more pass buys, and the work a method is."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from featcore.draw.curves import legend_below
from featcore.draw.meta import canvas, escape, finish, number
from featcore.draw.ruler import disturbed_words, duration, log_axis, told
from featcore.draw.scale import CATEGORIES, QUIET
from featcore.draw.sweep import Record, columns, known, machine, median_s, part

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

ERRORS = {"error": "distance from the converged scores (share)", "completeness_gap": "completeness gap (share)"}
"""What an attribution record may state about its accuracy, smaller is better; a figure has one of them, the first."""
EXACT = 1e-7
"""Where a gap of zero is drawn on a logarithmic axis: about the rounding of float32."""


def attribution_cost(records: Iterable[Record], height: int = 430) -> "Picture":
    """Error of an attribution against its cost in forward passes, a line a method, both logarithmic.

    The cost is time over the time of one forward pass where that was measured beside it (`forward_s`), else the
    number of passes. An open triangle stands at a point's work: its FLOP over
    those of one pass. Left of it, batches saved time; right of it, something other than the model took time.
    """
    import plotly.graph_objects as go

    records = list(records)
    stated = [[row for record in records if (row := _row(record, field)) is not None] for field in ERRORS]
    found = next((rows for rows in stated if rows), [])
    figure = canvas(height, 8, 12, 8, 96)
    if not found:
        return finish(figure, "No attribution has been measured with its error and its cost.", {})
    lines: dict[tuple[str, str, str], list[dict]] = {}
    for row in found:
        lines.setdefault((row["encoder"], row["method"], row["machine"]), []).append(row)
    encoders, places = len({key[0] for key in lines}) > 1, len({key[2] for key in lines}) > 1
    said = []
    for i, ((encoder, method, place), rows) in enumerate(lines.items()):
        rows.sort(key=lambda row: row["cost"])
        name = " · ".join(filter(None, (method, encoder * encoders, place * places)))
        colour = CATEGORIES[i % len(CATEGORIES)]
        bad = [row["disturbed"] for row in rows]
        line = go.Scatter(
            x=[row["cost"] for row in rows],
            y=[max(row["error"], EXACT) for row in rows],
            mode="lines+markers",
            name=escape(name),
            legendgroup=name,
            line={"color": colour, "width": 2},
            marker={
                "size": [12 if each else 8 for each in bad],
                "symbol": ["circle-x-open" if each else "circle" for each in bad],
                "color": colour,
                "line": {"width": [1.5 if each else 0 for each in bad], "color": colour},
            },
            hovertext=[_told(row, name) for row in rows],
            hovertemplate="%{hovertext}<extra></extra>",
        )
        figure.add_trace(line)
        working = [row for row in rows if row["work"] is not None]
        if working:
            ticks = go.Scatter(
                x=[row["work"] for row in working],
                y=[max(row["error"], EXACT) for row in working],
                mode="markers",
                legendgroup=name,
                showlegend=False,
                marker={"symbol": "triangle-left-open", "size": 10, "color": colour, "line": {"width": 1.5}},
                hovertext=[f"<b>{escape(name)}</b><br>work of {number(row['work'])} passes" for row in working],
                hovertemplate="%{hovertext}<extra></extra>",
            )
            figure.add_trace(ticks)
        best = min(rows, key=lambda row: row["error"])
        said.append(f"{name} misses by {number(best['error'])} for {number(best['cost'])} passes")
    if any(row["work"] is not None for row in found):
        word = go.Scatter(x=[None], y=[None], mode="markers", name="its FLOP over those of a pass", hoverinfo="skip")
        figure.add_trace(word.update(marker={"symbol": "triangle-left-open", "size": 10, "color": QUIET}))
    costs = [row[key] for row in found for key in ("cost", "work") if row[key] is not None]
    figure.update_layout(
        xaxis=log_axis(costs, "cost, in forward passes of one input"),
        yaxis=log_axis([max(row["error"], EXACT) for row in found], found[0]["of"]),
        showlegend=True,
        legend=legend_below(),
    )
    disturbed = disturbed_words(sum(row["disturbed"] for row in found), len(found))
    table = columns([{key: cell for key, cell in row.items() if key != "record"} for row in found])
    return finish(figure, "At their best, " + "; ".join(said) + "." + disturbed, table)


def _row(record: Record, field: str) -> dict | None:
    """Cost and error of an attribution record that states this error; None for any other."""
    stage = part(record, "stage")
    if not stage.startswith("attribution:") or not isinstance(record.get(field), int | float):
        return None
    if not np.isfinite(median_s(record)):
        return None
    error, forward_s, passes = record[field], known(record, "forward_s"), known(record, "passes")
    cost = median_s(record) / forward_s if forward_s else passes
    if cost is None or not 0 <= error < float("inf"):
        return None
    return {
        "method": stage.split(":", 1)[1].replace("_", " "),
        "encoder": part(record, "model_id"),
        "machine": machine(record),
        "options": part(record, "variant"),
        "cost": float(cost),
        "passes": passes,
        "work": known(record, "forwards"),
        "error": float(error),
        "of": ERRORS[field],
        "median_s": median_s(record),
        "disturbed": bool(record.get("disturbed")),
        "record": record,
    }


def _told(row: dict, name: str) -> str:
    work = "" if row["work"] is None else f", work of {number(row['work'])}"
    return (
        f"<b>{escape(name)}</b> · {escape(row['options'])}<br>{row['of']}: {number(row['error'])}<br>"
        f"cost {number(row['cost'])} forward passes ({duration(row['median_s'])}){work}<br>{told(row['record'])}"
    )

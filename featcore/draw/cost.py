"""Attributions become a figure of accuracy against cost: what one more pass buys, and the least a method needs."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from featcore.draw.curves import legend_below
from featcore.draw.least import is_sampled, least_forwards
from featcore.draw.meta import canvas, escape, finish, number, ruled, shorten
from featcore.draw.ruler import disturbed_words, duration, log_axis, told
from featcore.draw.scale import CATEGORIES, QUIET
from featcore.draw.sweep import Record, columns, known, machine, median_s, part

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

ERRORS = {"error": "distance from the converged scores (share)", "completeness_gap": "completeness gap (share)"}
"""What an attribution record may state about its accuracy, smaller is better; a figure has one of them, the first."""
EXACT = 1e-7
"""Where a gap of zero is drawn on a logarithmic axis: about the rounding of float32."""
ROW_PX, GREY = 20, "rgb(128,134,145)"
LEAST = {"symbol": "triangle-left-open", "size": 10, "line": {"width": 1.5}}


def attribution_cost(records: Iterable[Record], height: int = 430) -> "Picture":
    """Error of an attribution against its cost in forward passes, a line a method, both logarithmic.

    The cost is time over the time of one forward pass where that was measured beside it (`forward_s`), else the
    number of passes. An open triangle stands at the least that the method's definition needs, whatever our call did:
    what lies between it and its point is waste, less what passes gain by sharing a batch. Methods that are not sampled
    have no such error and stand below in rows of their own.
    """
    records = list(records)
    stated = [[row for record in records if (row := _row(record, field)) is not None] for field in ERRORS]
    found = next((rows for rows in stated if rows), [])
    exact = _exact(records, {(row["encoder"], row["method"], row["machine"]) for row in found})
    if not found and not exact:
        return finish(canvas(height), "No attribution has been measured with its error and its cost.", {})
    tall = len(exact) * ROW_PX
    plot = 334 if found else 0
    figure = canvas(plot + tall + 20 * bool(found and exact) + 104, 8, 12, 8, 96)
    said = _add_lines(figure, found)
    if exact:
        _add_rows(figure, exact)
    if any(row["least"] is not None for row in (*found, *exact)):
        _add_word(figure)
    costs = [row[key] for row in (*found, *exact) for key in ("cost", "least") if row[key] is not None]
    share = (tall + 20) / (plot + tall + 20) if exact else 0.0
    figure.update_layout(
        xaxis=log_axis(costs, "cost, in forward passes of one input", anchor="y2" if exact else "y"),
        showlegend=True,
        legend=legend_below(),
    )
    if found:
        error = log_axis([max(row["error"], EXACT) for row in found], found[0]["of"], domain=[share, 1])
        figure.update_layout(yaxis=error)
    if exact:
        names = [shorten(row["label"], 24) for row in exact]
        figure.update_layout(
            yaxis2=ruled(
                domain=[0, share - 20 / (plot + tall + 20) if found else 1],
                anchor="x",
                tickmode="array",
                tickvals=list(range(len(exact))),
                ticktext=[escape(name) for name in names],
                range=[len(exact) - 0.4, -0.6],
                showgrid=False,
                ticklabelstandoff=6,
            )
        )
    rows = [*found, *exact]
    words = f"At their best, {'; '.join(said)}." if said else ""
    if exact:
        words += " Not sampled: " + "; ".join(f"{row['label']} costs {number(row['cost'])} passes" for row in exact)
        words = words.strip() + "."
    words += disturbed_words(sum(row["disturbed"] for row in rows), len(rows))
    return finish(figure, words, columns([{key: row[key] for key in _COLUMNS} for row in rows]))


_COLUMNS = (
    *("method", "encoder", "machine", "options", "cost", "least", "least_s", "over_least", "passes", "work"),
    *("error", "of", "median_s", "disturbed"),
)


def _add_lines(figure: "Picture", found: Sequence[dict]) -> list[str]:
    """A line a method whose error is stated, with a triangle at the least of each point; returns them in words."""
    import plotly.graph_objects as go

    lines: dict[tuple[str, str, str], list[dict]] = {}
    for row in found:
        lines.setdefault((row["encoder"], row["method"], row["machine"]), []).append(row)
    encoders, places = len({key[0] for key in lines}) > 1, len({key[2] for key in lines}) > 1
    said = []
    for i, ((encoder, method, place), rows) in enumerate(lines.items()):
        rows.sort(key=lambda row: row["cost"])
        name = " · ".join(filter(None, (method, encoder * encoders, place * places)))
        colour = CATEGORIES[i % len(CATEGORIES)]
        errors = [max(row["error"], EXACT) for row in rows]
        line = go.Scatter(x=[row["cost"] for row in rows], y=errors, mode="lines+markers", name=escape(name))
        line.update(
            legendgroup=name,
            line={"color": colour, "width": 2},
            marker=_marks(rows, colour),
            hovertext=[_told(row, name) for row in rows],
            hovertemplate="%{hovertext}<extra></extra>",
        )
        figure.add_traces([line, _triangles(rows, errors, name, colour)])
        best = min(rows, key=lambda row: row["error"])
        said.append(f"{name} misses by {number(best['error'])} for {number(best['cost'])} passes")
    return said


def _add_rows(figure: "Picture", exact: Sequence[dict]) -> None:
    """Methods that are not sampled, a row each: what they cost, and the least."""
    import plotly.graph_objects as go

    at = list(range(len(exact)))
    known_least = [(i, row) for i, row in enumerate(exact) if row["least"] is not None]
    ways = go.Scatter(mode="lines", yaxis="y2", showlegend=False, hoverinfo="skip", line={"color": QUIET, "width": 1})
    ways.update(
        x=[edge for _, row in known_least for edge in (row["least"], row["cost"], None)],
        y=[edge for i, _ in known_least for edge in (i, i, None)],
    )
    dots = go.Scatter(x=[row["cost"] for row in exact], y=at, mode="markers", yaxis="y2", name="not sampled")
    dots.update(
        marker=_marks(exact, GREY),
        hovertext=[_told(row, row["label"]) for row in exact],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    triangles = _triangles(exact, at, "not sampled", GREY)
    figure.add_traces([ways, dots, triangles.update(yaxis="y2", legendgroup=None)])


def _triangles(rows: Sequence[dict], places: Sequence[float], name: str, colour: str) -> Any:
    import plotly.graph_objects as go

    shown = [(row, y) for row, y in zip(rows, places, strict=True) if row["least"] is not None]
    found = go.Scatter(x=[row["least"] for row, _ in shown], y=[y for _, y in shown], mode="markers")
    return found.update(
        legendgroup=name,
        showlegend=False,
        marker=LEAST | {"color": colour},
        hovertext=[f"<b>{escape(row.get('label', name))}</b><br>{_least_words(row)}" for row, _ in shown],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _add_word(figure: "Picture") -> None:
    import plotly.graph_objects as go

    word = go.Scatter(x=[None], y=[None], mode="markers", name="least by definition", hoverinfo="skip")
    figure.add_trace(word.update(marker=LEAST | {"color": GREY}))


def _marks(rows: Sequence[dict], colour: str) -> dict[str, Any]:
    bad = [row["disturbed"] for row in rows]
    return {
        "size": [12 if each else 8 for each in bad],
        "symbol": ["circle-x-open" if each else "circle" for each in bad],
        "color": colour,
        "line": {"width": [1.5 if each else 0 for each in bad], "color": colour},
    }


def _row(record: Record, field: str) -> dict | None:
    """Cost and error of an attribution record that states this error; None for any other."""
    error = record.get(field)
    if not isinstance(error, int | float) or not 0 <= error < float("inf"):
        return None
    found = _costs(record)
    return None if found is None else found | {"error": float(error), "of": ERRORS[field]}


def _exact(records: Sequence[Record], drawn: set[tuple[str, str, str]]) -> list[dict]:
    """The youngest quiet record of each method that is not sampled and not drawn as a line, the cheapest first."""
    rows: dict[tuple[str, str, str], dict] = {}
    for record in sorted(records, key=lambda r: (not r.get("disturbed"), part(r, "time_utc"))):
        found = None if is_sampled(record) or known(record, "passes") is None else _costs(record)
        if found is not None and (key := (found["encoder"], found["method"], found["machine"])) not in drawn:
            rows[key] = found | {"error": None, "of": "not sampled"}
    encoders, places = len({key[0] for key in rows}) > 1, len({key[2] for key in rows}) > 1
    for (encoder, method, place), row in rows.items():
        row["label"] = " · ".join(filter(None, (method, encoder * encoders, place * places)))
    return sorted(rows.values(), key=lambda row: row["cost"])


def _costs(record: Record) -> dict | None:
    """What an attribution cost and the least it could, None for another record or one without a median."""
    stage = part(record, "stage")
    if not stage.startswith("attribution:") or not np.isfinite(median_s(record)):
        return None
    forward_s, passes, least = known(record, "forward_s"), known(record, "passes"), least_forwards(record)
    cost = median_s(record) / forward_s if forward_s else passes
    if cost is None:
        return None
    return {
        "method": stage.split(":", 1)[1].replace("_", " "),
        "encoder": part(record, "model_id"),
        "machine": machine(record),
        "options": part(record, "variant"),
        "cost": float(cost),
        "least": least,
        "least_s": None if least is None or forward_s is None else least * forward_s,
        "over_least": None if least is None else cost / least,
        "passes": passes,
        "work": known(record, "forwards"),
        "median_s": median_s(record),
        "disturbed": bool(record.get("disturbed")),
        "record": record,
    }


def _least_words(row: dict) -> str:
    """The least by definition, in passes and, where a forward pass was timed, in seconds."""
    if row["least"] is None:
        return "the least is not written down"
    seconds = "" if row["least_s"] is None else f" ({duration(row['least_s'])})"
    return f"at least {number(row['least'])} passes{seconds}; measured {number(row['over_least'])} times that"


def _told(row: dict, name: str) -> str:
    work = "" if row["work"] is None else f", work of {number(row['work'])}"
    error = "not sampled" if row["error"] is None else f"{row['of']}: {number(row['error'])}"
    return (
        f"<b>{escape(name)}</b> · {escape(row['options'])}<br>{error}<br>"
        f"cost {number(row['cost'])} forward passes ({duration(row['median_s'])}){work}<br>"
        f"{_least_words(row)}<br>{told(row['record'])}"
    )

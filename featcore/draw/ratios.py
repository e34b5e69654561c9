"""Paired comparisons become a forest plot: ratio with interval, the control on top, the verdict in words."""

from collections.abc import Iterable
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from featcore.draw.meta import canvas, escape, finish, number, ruled, shorten, whisker
from featcore.draw.ruler import disturbed_words, log_axis
from featcore.draw.scale import CATEGORIES, FAINT, QUIET
from featcore.draw.sweep import Record, columns, known, machine, part

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

CONTROL = "A/A control"
ROW_PX, NAME_MOST = 58, 34
LINE_MOST, WHY_MOST = 56, 240  # characters of a line, and of a reason, in what a hover tells
_COLOURS = {"faster": CATEGORIES[2], "slower": CATEGORIES[7], "same": CATEGORIES[0]}
_PLAIN = "#808691"  # a verdict that decides nothing


def pairs(records: Iterable[Record]) -> list[dict[str, Any]]:
    """A row a comparison whose ratio and interval are known, in the order of the records."""
    rows = []
    for record in records:
        ratio, interval, control = known(record, "ratio_p50"), _edges(record, "ratio_ci95"), _edges(record, "aa_ci95")
        if ratio is None or interval is None or control is None:
            continue
        rows.append(
            {
                "comparison": part(record, "variant"),
                "encoder": part(record, "model_id"),
                "ratio": ratio,
                "ratio_low": interval[0],
                "ratio_high": interval[1],
                "control_low": control[0],
                "control_high": control[1],
                "goal": known(record, "goal_most"),
                "goal_name": part(record, "goal"),
                "verdict": part(record, "verdict").replace("_", " "),
                "judgement": part(record, "judgement").replace("_", " "),
                "why": str(record.get("why") or ""),
                "cosine": known(record, "cosine"),
                "same_answers": _count(record, "same_answers"),
                "answers": _count(record, "answers"),
                "blocks": len(record["ratios"]) if isinstance(record.get("ratios"), list | tuple) else None,
                "machine": machine(record),
                "disturbed": bool(record.get("disturbed")),
            }
        )
    return rows


def forest(records: Iterable[Record]) -> "Picture":
    """Time of B over time of A of every paired comparison, with its 95 % interval and the verdict in words.

    The first row is the control: A against itself, the widest interval of all comparisons. The grey bar behind each
    row is that row's own control; a ratio inside it says nothing. The dotted line is 1, a short line the goal.
    """
    import plotly.graph_objects as go

    rows = pairs(records)
    figure = canvas(max(len(rows) + 1, 2) * ROW_PX + 56, 8, 16, 4, 44)
    if not rows:
        return finish(figure, "No pair has been compared here yet.", {})
    low, high = min(row["control_low"] for row in rows), max(row["control_high"] for row in rows)
    several = len({row["encoder"] for row in rows}) > 1 or len({row["machine"] for row in rows}) > 1
    control = go.Scatter(x=[np.sqrt(low * high)], y=[0], mode="markers", hovertemplate="%{hovertext}<extra></extra>")
    control.update(
        marker={"symbol": "diamond", "size": 9, "color": _PLAIN},
        error_x=whisker(np.sqrt(low * high), (low, high), _PLAIN, 2.5, 6),
        hovertext=f"<b>{CONTROL}</b><br>A against itself, the widest of {len(rows)}: "
        f"{number(low)} to {number(high)}<br>a ratio inside it says nothing",
    )
    figure.add_trace(control)
    for y, row in enumerate(rows, 1):
        colour = _COLOURS.get(row["verdict"], _PLAIN)
        figure.add_shape(
            type="rect",
            x0=row["control_low"],
            x1=row["control_high"],
            y0=y - 0.3,
            y1=y + 0.3,
            fillcolor=FAINT,
            line={"width": 0},
            layer="below",
        )
        if row["goal"] is not None:
            figure.add_shape(
                type="line",
                x0=row["goal"],
                x1=row["goal"],
                y0=y - 0.4,
                y1=y + 0.4,
                line={"color": CATEGORIES[1], "width": 2.5},
            )
        dot = go.Scatter(x=[row["ratio"]], y=[y], mode="markers", hovertemplate="%{hovertext}<extra></extra>")
        dot.update(
            marker={
                "size": 12 if row["disturbed"] else 10,
                "symbol": "square-x-open" if row["disturbed"] else "square",
                "color": colour,
                "line": {"width": 1.5 if row["disturbed"] else 0, "color": colour},
            },
            error_x=whisker(row["ratio"], (row["ratio_low"], row["ratio_high"]), colour, 2.5, 6),
            hovertext=_told(row),
        )
        figure.add_trace(dot)
    edges = [row[name] for row in rows for name in ("ratio_low", "ratio_high", "control_low", "control_high", "ratio")]
    edges += [row["goal"] for row in rows if row["goal"] is not None]
    figure.add_vline(x=1, line={"color": QUIET, "width": 1.5, "dash": "dot"})
    figure.update_layout(
        xaxis=log_axis([*edges, 1.0], "time of B ÷ time of A"),
        yaxis=ruled(
            tickmode="array",
            tickvals=list(range(len(rows) + 1)),
            ticktext=[f"<b>{CONTROL}</b>", *(_label(row, several) for row in rows)],
            range=[len(rows) + 0.5, -0.5],
            showgrid=False,
            ticklabelstandoff=6,
        ),
    )
    said = "; ".join(
        f"{row['comparison']} {number(row['ratio'])} ({number(row['ratio_low'])} to {number(row['ratio_high'])}), "
        f"{row['verdict']}" + (f", goal {row['goal_name']} {row['judgement']}" if row["judgement"] else "")
        for row in rows
    )
    text = f"Ratios of time with 95 % intervals; the control reaches from {number(low)} to {number(high)}: {said}."
    return finish(figure, text + disturbed_words(sum(row["disturbed"] for row in rows), len(rows)), columns(rows))


def _edges(record: Record, field: str) -> tuple[float, float] | None:
    """An interval of two positive numbers, the smaller first."""
    found = record.get(field)
    if not isinstance(found, list | tuple) or len(found) != 2:
        return None
    low, high = (known({"edge": edge}, "edge") for edge in found)
    return (low, high) if low is not None and high is not None and low <= high else None


def _count(record: Record, field: str) -> int | None:
    """A whole number from 0 up; None of anything else."""
    found = record.get(field)
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 1_000_000 else None


def _label(row: dict[str, Any], several: bool) -> str:
    """What is compared, where there are several whose, and the verdict below it."""
    name = row["comparison"].removeprefix(f"{row['encoder']}: ")
    if several and row["encoder"]:
        name = f"{row['encoder']}: {name}"
    said = f"{number(row['ratio'])}, {row['verdict'] or 'not judged'}"
    if row["judgement"]:
        said += f"; {row['goal_name']} {row['judgement']}"
    lines = [escape(line) for line in _wrapped(name)] + [f"<i>{escape(said)}</i>"]
    return "<br>".join(lines) + " (disturbed)" * row["disturbed"]


def _wrapped(name: str) -> list[str]:
    """A name on at most two lines, broken where it divides."""
    head, colon, tail = name.partition(": ")
    both = [head + ":", tail] if colon and len(name) > NAME_MOST else [name]
    return [shorten(line, NAME_MOST) for line in both]


def _told(row: dict[str, Any]) -> str:
    lines = [
        f"<b>{escape(row['comparison'])}</b> · {escape(row['encoder'])}",
        f"ratio {number(row['ratio'])}, 95 % interval {number(row['ratio_low'])} to {number(row['ratio_high'])}",
        f"its control A/A {number(row['control_low'])} to {number(row['control_high'])}",
        f"verdict: {escape(row['verdict'] or 'none')}",
        escape(row["machine"]),
    ]
    if row["goal"] is not None:
        lines.insert(2, f"goal {escape(row['goal_name'])}: at most {number(row['goal'])}, {escape(row['judgement'])}")
        if row["why"]:
            lines.insert(3, "<br>".join(escape(line) for line in wrap(shorten(row["why"], WHY_MOST), LINE_MOST)))
    if row["cosine"] is not None:
        least = "" if row["answers"] is None else ", the least of all inputs"
        lines.append(f"cosine of both answers {row['cosine']:.6f}{least}")
    if row["same_answers"] is not None and row["answers"] is not None:
        lines.append(f"the same class comes first for {row['same_answers']} of {row['answers']} inputs")
    return "<br>".join(lines + ["<b>disturbed</b>"] * row["disturbed"])

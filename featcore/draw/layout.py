"""A model's sequence as a row of squares: what stands before the units, the units, and what the classifier reads."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from featcore.draw.meta import canvas, escape, finish, number, ruled
from featcore.draw.scale import ACCENT, CATEGORIES, QUIET

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

EACH_ROW = 24  # squares of a row; a longer sequence goes on below
MOST = 2048  # squares that are drawn; the table has all
MOST_NAMED = 12  # special positions that are named below
CELL_PX = 22


def sequence(
    names: Sequence[str],
    positions: Int[np.ndarray, " n"],
    reading: Float[np.ndarray, " s"],
) -> "Picture":
    """Every position of a sequence, in order; what the classifier reads has an outline.

    Args:
        names: of each position, Float[s] many; positions: where the units stand.
        reading: how much of each position enters the classifier.
    """
    import plotly.graph_objects as go

    at = np.arange(len(names))
    units = np.isin(at, positions)
    shown = at[:MOST]
    rows = -(-len(shown) // EACH_ROW)
    figure = canvas(rows * CELL_PX + 40, 8, 8, 30, 8)
    for title, mask, colour in (("special position", ~units, QUIET), ("unit", units, CATEGORIES[0])):
        part = shown[mask[shown]]
        figure.add_trace(
            go.Scatter(
                x=(part % EACH_ROW).tolist(),
                y=(part // EACH_ROW).tolist(),
                mode="markers",
                name=title,
                marker={
                    "symbol": "square",
                    "size": CELL_PX - 8,
                    "color": colour,
                    "opacity": 1,
                    "line": {"color": ACCENT, "width": [2 if reading[i] else 0 for i in part]},
                },
                hovertext=[
                    f"position {i}: {escape(names[i])}<br>{title}<br>"
                    + (f"{number(float(reading[i]))} of what the classifier reads" if reading[i] else "not read")
                    for i in part
                ],
                hovertemplate="%{hovertext}<extra></extra>",
                showlegend=True,
            )
        )
    marked = [int(i) for i in shown if not units[i] or i % EACH_ROW == 0]
    figure.add_trace(
        go.Scatter(
            x=[i % EACH_ROW for i in marked],
            y=[i // EACH_ROW for i in marked],
            text=[str(i) for i in marked],
            mode="text",
            textfont={"size": 8},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    figure.update_layout(
        xaxis=ruled(range=[-0.6, EACH_ROW - 0.4], showgrid=False, showticklabels=False, visible=False),
        yaxis=ruled(range=[rows - 0.4, -0.6], showgrid=False, showticklabels=False, visible=False),
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
    )
    read = int(np.count_nonzero(reading))
    text = f"{len(names)} positions, {int(units.sum())} of them units; the classifier reads {read} of them, outlined."
    if special := _runs(names, ~units):
        text += f" Special positions: {', '.join(special)}."
    if len(names) > MOST:
        text += f" The first {MOST} are drawn."
    kinds = ["unit" if unit else "special" for unit in units]
    return finish(figure, text, {"position": at, "name": list(names), "kind": kinds, "read": reading})


def _runs(names: Sequence[str], special: Bool[np.ndarray, " s"]) -> list[str]:
    """Special positions with their names, neighbours of one name as one: "0 [CLS]", "9 to 63 [PAD]"."""
    found: list[tuple[int, int, str]] = []
    for at in np.flatnonzero(special).tolist():
        if found and found[-1][1:] == (at - 1, names[at]):
            found[-1] = found[-1][0], at, names[at]
        else:
            found.append((at, at, names[at]))
    said = [f"{first if first == last else f'{first} to {last}'} {name}" for first, last, name in found]
    return said[:MOST_NAMED] + ([f"and {len(said) - MOST_NAMED} more"] if len(said) > MOST_NAMED else [])

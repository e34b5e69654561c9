"""A model's sequence as a row of squares: what stands before the units, the units, and what the classifier reads."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from featcore.draw.meta import canvas, escape, finish, number, ruled
from featcore.draw.scale import ACCENT, CATEGORIES, QUIET

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

EACH_ROW = 32  # squares of a row; a longer sequence goes on below
MOST = 2048  # squares that are drawn; the table has all
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
                    "size": CELL_PX - 6,
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
    figure.update_layout(
        xaxis=ruled(range=[-0.6, EACH_ROW - 0.4], showgrid=False, showticklabels=False, visible=False),
        yaxis=ruled(range=[rows - 0.4, -0.6], showgrid=False, showticklabels=False, visible=False),
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
    )
    read = int(np.count_nonzero(reading))
    text = f"{len(names)} positions, {int(units.sum())} of them units; the classifier reads {read} of them, outlined."
    if len(names) > MOST:
        text += f" The first {MOST} are drawn."
    kinds = ["unit" if unit else "special" for unit in units]
    return finish(figure, text, {"position": at, "name": list(names), "kind": kinds, "read": reading})

"""Means with intervals as a ranking: methods in one colour, floors in grey, the chance level as a line."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from featcore.draw.meta import CLEAR, canvas, escape, finish, number, ruled, titled, whisker
from featcore.draw.scale import CATEGORIES, QUIET

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

ROW_PX = 30
FLOOR = "rgb(128,134,145)"


def standing(
    labels: Sequence[str],
    means: Float[np.ndarray, "n 3"],
    floors: Collection[str] = (),
    chance: float | None = None,
    name: str = "mean",
    verdicts: Sequence[str] | None = None,
    share: bool = True,
) -> "Picture":
    """A row each, in the order given: a bar to the mean, a whisker over its interval.

    Args:
        means: mean, lower and upper end; NaN where nothing is defined.
        floors: labels drawn in grey; chance: where a dotted line stands, None for none.
        verdicts: one more line for the hover of each row.
        share: whether the numbers are shares of a whole, written in percent.
    """
    import plotly.graph_objects as go

    def said(value: float) -> str:
        if not np.isfinite(value):
            return "not defined"
        return f"{100 * value:.0f}%" if share else number(value)

    middle, low, high = np.asarray(means, float).reshape(-1, 3).T
    lines = [f"<b>{escape(label)}</b><br>{escape(name)} {said(m)}, 95 % interval {said(a)} to {said(b)}"
             for label, m, a, b in zip(labels, middle, low, high, strict=True)]  # fmt: skip
    if verdicts is not None:
        lines = [f"{line}<br>{escape(verdict)}" for line, verdict in zip(lines, verdicts, strict=True)]
    colours = [FLOOR if label in floors else CATEGORIES[0] for label in labels]
    figure = canvas(max(len(labels), 1) * ROW_PX + 64, 8, 44, 18, 40)
    bars = go.Bar(orientation="h", x=np.nan_to_num(middle).tolist(), y=list(range(len(labels))), width=0.62)
    bars.update(
        marker={"color": colours, "opacity": 0.75, "line": {"width": 0}},
        error_x=whisker(middle, np.stack([low, high], 1), QUIET.replace("0.55", "0.95")),
        customdata=[[row] for row in range(len(labels))],
        hovertext=lines,
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.add_trace(bars)
    ends = [0.0, *np.concatenate([low, high])[np.isfinite(np.concatenate([low, high]))].tolist()]
    reach = max(ends) - min(ends) or 1.0
    # The number stands behind the whisker, which would run through it otherwise.
    words = go.Scatter(
        x=(np.nan_to_num(high).clip(0) + 0.015 * reach).tolist(), y=list(range(len(labels))), mode="text"
    )
    words.update(
        text=[said(value) for value in middle], textposition="middle right", hoverinfo="skip", cliponaxis=False
    )
    figure.add_trace(words)
    if chance is not None:
        figure.add_vline(x=chance, line={"color": QUIET, "width": 1.5, "dash": "dot"})
        figure.add_annotation(
            x=chance, y=1, yref="paper", yanchor="bottom", text=f"chance {said(chance)}", showarrow=False, bgcolor=CLEAR
        )
    figure.update_layout(
        xaxis=ruled(
            title=titled(escape(name)),
            tickformat=".0%" if share else "",
            nticks=6,
            range=[min(ends) - 0.02 * reach, max(ends) + 0.12 * reach],
            zeroline=True,
            zerolinecolor=QUIET,
        ),
        yaxis=ruled(
            tickmode="array",
            tickvals=list(range(len(labels))),
            ticktext=[escape(label) for label in labels],
            range=[len(labels) - 0.5, -0.5],
            showgrid=False,
        ),
    )
    best = ", ".join(f"{label} {said(m)} ({said(a)} to {said(b)})"
                     for label, m, a, b in list(zip(labels, middle, low, high, strict=True))[:4])  # fmt: skip
    text = f"{name} with 95 % intervals: {best}" + (f"; chance is {said(chance)}." if chance is not None else ".")
    return finish(figure, text, {"method": list(labels), "mean": middle, "low": low, "high": high})

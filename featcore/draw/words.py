"""Words as a model sees them in a picture, and one signed number a word of several encoders as bars side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from featcore.draw import overlay
from featcore.draw.curves import ROW_PX, room, rows_axis
from featcore.draw.frame import fragments
from featcore.draw.meta import canvas, escape, finish, number, ruled, shorten, titled
from featcore.draw.pixels import lattice
from featcore.draw.scale import QUIET, Scale
from featcore.draw.source import HALF_PAGE_PX
from featcore.types import Clip, Units

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

CLOSE_PX = 21  # height of a row where there are many


def word_bars(
    words: Sequence[str],
    scores: Mapping[str, Float[np.ndarray, " w"]],
    common: bool = False,
    name: str = "score",
    selected: int | None = None,
) -> "Picture":
    """The words from top to bottom, one column of bars an encoder; customdata[0] is the word.

    Args:
        common: one range of numbers and colours for all columns; else each has its own, which its axis shows.
    """
    import plotly.graph_objects as go

    columns = {title: np.asarray(each, float) for title, each in scores.items()}
    scales = {title: Scale.of(each, signed=True) for title, each in columns.items()}
    ranges = {title: room(each) for title, each in columns.items()}
    if common and columns:
        whole = Scale.shared(list(scales.values()))
        low, high = zip(*ranges.values(), strict=True)
        scales = dict.fromkeys(scales, whole)
        ranges = {title: [min(low), max(high)] for title in ranges}
    row_px = ROW_PX if len(words) <= 12 else CLOSE_PX
    figure = canvas(max(len(words), 1) * row_px + 74, 8, 12, 26, 48)
    wide = (1 + 0.06) / max(len(columns), 1) - 0.06
    for place, (title, each) in enumerate(columns.items()):
        axis, start = f"x{place + 1}" if place else "x", place * (wide + 0.06)
        scale = scales[title]
        figure.add_trace(
            go.Bar(
                orientation="h",
                xaxis=axis,
                x=each.tolist(),
                y=list(range(len(words))),
                width=0.66,
                marker={"color": [scale.css(v, 0.95) for v in each], "line": {"color": QUIET, "width": 1}},
                text=[number(v) for v in each],
                textposition="outside",
                textangle=0,
                cliponaxis=False,
                customdata=[[i] for i in range(len(words))],
                hovertext=[
                    f"<b>{escape(word)}</b><br>{escape(title)}<br>{escape(name)} {number(v)}"
                    for word, v in zip(words, each, strict=True)
                ],
                hovertemplate="%{hovertext}<extra></extra>",
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 1}},
            )
        )
        shown = ruled(
            title=titled(escape(name)),
            domain=[start, start + wide],
            range=ranges[title],
            zeroline=True,
            zerolinecolor=QUIET,
            nticks=5,
        )
        figure.update_layout({f"xaxis{place + 1}" if place else "xaxis": shown})
        figure.add_annotation(
            text=f"<b>{escape(shorten(title, 24))}</b>",
            xref="paper",
            yref="paper",
            x=start + wide / 2,
            y=1,
            yanchor="bottom",
            showarrow=False,
        )
    figure.update_layout(yaxis=rows_axis(words))
    if selected is not None and selected < len(words):
        row: dict = {"xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": selected - 0.5, "y1": selected + 0.5}
        figure.add_shape(type="rect", line={"width": 0}, fillcolor="rgba(224,33,138,0.14)", layer="below", **row)
    leading = [
        f"{title}: " + ", ".join(f"'{words[i]}' {number(each[i])}" for i in np.argsort(-np.abs(each))[:3])
        for title, each in columns.items()
    ]
    return finish(figure, f"{name} of {len(words)} words. {'; '.join(leading)}.", {"word": list(words), **columns})


def written(
    clip: Clip,
    units: Units,
    scores: Float[np.ndarray, " n"],
    scale: Scale | None = None,
    selected: Sequence[int] = (),
    rows: int | None = None,
    name: str = "score",
) -> "Picture":
    """The upper `rows` pixels of a page of text under its patches, each with its border; all of it unless given.

    The scale is that of all patches, drawn or not.
    """
    import plotly.graph_objects as go

    rows = min(rows or clip.frames.shape[1], clip.frames.shape[1])
    # Patches are in reading order, so those of the upper lines keep their index.
    n = int((units.extents[:, 1, 1] <= rows).sum())
    upper = Units(units.axes, units.extents[:n], units.labels[:n])
    scale = scale or Scale.of(scores, signed=True)
    height = int(np.clip(HALF_PAGE_PX * rows / clip.frames.shape[2], 80, 400))
    top = replace(clip, frames=clip.frames[:, :rows])
    shown = [unit for unit in selected if unit < n]
    figure = fragments(top, upper, scores[:n], scale, selected=shown, muted=False, name=name, height=height)
    x, y = overlay.borders(*lattice(upper, np.arange(n))[:2])
    figure.add_trace(go.Scatter(x=x, y=y, mode="lines", line={"color": QUIET, "width": 1}, hoverinfo="skip"))
    return figure

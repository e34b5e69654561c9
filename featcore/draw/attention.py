"""Attention becomes figures: a navigator of layers and heads, and one head's map."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Num

from featcore.draw.meta import (
    MONO,
    TALL_KEY_PX,
    add_key,
    canvas,
    escape,
    finish,
    in_template,
    number,
    ruled,
    shorten,
    titled,
)
from featcore.draw.scale import ACCENT, QUIET, Scale

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

MOST_SHOWN = 512  # rows of a map; more are pooled, since no screen shows them
MOST_NAMED = 64  # rows whose names fit beside the map
STRONGEST = 500  # links in the table of a map


def heads(
    statistic: Float[np.ndarray, "l h"],
    name: str,
    selected: tuple[int, int] | None = None,
    low: float | None = None,
    high: float | None = None,
    signed: bool = False,
    names: tuple[Sequence[str], Sequence[str]] | None = None,
) -> "Picture":
    """All heads of all layers as squares to click, coloured by a statistic.

    People count layers and heads from 1; customdata is (layer, head) counted from 0, as arrays are.

    Args:
        names: what each layer and each head is called, where numbers do not say it.
        low, high: ends of the scale where the statistic has natural ones, as 0 and 1 have.
    """
    import plotly.graph_objects as go

    values = np.asarray(statistic, float)
    layers, each = values.shape
    found = Scale.of(values, signed)
    if not signed and low is None and np.isfinite(values).any():
        found = Scale(float(np.nanmin(values)), found.high, False)
    scale = Scale(found.low if low is None else low, found.high if high is None else high, signed)
    cell = int(np.clip(300 / each, 8, 30))
    layer, head = (grid.ravel() for grid in np.indices(values.shape))
    chosen = (layer == selected[0]) & (head == selected[1]) if selected is not None else np.zeros(layer.size, bool)
    rows, columns = names or ([f"layer {a + 1}" for a in range(layers)], [f"head {b + 1}" for b in range(each)])
    figure = canvas(layers * (cell + 3) + TALL_KEY_PX + 60, 8, 8, TALL_KEY_PX + 6, 50)
    figure.add_trace(
        go.Scatter(
            x=(head + 1).tolist(),
            y=(layer + 1).tolist(),
            mode="markers",
            marker={
                "symbol": "square",
                "size": [cell + (2 if c else 0) for c in chosen],
                "opacity": 1,
                "color": [scale.css(v, 0.95) for v in values.ravel()],
                "line": {
                    "color": [ACCENT if c else QUIET for c in chosen],
                    "width": [3 if c else 1 for c in chosen],
                },
            },
            customdata=[[int(a), int(b)] for a, b in zip(layer, head, strict=True)],
            text=[f"{row}, {column}" for row in rows for column in columns],
            hovertext=[number(v) for v in values.ravel()],
            hovertemplate=f"%{{text}}<br>{in_template(name)} %{{hovertext}}<extra></extra>",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    )
    figure.update_layout(
        xaxis=ruled(title=titled("head"), range=[0.4, each + 0.6], constrain="domain", showgrid=False)
        | ({"dtick": 1} if each <= 16 else {"nticks": 9}),
        yaxis=ruled(
            title=titled("layer"),
            range=[layers + 0.6, 0.4],
            scaleanchor="x",
            constrain="domain",
            constraintoward="top",
            showgrid=False,
        )
        | ({"dtick": 1} if layers <= 16 else {"nticks": 9}),
        hoverdistance=-1,
    )
    add_key(figure, scale, name, 0.95)
    at = np.unravel_index(int(np.nanargmax(values)) if np.isfinite(values).any() else 0, values.shape)
    highest = f"highest in {rows[int(at[0])]}, {columns[int(at[1])]}: {number(values[at])}"
    text = f"{name} of {layers} layers with {each} heads; {highest}."
    return finish(figure, text, {"layer": layer + 1, "head": head + 1, name: values.ravel()})


def pool(weights: Num[np.ndarray, "rows columns"], block: int) -> Num[np.ndarray, "r c"]:
    """The largest weight of each block: a single strong link stays visible."""
    rows, columns = (-(-side // block) for side in weights.shape)
    room = np.zeros((rows * block, columns * block), weights.dtype)
    room[: weights.shape[0], : weights.shape[1]] = weights
    return room.reshape(rows, block, columns, block).max(axis=(1, 3))


def axis_names(sequence: Sequence[str], block: int) -> list[str]:
    """One distinct name a row: Plotly merges rows of equal names."""
    if block == 1:
        return [f"{i} {escape(shorten(token, 16))}" for i, token in enumerate(sequence)]
    return [f"{i}–{min(i + block, len(sequence)) - 1}" for i in range(0, len(sequence), block)]


def attention_map(
    weights: Num[np.ndarray, "s s"],
    sequence: Sequence[str],
    scale: Scale | None = None,
    name: str = "weight",
    selected: int | None = None,
    height: int = 520,
) -> "Picture":
    """Who looks at whom: rows are queries ("from"), columns are keys ("to").

    Args:
        weights: float32, or uint8 to save bytes (then 0 to 255 are shown as they are).
        selected: a position whose row gets an outline.
    """
    import plotly.graph_objects as go

    full = np.asarray(weights)
    shown = full if full.dtype == np.uint8 else full.astype(np.float32)
    length = len(sequence)
    block = max(1, -(-length // MOST_SHOWN))
    shown = pool(shown, block) if block > 1 else shown
    names = axis_names(sequence, block)
    scale = scale or Scale.of(full, bool((full < 0).any()))
    low, high = scale.bounds
    few = length <= MOST_NAMED
    figure = canvas(height + TALL_KEY_PX, 8, 8, TALL_KEY_PX + 6, 8)
    figure.add_trace(
        go.Heatmap(
            x=names,
            y=names,
            z=shown,
            zmin=low,
            zmax=high,
            colorscale=scale.colorscale(0.95),
            showscale=False,
            xgap=1 if few else 0,
            ygap=1 if few else 0,
            hovertemplate=f"from <b>%{{y}}</b><br>to <b>%{{x}}</b><br>{in_template(name)} %{{z:.3g}}<extra></extra>",
        )
    )
    ticks: dict[str, Any] = {"tickfont": {"family": MONO, "size": 11}, "tickangle": -90}  # Plotly thins them to fit
    if not few:  # places of a category axis are its row numbers
        places = list(range(0, len(names), max(1, -(-len(names) // 6))))
        ticks = {"tickmode": "array", "tickvals": places, "ticktext": [str(i * block) for i in places]}
    said = f"<br>{length} positions: each cell is the largest weight of {block} × {block}" if block > 1 else ""
    side = {"type": "category", "showgrid": False, "constrain": "domain"} | ticks
    figure.update_layout(
        xaxis=ruled(title=titled(f"to (key){said}"), **side),
        yaxis=ruled(
            title=titled("from (query)"),
            range=[len(names) - 0.5, -0.5],
            scaleanchor="x",
            constraintoward="top",
            **(side | {"tickangle": 0}),
        ),
    )
    if selected is not None:
        row = selected // block
        frame = {"type": "rect", "x0": -0.5, "x1": len(names) - 0.5, "y0": row - 0.5, "y1": row + 0.5}
        figure.add_shape(**frame, line={"color": ACCENT, "width": 2})
    add_key(figure, scale, name, 0.95)
    strongest = np.argsort(-full, axis=None, kind="stable")[: length * length if length <= 20 else STRONGEST]
    query, key = np.unravel_index(strongest, full.shape)
    best = f"'{sequence[query[0]]}' to '{sequence[key[0]]}' with {number(float(full[query[0], key[0]]))}"
    columns: dict[str, Any] = {
        "query": query,
        "key": key,
        "from": [sequence[i] for i in query],
        "to": [sequence[i] for i in key],
        name: full[query, key].astype(float),
    }
    return finish(figure, f"Attention among {length} positions; the strongest link goes from {best}.", columns)

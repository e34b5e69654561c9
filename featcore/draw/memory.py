"""Records become bars of memory: weights, attention maps and other activations, against size."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from featcore.draw.curves import legend_below
from featcore.draw.meta import canvas, escape, finish, number, ruled, titled
from featcore.draw.scale import CATEGORIES
from featcore.draw.sweep import AXES, Record, Series, columns, series

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

LAYERS = {
    "weight_bytes": "weights",
    "activation_peak_bytes": "activations of a pass",
    "attention_bytes": "attention maps, if kept",
}
"""Fields of a record that add up to what a pass that keeps its maps needs, from the bottom of the stack."""


def memory_stack(records: Iterable[Record], axis: str = "units", height: int = 400) -> "Picture":
    """Bytes of weights, of the results alive at once in a pass, and of all attention maps, stacked, of one encoder.

    The stack has the size that a pass needs which keeps every map; fused attention keeps none. A line, where known,
    is the memory of the machine.

    Args:
        records: of one encoder; of several lines the first is drawn.
    """
    import plotly.graph_objects as go

    each = [one for one in series(records, axis) if np.isfinite(one.known("activation_peak_bytes")).any()]
    figure = canvas(height, 8, 12, 8, 96)
    if not each:
        return finish(figure, f"No sweep over {AXES[axis]} states its memory.", {})
    one = each[0]
    names = [f"{at:,.0f}" for at in one.x]
    rows = []
    layers = {field: np.nan_to_num(one.known(field)) for field in LAYERS}
    for i, (field, title) in enumerate(LAYERS.items()):
        bars = go.Bar(x=names, y=(layers[field] / 1e6).tolist(), name=title, marker={"color": CATEGORIES[i]})
        bars.update(
            hovertext=[
                f"<b>{escape(one.name)}</b> at {name}<br>{title}: {spell_bytes(each_bytes)}"
                for name, each_bytes in zip(names, layers[field], strict=True)
            ],
            hovertemplate="%{hovertext}<extra></extra>",
        )
        figure.add_trace(bars)
    whole = sum(layers.values())
    limit = _limit(one)
    for i, at in enumerate(one.x):
        row = {"line": one.name, axis: float(at)} | {field: float(layers[field][i]) for field in LAYERS}
        rows.append(row | {"memory_of_the_machine_bytes": limit})
    if limit is not None and limit < 20 * whole.max():
        figure.add_hline(y=limit / 1e6, line={"color": CATEGORIES[7], "width": 2, "dash": "dash"})
    figure.update_layout(
        barmode="stack",
        xaxis=ruled(title=titled(AXES[axis]), type="category", showgrid=False),
        yaxis=ruled(title=titled("MB (10⁶ bytes)"), nticks=7),
        showlegend=True,
        legend=legend_below() | {"traceorder": "normal"},
    )
    text = (
        f"{one.name} needs {spell_bytes(whole[0])} at {names[0]} and {spell_bytes(whole[-1])} at {names[-1]}, "
        f"{layers['weight_bytes'][-1] / whole[-1]:.0%} of the latter for weights and "
        f"{layers['attention_bytes'][-1] / whole[-1]:.0%} for attention maps."
    )
    if limit is not None:
        text += f" The machine has {spell_bytes(limit)}."
    return finish(figure, text, columns(rows))


def _limit(one: Series) -> float | None:
    found = one.known("memory_bytes")
    return float(np.nanmin(found)) if np.isfinite(found).any() else None


def spell_bytes(count: float) -> str:
    """Bytes for people, in powers of ten."""
    for limit, word in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= limit:
            return f"{number(count / limit)} {word}"
    return f"{count:.0f} bytes"

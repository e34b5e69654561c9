"""A training run becomes figures: how loss and accuracy move, and which classes are taken for which."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from featcore.draw.curves import legend_below
from featcore.draw.meta import canvas, escape, finish, ruled, shorten, titled, whisker
from featcore.draw.scale import CATEGORIES, QUIET, Scale

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

MOST_POINTS = 400
INK = "#0d1f17"


def learning(
    steps: Sequence[int],
    losses: Sequence[float],
    looks: Sequence[tuple[int, float]],
    chance: float | None,
    total: int,
) -> "Picture":
    """Loss of each batch and accuracy on the dev split over the steps of one run; the dotted line is chance.

    Args:
        looks: step and accuracy (a share) of each look at the dev split.
        total: steps of the whole run, so that the axis does not move while it trains.
    """
    import plotly.graph_objects as go

    figure = canvas(320, 8, 8, 8, 88)
    chosen = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), MOST_POINTS)).astype(int)).tolist()
    at, height = [steps[i] for i in chosen], [round(losses[i], 5) for i in chosen]
    loss = go.Scatter(x=at, y=height, mode="lines", name="training loss", yaxis="y2")
    loss.update(line={"color": CATEGORIES[1], "width": 1.5}, hovertemplate="step %{x}: loss %{y:.3f}<extra></extra>")
    dev = go.Scatter(x=[s for s, _ in looks], y=[share for _, share in looks], mode="lines+markers")
    dev.update(
        name="accuracy on the dev split",
        line={"color": CATEGORIES[0], "width": 2.5},
        marker={"size": 8},
        hovertemplate="step %{x}: %{y:.1%} right<extra></extra>",
    )
    figure.add_traces([loss, dev])
    if chance is not None:
        figure.add_hline(y=chance, line={"color": QUIET, "width": 1.5, "dash": "dot"})
    top = max([*height, 0.1])
    figure.update_layout(
        xaxis=ruled(title=titled("step"), range=[0, max(total, 1)], nticks=7),
        yaxis=ruled(title=titled("accuracy"), range=[0, 1.02], tickformat=".0%", dtick=0.25),
        yaxis2=ruled(title=titled("loss"), range=[0, 1.05 * top], overlaying="y", side="right", showgrid=False),
        showlegend=True,
        legend=legend_below(),
    )
    best = f"best accuracy {max(share for _, share in looks):.1%}" if looks else "no look at the dev split yet"
    last = f"loss {losses[-1]:.3f}" if losses else "no loss yet"
    table = {"step": list(steps), "loss": list(losses), "dev_accuracy": _joined(steps, looks)}
    step = steps[-1] if steps else 0
    known = "" if chance is None else f"; chance is {chance:.1%}"
    return finish(figure, f"Step {step:,} of {total:,}: {last}, {best}{known}.", table)


def _joined(steps: Sequence[int], looks: Sequence[tuple[int, float]]) -> list:
    """The accuracy beside the last recorded step that it belongs to, None elsewhere."""
    found: list = [None] * len(steps)
    for step, share in looks:
        found[max(0, int(np.searchsorted(steps, step, side="right")) - 1)] = share
    return found


def confusion(matrix: Int[np.ndarray, "k k"], labels: Sequence[str]) -> "Picture":
    """How many examples of each class (rows) the encoder calls what (columns); colours are shares of a row."""
    import plotly.graph_objects as go

    counts = np.asarray(matrix)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = [escape(shorten(label, 18)) for label in labels]
    scale = Scale(0.0, 1.0, False)
    figure = canvas(70 + 34 * len(names) + 60, 8, 8, 8, 8)
    heat = go.Heatmap(
        z=share.astype(np.float32),
        x=list(range(len(names))),
        y=list(range(len(names))),
        text=counts,
        colorscale=[[stop, scale.css(stop, 0.95)] for stop in np.linspace(0, 1, 11).tolist()],
        zmin=0,
        zmax=1,
        showscale=False,
        xgap=1,
        ygap=1,
        customdata=[[[a, b] for b in names] for a in names],
        hovertemplate="%{customdata[0]} called %{customdata[1]}: %{text}, %{z:.1%} of its row<extra></extra>",
    )
    # Dark words on strong cells; elsewhere the page's own colour. Zeros stay away, so that mistakes stand out.
    figure.add_trace(heat)
    for strong, font in ((True, {"color": INK}), (False, {})):
        row, column = np.nonzero((counts > 0) & ((share > 0.4) == strong))
        figure.add_trace(
            go.Scatter(x=column, y=row, text=counts[row, column], mode="text", textfont=font, hoverinfo="skip")
        )
    axis = {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": names, "showgrid": False}
    figure.update_layout(
        xaxis=ruled(title=titled("what the encoder says"), side="bottom", **axis),
        yaxis=ruled(title=titled("what it is"), range=[len(names) - 0.5, -0.5], **axis),
    )
    right = int(np.trace(counts))
    mixed = counts - np.diag(np.diag(counts))
    text = f"{right} of {int(counts.sum())} are right."
    if mixed.any():
        a, b = (int(at) for at in np.unravel_index(int(mixed.argmax()), mixed.shape))
        text += f" Most often mixed up: {labels[a]} called {labels[b]}, {mixed[a, b]} times."
    rows = [(labels[a], labels[b], int(counts[a, b])) for a in range(len(labels)) for b in range(len(labels))]
    return finish(figure, text, {"is": [r[0] for r in rows], "called": [r[1] for r in rows], "n": [r[2] for r in rows]})


def ladder(
    titles: Sequence[str], shares: Sequence[float], intervals: Sequence[tuple[float, float]], changes: Sequence[str]
) -> "Picture":
    """Accuracy of recipes that differ by one change each, the first at the top, with 95 % intervals."""
    import plotly.graph_objects as go

    names = [escape(title) for title in titles]
    figure = canvas(60 + 52 * len(names), 8, 8, 8, 40)
    bars = go.Bar(x=list(shares), y=names, orientation="h", marker={"color": CATEGORIES[0]}, width=0.5)
    bars.update(
        error_x=whisker(shares, intervals, QUIET),
        text=[f"{share:.1%}" for share in shares],
        textposition="inside",
        insidetextanchor="start",
        customdata=[[low, high, escape(change)] for (low, high), change in zip(intervals, changes, strict=True)],
        hovertemplate="%{y}: %{x:.1%} right, 95 % interval %{customdata[0]:.1%} to %{customdata[1]:.1%}"
        "<br>%{customdata[2]}<extra></extra>",
    )
    figure.add_trace(bars)
    figure.update_layout(
        xaxis=ruled(title=titled("right on the test split"), range=[0, 1], tickformat=".0%"),
        yaxis={"autorange": "reversed", "showgrid": False},
    )
    said = ", then ".join(f"{title} {share:.1%}" for title, share in zip(titles, shares, strict=True))
    table = {"step": list(titles), "accuracy": list(shares), "low": [low for low, _ in intervals]}
    return finish(figure, f"{said}.", table | {"high": [high for _, high in intervals], "change": list(changes)})

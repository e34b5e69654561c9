"""Small charts: what the model predicts, which units lead, how scores concentrate."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from featcore.draw.meta import canvas, escape, finish, number, ruled, shorten, titled
from featcore.draw.scale import CATEGORIES, FAINT, QUIET, Scale

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

ROW_PX = 30
NAME_MOST = 24  # characters of a name on an axis, so that a phone keeps room for the bars


def rows_axis(names: Sequence[str]) -> dict:
    """Names from top to bottom at numeric places, so that two equal names stay two rows."""
    return ruled(
        tickmode="array",
        tickvals=list(range(len(names))),
        ticktext=[escape(shorten(name, NAME_MOST)) for name in names],
        range=[len(names) - 0.5, -0.5],
        showgrid=False,
        ticklabelstandoff=6,
    )


def prediction(
    labels: Sequence[str],
    probabilities: Float[np.ndarray, " k"],
    logits: Float[np.ndarray, " k"] | None = None,
    top: int = 5,
) -> "Picture":
    """The most likely classes, most likely first; customdata[0] is the class index."""
    import plotly.graph_objects as go

    shares = np.asarray(probabilities, float)
    order = np.argsort(-shares, kind="stable")[:top]
    figure = canvas(len(order) * ROW_PX + 12, 8, 52, 4, 8)
    said = [
        f"<b>{escape(labels[i])}</b><br>probability {shares[i]:.4f}"
        + ("" if logits is None else f"<br>logit {number(float(logits[i]))}")
        for i in order
    ]
    figure.add_trace(
        go.Bar(
            orientation="h",
            x=shares[order].tolist(),
            y=list(range(len(order))),
            width=0.62,
            marker={"color": [CATEGORIES[0], *["rgba(47,134,209,0.45)"] * (len(order) - 1)][: len(order)]},
            text=[f"{100 * shares[i]:.1f} %" for i in order],
            textposition="outside",
            cliponaxis=False,
            customdata=[[int(i)] for i in order],
            hovertext=said,
            hovertemplate="%{hovertext}<extra></extra>",
            unselected={"marker": {"opacity": 1}},
        )
    )
    # A faint rail of the whole length says what 100 % is.
    rail = go.Bar(orientation="h", x=[1.0] * len(order), y=list(range(len(order))), width=0.62, hoverinfo="skip")
    rail.update(marker={"color": "rgba(128,134,145,0.10)"})
    figure.add_trace(rail)
    figure.update_layout(
        barmode="overlay",
        xaxis=ruled(range=[0, 1], visible=False),
        yaxis=rows_axis([labels[i] for i in order]),
    )
    text = "Most likely: " + ", ".join(f"{labels[i]} {100 * shares[i]:.1f} %" for i in order) + "."
    columns: dict = {"label": [labels[i] for i in order], "probability": shares[order]}
    return finish(figure, text, columns if logits is None else columns | {"logit": np.asarray(logits, float)[order]})


def bars(
    labels: Sequence[str],
    values: Float[np.ndarray, " n"],
    scale: Scale | None = None,
    name: str = "score",
    index: Sequence[int] | None = None,
    notes: Sequence[str] | None = None,
) -> "Picture":
    """A ranking in the order given, bars in the colours of their scores.

    Args:
        index: what customdata[0] holds, by default the row.
        notes: one more line for the hover of each row.
    """
    import plotly.graph_objects as go

    numbers = np.asarray(values, float)
    scale = scale or Scale.of(numbers, bool((numbers < 0).any()))
    figure = canvas(max(len(numbers), 1) * ROW_PX + 44, 8, 12, 4, 40)
    said = [f"<b>{escape(label)}</b><br>{escape(name)} {number(v)}" for label, v in zip(labels, numbers, strict=True)]
    if notes is not None:
        said = [f"{line}<br>{escape(note)}" for line, note in zip(said, notes, strict=True)]
    figure.add_trace(
        go.Bar(
            orientation="h",
            x=numbers.tolist(),
            y=list(range(len(numbers))),
            width=0.66,
            marker={"color": [scale.css(v, 0.95) for v in numbers], "line": {"color": QUIET, "width": 1}},
            text=[number(v) for v in numbers],
            textposition="outside",
            textangle=0,
            cliponaxis=False,
            customdata=[[int(i)] for i in (index if index is not None else range(len(numbers)))],
            hovertext=said,
            hovertemplate="%{hovertext}<extra></extra>",
            unselected={"marker": {"opacity": 1}},
        )
    )
    figure.update_layout(
        xaxis=ruled(title=titled(escape(name)), zeroline=True, zerolinecolor=QUIET, nticks=6, range=room(numbers)),
        yaxis=rows_axis(labels),
    )
    text = f"{name}: " + ", ".join(f"{label} {number(v)}" for label, v in list(zip(labels, numbers, strict=True))[:5])
    return finish(figure, text + ".", {"label": list(labels), name: numbers})


def room(numbers: Float[np.ndarray, " n"]) -> list[float]:
    """A range with place for a number outside each bar, also on a phone."""
    finite = numbers[np.isfinite(numbers)]
    low, high = min(0.0, float(finite.min(initial=0.0))), max(0.0, float(finite.max(initial=0.0)))
    more = 0.24 * ((high - low) or 1.0)
    return [low - more * (low < 0), high + more * (high > 0 or low == 0)]


def concentration(
    curves: Mapping[str, tuple[Float[np.ndarray, " p"], Float[np.ndarray, " p"]]],
    x_title: str = "share of units, strongest first",
    y_title: str = "share of score",
    height: int = 380,
) -> "Picture":
    """How much of the score the strongest units hold, several curves on one axis; the diagonal is evenly spread."""
    import plotly.graph_objects as go

    figure = canvas(height, 8, 12, 8, 96)
    even = go.Scatter(x=[0, 1], y=[0, 1], mode="lines", name="evenly spread", hoverinfo="skip")
    even.update(line={"color": QUIET, "width": 1.5, "dash": "dot"})
    figure.add_trace(even)
    dashes = ("solid", "dash", "dashdot", "longdash")
    table: dict[str, list] = {"curve": [], "x": [], "y": []}
    halves = []
    for i, (name, (x, y)) in enumerate(curves.items()):
        x, y = np.asarray(x, float), np.asarray(y, float)
        figure.add_trace(
            go.Scatter(
                x=x.astype(np.float32),
                y=y.astype(np.float32),
                mode="lines+markers" if len(x) <= 40 else "lines",
                name=escape(name),
                line={"color": CATEGORIES[i % len(CATEGORIES)], "width": 2.5, "dash": dashes[i // len(CATEGORIES) % 4]},
                marker={"size": 5},
                customdata=[escape(name)] * len(x),
                hovertemplate="<b>%{customdata}</b><br>%{x:.0%} of the units hold %{y:.0%}<extra></extra>",
            )
        )
        table["curve"] += [name] * len(x)
        table["x"] += x.tolist()
        table["y"] += y.tolist()
        if len(x):
            halves.append(f"{name}: {100 * np.interp(0.1, x, y):.0f} %")
    share = {"range": [-0.01, 1.01], "tickformat": ".0%", "dtick": 0.25}
    figure.update_layout(
        xaxis=ruled(title=titled(x_title), **share),
        yaxis=ruled(title=titled(y_title), **share),
        showlegend=True,
        legend=legend_below(),
    )
    return finish(figure, "Held by the strongest tenth of the units: " + ", ".join(halves) + ".", table)


def legend_below() -> dict:
    """A legend under the plot that wraps on a phone."""
    return {
        "orientation": "h",
        "x": 0,
        "xanchor": "left",
        "y": 0,
        "yref": "container",
        "yanchor": "bottom",
        "bgcolor": "rgba(0,0,0,0)",
        "bordercolor": FAINT,
        "title": {"text": ""},
        "itemclick": "toggle",
    }

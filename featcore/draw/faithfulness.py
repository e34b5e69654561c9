"""Judged attributions become figures: F while units are hidden and put back, and who agrees with whom."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from featcore.draw.curves import legend_below
from featcore.draw.meta import TALL_KEY_PX, add_key, canvas, escape, finish, in_template, number, ruled, shorten, titled
from featcore.draw.scale import CATEGORIES, QUIET, Scale
from featcore.types import Curve, Faithfulness, Redraws

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from featcore.draw.picture import Picture

PANELS = (("insertion", "y", (0.56, 1.0)), ("deletion", "y2", (0.0, 0.44)))
TITLES = {"insertion": "share put back, strongest first", "deletion": "share hidden, strongest first"}
BAND = "rgba(128,134,145,0.18)"
NAME_MOST = 18


def deletion_insertion(
    judged: Mapping[str, Faithfulness], chance: Sequence[Faithfulness] = (), floor: str = "", height: int = 640
) -> "Picture":
    """Insertion above, deletion below, a line a method; what random maps get is a band behind them.

    Args:
        chance: judgements of random maps; floor: the name in `judged` of the floor that is drawn quietly.
    """
    figure = canvas(height, 8, 12, 8, 96)
    table: dict[str, list] = {"map": [], "curve": [], "share": [], "value": []}
    for kind, axis, _ in PANELS:
        if chance:
            _add_band(figure, [one.curve(kind) for one in chance], axis)
        for i, (name, one) in enumerate(judged.items()):
            _add_line(figure, name, i, one.curve(kind), axis, quiet=name == floor)
            _list(table, name, one.curve(kind))
    for i, one in enumerate(chance):
        for kind, _, _ in PANELS:
            _list(table, f"random {i + 1}", one.curve(kind))
    first = next(iter(judged.values()))
    top = {"range": [-0.03, 1.03]} if first.target.kind == "probability" else {}
    output = titled(escape(shorten(str(first.target), 34)), 12)
    share = {"range": [-0.01, 1.01], "tickformat": ".0%", "dtick": 0.25}
    figure.update_layout(
        xaxis=ruled(title=titled(TITLES["insertion"], 12), anchor="y", **share),
        yaxis=ruled(title=output, domain=PANELS[0][2], nticks=6, **top),
        xaxis2=ruled(title=titled(TITLES["deletion"], 12), anchor="y2", **share),
        yaxis2=ruled(title=output, domain=PANELS[1][2], nticks=6, **top),
        showlegend=True,
        legend=legend_below(),
    )
    said = "; ".join(f"{name} {number(one.insertion)} and {number(one.deletion)}" for name, one in judged.items())
    return finish(figure, f"Areas under insertion (high is good) and deletion (low is good) of F: {said}.", table)


def _add_band(figure: "go.Figure", each: Sequence[Curve], axis: str) -> None:
    import plotly.graph_objects as go

    share, values = each[0].share, np.stack([curve.values for curve in each])
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "legendgroup": "random"}
    place = {"xaxis": axis.replace("y", "x"), "yaxis": axis}
    figure.add_trace(go.Scatter(x=share, y=values.min(0), showlegend=False, **edge, **place))
    high = go.Scatter(x=share, y=values.max(0), fill="tonexty", fillcolor=BAND, **edge, **place)
    high.update(name=f"{len(each)} random maps, lowest to highest", showlegend=axis == "y")
    figure.add_trace(high)
    middle = go.Scatter(x=share, y=values.mean(0), mode="lines", showlegend=False, legendgroup="random", **place)
    middle.update(
        line={"color": QUIET, "width": 1.5, "dash": "dot"},
        hovertemplate="<b>mean of random maps</b><br>%{x:.0%}: %{y:.3g}<extra></extra>",
    )
    figure.add_trace(middle)


def _add_line(figure: "go.Figure", name: str, i: int, curve: Curve, axis: str, quiet: bool) -> None:
    import plotly.graph_objects as go

    line = go.Scatter(x=curve.share, y=curve.values, mode="lines", name=escape(name), legendgroup=escape(name))
    dash = ("solid", "dash", "dashdot", "longdash")[i // len(CATEGORIES) % 4]
    line.update(
        xaxis=axis.replace("y", "x"),
        yaxis=axis,
        showlegend=axis == "y",
        line={"color": QUIET, "width": 2.5, "dash": "dash"}
        if quiet
        else {"color": CATEGORIES[i % len(CATEGORIES)], "width": 2.5, "dash": dash},
        customdata=[escape(name)] * len(curve.share),
        hovertemplate="<b>%{customdata}</b><br>%{x:.0%}: %{y:.3g}<extra></extra>",
    )
    figure.add_trace(line)


def _list(table: dict[str, list], name: str, curve: Curve) -> None:
    table["map"] += [name] * len(curve.share)
    table["curve"] += [curve.kind] * len(curve.share)
    table["share"] += curve.share.tolist()
    table["value"] += curve.values.tolist()


def cascade(found: Mapping[str, Redraws], height: int = 380) -> "Picture":
    """Likeness of maps to those of the model with weights drawn anew, from the head down; a line a method, and a dot
    for each further draw of all weights."""
    import plotly.graph_objects as go

    figure = canvas(height, 8, 12, 8, 96)
    table: dict[str, list] = {"map": [], "drawn anew down to": [], "seed": [], "similarity": []}
    stages = next(iter(found.values())).cascade.stages
    for i, (name, one) in enumerate(found.items()):
        values, more = [1.0, *one.cascade.similarity.tolist()], one.similarity[1:].tolist()
        line = go.Scatter(x=list(range(len(values))), y=values, mode="lines+markers", name=escape(name))
        line.update(
            line={"color": CATEGORIES[i % len(CATEGORIES)], "width": 2.5},
            marker={"size": 6},
            customdata=[escape(each) for each in ("nothing", *stages)],
            hovertemplate=f"<b>{in_template(name)}</b><br>down to %{{customdata}}: %{{y:.2f}}<extra></extra>",
        )
        figure.add_trace(line)
        dots = go.Scatter(x=[len(stages)] * len(more), y=more, mode="markers", showlegend=False)
        dots.update(
            marker={"size": 7, "symbol": "circle-open", "color": CATEGORIES[i % len(CATEGORIES)]},
            hovertemplate=f"<b>{in_template(name)}</b><br>another draw of all weights: %{{y:.2f}}<extra></extra>",
        )
        figure.add_trace(dots)
        table["map"] += [name] * (len(stages) + len(more))
        table["drawn anew down to"] += [*stages, *[stages[-1]] * len(more)]
        table["seed"] += [one.seeds[0]] * len(stages) + list(one.seeds[1:])
        table["similarity"] += [*values[1:], *more]
    short = ["none", *(stage.rsplit(".", 2)[-1] if "." in stage else stage for stage in stages)]
    figure.update_layout(
        xaxis=ruled(
            title=titled("weights drawn anew down to", 12),
            tickmode="array",
            tickvals=list(range(len(short))),
            ticktext=[escape(each) for each in short],
        ),
        yaxis=ruled(title=titled("Spearman correlation of sizes", 12), range=[-1.05, 1.05], dtick=0.5),
        showlegend=True,
        legend=legend_below(),
    )
    last = ", ".join(f"{name} {'undefined' if one.mean is None else number(one.mean)}" for name, one in found.items())
    return finish(figure, f"Likeness to the maps of wholly random models, mean over draws: {last}.", table)


def agreements(
    names: Sequence[str],
    rho: Mapping[tuple[int, int], float | None],
    hidden: Mapping[tuple[int, int], str],
    clear: Mapping[tuple[int, int], bool | None],
) -> "Picture":
    """Spearman correlation of every two maps; a number in brackets is one that shifted maps get as well.

    Args:
        rho: of the pairs (row, column) with row > column; hidden: what the hover says more of each.
        clear: whether it lies outside the null; None where nobody can tell.
    """
    import plotly.graph_objects as go

    n, scale = len(names), Scale(-1.0, 1.0, True)
    z = np.full((n, n), np.nan, np.float32)
    text, said = [[""] * n for _ in range(n)], [[""] * n for _ in range(n)]
    for (row, column), value in rho.items():
        shown = "–" if value is None else f"{value:.2f}".replace("-", "−")
        shown = shown if value is None or clear[row, column] else f"({shown})"
        for a, b in ((row, column), (column, row)):
            z[a, b] = np.nan if value is None else value
            text[a][b] = shown
            said[a][b] = f"<b>{escape(names[a])}</b> and <b>{escape(names[b])}</b><br>{hidden[row, column]}"
    figure = canvas(n * 44 + TALL_KEY_PX + 130, 8, 8, TALL_KEY_PX + 6, 8)
    figure.add_trace(
        go.Heatmap(
            z=z,
            zmin=-1,
            zmax=1,
            colorscale=scale.colorscale(),
            showscale=False,
            xgap=2,
            ygap=2,
            hovertext=said,
            hovertemplate="%{hovertext}<extra></extra>",
            hoverongaps=False,
        )
    )
    # Text of its own in the theme's colour: a heat map would choose black or white without knowing the page.
    rows, columns = np.indices((n, n)).reshape(2, -1).tolist()
    figure.add_trace(
        go.Scatter(x=columns, y=rows, mode="text", text=[cell for line in text for cell in line], hoverinfo="skip")
    )
    ticks = {
        "tickmode": "array",
        "tickvals": list(range(n)),
        "ticktext": [escape(shorten(name, NAME_MOST)) for name in names],
        "showgrid": False,
    }
    figure.update_layout(
        xaxis=ruled(tickangle=-45, **ticks), yaxis=ruled(range=[n - 0.5, -0.5], ticklabelstandoff=6, **ticks)
    )
    add_key(figure, scale, "Spearman correlation")
    pairs = [(names[row], names[column], value) for (row, column), value in rho.items()]
    told = ", ".join(f"{a} and {b} {'undefined' if v is None else number(v)}" for a, b, v in pairs)
    numbers = {
        "one": [a for a, _, _ in pairs],
        "other": [b for _, b, _ in pairs],
        "rho": [v for _, _, v in pairs],
        "outside the null": [clear[pair] for pair in rho],
    }
    return finish(figure, f"Spearman correlation of maps over the same units: {told}.", numbers)

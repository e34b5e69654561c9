"""Records of a sweep become figures of how cost grows: time against size, and the exponent between neighbours."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from featcore.draw.curves import legend_below
from featcore.draw.meta import canvas, escape, finish, number, ruled, titled
from featcore.draw.ruler import curve, disturbed_words, duration, log_axis, looks, told
from featcore.draw.scale import CATEGORIES, QUIET
from featcore.draw.sweep import AXES, Record, Series, columns, crossover, known, local_exponents, rows_of, series

if TYPE_CHECKING:
    from featcore.draw.picture import Picture


def growth(records: Iterable[Record], axis: str = "units", height: int = 430) -> "Picture":
    """Median time of one call against size, both logarithmic, with the 95 % interval of every median.

    The dotted line of a colour is the work by formula at the fastest rate that this line reached: where the
    measurement lies above it, something else than products takes the time. A vertical line marks where the products
    of attention cost as much as the linear maps (N = 6d where inner maps are 4d wide), if the sweep reaches it.

    Args:
        axis: what was varied: one of `sweep.AXES`.
    """
    import plotly.graph_objects as go

    each = series(records, axis)
    figure = canvas(height, 8, 12, 8, 96)
    if not each:
        return finish(figure, f"No sweep over {AXES[axis]} has been measured: it takes two sizes of one encoder.", {})
    for one, look in zip(each, looks(each), strict=True):
        ideal_s = _at_best_rate(one)
        figure.add_trace(
            go.Scatter(
                x=one.x.tolist(),
                y=(1e3 * ideal_s).tolist(),
                mode="lines",
                showlegend=False,
                legendgroup=one.name,
                hoverinfo="skip",
                line={"color": look["color"], "width": 1.2, "dash": "dot"},
            )
        )
        beside = [
            f"<b>{escape(one.name)}</b><br>{AXES[axis]}: {at:,.0f}{_cut(record)}<br>{told(record)}"
            for at, record in zip(one.x, one.records, strict=True)
        ]
        figure.add_trace(curve(one, look, one.x, 1e3 * one.median_s, 1e3 * one.interval_s, one.disturbed, beside))
    times = np.concatenate(
        [1e3 * np.concatenate([one.median_s, one.interval_s.ravel(), _at_best_rate(one)]) for one in each]
    )
    _mark_breaks(figure, each, float(np.nanmin(times)))
    figure.update_layout(
        xaxis=log_axis(np.concatenate([one.x for one in each]), AXES[axis], exact=True),
        yaxis=log_axis(times, "ms a call"),
        showlegend=True,
        legend=legend_below(),
    )
    return finish(figure, _say(each, axis), columns(rows_of(each)))


def exponents(records: Iterable[Record], axis: str = "units", height: int = 430) -> "Picture":
    """How steeply time grows between neighbouring sizes: measured with a 95 % interval, and dotted that of the FLOP.

    1 means twice the size takes twice the time, 2 means four times; patches of twice the side are a quarter as many, so
    along them it is below zero. Below the dotted line a fixed cost hides the
    growth; above it memory or cache slows the larger sizes down.
    """
    import plotly.graph_objects as go

    each = series(records, axis)
    figure = canvas(height, 8, 12, 8, 96)
    if not each:
        return finish(figure, "No exponent without a sweep: it takes two sizes of one encoder.", {})
    table: dict[str, list] = {
        name: [] for name in ("line", axis, "exponent", "exponent_low", "exponent_high", "predicted", "disturbed")
    }
    said = []
    for one, look in zip(each, looks(each), strict=True):
        middle, slope, interval = local_exponents(one.x, one.median_s, one.interval_s)
        predicted = local_exponents(one.x, one.known("flops"))[1]
        shaky = one.disturbed[1:] | one.disturbed[:-1]
        ends = [f"{a:,.0f} to {b:,.0f}" for a, b in zip(one.x[:-1], one.x[1:], strict=True)]
        dotted = go.Scatter(x=middle.tolist(), y=predicted.tolist(), mode="lines", legendgroup=one.name)
        dotted.update(showlegend=False, hoverinfo="skip", line={"color": look["color"], "width": 1.5, "dash": "dot"})
        figure.add_trace(dotted)
        beside = [
            f"<b>{escape(one.name)}</b><br>{AXES[axis]} {span}<br>exponent {number(found)}"
            + (f", 95 % interval {number(low)} to {number(high)}" if np.isfinite(low) else "")
            + (f"<br>by the FLOP formula {number(wanted)}" if np.isfinite(wanted) else "")
            + ("<br><b>disturbed</b>" if bad else "")
            for span, found, (low, high), wanted, bad in zip(ends, slope, interval, predicted, shaky, strict=True)
        ]
        figure.add_trace(curve(one, look, middle, slope, interval, shaky, beside))
        for row in zip([one.name] * len(slope), middle, slope, *interval.T, predicted, shaky.tolist(), strict=True):
            for column, cell in zip(table.values(), row, strict=True):
                column.append(_cell(cell))
        wanted = f", by the FLOP {number(predicted[-1])}" if np.isfinite(predicted[-1]) else ""
        said.append(f"{one.name} {number(slope[0])} at the small end and {number(slope[-1])} at the large{wanted}")
    figure.add_hline(y=1, line={"color": QUIET, "width": 1})
    figure.update_layout(
        xaxis=log_axis(np.concatenate([one.x for one in each]), AXES[axis], exact=True),
        yaxis=ruled(title=titled("local exponent of time"), nticks=7, rangemode="tozero"),
        showlegend=True,
        legend=legend_below(),
    )
    return finish(figure, "Local exponent of time: " + "; ".join(said) + ".", table)


def work(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], height: int = 380) -> "Picture":
    """FLOP of one forward pass against positions, by the closed formula: what is known before anything is measured.

    Args:
        curves: name of an encoder to positions and FLOP.
    """
    import plotly.graph_objects as go

    figure = canvas(height, 8, 12, 8, 96)
    if not curves:
        return finish(figure, "No formula is written down for the encoders chosen.", {})
    table: dict[str, list] = {"encoder": [], "positions": [], "flop": []}
    said = []
    for i, (name, (positions, flops)) in enumerate(curves.items()):
        line = go.Scatter(x=list(positions), y=list(flops), mode="lines+markers", name=escape(name))
        line.update(
            line={"color": CATEGORIES[i % len(CATEGORIES)], "width": 2},
            hovertext=[
                f"<b>{escape(name)}</b><br>{at:,.0f} positions: {number(each / 1e9)} GFLOP"
                for at, each in zip(positions, flops, strict=True)
            ],
            hovertemplate="%{hovertext}<extra></extra>",
        )
        figure.add_trace(line)
        for column, cells in zip(table.values(), ([name] * len(positions), positions, flops), strict=True):
            column += list(cells)
        said.append(f"{name} {number(flops[-1] / 1e9)} GFLOP at {positions[-1]:,.0f}")
    figure.update_layout(
        xaxis=log_axis(table["positions"], AXES["units"], exact=True),
        yaxis=log_axis(table["flop"], "FLOP of one pass (formula)"),
        showlegend=True,
        legend=legend_below(),
    )
    return finish(figure, "Work of one forward pass by formula: " + "; ".join(said) + ".", table)


def _at_best_rate(one: Series) -> np.ndarray:
    """Seconds that the FLOP of each record take at the largest rate of the line; not a number where not known."""
    work = one.known("flops")
    rate = work / one.median_s
    return work / np.nanmax(rate) if np.isfinite(rate).any() else np.full(len(work), np.nan)


def breaks(each: Sequence[Series]) -> dict[str, tuple[float, float]]:
    """Encoder to the positions at which attention costs as much as the linear maps, and the place on the axis."""
    found: dict[str, tuple[float, float]] = {}
    for one in each:
        positions = one.known("tokens")
        batch = np.nan_to_num(one.known("batch"), nan=1.0)
        at = crossover(positions, one.known("flops") / batch)
        if at is None or one.parts["model_id"] in found:
            continue
        order = np.argsort(positions)
        place = float(np.exp(np.interp(np.log(at), np.log(positions[order]), np.log(one.x[order]))))
        found[one.parts["model_id"]] = (at, place)
    return found


def _mark_breaks(figure: "Picture", each: Sequence[Series], low_ms: float) -> None:
    """A vertical line in the colour of each encoder whose sweep reaches its break, and one word for all of them."""
    import plotly.graph_objects as go

    colours = {one.parts["model_id"]: look["color"] for one, look in zip(each, looks(each), strict=True)}
    reached = {name: found for name, found in breaks(each).items() if found[0] <= _most(each, name)}
    for encoder, (at, place) in reached.items():
        figure.add_vline(x=place, line={"color": colours[encoder], "width": 1.2, "dash": "longdashdot"})
        foot = go.Scatter(x=[place], y=[low_ms], mode="markers", showlegend=False, hovertemplate="%{hovertext}")
        foot.update(
            marker={"symbol": "triangle-up", "size": 10, "color": colours[encoder]},
            hovertext=f"<b>{escape(encoder)}</b><br>attention costs as much as the linear maps<br>"
            f"at N = {at:,.0f} positions<extra></extra>",
        )
        figure.add_trace(foot)
    if reached:
        word = go.Scatter(x=[None], y=[None], mode="lines+markers", name="attention = linear maps", hoverinfo="skip")
        word.update(line={"color": QUIET, "dash": "longdashdot"}, marker={"symbol": "triangle-up", "color": QUIET})
        figure.add_trace(word)


def _most(each: Sequence[Series], encoder: str) -> float:
    """The most positions that a sweep of an encoder reaches."""
    return max(one.known("tokens").max() for one in each if one.parts["model_id"] == encoder)


def _cut(record: Record) -> str:
    """How many units the input was cut into, as hover text; "" where that is not known."""
    units = known(record, "units")
    return "" if units is None else f"<br>{units:,.0f} units"


def _say(each: Sequence[Series], axis: str) -> str:
    said = [
        f"{one.name} " + " and ".join(f"{duration(one.median_s[i])} at {one.x[i]:,.0f}" for i in (0, -1))
        for one in each
    ]
    text = f"Median time of one call by {AXES[axis]}: " + "; ".join(said) + "."
    for encoder, (at, _) in breaks(each).items():
        most = _most(each, encoder)
        where = "within this sweep" if at <= most else f"beyond its {most:,.0f}"
        text += f" Attention of {encoder} costs as much as its linear maps at {at:,.0f} positions, {where}."
    disturbed = sum(int(one.disturbed.sum()) for one in each)
    return text + disturbed_words(disturbed, sum(len(one.records) for one in each))


def _cell(value: object) -> object:
    return None if isinstance(value, float) and not np.isfinite(value) else value

"""What charts of records share: logarithmic axes, one colour a line and one dash a machine, words of a record."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from featcore.draw.meta import escape, number, ruled, titled, whisker
from featcore.draw.scale import CATEGORIES
from featcore.draw.sweep import PARTS, Record, Series, attention_of, distinct, machine, median_s, part
from featcore.types import median_interval

if TYPE_CHECKING:
    import plotly.graph_objects as go

DASHES = ("solid", "dash", "dashdot", "dot", "longdash")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "star", "cross", "pentagon")
_CROSSED = ("circle", "square", "diamond")  # of these Plotly has one with a cross
MOST_TICKS = 8


def looks(each: Sequence[Series]) -> list[dict[str, str]]:
    """Colour, dash and symbol of every line: colours tell encoders and variants apart, dashes and symbols machines."""
    what = [name for name in PARTS if name not in ("machine", "origin")]

    def kind(one: Series) -> tuple:
        return tuple(one.parts[name] for name in what)

    def place(one: Series) -> tuple:
        return one.parts["machine"], one.parts["origin"]

    kinds, places = distinct(each, kind), distinct(each, place)
    return [
        {
            "color": CATEGORIES[kinds[kind(one)] % len(CATEGORIES)],
            "dash": DASHES[places[place(one)] % len(DASHES)],
            "symbol": SYMBOLS[places[place(one)] % len(SYMBOLS)],
        }
        for one in each
    ]


def log_axis(values: Iterable[float], title: str, exact: bool = False, **more: Any) -> dict[str, Any]:
    """A logarithmic axis around these values with few plain numbers; `exact` puts them at the values themselves."""
    found = np.array([value for value in values if np.isfinite(value) and value > 0])
    if not len(found):
        return ruled(title=titled(title), type="log", **more)
    low, high = np.log10(found.min()), np.log10(found.max())
    pad = 0.06 * (high - low) + 0.03
    ticks = _thinned(np.unique(found)) if exact else _decimal(low - pad, high + pad)
    return ruled(
        title=titled(title),
        type="log",
        range=[low - pad, high + pad],
        tickmode="array",
        tickvals=ticks,
        ticktext=[plain(tick) for tick in ticks],
        **more,
    )


def _decimal(low: float, high: float) -> list[float]:
    """1, 2 and 5 of every decade, fewer where that would be too many, and even steps where it would be hardly any."""
    if high - low < np.log10(5):
        return _even(10**low, 10**high)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        whole = range(int(np.floor(low)), int(np.ceil(high)) + 1)
        ticks = [digit * 10.0**power for power in whole for digit in digits]
        ticks = [tick for tick in ticks if low <= np.log10(tick) <= high]
        if len(ticks) <= MOST_TICKS:
            return ticks
    return ticks[:: len(ticks) // MOST_TICKS + 1]


def _even(low: float, high: float) -> list[float]:
    """Round numbers at even steps between two of them."""
    power = 10.0 ** np.floor(np.log10((high - low) / MOST_TICKS))
    step = next(power * digit for digit in (1, 2, 5, 10) if (high - low) / (power * digit) < MOST_TICKS)
    return [float(f"{step * i:.6g}") for i in range(int(np.ceil(low / step)), int(high / step) + 1)]


def _thinned(values: np.ndarray) -> list[float]:
    """At most `MOST_TICKS` of the values, none closer to the last kept one than an even share of the axis."""
    room, kept = (np.log(values[-1]) - np.log(values[0])) / MOST_TICKS, [float(values[0])]
    for value in values[1:]:
        if np.log(value) - np.log(kept[-1]) >= 0.99 * room:
            kept.append(float(value))
    return kept


def plain(value: float) -> str:
    """A tick: 1,024, 0.5, 3M, 20G, a power of ten below a thousandth."""
    if value < 1e-3:
        digit, power = f"{value:.0e}".split("e")
        return f"{'' if digit == '1' else digit + '·'}10<sup>−{-int(power)}</sup>"
    for limit, word in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= limit:
            return f"{value / limit:g}{word}"
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if not np.isfinite(seconds):
        return "not known"
    if seconds >= 1:
        return f"{number(seconds)} s"
    return f"{number(1e3 * seconds)} ms" if seconds >= 1e-3 else f"{number(1e6 * seconds)} µs"


def told(record: Record) -> str:
    """Median, interval and conditions of a record as hover text, escaped."""
    samples = record["samples_s"]
    interval = median_interval(samples)
    lines = [
        f"median {duration(median_s(record))}"
        + (f", 95 % interval {duration(interval[0])} to {duration(interval[1])}" if interval else ""),
        f"n = {len(samples)}, stopped by {escape(part(record, 'stop_reason') or 'not known')}",
        " · ".join(
            escape(word)
            for word in (
                part(record, "dtype"),
                f"{attention_of(record)} attention" if attention_of(record) else "",
                "random weights" if part(record, "weights") == "random" else "",
                machine(record),
            )
            if word
        ),
    ]
    if record.get("disturbed"):
        lines.append(f"<b>disturbed:</b> {escape(part(record, 'disturbance') or 'not said by what')}")
    return "<br>".join(lines)


def hollow(symbol: str) -> str:
    """The mark of a disturbed record."""
    return f"{symbol}-x-open" if symbol in _CROSSED else f"{symbol}-open"


def marks(disturbed: Bool[np.ndarray, " p"], look: dict[str, str], size: int = 8) -> dict[str, Any]:
    """Markers of a line; a disturbed record is larger and hollow."""
    return {
        "size": [size + 4 if each else size for each in disturbed],
        "symbol": [hollow(look["symbol"]) if each else look["symbol"] for each in disturbed],
        "color": look["color"],
        "line": {"width": [1.5 if each else 0 for each in disturbed], "color": look["color"]},
    }


def curve(
    one: Series,
    look: dict[str, str],
    x: Float[np.ndarray, " p"],
    y: Float[np.ndarray, " p"],
    interval: Float[np.ndarray, "p 2"],
    disturbed: Bool[np.ndarray, " p"],
    said: list[str],
) -> "go.Scatter":
    """One line of a sweep with its 95 % intervals; `said` stands beside the pointer at each value."""
    import plotly.graph_objects as go

    return go.Scatter(
        x=x.tolist(),
        y=y.tolist(),
        mode="lines+markers",
        name=escape(one.name),
        legendgroup=one.name,
        line={"color": look["color"], "width": 2, "dash": look["dash"]},
        marker=marks(disturbed, look),
        error_y=whisker(y, interval, look["color"], 1.5, 4),
        hovertext=said,
        hovertemplate="%{hovertext}<extra></extra>",
    )


def disturbed_words(count: int, whole: int) -> str:
    """A sentence about disturbed records, "" where there are none."""
    if not count:
        return ""
    return f" {count} of {whole} records are disturbed: the machine was not quiet (hollow marks)."

"""What all figures have in common: an empty canvas, the key of a scale, escaped text, alt text and table."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from featcore.draw.scale import COVER, FAINT, QUIET, Scale

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from featcore.draw.picture import Picture

MONO = "ui-monospace, 'SFMono-Regular', 'DejaVu Sans Mono', 'Noto Sans Mono CJK SC', Menlo, Consolas, monospace"
CLEAR = "rgba(0,0,0,0)"
KEY_PX = 30  # height that the key of a scale needs above the plot
TALL_KEY_PX = 46  # with the name of the score above it


def escape(text: object) -> str:
    """User text as plain text for Plotly, which would otherwise read tags, entities and $formulas$ in it.

    Quotes stay: Plotly knows no `&quot;`, and no text of ours ends up inside an attribute.
    """
    plain = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("$", "&#36;")
    return plain.replace("\r", "").replace("\n", "↵")


def in_template(text: object) -> str:
    """Escaped text that stands in a hover template itself, where `%{...}` would be filled in."""
    return escape(text).replace("%{", "%&#123;")


def shorten(text: str, most: int) -> str:
    """At most `most` characters; shorten first, escape afterwards."""
    return text if len(text) <= most else text[: most - 1] + "…"


def canvas(height: int, left: int = 8, right: int = 8, top: int = 8, bottom: int = 8) -> "Picture":
    """An empty figure: transparent, no menu clutter, text colours left to the theme."""
    from featcore.draw.picture import Picture

    figure = Picture()
    figure.update_layout(
        height=height,
        margin={"l": left, "r": right, "t": top, "b": bottom, "pad": 0},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        hovermode="closest",
        dragmode=False,
        showlegend=False,
        bargap=0.25,
        modebar={"bgcolor": CLEAR},
        hoverlabel={"align": "left"},
    )
    return figure


def bare(**more: Any) -> dict[str, Any]:
    """An axis that nobody sees."""
    return {"visible": False, "fixedrange": True, "showgrid": False, "zeroline": False} | more


def ruled(**more: Any) -> dict[str, Any]:
    """A calm axis with faint grid lines that show on any ground."""
    return {
        "gridcolor": FAINT,
        "zeroline": False,
        "linecolor": QUIET,
        "fixedrange": True,
        "automargin": True,
        "ticks": "",
    } | more


def number(value: float) -> str:
    """A number for people: three digits that matter, a real minus sign."""
    return f"{value:.3g}".replace("-", "−")


def plural(word: str, count: int) -> str:
    """'patch' becomes 'patches' unless there is one."""
    return word if count == 1 else word + ("es" if word.endswith("ch") else "s")


def whisker(middle: Any, interval: Any, color: str, thick: float = 2, wide: int = 5) -> dict[str, Any]:
    """Error bars of values over their intervals, [n 2] in the values' own unit; none where an edge is not known."""
    middle, (low, high) = np.atleast_1d(np.asarray(middle, float)), np.asarray(interval, float).reshape(-1, 2).T
    reach = {
        side: np.maximum(np.nan_to_num(far), 0).tolist()
        for side, far in (("array", high - middle), ("arrayminus", middle - low))
    }
    return {"type": "data", "symmetric": False, **reach, "color": color, "thickness": thick, "width": wide}


def chosen(selected: int | Sequence[int] | None) -> list[int]:
    """One selected unit, several or none as a list."""
    if selected is None:
        return []
    return [int(selected)] if isinstance(selected, int | np.integer) else [int(unit) for unit in selected]


def titled(text: str, size: int = 13) -> dict[str, Any]:
    """The title of an axis, close to it."""
    return {"text": text, "standoff": 6, "font": {"size": size}}


def add_key(figure: "go.Figure", scale: Scale, name: str = "score", cover: float = COVER, x: float = 0.5) -> None:
    """Print the scale above the plot: low, colour blocks, high; the name behind them, or above if in the middle.

    Plotly's own colour bar drops transparency, and its length follows the figure; blocks of fixed pixels keep both.
    """
    low, high = scale.bounds
    blocks, wide, gap = 15, 9, 1
    whole = blocks * (wide + gap)
    left = {0: 64.0, 0.5: -whole / 2, 1: -whole - 120.0}[x]
    shapes, notes = [], []
    pixel = {"xref": "paper", "yref": "paper", "xsizemode": "pixel", "ysizemode": "pixel", "xanchor": x, "yanchor": 1}
    for i, value in enumerate(np.linspace(low, high, blocks)):
        start = left + i * (wide + gap)
        shapes.append(
            pixel
            | {
                "type": "rect",
                "x0": start,
                "x1": start + wide,
                "y0": 13,
                "y1": 22,
                "line": {"width": 0.5, "color": QUIET},
                "fillcolor": scale.css(float(value), cover),
            }
        )
    nothing = scale.high <= scale.low
    ends = ("", "all 0") if nothing else (number(scale.low), number(scale.high))
    words = [(ends[0], left - 6, 17, "right"), (ends[1] + f" {name}" * (x != 0.5), left + whole + 5, 17, "left")]
    if x == 0.5:  # a long name would leave a narrow screen at the side
        words.append((shorten(name, 44), 0, 34, "center"))
    for text, shift, lift, anchor in words:
        notes.append(
            {
                "text": escape(text),
                "xref": "paper",
                "yref": "paper",
                "x": x,
                "y": 1,
                "xshift": shift,
                "yshift": lift,
                "xanchor": anchor,
                "yanchor": "middle",
                "showarrow": False,
                "font": {"size": 12},
            }
        )
    figure.update_layout(
        shapes=tuple(figure.layout.shapes) + tuple(shapes), annotations=tuple(figure.layout.annotations) + tuple(notes)
    )


def finish(figure: "Picture", alt: str, table: Mapping[str, Any]) -> "Picture":
    """Give the figure its text alternative and its numbers; columns become plain lists of equal length."""
    columns = {
        name: np.asarray(column).tolist() if not isinstance(column, list) else column for name, column in table.items()
    }
    assert len({len(column) for column in columns.values()}) <= 1, "columns of one length"
    figure.alt, figure.table = alt, columns
    return figure


def config(name: str, kind: str = "svg") -> dict[str, Any]:
    """Settings for `st.plotly_chart(config=...)`.

    Plotly's camera button writes one format: "svg" by default because it stays sharp in print; pass "png" (twice the
    screen's pixels) for slides. `name` becomes the file name.
    """
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in name).strip("-") or "figure"
    return {
        "displaylogo": False,
        "showSendToCloud": False,
        "responsive": True,
        "scrollZoom": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": kind, "scale": 2, "filename": f"tessera-{safe}"},
    }

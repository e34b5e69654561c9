"""What lies on a frame: blocks of colour, borders and markers to click, as Plotly traces in pixel coordinates."""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int, UInt8

from featcore.draw.meta import bare, escape, number
from featcore.draw.pixels import jpeg
from featcore.draw.scale import Scale
from featcore.types import Units

if TYPE_CHECKING:
    import plotly.graph_objects as go

Line = tuple[list[float | None], list[float | None]]  # x and y, None between two strokes
NOTHING: Line = ([None], [None])


def picture(frame: UInt8[np.ndarray, "y x 3"], longest: int = 640, quality: int = 80) -> "go.Image":
    """The frame as a trace in its own pixel coordinates, however few pixels are sent."""
    import plotly.graph_objects as go

    return place_image(go.Image(source=jpeg(frame, longest, quality), hoverinfo="skip"), frame.shape[:2])


def place_image(image: "go.Image", shape: tuple[int, ...]) -> "go.Image":
    """Stretch the picture over rows x columns of data coordinates; Plotly measures the source in its own pixels."""
    from PIL import Image

    inside = Image.open(io.BytesIO(base64.b64decode(image.source.split(",", 1)[1])))
    dx, dy = shape[1] / inside.width, shape[0] / inside.height
    image.update(dx=dx, dy=dy, x0=dx / 2, y0=dy / 2)
    return image


def describe(units: Units, unit: int, scores: np.ndarray | None, name: str) -> str:
    """What a unit says when pointed at."""
    lines = [f"<b>{escape(units.labels[unit])}</b>"]
    if scores is not None:
        lines.append(f"{escape(name)} {number(float(scores[unit]))}")
    if units.regions is None:
        (t0, t1), (y0, y1), (x0, x1) = units.extents[unit]
        when = "" if t1 - t0 == 1 and units.extents[:, 0].max() == 1 else f"frames {t0}–{t1 - 1}, "
        lines.append(f"{when}rows {y0}–{y1 - 1}, columns {x0}–{x1 - 1}")
    return "<br>".join([*lines, f"{units.kind} {unit}"])


def fit(figure: "go.Figure", rows: float, columns: float) -> None:
    """Square pixels, no axes, the whole plot answers to the nearest marker."""
    figure.update_layout(
        xaxis=bare(range=[0, columns], constrain="domain", domain=[0, 1]),
        yaxis=bare(range=[rows, 0], scaleanchor="x", constrain="domain", constraintoward="top"),
        hoverdistance=-1,
    )


def heat(
    y: Float[np.ndarray, " y1"],
    x: Float[np.ndarray, " x1"],
    z: Float[np.ndarray, "rows columns"],
    scale: Scale,
    opacity: float,
    gap: float = 1,
) -> "go.Heatmap":
    """Scores as blocks between edges."""
    import plotly.graph_objects as go

    low, high = scale.bounds
    return go.Heatmap(
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        z=z.astype(np.float32),
        zmin=low,
        zmax=high,
        colorscale=scale.colorscale(opacity),
        showscale=False,
        xgap=gap,
        ygap=gap,
        hoverinfo="skip",
        zsmooth=False,
    )


def two_lines(line: Line, colour: str = "rgba(255,255,255,0.85)") -> list["go.Scatter"]:
    """A light line on a dark one, so that it shows on any picture."""
    import plotly.graph_objects as go

    thin = colour.startswith("rgba(255")
    strokes = (("rgba(0,0,0,0.40)", 2.0), (colour, 0.8)) if thin else (("rgba(255,255,255,0.95)", 5.5), (colour, 3.0))
    return [
        go.Scatter(
            x=line[0], y=line[1], mode="lines", line={"color": tint, "width": wide}, hoverinfo="skip", cliponaxis=False
        )
        for tint, wide in strokes
    ]


def borders(y: Float[np.ndarray, " y1"], x: Float[np.ndarray, " x1"]) -> Line:
    """All lines of a lattice as one broken stroke."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for edge in x:
        xs += [float(edge), float(edge), None]
        ys += [float(y[0]), float(y[-1]), None]
    for edge in y:
        xs += [float(x[0]), float(x[-1]), None]
        ys += [float(edge), float(edge), None]
    return xs, ys


def boxes(units: Units, which: Sequence[int], dx: float = 0, dy: float = 0) -> Line:
    """The outlines of some units as one broken stroke."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for unit in which:
        (y0, y1), (x0, x1) = units.extents[unit, 1:].astype(float)
        xs += [x0 + dx, x1 + dx, x1 + dx, x0 + dx, x0 + dx, None]
        ys += [y0 + dy, y0 + dy, y1 + dy, y1 + dy, y0 + dy, None]
    return xs, ys


def contours(owner: Int[np.ndarray, "y x"]) -> Line:
    """The outlines of all regions as one broken stroke, traced on at most 480 pixels a side."""
    import cv2

    step = max(1, -(-max(owner.shape) // 480))
    small = owner[::step, ::step]
    xs: list[float | None] = []
    ys: list[float | None] = []
    for unit in np.unique(small[small >= 0]):
        # A frame of one empty pixel lets regions at the border close; +0.5 moves from pixel centres to their middle.
        mask = np.pad((small == unit).astype(np.uint8), 1)
        found, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        for stroke in found:
            points = cv2.approxPolyDP(stroke, 0.8, True)[:, 0].astype(float)
            points = (np.concatenate([points, points[:1]]) - 0.5) * step
            xs += [*points[:, 0].tolist(), None]
            ys += [*points[:, 1].tolist(), None]
    return xs, ys


def region_png(owner: Int[np.ndarray, "y x"], scores: np.ndarray, scale: Scale, opacity: float) -> str:
    """Regions filled by score, as a PNG with transparency."""
    from PIL import Image

    step = max(1, -(-max(owner.shape) // 480))
    small = owner[::step, ::step]
    values = np.where(small >= 0, np.asarray(scores, float)[np.maximum(small, 0)], np.nan)
    colours = scale.rgba(values, opacity)
    colours[..., 3] *= 255
    out = io.BytesIO()
    Image.fromarray(np.rint(colours).astype(np.uint8), "RGBA").save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def markers(x: np.ndarray, y: np.ndarray, which: np.ndarray, texts: list[str]) -> "go.Scatter":
    """Invisible squares that can be pointed at and clicked; heat maps cannot be clicked in Streamlit."""
    import plotly.graph_objects as go

    unseen = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=np.asarray(x, np.float32),
        y=np.asarray(y, np.float32),
        mode="markers",
        marker={"symbol": "square", "size": 16, "opacity": 0, "color": "rgb(128,134,145)"},
        # Lists, because a typed array would reach the page as a dictionary of places.
        customdata=[[int(unit)] for unit in which],
        hovertext=texts,
        hovertemplate="%{hovertext}<extra></extra>",
        selected=unseen,
        unselected=unseen,
    )


def cell_markers(units: Units, which: np.ndarray, scores: np.ndarray | None, name: str) -> "go.Scatter":
    """One marker in the middle of each unit."""
    middle = units.extents[which].mean(axis=2)
    return markers(middle[:, 2], middle[:, 1], which, [describe(units, int(i), scores, name) for i in which])


def region_markers(owner: np.ndarray, units: Units, scores: np.ndarray | None, name: str) -> "go.Scatter":
    """A lattice of markers, each knowing the region under it: the nearest one is right almost everywhere."""
    step = max(1.0, max(owner.shape) / 36)
    y, x = (np.arange(step / 2, side, step) for side in owner.shape)
    under = owner[np.ix_(y.astype(int), x.astype(int))].ravel()
    yy, xx = (grid.ravel()[under >= 0] for grid in np.meshgrid(y, x, indexing="ij"))
    under = under[under >= 0]
    texts = {int(i): describe(units, int(i), scores, name) for i in np.unique(under)}
    return markers(xx, yy, under, [texts[int(i)] for i in under])

"""One frame with its fragments becomes a figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from featcore.draw import overlay
from featcore.draw.meta import TALL_KEY_PX, add_key, canvas, chosen, finish, number, plural
from featcore.draw.pixels import at_frame, lattice, mute, pick, unit_map
from featcore.draw.scale import ACCENT, Scale
from featcore.types import Clip, Units

if TYPE_CHECKING:
    from featcore.draw.picture import Picture


def fragments(
    clip: Clip,
    units: Units,
    scores: Float[np.ndarray, " n"] | None = None,
    scale: Scale | None = None,
    frame: int = 0,
    opacity: float = 0.6,
    selected: int | Sequence[int] | None = None,
    grid_lines: bool = True,
    muted: bool = True,
    name: str = "score",
    height: int = 400,
) -> "Picture":
    """One frame with its units as blocks, never interpolated; without scores only their borders.

    `muted` takes most of the photograph's own colour away while scores lie on it. A click anywhere gives the nearest
    marker, whose customdata[0] is the unit.
    """
    import plotly.graph_objects as go

    rows, columns = clip.frames.shape[1:3]
    if scores is not None:
        scale = scale or Scale.of(scores, bool((np.asarray(scores) < 0).any()))
    figure = canvas(
        height + (TALL_KEY_PX if scores is not None else 0), 4, 4, TALL_KEY_PX + 4 if scores is not None else 4, 4
    )
    pixels = clip.frames[frame]
    figure.add_trace(overlay.picture(mute(pixels) if muted and scores is not None else pixels))
    which = at_frame(units, frame)
    marked = [unit for unit in chosen(selected) if unit in which]
    if units.regions is not None:
        owner = unit_map(units, frame, (rows, columns))
        if scores is not None and scale is not None:
            source = overlay.region_png(owner, scores, scale, opacity)
            figure.add_trace(overlay.place_image(go.Image(source=source, hoverinfo="skip"), (rows, columns)))
        if grid_lines:
            figure.add_traces(overlay.two_lines(overlay.contours(owner)))
        figure.add_trace(overlay.region_markers(owner, units, scores, name))
        for unit in marked:
            figure.add_traces(overlay.two_lines(overlay.contours(np.where(owner == unit, 0, -1)), colour=ACCENT))
    else:
        y, x, cells = lattice(units, which)
        if scores is not None and scale is not None:
            figure.add_trace(overlay.heat(y, x, pick(scores, cells), scale, opacity, gap=1 if grid_lines else 0))
        elif grid_lines:
            figure.add_traces(overlay.two_lines(overlay.borders(y, x)))
        figure.add_trace(overlay.cell_markers(units, which, scores, name))
        if marked:
            figure.add_traces(overlay.two_lines(overlay.boxes(units, marked), colour=ACCENT))
    overlay.fit(figure, rows, columns)
    if scores is not None and scale is not None:
        add_key(figure, scale, name, opacity)
    return finish(figure, say(clip, units, scores, which, name), table(units, scores, which, name))


def markable(
    clip: Clip,
    units: Units,
    frame: int = 0,
    selected: Sequence[int] | None = None,
    box: tuple[float, ...] | None = None,
    height: int = 400,
) -> "Picture":
    """One frame with the borders of its units, on which a box can be drawn by dragging; `selected` have an outline.

    Args:
        box: left, top, right, bottom of what is marked already, in pixels, drawn as a dashed line.
    """
    figure = fragments(clip, units, frame=frame, selected=selected, height=height)
    if box is not None:
        left, top, right, bottom = box
        line = {"color": ACCENT, "width": 2, "dash": "dash"}
        figure.add_shape(type="rect", x0=left, y0=top, x1=right, y1=bottom, line=line)
    figure.update_layout(
        dragmode="select",
        newselection={"line": {"color": ACCENT, "width": 2, "dash": "solid"}},
        activeselection={"fillcolor": ACCENT, "opacity": 0.12},
    )
    figure.alt += f" {len(chosen(selected))} of them are marked."
    return figure


def say(clip: Clip, units: Units, scores: np.ndarray | None, which: np.ndarray, name: str) -> str:
    """The figure in two sentences."""
    text = f"{clip.name}, cut into {len(which)} {plural(units.kind, len(which))}."
    if scores is None or not len(which):
        return text
    best = which[np.argmax(np.abs(np.nan_to_num(np.asarray(scores)[which])))]
    return f"{text} Strongest {name}: {units.labels[best]} with {number(float(scores[best]))}."


def table(units: Units, scores: np.ndarray | None, which: np.ndarray, name: str) -> dict:
    """Units with their extents and scores as columns."""
    columns: dict = {"unit": which, units.kind: [units.labels[i] for i in which]}
    for i, axis in enumerate(units.axes):
        columns |= {f"{axis}_start": units.extents[which, i, 0], f"{axis}_stop": units.extents[which, i, 1]}
    return columns if scores is None else columns | {name: np.asarray(scores, float)[which]}

"""Clips become figures: a film that plays in the browser, and its time slots side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from featcore.draw import overlay
from featcore.draw.frame import say, table
from featcore.draw.meta import TALL_KEY_PX, add_key, canvas, chosen, escape, finish, in_template, number
from featcore.draw.pixels import at_frame, jpeg, lattice, mute, overlay_pixels, pick, unit_map
from featcore.draw.scale import ACCENT, CATEGORIES, QUIET, Scale
from featcore.draw.times import slots, spell
from featcore.types import Clip, Units

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from featcore.draw.picture import Picture


def ranged(scores: Float[np.ndarray, " n"] | None, scale: Scale | None) -> Scale:
    """The scale given, or the one of these scores: always one for the whole clip."""
    if scores is None:
        return scale or Scale(0.0, 0.0)
    return scale or Scale.of(scores, bool((np.asarray(scores) < 0).any()))


def film(
    clip: Clip,
    units: Units,
    scores: Float[np.ndarray, " n"] | None = None,
    scale: Scale | None = None,
    opacity: float = 0.6,
    selected: int | Sequence[int] | None = None,
    muted: bool = True,
    name: str = "score",
    height: int = 380,
) -> "Picture":
    """The clip plays in the browser under its blocks of colour; the frames of one slot share one map."""
    import plotly.graph_objects as go

    scale = ranged(scores, scale)
    rows, columns = clip.frames.shape[1:3]
    spans = slots(units)
    # Fewer pixels a frame for longer clips, so that the page stays light.
    longest = int(np.clip(480 * (16 / max(len(clip.frames), 16)) ** 0.5, 160, 480))

    def traces(frame: int) -> list[Any]:
        slot = min(int(np.searchsorted(spans[:, 0], frame, side="right")) - 1, len(spans) - 1)
        pixels, which = clip.frames[frame], at_frame(units, frame)
        pixels = mute(pixels) if muted and scores is not None else pixels
        over: Any = go.Heatmap(z=[[None]], showscale=False, hoverinfo="skip")
        if units.regions is not None and scores is not None:
            pixels = overlay_pixels(pixels, units, scores, scale, opacity, frame)
        elif units.regions is None:
            y, x, cells = lattice(units, which)
            over = overlay.heat(
                y, x, pick(scores if scores is not None else np.zeros(len(units)), cells), scale, opacity
            )
            over.update(text=named(units, cells), hoverinfo=None, hovertemplate="%{text}<extra></extra>")
            if scores is not None:
                over.hovertemplate = f"%{{text}}<br>{in_template(name)} %{{z:.3g}}<extra></extra>"
        caption = spell(spans[slot], slot, float(clip.times_s[frame]))
        words = go.Scatter(x=[columns / 2], y=[rows], text=[caption], mode="markers+text", cliponaxis=False)
        # The unseen marker keeps the words off the picture.
        words.update(hoverinfo="skip", textposition="bottom center", textfont={"size": 13})
        words.update(marker={"size": 10, "opacity": 0})
        marked = [unit for unit in chosen(selected) if unit in which and units.regions is None]
        outline = overlay.boxes(units, marked) if marked else overlay.NOTHING
        sources.append(jpeg(pixels, longest, 75))
        # What can be clicked changes with the frame: the units of this slot.
        clickable = overlay.cell_markers(units, which, scores, name) if units.regions is None else go.Scatter()
        return [over, words, *overlay.two_lines(outline, colour=ACCENT), clickable]

    top = TALL_KEY_PX + 4 if scores is not None else 4
    figure = canvas(height + top + 84, 4, 4, top, 84)
    pause_s = float(np.median(np.diff(clip.times_s))) if len(clip.times_s) > 1 else 0.2
    sources: list[str] = []
    each: list[list[Any]] = [traces(frame) for frame in range(len(clip.frames))]
    # The picture lies in the layout: an image trace is empty until it has loaded, and a film of them stays black.
    place = {"xref": "x", "yref": "y", "x": 0, "y": 0, "sizex": columns, "sizey": rows, "sizing": "stretch"}
    pictures = [{"images": [place | {"layer": "below", "source": source}]} for source in sources]
    start = opening(units, scores, chosen(selected))
    figure.add_traces(each[start])
    if scores is None and units.regions is None:
        # The cut itself: the same borders in every frame.
        figure.add_traces(overlay.two_lines(overlay.borders(*lattice(units, at_frame(units, start))[:2])))
    figure.update_layout(pictures[start])
    figure.frames = [
        go.Frame(name=str(i), data=data, traces=[0, 1, 2, 3, 4], layout=layout)
        for i, (data, layout) in enumerate(zip(each, pictures, strict=True))
    ]
    overlay.fit(figure, rows, columns)
    controls(figure, len(clip.frames), int(np.clip(pause_s * 1000, 60, 1000)), start)
    if scores is not None:
        add_key(figure, scale, name, opacity)
    everything = np.arange(len(units))
    return finish(
        figure,
        f"A film of {len(clip.frames)} frames. {say(clip, units, scores, everything, name)}",
        table(units, scores, everything, name),
    )


def named(units: Units, cells: Int[np.ndarray, "rows columns"]) -> list[list[str]]:
    """The label of the unit in each cell, escaped."""
    return [[escape(units.labels[i]) if i >= 0 else "" for i in row] for row in cells]


def opening(units: Units, scores: Float[np.ndarray, " n"] | None, selected: list[int]) -> int:
    """The frame a film opens at: the first that shows a selected unit, so that a click does not lose its place; else
    the first that shows the strongest score, so that there is something to see."""
    if not selected and scores is not None and len(units):
        selected = [int(np.argmax(np.abs(np.nan_to_num(scores))))]
    return int(units.extents[selected, 0, 0].min()) if selected else 0


def controls(figure: "go.Figure", frames: int, pause_ms: int, start: int) -> None:
    """Play, pause and a slider at `start`, all in the browser; colours hold on light and dark pages."""
    still = {"mode": "immediate", "transition": {"duration": 0}}
    play = [None, still | {"frame": {"duration": pause_ms, "redraw": True}, "fromcurrent": True}]
    stop = [[None], still | {"frame": {"duration": 0, "redraw": False}}]
    figure.update_layout(
        updatemenus=[
            {
                "type": "buttons",
                "direction": "left",
                "showactive": False,
                "x": 0,
                "y": 0,
                "xanchor": "left",
                "yanchor": "top",
                "pad": {"t": 32, "r": 0},
                "bgcolor": "rgba(128,134,145,0.12)",
                "bordercolor": QUIET,
                "font": {"color": CATEGORIES[0], "size": 15},
                "buttons": [
                    {"label": "▶", "method": "animate", "args": play},
                    {"label": "❚❚", "method": "animate", "args": stop},
                ],
            }
        ],
        sliders=[
            {
                "active": start,
                "x": 0,
                "len": 1,
                "y": 0,
                "pad": {"t": 36, "l": 104, "r": 12},
                "currentvalue": {"visible": False},
                "bgcolor": "rgba(128,134,145,0.30)",
                "activebgcolor": CATEGORIES[0],
                "bordercolor": QUIET,
                "borderwidth": 0,
                "tickcolor": QUIET,
                "ticklen": 4,
                "minorticklen": 2,
                "steps": [
                    {
                        "label": str(i),
                        "method": "animate",
                        "args": [[str(i)], still | {"frame": {"duration": 0, "redraw": True}}],
                    }
                    for i in range(frames)
                ],
            }
        ],
    )


def filmstrip(
    clip: Clip,
    units: Units,
    scores: Float[np.ndarray, " n"] | None = None,
    scale: Scale | None = None,
    selected: int | Sequence[int] | None = None,
    opacity: float = 0.6,
    per_row: int | None = None,
    muted: bool = True,
    name: str = "score",
    height: int = 380,
) -> "Picture":
    """The first frame of every time slot side by side on one scale; a click gives the unit."""
    import plotly.graph_objects as go

    scale = ranged(scores, scale)
    spans = slots(units)
    rows, columns = clip.frames.shape[1:3]
    per_row = min(8, per_row or (len(spans) if len(spans) <= 4 else 4 if len(spans) <= 8 else 8))
    lines = -(-len(spans) // per_row)
    gap = round(0.03 * columns)
    wide, high = per_row * (columns + gap) - gap, lines * (rows + gap) - gap
    factor = min(1.0, 1600 / max(wide, high))

    top = TALL_KEY_PX + 4 if scores is not None else 4
    figure = canvas(height + top, 4, 4, top, 4)
    labels: tuple[list, list, list] = ([], [], [])
    marks: tuple[list, list, list, list] = ([], [], [], [])
    outline: overlay.Line = ([], [])
    for slot, span in enumerate(spans):
        dx, dy = (slot % per_row) * (columns + gap), (slot // per_row) * (rows + gap)
        frame = int(min(span[0], len(clip.frames) - 1))
        pixels, which = clip.frames[frame], at_frame(units, frame)
        pixels = mute(pixels) if muted and scores is not None else pixels
        if units.regions is None:
            point = overlay.cell_markers(units, which, scores, name)
        else:
            point = overlay.region_markers(unit_map(units, frame, (rows, columns)), units, scores, name)
            if scores is not None:
                pixels = overlay_pixels(pixels, units, scores, scale, opacity, frame)
        tile = overlay.picture(pixels, max(64, int(max(rows, columns) * factor)), 75)
        tile.update(x0=tile.x0 + dx, y0=tile.y0 + dy)
        figure.add_trace(tile)
        if units.regions is None and scores is not None:
            y, x, cells = lattice(units, which)
            figure.add_trace(overlay.heat(y + dy, x + dx, pick(scores, cells), scale, opacity, gap=0.5))
        for column, values in zip(
            marks, (point.x + dx, point.y + dy, [c[0] for c in point.customdata], point.hovertext), strict=True
        ):
            column.extend(values)
        for column, value in zip(labels, (dx + gap, dy + rows, f"{clip.times_s[frame]:.2f} s"), strict=True):
            column.append(value)
        marked = [unit for unit in chosen(selected) if unit in which]
        if units.regions is None:
            part = overlay.boxes(units, marked, dx, dy)
            outline[0].extend(part[0])
            outline[1].extend(part[1])
    words = go.Scatter(
        x=labels[0], y=labels[1], text=labels[2], mode="text", textposition="top right", hoverinfo="skip"
    )
    words.update(textfont={"color": "white", "size": 12, "shadow": "auto"})
    figure.add_trace(words)
    figure.add_trace(overlay.markers(np.array(marks[0]), np.array(marks[1]), np.array(marks[2]), marks[3]))
    if outline[0]:
        figure.add_traces(overlay.two_lines(outline, colour=ACCENT))
    overlay.fit(figure, high, wide)
    if scores is not None:
        add_key(figure, scale, name, opacity)
    everything = np.arange(len(units))
    text = f"{len(spans)} time slots side by side. {say(clip, units, scores, everything, name)}"
    return finish(figure, text, table(units, scores, everything, name))


def strongest(
    clip: Clip,
    units: Units,
    scores: Float[np.ndarray, " n"],
    scale: Scale | None = None,
    most: int = 8,
    selected: int | Sequence[int] | None = None,
    opacity: float = 0.6,
    name: str = "score",
    per_row: int = 4,
    width: int = 480,
) -> "Picture":
    """The `most` strongest fragments by absolute score, one tile each: its middle frame with its box, score and time.

    On the scale of all scores; a tie goes to the earlier fragment. As high as it needs to be where it is `width` pixels
    wide. customdata[0] is the unit.
    """
    import plotly.graph_objects as go

    scale = ranged(scores, scale)
    values = np.asarray(scores, float)
    which = np.argsort(-np.abs(np.nan_to_num(values)), kind="stable")[:most]
    rows, columns = clip.frames.shape[1:3]
    gap, label = round(0.04 * columns), 0.16 * rows
    per_row = min(per_row, max(len(which), 1))
    lines = -(-max(len(which), 1) // per_row)
    wide, high = per_row * (columns + gap) - gap, lines * (rows + label) + gap
    figure = canvas(round(width * high / wide) + TALL_KEY_PX + 8, 4, 4, TALL_KEY_PX + 4, 4)
    marks: tuple[list, list, list, list] = ([], [], [], [])
    words: tuple[list, list, list] = ([], [], [])
    outline: overlay.Line = ([], [])
    picked: overlay.Line = ([], [])
    times = []
    for place, unit in enumerate(which.tolist()):
        dx, dy = (place % per_row) * (columns + gap), (place // per_row) * (rows + label)
        frame, start, stop = lasts(clip, units, unit)
        times.append((start, stop))
        alone = np.where(np.arange(len(units)) == unit, values, np.nan)
        pixels = overlay_pixels(mute(clip.frames[frame]), units, alone, scale, opacity, frame)
        for line, shown in ((outline, True), (picked, unit in chosen(selected))):
            part = outlined(units, unit, frame, (rows, columns)) if shown else ([], [])
            for into, values_of, shift in zip(line, part, (dx, dy), strict=True):
                into.extend(None if value is None else value + shift for value in values_of)
        tile = overlay.picture(pixels, max(64, round(1600 / per_row)), 75)
        tile.update(x0=tile.x0 + dx, y0=tile.y0 + dy)
        figure.add_trace(tile)
        words[0].append(dx)
        words[1].append(dy + rows)
        words[2].append(f"{number(values[unit])} · {start:.2f}–{stop:.2f} s")
        told = f"<b>{place + 1}. {escape(units.labels[unit])}</b><br>{overlay.describe(units, unit, scores, name)}"
        for column, value in zip(marks, (dx + columns / 2, dy + rows / 2, unit, told), strict=True):
            column.append(value)
    for line, colour in ((outline, "rgba(255,255,255,0.85)"), (picked, ACCENT)):
        if line[0]:
            figure.add_traces(overlay.two_lines(line, colour=colour))
    under = go.Scatter(x=words[0], y=words[1], text=words[2], mode="text", textposition="bottom right")
    under.update(hoverinfo="skip", cliponaxis=False, textfont={"size": 12})
    figure.add_trace(under)
    figure.add_trace(overlay.markers(np.array(marks[0]), np.array(marks[1]), np.array(marks[2], int), marks[3]))
    overlay.fit(figure, high, wide)
    add_key(figure, scale, name, opacity)
    first = f": {units.labels[which[0]]} with {number(values[which[0]])}" if len(which) else ""
    columns_of = table(units, scores, which, name)
    columns_of |= {"start_s": [start for start, _ in times], "stop_s": [stop for _, stop in times]}
    return finish(figure, f"The {len(which)} strongest {units.kind}s of {len(units)} by {name}{first}.", columns_of)


def outlined(units: Units, unit: int, frame: int, shape: tuple[int, int]) -> overlay.Line:
    """The outline of one unit in a frame."""
    if units.regions is None:
        return overlay.boxes(units, [unit])
    return overlay.contours(np.where(unit_map(units, frame, shape) == unit, 0, -1))


def lasts(clip: Clip, units: Units, unit: int) -> tuple[int, float, float]:
    """The middle frame of a unit, and from when to when it lasts, in seconds; a frame lasts until the next one."""
    if units.regions is not None:
        frames = np.flatnonzero((units.regions == unit).any((1, 2)))
        first, stop = (int(frames[0]), int(frames[-1]) + 1) if len(frames) else (0, 1)
    else:
        first, stop = units.extents[unit, 0].tolist()
    usual = float(np.median(np.diff(clip.times_s))) if len(clip.times_s) > 1 else 0.0
    until = float(clip.times_s[stop]) if stop < len(clip.times_s) else float(clip.times_s[-1]) + usual
    return (first + stop - 1) // 2, float(clip.times_s[first]), until

"""What happens when: time slots, scores over time, and which frames of a file were used."""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from featcore.draw.meta import CLEAR, bare, canvas, escape, finish, number, plural, ruled, titled
from featcore.draw.pixels import at_frame
from featcore.draw.scale import CATEGORIES, QUIET, Scale
from featcore.types import Timeline, Units

if TYPE_CHECKING:
    from featcore.draw.picture import Picture


def slots(units: Units) -> Int[np.ndarray, "slots 2"]:
    """First frame of each time slot and the frame behind its last, in order."""
    if units.regions is not None:
        frames = np.arange(len(units.regions))
        return np.stack([frames, frames + 1], axis=1)
    return np.unique(units.extents[:, 0], axis=0)


def spell(span: Int[np.ndarray, " 2"], slot: int, time_s: float) -> str:
    """A time slot for people: which frames, which slot, when."""
    start, stop = int(span[0]), int(span[1])
    names = ", ".join(str(frame) for frame in range(start, stop)) if stop - start <= 4 else f"{start}–{stop - 1}"
    return f"{'frame' if stop - start == 1 else 'frames'} {names} · slot {slot} · {time_s:.2f} s"


def profile(units: Units, scores: Float[np.ndarray, " n"], name: str = "score", height: int = 240) -> "Picture":
    """The scores of each time slot added up, with their sign as bars and without it as dots; customdata[0] is the slot.

    Where both are far apart, scores for and against the target stand in the same slot.
    """
    import plotly.graph_objects as go

    spans, values = slots(units), np.nan_to_num(np.asarray(scores, float))
    members = [at_frame(units, int(span[0])) for span in spans]
    sums = np.array([values[which].sum() for which in members])
    sizes = np.array([np.abs(values[which]).sum() for which in members])
    signed = bool((values < 0).any())
    scale = Scale.of(sums, signed)
    figure = canvas(height, 8, 8, 8, 70 if signed else 40)
    told = [
        f"<b>slot {slot}</b> · frames {span[0]}–{span[1] - 1}<br>sum {number(total)}, without sign {number(size)}<br>"
        f"mean {number(total / max(len(which), 1))} over {len(which)} {plural(units.kind, len(which))}"
        for slot, (span, total, size, which) in enumerate(zip(spans, sums, sizes, members, strict=True))
    ]
    common: Any = {"customdata": [[slot] for slot in range(len(spans))], "hovertext": told}
    common |= {"hovertemplate": "%{hovertext}<extra></extra>", "x": list(range(len(spans)))}
    figure.add_trace(
        go.Bar(
            y=sums.tolist(),
            name="sum",
            marker={"color": [scale.css(value, 0.85) for value in sums], "line": {"color": QUIET, "width": 1}},
            unselected={"marker": {"opacity": 0.5}},
            **common,
        )
    )
    if signed:  # otherwise both are the same
        dots = go.Scatter(y=sizes.tolist(), name="sum without sign", mode="lines+markers", **common)
        dots.update(line={"color": CATEGORIES[4], "width": 2, "dash": "dot"}, marker={"size": 7})
        figure.add_trace(dots)
        below = {"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom", "bgcolor": CLEAR}
        figure.update_layout(showlegend=True, legend=below)
    figure.update_layout(
        xaxis=ruled(title=titled("time slot"), showgrid=False, dtick=1 if len(spans) <= 16 else None),
        yaxis=ruled(title=titled(f"sum of {escape(name)}"), zeroline=True, zerolinecolor=QUIET, nticks=5),
    )
    text = (
        f"Sum of {name} over {len(spans)} time slots; the largest is {number(sums.max())} in slot {sums.argmax()}. "
        f"Without sign the largest is {number(sizes.max())} in slot {sizes.argmax()}."
    )
    columns = {"slot": np.arange(len(spans)), "first_frame": spans[:, 0], "last_frame": spans[:, 1] - 1}
    return finish(figure, text, columns | {"sum": sums, "sum_without_sign": sizes})


def timeline(timeline: Timeline) -> "Picture":
    """All decoded frames as ticks, the used ones as dots, repeated ones hollow and higher."""
    import plotly.graph_objects as go

    times, used = timeline.times_s, timeline.used
    kept = len(used) - timeline.padded
    figure = canvas(110, 8, 8, 4, 36)
    ticks = {"symbol": "line-ns", "size": 12, "line": {"width": 1, "color": QUIET}}
    figure.add_trace(
        go.Scatter(
            x=np.asarray(times, np.float32),
            y=np.zeros(len(times), np.int8),
            mode="markers",
            marker=ticks,
            customdata=np.arange(len(times)),
            hovertemplate="frame %{customdata} of the file<br>%{x:.3f} s<br>not used<extra></extra>",
        )
    )
    for first, last, hollow in ((0, kept, False), (kept, len(used), True)):
        if first == last:
            continue
        # A repeated frame would hide under its first use, so each use stands a little higher.
        lift = [float((used[:i] == used[i]).sum()) for i in range(first, last)]
        figure.add_trace(
            go.Scatter(
                x=[float(times[used[i]]) for i in range(first, last)],
                y=lift,
                mode="markers",
                marker={
                    "symbol": "circle-open" if hollow else "circle",
                    "size": 9,
                    "color": CATEGORIES[1 if hollow else 0],
                    "line": {"width": 1.5, "color": CATEGORIES[1 if hollow else 0]},
                },
                customdata=[[i, int(used[i])] for i in range(first, last)],
                hovertemplate="frame %{customdata[0]} of the clip"
                + (" (repeated: the file is too short)" if hollow else "")
                + "<br>frame %{customdata[1]} of the file, %{x:.3f} s<extra></extra>",
            )
        )
    most = max((int((used == i).sum()) for i in np.unique(used)), default=1)
    figure.update_layout(
        xaxis=ruled(title=titled("time (s)"), showgrid=False, zeroline=False, nticks=8),
        yaxis=bare(range=[-1.2, max(1.2, most)]),
        hoverdistance=30,
    )
    padded = f", {timeline.padded} of them repeated" if timeline.padded else ""
    text = f"{len(used)} frames used{padded} out of {len(times)} decoded ones: {timeline.rule}."
    columns = {
        "clip_frame": np.arange(len(used)),
        "file_frame": used,
        "time_s": times[used],
        "repeated": [i >= kept for i in range(len(used))],
    }
    return finish(figure, text, columns)

"""The grid of a picture or clip with the position of each unit written into its cell, the special positions above."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from featcore.draw.meta import bare, canvas, escape, finish, shorten
from featcore.draw.scale import QUIET, TINTS

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

MOST_PANELS = 4  # of a clip: its first times and its last; the table has all
MOST_SPECIAL = 8  # special positions that are drawn
ACROSS = 18  # cells side by side before panels go on below
NUMBERS = 14  # numbers written along a row; of a longer one every second, third, ...
LEAST_PX, TALLEST_PX, HIGHEST_PX = 11, 24, 560  # of a cell, of the figure
GROUNDS = ((0.0, QUIET), (0.5, QUIET), (0.5, TINTS[0][1]), (1.0, TINTS[0][1]))


def places(grid: tuple[int, int, int], positions: Int[np.ndarray, " n"], names: Sequence[str]) -> "Picture":
    """Where each cell of the grid stands in the sequence.

    Args:
        grid: cells along t, y, x; positions: of each in the sequence, counted along t, then y, then x.
        names: of every position of the sequence, special ones included.
    """
    import plotly.graph_objects as go

    frames, rows, columns = grid
    standing = np.asarray(positions).reshape(grid)
    special = [at for at in range(len(names)) if at not in set(standing.ravel().tolist())][:MOST_SPECIAL]
    times = _shown(frames)
    beside = min(len(times), max(1, ACROSS // (columns + 2)))
    top, lead = (
        2 if special else 0,
        2 if frames > 1 else 1,
    )  # a line for the time where there is more than one, one for x
    high, wide = lead + rows + 1, columns + 2  # an empty line and column keep panels apart
    shape = top + -(-len(times) // beside) * high - 1, max(beside * wide, 4 * len(special), 16)
    ground, hover = np.full(shape, np.nan), np.full(shape, "", object)
    words: list[tuple[float, float, str]] = []
    for index, at in enumerate(special):
        ground[0, 4 * index + 1] = 0
        hover[0, 4 * index + 1] = f"position {at}: {escape(names[at])}<br>special position"
        words += [(4 * index + 1, 0, str(at)), (4 * index + 2.5, 0, escape(shorten(names[at], 7)))]
    for index, t in enumerate(times):
        y0, x0 = top + index // beside * high + lead, index % beside * wide + 1
        ground[y0 : y0 + rows, x0 : x0 + columns] = 1
        hover[y0 : y0 + rows, x0 : x0 + columns] = [
            [f"t {t}, y {y}, x {x}<br>position {standing[t, y, x]}" for x in range(columns)] for y in range(rows)
        ]
        words += [(x0 + (columns - 1) / 2, y0 - 2, f"t {t}")] if frames > 1 else []
        words += [(x0 + x, y0 - 1, f"x {x}") for x in sorted({0, columns - 1})]
        words += [(x0 - 1, y0 + y, f"y {y}") for y in sorted({0, rows - 1})]
        step = -(-columns // NUMBERS)
        words += [(x0 + x, y0 + y, str(standing[t, y, x])) for y in range(rows) for x in range(0, columns, step)]
    cell_px = max(LEAST_PX, min(TALLEST_PX, HIGHEST_PX // shape[0]))
    figure = canvas(shape[0] * cell_px + 16)
    figure.add_trace(
        go.Heatmap(
            z=ground.tolist(),
            zmin=0,
            zmax=1,
            colorscale=GROUNDS,
            showscale=False,
            xgap=1,
            ygap=1,
            hoverongaps=False,
            hovertext=hover.tolist(),
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    across, down, said = zip(*words, strict=True)
    font = {"size": 9 if cell_px < 18 or columns > NUMBERS else 11}
    figure.add_trace(
        go.Scatter(x=across, y=down, text=said, mode="text", textfont=font, hoverinfo="skip", cliponaxis=False)
    )
    figure.update_layout(
        xaxis=bare(range=[-0.5, shape[1] - 0.5]), yaxis=bare(range=[shape[0] - 0.5, -0.5]), hovermode="closest"
    )
    return finish(figure, _said(grid, standing, times), _table(standing, names))


def order(standing: Int[np.ndarray, "t y x"]) -> str:
    """Which axis runs fastest along the sequence, in words; axes of one cell are left out."""
    steps = {
        axis: int(np.diff(standing, axis=at).ravel()[0]) for at, axis in enumerate("tyx") if standing.shape[at] > 1
    }
    ranked = sorted(steps, key=steps.__getitem__)
    if not ranked:
        return "there is one cell"
    return f"{ranked[0]} runs fastest" + "".join(f", then {axis}" for axis in ranked[1:])


def _shown(frames: int) -> list[int]:
    """The times that are drawn: all, or the first ones and the last."""
    return list(range(frames)) if frames <= MOST_PANELS else [*range(MOST_PANELS - 1), frames - 1]


def _said(grid: tuple[int, int, int], standing: Int[np.ndarray, "t y x"], times: list[int]) -> str:
    frames, rows, columns = grid
    size = f"{frames} times of " if frames > 1 else ""
    text = f"{size}{rows} rows (y) and {columns} columns (x), a position of the sequence in each cell: "
    text += f"{order(standing)}. The first cell is position {standing[0, 0, 0]}, the last {standing[-1, -1, -1]}."
    return text + (f" Of the times {', '.join(map(str, times))} are drawn." if len(times) < frames else "")


def _table(standing: Int[np.ndarray, "t y x"], names: Sequence[str]) -> dict[str, Any]:
    t, y, x = (axis.ravel() for axis in np.indices(standing.shape))
    at = standing.ravel()
    return {"position": at, "name": [names[i] for i in at], "t": t, "y": y, "x": x}

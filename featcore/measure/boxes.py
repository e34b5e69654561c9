"""A box that moves over a clip: boxes at some frames become a box at every frame between them, and marked pixels."""

import csv
import io
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from featcore.errors import InputError

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the source, half-open."""

COLUMNS = ("frame", "left", "top", "right", "bottom")
MOST_ROWS = 100_000


def moving(boxes: Mapping[int, Box], frames: int) -> Float[np.ndarray, "t 4"]:
    """The box of every frame, NaN where there is none.

    One box holds on all frames. From two on it moves in a straight line from each to the next, every edge by itself,
    and there is none before the first and after the last.
    """
    found = np.full((frames, 4), np.nan)
    if not boxes:
        return found
    known = sorted(boxes)
    edges = np.array([boxes[frame] for frame in known], float)
    every = np.arange(frames)
    for edge in range(4):
        outside = edges[0, edge] if len(known) == 1 else np.nan
        found[:, edge] = np.interp(every, known, edges[:, edge], left=outside, right=outside)
    return found


def pixels_in(boxes: Mapping[int, Box], size: tuple[int, int, int]) -> Bool[np.ndarray, "t y x"]:
    """The pixels of a source of so many frames, rows and columns that lie in the moving box; centres decide."""
    frames, rows, columns = size
    left, top, right, bottom = moving(boxes, frames).T[:, :, None]
    y, x = np.arange(rows) + 0.5, np.arange(columns) + 0.5
    across, down = (x >= left) & (x < right), (y >= top) & (y < bottom)  # a comparison with NaN is false
    return down[:, :, None] & across[:, None, :]


def read_boxes(text: str, size: tuple[int, int, int]) -> dict[int, Box]:
    """Boxes by frame, from lines "frame,left,top,right,bottom" below a line with these names in any order.

    Args:
        size: frames, rows and columns of the source; a box must begin inside it.

    Raises:
        InputError: a column is missing, a cell is no number, a frame does not exist or comes twice, or a box is empty
            or lies outside; the line is named.
    """
    lines = csv.DictReader(io.StringIO(text.lstrip("\ufeff")), skipinitialspace=True)
    names = [(name or "").strip().lower() for name in lines.fieldnames or []]
    lines.fieldnames = names
    if missing := [name for name in COLUMNS if name not in names]:
        raise InputError(
            f"The table of boxes has no column '{missing[0]}'. Begin it with the line {','.join(COLUMNS)}; frames "
            "count from 0, edges are pixels of the clip."
        )
    found: dict[int, Box] = {}
    for at, line in enumerate(lines, 2):
        if at > MOST_ROWS:
            raise InputError(f"The table of boxes has more than {MOST_ROWS:,} lines. One box a frame is enough.")
        frame, box = _checked(at, line, size)
        if frame in found:
            raise InputError(f"Line {at} of the boxes: frame {frame} has a box already. Keep one line a frame.")
        found[frame] = box
    if not found:
        raise InputError("The table of boxes has no line below its names. Add at least one box.")
    return found


def write_boxes(boxes: Mapping[int, Box]) -> str:
    """The table that `read_boxes` reads."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows((frame, *(f"{edge:g}" for edge in boxes[frame])) for frame in sorted(boxes))
    return out.getvalue()


def _checked(at: int, line: dict[str, str], size: tuple[int, int, int]) -> tuple[int, Box]:
    frames, rows, columns = size
    cells = {name: (line.get(name) or "").strip() for name in COLUMNS}
    try:
        frame, left, top, right, bottom = (float(cells[name]) for name in COLUMNS)
    except ValueError as error:
        wrong = next(name for name in COLUMNS if not _number(cells[name]))
        raise InputError(
            f"Line {at} of the boxes: '{cells[wrong][:40]}' in '{wrong}' is no number. Write it like 12."
        ) from error
    if not np.isfinite([frame, left, top, right, bottom]).all():
        raise InputError(f"Line {at} of the boxes holds a number that is not finite. Write all five like 12.")
    if frame != int(frame) or not 0 <= frame < frames:
        raise InputError(f"Line {at} of the boxes: there is no frame {frame:g}. Frames go from 0 to {frames - 1}.")
    if right <= left or bottom <= top:
        raise InputError(
            f"Line {at} of the boxes: {left:g}, {top:g} to {right:g}, {bottom:g} ends before it begins. Give left, "
            "top, right, bottom."
        )
    if right <= 0 or bottom <= 0 or left >= columns or top >= rows:
        raise InputError(
            f"Line {at} of the boxes: {left:g}, {top:g} to {right:g}, {bottom:g} lies outside the {columns}x{rows} "
            "pixels of the clip. Give edges in its own pixels."
        )
    return int(frame), (left, top, right, bottom)


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True

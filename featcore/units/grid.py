"""A clip's shape becomes a regular grid of fragments; a patch is a tubelet one frame deep."""

from itertools import product
from typing import Literal

import numpy as np
from jaxtyping import Float

from featcore.errors import CutError
from featcore.types import Clip, Units

Size = tuple[int, int, int]
AXES = ("t", "y", "x")
WORDS = ("frame", "row", "column")


def cut_grid(shape: Size, step: Size, stride: Size | None = None, partial: Literal["error", "drop"] = "error") -> Units:
    """Cut a (t, y, x) box into fragments of `step`.

    Args:
        shape: frames, rows, columns of the clip, in frames and pixels.
        step: frames, rows, columns of one fragment.
        stride: distance between neighbours; smaller than `step` they overlap. None: `step`.
        partial: "error" refuses a remainder, "drop" leaves it out; `uncovered` says how much that is.

    Returns:
        Units in reading order (t, then y, then x), extents in frames and pixels, grid = fragments along t, y, x.

    Raises:
        CutError: a step does not fit its axis, or leaves a remainder that may not be dropped.

    Source: tubelet embedding, Arnab et al. 2021, arXiv:2103.15691.
    """
    stride = stride or step
    edges = []
    for size, length, hop, axis in zip(shape, step, stride, WORDS, strict=True):
        if length < 1 or hop < 1:
            raise CutError(f"A cut of {_many(length, axis)} every {hop} is not possible. Choose 1 or more for both.")
        if length > size:
            raise CutError(f"The clip has {_many(size, axis)}; one fragment needs {length}. Choose {size} or fewer.")
        rest = (size - length) % hop
        if rest and partial == "error":
            rule = f"a multiple of {length}" if hop == length else f"{length} and a multiple of {hop} more"
            raise CutError(
                f"The clip has {_many(size, axis)}; this cut needs {rule}. "
                f"Trim it to {size - rest}, choose another cut or drop the rest."
            )
        starts = np.arange(0, size - length + 1, hop)
        edges.append(np.stack([starts, starts + length], axis=1))
    return _lattice(edges)


def place_grid(shape: Size, grid: Size, box: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]) -> Units:
    """Lay an encoder's grid over the part of the source that the model saw.

    Borders are rounded to whole frames and pixels, so the fragments tile the box exactly once and their sizes differ
    by one at most. A box with fewer pixels than the grid has cells gives some fragments no width: they have a score,
    but nothing of the source to paint.

    Args:
        shape: frames, rows, columns of the source.
        grid: fragments along t, y, x.
        box: half-open part of the source that became the model's input, on t, y, x.

    Returns:
        Units in reading order, extents in the source's own frames and pixels.

    Raises:
        CutError: the box is empty or lies outside the source, or the grid has no cells.
    """
    edges = []
    for size, cells, (start, stop), axis in zip(shape, grid, box, WORDS, strict=True):
        if not 0 <= start < stop <= size:
            raise CutError(f"The model's view {start} to {stop} does not lie in the source's {_many(size, axis)}.")
        if cells < 1:
            raise CutError(f"A grid of {cells} fragments along the {axis}s is not possible. Choose 1 or more.")
        # whole numbers only: rounding floats could tear a gap between two cells
        borders = start + (np.arange(cells + 1) * (stop - start) + cells // 2) // cells
        edges.append(np.stack([borders[:-1], borders[1:]], axis=1))
    return _lattice(edges)


def uncovered(units: Units, shape: Size) -> float:
    """Share of a (t, y, x) box that lies in no unit, 0 to 1."""
    if units.regions is not None:
        return float((units.regions < 0).mean())
    if units.grid is not None:
        covered = 1.0
        for axis, size in enumerate(shape):
            seen = np.zeros(size, bool)
            for start, stop in np.unique(units.extents[:, axis], axis=0):
                seen[start:stop] = True
            covered *= float(seen.mean())
        return 1.0 - covered
    box = np.zeros(shape, bool)
    for (t0, t1), (y0, y1), (x0, x1) in units.extents:
        box[t0:t1, y0:y1, x0:x1] = True
    return 1.0 - float(box.mean())


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _lattice(edges: list[np.ndarray]) -> Units:
    """Units from the half-open borders of each axis, Int[cells 2] each."""
    depth, height, width = (len(edge) for edge in edges)
    cells = list(product(range(depth), range(height), range(width)))
    extents = np.array([[edge[i] for edge, i in zip(edges, cell, strict=True)] for cell in cells], np.int64)
    still = depth == 1
    labels = tuple(f"y{y} x{x}" if still else f"t{t} y{y} x{x}" for t, y, x in cells)
    return Units(AXES, extents, labels, (depth, height, width))


def contrast(units: Units, clip: Clip) -> Float[np.ndarray, " n"]:
    """Standard deviation of the brightness of each unit's pixels, in grey levels of 0 to 255; 0 where it is flat."""
    grey = clip.frames.mean(axis=3)
    if units.regions is not None:
        return np.array([grey[units.regions == unit].std() for unit in range(len(units))])
    boxes = (tuple(slice(start, stop) for start, stop in extent) for extent in units.extents)
    return np.array([grey[box].std() if grey[box].size else 0.0 for box in boxes])

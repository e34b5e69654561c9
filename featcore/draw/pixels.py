"""Frames become bytes: small pictures for figures, and blended pixels for exports."""

import base64
import io

import numpy as np
from jaxtyping import Float, Int, UInt8

from featcore.draw.scale import Scale, blend
from featcore.types import Units

Edges = Float[np.ndarray, " edges"]


# --- pixels ----------------------------------------------------------------------------------------------------------


def shrink(frame: UInt8[np.ndarray, "y x 3"], longest: int) -> UInt8[np.ndarray, "y2 x2 3"]:
    """No side longer than `longest` pixels; small pictures stay as they are."""
    import cv2

    rows, columns = frame.shape[:2]
    factor = longest / max(rows, columns)
    if factor >= 1:
        return frame
    size = (max(1, round(columns * factor)), max(1, round(rows * factor)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))


def mute(frame: UInt8[np.ndarray, "y x 3"], share: float = 0.8) -> UInt8[np.ndarray, "y x 3"]:
    """The frame with most of its colour gone, so that scores are the colour one sees: an orange cat hides orange.

    Weights of luma: ITU-R BT.601.
    """
    grey = (frame @ np.array([0.299, 0.587, 0.114]))[..., None]
    return np.rint(grey * share + frame * (1 - share)).astype(np.uint8)


def jpeg(frame: UInt8[np.ndarray, "y x 3"], longest: int = 640, quality: int = 80) -> str:
    """RGB pixels as a JPEG data address; tiny pictures as PNG, enlarged to blocks so that browsers do not smooth."""
    from PIL import Image

    small = shrink(frame, longest)
    rows, columns = small.shape[:2]
    out = io.BytesIO()
    if max(rows, columns) <= 128:
        times = max(1, 256 // max(rows, columns))
        Image.fromarray(np.kron(small, np.ones((times, times, 1), np.uint8))).save(out, "PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
    Image.fromarray(small).save(out, "JPEG", quality=quality, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


# --- units on pixels -------------------------------------------------------------------------------------------------


def at_frame(units: Units, frame: int) -> Int[np.ndarray, " some"]:
    """The units that cover a frame."""
    if units.regions is not None:
        found = np.unique(units.regions[min(frame, len(units.regions) - 1)])
        return found[found >= 0]
    return np.flatnonzero((units.extents[:, 0, 0] <= frame) & (frame < units.extents[:, 0, 1]))


def lattice(units: Units, which: Int[np.ndarray, " some"]) -> tuple[Edges, Edges, Int[np.ndarray, "rows columns"]]:
    """Edges along y and x in pixels, and which unit fills each cell (-1: none)."""
    y, x = units.extents[which, 1], units.extents[which, 2]
    rows, columns = np.unique(y), np.unique(x)
    cells = np.full((max(len(rows) - 1, 1), max(len(columns) - 1, 1)), -1)
    for unit, (y0, y1), (x0, x1) in zip(which, np.searchsorted(rows, y), np.searchsorted(columns, x), strict=True):
        cells[y0:y1, x0:x1] = unit
    return rows.astype(float), columns.astype(float), cells


def pick(values: Float[np.ndarray, " n"], cells: Int[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The value of the unit in each cell, no number where there is none."""
    return np.where(cells >= 0, np.asarray(values, np.float32)[np.maximum(cells, 0)], np.float32("nan"))


def unit_map(units: Units, frame: int, shape: tuple[int, int]) -> Int[np.ndarray, "y x"]:
    """Which unit each pixel of a frame belongs to, -1 where none does."""
    if units.regions is not None:
        return units.regions[min(frame, len(units.regions) - 1)]
    owner = np.full(shape, -1)
    for unit in at_frame(units, frame):
        (y0, y1), (x0, x1) = units.extents[unit, 1:]
        owner[y0:y1, x0:x1] = unit
    return owner


def overlay_pixels(
    frame: UInt8[np.ndarray, "y x 3"],
    units: Units,
    scores: Float[np.ndarray, " n"],
    scale: Scale,
    opacity: float = 0.6,
    at: int = 0,
) -> UInt8[np.ndarray, "y x 3"]:
    """The frame in its own resolution under blocks of colour; `at` is its place in the clip."""
    # A colour a unit, not a pixel; the last row is for pixels in no unit, whose index is -1.
    colours = np.vstack([scale.rgba(np.asarray(scores, float), opacity), np.zeros(4)]).astype(np.float32)
    return blend(frame, colours[unit_map(units, at, frame.shape[:2])])

"""Frames become bytes: small pictures for figures, blended pixels and clips for exports."""

import base64
import io
from fractions import Fraction

import numpy as np
from jaxtyping import Float, Int, UInt8

from featcore.draw.scale import Scale, blend
from featcore.types import Clip, Units

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
    return blend(frame, scale.rgba(pick(scores, unit_map(units, at, frame.shape[:2])), opacity))


def clip_webm(
    clip: Clip,
    units: Units | None = None,
    scores: Float[np.ndarray, " n"] | None = None,
    scale: Scale | None = None,
    opacity: float = 0.6,
) -> bytes:
    """The clip as a VP8 file that browsers play, with its own frame times; with scores as blocks of colour on it.

    One scale for the whole clip. Sides are cut to even numbers of pixels, as the codec needs.
    """
    import av

    if units is not None and scores is not None and scale is None:
        scale = Scale.of(scores, bool((np.asarray(scores) < 0).any()))
    rows, columns = (max(2, side - side % 2) for side in clip.frames.shape[1:3])
    # Milliseconds, each later than the one before: a repeated frame may carry a repeated time.
    stamps = np.rint((clip.times_s - clip.times_s[0]) * 1000).astype(int)
    stamps = np.maximum.accumulate(stamps - np.arange(len(stamps))) + np.arange(len(stamps))
    usual = int(np.median(np.diff(stamps))) if len(stamps) > 1 else 2000
    out = io.BytesIO()
    with av.open(out, "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=max(1, round(1000 / max(usual, 1))))
        stream.width, stream.height, stream.pix_fmt = columns, rows, "yuv420p"
        stream.bit_rate = 4_000_000
        stream.codec_context.time_base = Fraction(1, 1000)
        for at, (frame, stamp) in enumerate(zip(clip.frames, stamps, strict=True)):
            if units is not None and scores is not None and scale is not None:
                frame = overlay_pixels(frame, units, scores, scale, opacity, at)
            pixels = np.pad(frame, ((0, frame.shape[0] == 1), (0, frame.shape[1] == 1), (0, 0)), mode="edge")
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:rows, :columns]), format="rgb24")
            picture.pts, picture.time_base = int(stamp), Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return out.getvalue()

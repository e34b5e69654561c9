"""A picture file becomes a `Clip` of one upright RGB frame."""

import hashlib
import io
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featcore.errors import InputError, LimitError
from featcore.inputs.files import content, load_bytes
from featcore.keys import digest
from featcore.settings import settings
from featcore.types import Clip

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF", "MPO")
_KNOWN = "JPEG, PNG, WebP, AVIF, BMP, TIFF and GIF"
Pixels = Callable[[], np.ndarray]

# EXIF orientation: (rows and columns change places, then flip rows, then flip columns).
_UPRIGHT = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def read_image(source: Path | bytes, name: str | None = None) -> Clip:
    """The first picture of a file, upright, on white, in RGB, at most `settings().max_side_px` long.

    Raises:
        InputError: no picture, or a damaged one; half a picture is never returned.
        LimitError: more bytes or pixels than the settings allow, refused by the header before decoding.
    """
    data, name = load_bytes(source, name, "picture")
    notes: list[str] = []
    with decoding(data, name):
        picture = open_picture(data, name)
        several = getattr(picture, "n_frames", 1)
        picture.load()
    if several > 1:
        notes.append(f"the first of {several} pictures in the file")
    orientation = _orientation(picture, notes)
    frame = shrink(rgb(picture, notes), notes)
    if orientation in _UPRIGHT:
        frame = turn(frame, *_UPRIGHT[orientation])
        notes.append(f"turned upright, as EXIF says (orientation {orientation})")
    frames, times_s = np.ascontiguousarray(frame)[None], np.zeros(1)
    return Clip(clip_key(frames, times_s), frames, times_s, name, still=True, notes=tuple(notes))


def clip_key(frames: np.ndarray, times_s: np.ndarray) -> str:
    """SHA-256 of the shape, the pixels and the times."""
    # Hashed where they lie: long clips should not be copied for their key.
    pixels = hashlib.sha256(np.ascontiguousarray(frames).data).hexdigest()
    return digest(list(frames.shape), pixels, times_s.astype("<f8").tobytes())


@contextmanager
def decoding(data: bytes, name: str) -> Iterator[None]:
    """What Pillow raises over a damaged file becomes an `InputError`."""
    from PIL import Image

    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise LimitError(
            f"'{name}' announces more pixels than any picture should have ({error}). Choose a smaller picture."
        ) from error
    except (
        *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, OverflowError, MemoryError, Warning),
        *(struct.error, zlib.error, RuntimeError),
    ) as error:
        raise InputError(
            f"'{name}' is {content(data)[1]} that is damaged or cut short ({error}); half a picture is not shown. "
            "Save or download it again."
        ) from error


def open_picture(data: bytes, name: str) -> "ImageFile":
    """The picture with its header read and its size allowed; nothing is decoded.

    Pillow's own guard against decompression bombs is one number for the whole process and a warning; so the plugin
    is asked without it, and the size it answers is checked here.
    """
    from PIL import Image

    Image.init()
    for kind in FORMATS:
        factory, accept = Image.OPEN.get(kind, (None, None))
        if factory is not None and (accept is None or accept(data[:16]) is True):
            picture = factory(io.BytesIO(data), "")
            check_pixels(*picture.size, name)
            return picture  # type: ignore[return-value]
    raise InputError(_not_a_picture(data, name))


def _not_a_picture(data: bytes, name: str) -> str:
    kind, words = content(data)
    way_out = {"video": "Read it as a video.", "text": "Read it as a text."}.get(kind, "Save it as JPEG or PNG.")
    return f"'{name}' is no picture that can be read here but {words}; known are {_KNOWN}. {way_out}"


def check_pixels(width: int, height: int, name: str) -> None:
    """Raise for a picture or frame without pixels, or with more than `settings().max_pixels`."""
    limit = settings().max_pixels
    if width < 1 or height < 1:
        raise InputError(f"'{name}' is {width} x {height} pixels; both sides need at least one. Choose another file.")
    if width * height > limit:
        raise LimitError(
            f"'{name}' is {width} x {height} = {width * height:,} pixels; the limit is {limit:,}. "
            "Make it smaller, or raise FEATCORE_MAX_PIXELS."
        )


def shrink(frame: np.ndarray, notes: list[str]) -> np.ndarray:
    """The mean over areas, so that the longest side is at most `settings().max_side_px`."""
    height, width = frame.shape[:2]
    limit = settings().max_side_px
    if max(height, width) <= limit:
        return frame
    import cv2

    size = fitted(width, height)
    notes.append(f"scaled from {width} x {height} to {size[0]} x {size[1]} px, the most that is kept")
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


def fitted(width: float, height: float) -> tuple[int, int]:
    """Width and height in whole pixels, with the longest side at most `settings().max_side_px`."""
    scale = min(1.0, settings().max_side_px / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def turn(frame: np.ndarray, swap: bool, flip_rows: bool, flip_columns: bool) -> np.ndarray:
    """Swap rows and columns, then flip: every way a camera can be held."""
    frame = frame.swapaxes(0, 1) if swap else frame
    return frame[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]


def _orientation(picture: "ImageFile", notes: list[str]) -> int:
    try:
        return int(picture.getexif().get(0x0112, 1))
    except (OSError, SyntaxError, ValueError, LookupError, TypeError, struct.error, Warning):
        notes.append("its EXIF data is damaged, so it is shown as stored")
        return 1


def rgb(picture: Any, notes: list[str]) -> np.ndarray:
    """UInt8[y x 3] of a loaded picture of any Pillow mode."""
    mode = picture.mode
    if mode.startswith("I") or mode == "F":
        return _from_deep(picture, notes)
    if mode == "LAB":
        picture = _from_lab(picture)
    elif mode == "CMYK":
        notes.append("turned from CMYK to RGB without a colour profile")
    if mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in picture.info:
        if mode == "La":
            picture = picture.convert("LA")
        alpha = np.asarray(picture.convert("RGBA"))
        return on_white(alpha, notes)
    return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))


def on_white(frame: np.ndarray, notes: list[str]) -> np.ndarray:
    """RGBA over a white ground, in RGB."""
    if (frame[..., 3] == 255).all():
        return frame[..., :3]
    if (note := "transparent parts are shown on white") not in notes:
        notes.append(note)
    result = np.empty((*frame.shape[:2], 3), np.uint8)
    step = max(1, 2**20 // frame.shape[1])  # in bands: 50 million pixels in 32 bits would be a lot of memory
    for rows in range(0, len(frame), step):
        band = frame[rows : rows + step].astype(np.uint32)
        alpha = band[..., 3:]
        result[rows : rows + step] = (band[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return result


def _from_lab(picture: Any) -> Any:
    from PIL import ImageCms

    profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(picture, *profiles, outputMode="RGB")


def _from_deep(picture: Any, notes: list[str]) -> np.ndarray:
    """Greys of 12, 16 or 32 bits, or floating point: the full range of the format becomes 0 to 255."""
    grey = np.asarray(picture)
    finite = np.isfinite(grey)
    if not finite.all():
        notes.append(f"{(~finite).sum():,} pixels without a value are shown in black")
        grey = np.where(finite, grey, 0)
    low, high = float(grey.min()), float(grey.max())
    bits = getattr(picture, "tag_v2", {}).get(258, (16,))
    bits = bits[0] if isinstance(bits, tuple) else bits
    if picture.mode == "F":
        top, words = (1.0, "0 to 1") if high <= 1 else (255.0, "0 to 255")
    else:
        bits = 12 if bits == 12 else 16
        top, words = float(2**bits - 1), f"{bits} bits"
    if low < 0 or high > top:
        # No format says what such numbers mean; the darkest becomes black and the brightest white.
        grey, top, words = grey - np.float32(low), high - low, f"{low:g} to {high:g}"
    notes.append(f"grey values ({words}) scaled to 0 to 255; the brightest was {high:g}")
    scaled = grey.astype(np.float32)
    scaled *= np.float32(255 / top)  # in place: large pictures should not be in memory five times
    shades = np.rint(scaled, out=scaled).astype(np.uint8)
    if isinstance(clear := picture.info.get("transparency"), int):
        shades = np.where(np.asarray(picture) == clear, np.uint8(255), shades)
        notes.append("transparent parts are shown on white")
    return np.repeat(shades[..., None], 3, axis=2)


def moving_pictures(data: bytes, name: str, notes: list[str]) -> Iterator[tuple[float, float, Pixels]]:
    """Time and duration in seconds of each picture of an animated GIF, WebP, APNG or AVIF, and a way to its pixels."""
    with decoding(data, name):
        picture = open_picture(data, name)
        # Pages of a TIFF and the views of an MPO follow each other in the file, not in time.
        several = getattr(picture, "n_frames", 1) if picture.format in ("GIF", "WEBP", "PNG", "AVIF") else 1
    time_s = 0.0
    for index in range(several):
        try:
            with decoding(data, name):
                picture.seek(index)
                check_pixels(*picture.size, name)
                picture.load()
        except InputError:
            if index == 0:
                raise
            notes.append(f"damaged or cut short: {index} of {several} pictures can be decoded")
            return
        duration_s = float(picture.info.get("duration") or 0) / 1000
        # Browsers show a picture that asks for 10 ms or less for 100 ms, and people made their files for browsers.
        duration_s = duration_s if duration_s > 0.01 else 0.1
        yield time_s, duration_s, lambda: shrink(rgb(picture, notes), [])
        time_s += duration_s

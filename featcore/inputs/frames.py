"""A video file or an animated picture becomes a stream of frames in the order they are shown."""

import io
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from featcore.errors import InputError, LimitError
from featcore.inputs.image import check_pixels, fitted, moving_pictures, on_white, turn
from featcore.settings import settings

BUDGET_S = 20.0  # decoding that takes longer ends in an error
MAX_SIDE_PX = 8192  # of a frame in the file: the largest that cameras write, and a decoder keeps up to 16 of them
# Only containers that hold their own pixels: a playlist would make FFmpeg open other files and addresses.
_CONTAINERS = {"format_whitelist": "mov,mp4,matroska,webm,avi", "protocol_whitelist": "none"}


@dataclass
class Reading:
    """One file being read: its bytes, when to give up, and what was noticed on the way."""

    name: str
    data: bytes
    animation: bool
    deadline: float
    notes: list[str] = field(default_factory=list)
    faults: int = 0
    announced: int = 0
    cut: bool = False

    def note(self, words: str) -> None:
        if words not in self.notes:
            self.notes.append(words)

    def check_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise LimitError(
                f"'{self.name}' takes longer than {BUDGET_S:g} s to decode, the limit for one clip. "
                "Make it shorter or smaller."
            )

    def allows(self, count: int, since_s: float) -> bool:
        """May frame number `count`, so long after the first one, be read? A note says why not."""
        if since_s > settings().max_seconds:
            self.note(f"only the first {settings().max_seconds:g} s were read, the limit for one clip")
        elif count >= settings().max_frames:
            self.note(f"only the first {settings().max_frames:,} frames were read, the limit for one clip")
        else:
            return True
        self.cut = True
        return False


@dataclass(frozen=True)
class Shown:
    """A frame, the moment it is shown and for how long, in seconds; its pixels are made on demand."""

    time_s: float
    lasts_s: float
    pixels: Callable[[], np.ndarray]


def shown(reading: Reading, careful: bool) -> Generator[Shown, None, None]:
    """Each frame that can be decoded, times rising, until a limit is reached.

    Careful decoding takes one thread, so that a damaged file gives the same frames each time.
    """
    frames = _animation(reading) if reading.animation else _video(reading, careful)
    first_s = last_s = None
    for count, frame in enumerate(frames):
        reading.check_time()
        first_s = frame.time_s if first_s is None else first_s
        if not reading.allows(count, frame.time_s - first_s):
            return
        if last_s is not None and frame.time_s <= last_s:
            reading.note("frames without a time of their own were left out")
            continue
        last_s = frame.time_s
        yield frame


def packet_times(reading: Reading) -> tuple[np.ndarray, float] | None:
    """Times of all frames and the end of the last one, without decoding; None where packets cannot be trusted."""
    moments: list[tuple[float, float]] = []
    with _opened(reading) as (container, stream):
        # Packets come in the order of decoding: a few more than allowed are looked at, then sorted and cut.
        for packet in _packets(container, stream, reading):
            reading.check_time()
            if packet.pts is None or packet.is_corrupt:
                return None
            if not packet.is_discard:
                moments.append((float(packet.pts * packet.time_base), float((packet.duration or 0) * packet.time_base)))
            if len(moments) > settings().max_frames + 64:
                break
    moments.sort()
    times_s = np.array([moment for moment, _ in moments])
    if reading.faults or not moments or (np.diff(times_s) <= 0).any():
        return None
    kept = [reading.allows(count, float(time_s - times_s[0])) for count, time_s in enumerate(times_s)].count(True)
    return times_s[:kept], times_s[kept - 1] + (moments[kept - 1][1] or usual_step(times_s))


def usual_step(times_s: np.ndarray) -> float:
    """The median time between frames in seconds; 0.04 for a single one."""
    return float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.04


def _animation(reading: Reading) -> Iterator[Shown]:
    for moment in moving_pictures(reading.data, reading.name, reading.notes):
        yield Shown(*moment)


@contextmanager
def _opened(reading: Reading) -> Iterator[tuple[Any, Any]]:
    """The container and its first moving stream, the header's size allowed."""
    import av

    try:
        # The stream has no name: FFmpeg would guess from one, and treats some as an address.
        container = av.open(io.BytesIO(reading.data), mode="r", container_options=_CONTAINERS)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"'{reading.name}' is no video that can be opened ({why}): it is damaged, cut short, or no MP4, MOV, MKV, "
            "WebM or AVI file. Save or export it again as MP4."
        ) from error
    with container:
        attached = av.stream.Disposition.attached_pic
        streams = [stream for stream in container.streams.video if not stream.disposition & attached]
        if not streams:
            raise InputError(f"'{reading.name}' has no moving picture, only sound or a cover. Choose a video.")
        if streams[0].codec_context is None:
            raise InputError(
                f"'{reading.name}' is packed by a codec that is not known here. Export it as H.264 or VP9."
            )
        _check_size(streams[0].width, streams[0].height, reading.name)
        reading.announced = streams[0].frames
        yield container, streams[0]


def _check_size(width: int, height: int, name: str) -> None:
    check_pixels(width, height, name)
    if max(width, height) > MAX_SIDE_PX:
        raise LimitError(
            f"'{name}' has frames of {width} x {height} pixels; the longest side may have {MAX_SIDE_PX:,}. "
            "Export it smaller."
        )


def _packets(container: Any, stream: Any, reading: Reading) -> Iterator[Any]:
    """The packets of a stream that hold data, as far as the file goes."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.error.FFmpegError, OSError):
            reading.faults += 1
            return
        if packet.size:
            yield packet


def _video(reading: Reading, careful: bool) -> Iterator[Shown]:
    import av

    with _opened(reading) as (container, stream):
        stream.thread_type = "NONE" if careful else "AUTO"
        step_s = float(1 / stream.average_rate) if stream.average_rate else 0.04
        clock_s = 0.0

        def decoded() -> Iterator[Any]:
            for packet in _packets(container, stream, reading):
                reading.check_time()
                try:
                    yield from packet.decode()
                except (av.error.FFmpegError, ValueError):
                    reading.faults += 1
            try:
                yield from stream.decode(None)  # frames that waited for later ones
            except (av.error.FFmpegError, EOFError):
                reading.faults += 1

        for frame in decoded():
            _check_size(frame.width, frame.height, reading.name)
            reading.faults += bool(frame.is_corrupt)
            # AVI files have no times: their frames come at the rate of the header.
            moment_s = clock_s if frame.pts is None else float(frame.pts * stream.time_base)
            clock_s = moment_s + step_s
            yield Shown(
                moment_s, float((frame.duration or 0) * stream.time_base), partial(_upright, frame, stream, reading)
            )


def _upright(frame: Any, stream: Any, reading: Reading) -> np.ndarray:
    """UInt8[y x 3] with square pixels, small enough to keep, turned as the file asks."""
    import cv2

    if any(component.is_alpha for component in frame.format.components):
        pixels = on_white(frame.to_ndarray(format="rgba"), reading.notes)
    else:
        pixels = frame.to_ndarray(format="rgb24")
    height, width = pixels.shape[:2]
    aspect = float(stream.sample_aspect_ratio or 1)
    if not 0.25 <= aspect <= 4:
        reading.note(f"pixels of the strange shape {aspect:g} : 1 are shown as squares")
        aspect = 1.0
    elif abs(aspect - 1) > 1e-3:
        reading.note(f"stretched, because its pixels are {aspect:.3g} times as wide as high")
    wanted = fitted(width * max(aspect, 1), height / min(aspect, 1))
    if wanted != (width, height):
        smaller = wanted[0] <= width and wanted[1] <= height
        if smaller:
            reading.note(f"scaled from {width} x {height} to {wanted[0]} x {wanted[1]} px")
        pixels = cv2.resize(pixels, wanted, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return _turned(frame, pixels, reading)


def _turned(frame: Any, pixels: np.ndarray, reading: Reading) -> np.ndarray:
    """Turn as the display matrix says: column = a x + c y, row = b x + d y for a pixel at column x, row y."""
    matrices = [bytes(data) for data in frame.side_data if data.type.name == "DISPLAYMATRIX"]
    if not matrices:
        return pixels
    a, b, _, c, d = np.frombuffer(matrices[0], np.int32)[:5].astype(float) / 65536
    swap = abs(b) > abs(a)
    if min(abs(a), abs(b)) > 0.01 * max(abs(a), abs(b)):
        reading.note("turned to the nearest quarter only; the file asks for a slanted picture")
    flip_rows, flip_columns = (b < 0, c < 0) if swap else (d < 0, a < 0)
    if swap or flip_rows or flip_columns:
        reading.note("turned upright, as the file asks")
    return turn(pixels, swap, flip_rows, flip_columns)

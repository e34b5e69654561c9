"""A video file or an animated picture becomes a `Clip`: decoded in order, frames chosen by their time.

A file is read twice: first the times of all its frames, from the packets alone where these can be trusted, then the
pixels of the chosen ones. So no more than the chosen frames are ever in memory.
"""

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from featcore.errors import InputError, LimitError
from featcore.inputs.files import content, load_bytes
from featcore.inputs.frames import BUDGET_S, Reading, packet_times, shown, usual_step
from featcore.inputs.image import clip_key
from featcore.settings import settings
from featcore.types import Clip, Timeline

Rule = Literal["uniform", "window", "every"]

MAX_CLIP_BYTES = 400_000_000  # of the chosen frames together


def read_video(
    source: Path | bytes,
    frames: int = 16,
    rule: Rule = "uniform",
    every: int = 1,
    start_s: float = 0.0,
    name: str | None = None,
) -> Clip:
    """`frames` frames of a file as upright RGB with square pixels, at most `settings().max_side_px` long.

    Args:
        frames: how many frames the clip gets; where the file has fewer, its last frame is repeated.
        rule: "uniform" takes what is on screen at the centres of `frames` equal slices of the file's time, "window"
            takes neighbouring frames from `start_s` on, "every" takes each `every`-th frame from `start_s` on.
        start_s: in seconds on the file's own clock; "uniform" does not use it.

    Raises:
        InputError: no video, a picture, only sound, nothing that can be decoded, or no frame where one was asked.
        LimitError: more bytes or pixels than the settings allow, or too long to decode.

    A file with more seconds or frames than the settings allow is read up to the limit, and the clip says so.
    """
    _check_question(frames, rule, every, start_s)
    data, name = load_bytes(source, name, "clip")
    kind, words = content(data)
    if kind in ("text", "audio"):
        raise InputError(f"'{name}' is no video but {words}. Choose an MP4, MOV, MKV, WebM, AVI or animated GIF file.")
    deadline = time.monotonic() + BUDGET_S
    # A file in good order is decoded once. One that is not what its packets announce is decoded for its times too.
    for careful in (False, True):
        reading = Reading(name, data, kind == "picture", deadline)
        times_s, end_s = _times(reading, careful)
        if not len(times_s):
            continue
        if reading.animation and len(times_s) == 1:
            raise InputError(f"'{name}' is {words} that does not move. Read it as a picture, under Images.")
        used, in_words = choose(times_s, end_s, frames, rule, every, start_s, name)
        padded = frames - len(used)
        stack = _pixels(reading, careful, times_s, np.concatenate([used, np.repeat(used[-1:], padded)]))
        if stack is not None:
            break
    else:
        raise InputError(
            f"'{name}' is {words} in which no frame can be decoded: it is damaged or cut short. "
            "Save or export it again."
        )
    return _clip(stack, Timeline(times_s, used, in_words, padded), reading)


def choose(
    times_s: np.ndarray, end_s: float, frames: int, rule: Rule, every: int, start_s: float, name: str
) -> tuple[np.ndarray, str]:
    """Index of each chosen frame, at most `frames` of them, and the rule in words; never reads pixels."""
    if rule == "uniform":
        words = f"uniform: the frames on screen at the centres of {frames} equal slices"
        if len(times_s) <= frames:
            return np.arange(len(times_s)), words
        centres = times_s[0] + (np.arange(frames) + 0.5) / frames * (end_s - times_s[0])
        # A frame that comes up just at a centre counts, whichever way its time was rounded.
        return np.searchsorted(times_s, centres + 1e-6, side="right") - 1, words
    first = int(np.searchsorted(times_s, start_s - 1e-6))
    if first == len(times_s):
        raise InputError(
            f"'{name}' has no frame at or after {start_s:g} s; its last one that is read is at {times_s[-1]:.3f} s. "
            "Choose an earlier start."
        )
    step = every if rule == "every" else 1
    ordinal = "neighbouring frames" if step == 1 else f"one frame in {step}"
    return np.arange(first, len(times_s), step)[:frames], f"{rule}: {ordinal} from {start_s:g} s on"


def _check_question(frames: int, rule: str, every: int, start_s: float) -> None:
    if rule not in ("uniform", "window", "every"):
        raise InputError(f"No rule for choosing frames is called '{rule}'. Known: uniform, window, every.")
    if frames < 1 or every < 1:
        raise InputError(f"{frames} frames, each {every}-th: both numbers must be at least 1.")
    if frames > settings().max_frames:
        raise LimitError(f"{frames:,} frames were asked for; the limit is {settings().max_frames:,}. Ask for fewer.")
    if not 0 <= start_s < float("inf"):
        raise InputError(f"A clip cannot start at {start_s:g} s. Choose 0 or later.")


def _times(reading: Reading, careful: bool) -> tuple[np.ndarray, float]:
    """Times of all frames, and when the last one ends; empty where packets cannot be trusted or nothing decodes."""
    if not careful and not reading.animation:
        return packet_times(reading) or (np.empty(0), 0.0)
    times_s, lasts_s = [], 0.0
    with closing(shown(reading, careful)) as frames:
        for frame in frames:
            times_s.append(frame.time_s)
            lasts_s = frame.lasts_s
    if not times_s:
        return np.empty(0), 0.0
    return np.array(times_s), times_s[-1] + (lasts_s or usual_step(np.array(times_s)))


def _pixels(reading: Reading, careful: bool, times_s: np.ndarray, used: np.ndarray) -> np.ndarray | None:
    """UInt8[t y x 3] of the frames `used`; None where the file does not show what its packets announced."""
    stack: np.ndarray | None = None
    first_pass_faults, reading.faults = reading.faults, 0
    missing = set(used.tolist())
    with closing(shown(reading, careful)) as frames:
        for index, frame in enumerate(frames):
            if index >= len(times_s) or abs(frame.time_s - times_s[index]) > 1e-6:
                return None
            if index in missing:
                pixels = frame.pixels()
                if stack is None:
                    stack = _empty(len(used), pixels, reading.name)
                stack[used == index] = _like(stack[0], pixels, reading)
                missing.discard(index)
            if not missing:
                break
    if missing or (reading.faults and not careful):
        return None
    reading.faults = max(reading.faults, first_pass_faults)
    return stack


def _like(first: np.ndarray, pixels: np.ndarray, reading: Reading) -> np.ndarray:
    """The frame in the size of the first one: damaged and spliced files change it on the way."""
    if pixels.shape == first.shape:
        return pixels
    import cv2

    height, width = first.shape[:2]
    reading.note(f"frames change their size within the file; all are shown as {width} x {height} px")
    return cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=cv2.INTER_AREA)


def _empty(frames: int, pixels: np.ndarray, name: str) -> np.ndarray:
    if frames * pixels.nbytes > MAX_CLIP_BYTES:
        raise LimitError(
            f"'{name}': {frames} frames of {pixels.shape[1]} x {pixels.shape[0]} px are "
            f"{frames * pixels.nbytes / 1e6:.0f} MB; the limit is {MAX_CLIP_BYTES / 1e6:.0f} MB. Ask for fewer frames."
        )
    return np.empty((frames, *pixels.shape), np.uint8)


def _clip(stack: np.ndarray, timeline: Timeline, reading: Reading) -> Clip:
    used, padded, name = timeline.used, timeline.padded, reading.name
    if (again := len(used) - len(np.unique(used))) > 0:
        reading.note(f"{again} frames appear again, because they stay on screen for longer than a slice")
    if padded:
        reading.note(
            f"{len(used)} of the {len(stack)} frames asked for are there; the last one is repeated {padded} times"
        )
        used = np.concatenate([used, np.repeat(used[-1:], padded)])
    if reading.faults:
        reading.note(f"damaged in {reading.faults} places; what can be decoded is shown and may have faults")
    if reading.announced > len(timeline.times_s) and not reading.cut:
        reading.note(f"the header announces {reading.announced} frames, {len(timeline.times_s)} can be shown")
    timeline = replace(timeline, used=used)
    times_s = timeline.times_s[used]
    return Clip(clip_key(stack, times_s), stack, times_s, name, notes=tuple(reading.notes), timeline=timeline)

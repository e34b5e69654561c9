"""A clip and its attribution become a film to keep: blocks of colour on every frame, and below them what they mean."""

import io
import json
import textwrap
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image, ImageDraw, ImageFont

from featcore.draw.meta import number
from featcore.draw.pixels import mute, overlay_pixels
from featcore.draw.scale import Scale, blend
from featcore.types import Attribution, Clip

LEAST_PX, MOST_PX = 256, 1280
LETTER_PX, LINE_PX, PAD_PX = 6, 14, 6  # of Pillow's own bitmap font, which needs no file
PAPER, INK = 255, 30
LAST_MS = 2000  # how long a film of one frame stands
FASTEST_MS = 20  # browsers slow down a GIF that is faster

Frame = UInt8[np.ndarray, "y x 3"]


def film_webm(clip: Clip, found: Attribution, scale: Scale | None = None, opacity: float = 0.6) -> bytes:
    """The film as VP9 in WebM, which browsers play, with the clip's own frame times; the same bytes every time.

    Frames are made, encoded and dropped one after the other. VP9 (libvpx, BSD licence) is free of royalties.
    """
    import av

    stamps, last = stamps_ms(clip)
    holds = np.diff([*stamps, stamps[-1] + last])
    out = io.BytesIO()
    # Bit-exact and one thread: the same frames give the same bytes.
    with av.open(out, "w", format="webm", options={"fflags": "+bitexact"}) as container:
        container.metadata.update(title=title(found), comment=json.dumps(described(found, scale)))
        stream: Any = None
        for pixels, stamp, hold in zip(film_frames(clip, found, scale, opacity), stamps, holds, strict=True):
            if stream is None:
                stream = container.add_stream("libvpx-vp9", rate=max(1, round(1000 / last)))
                stream.height, stream.width, stream.pix_fmt = *pixels.shape[:2], "yuv420p"
                stream.options = {"crf": "16", "b": "0", "row-mt": "0", "deadline": "good", "cpu-used": "3"}
                stream.codec_context.thread_count = 1
                # Said, because browsers would guess another matrix for large films: BT.601, limited range.
                stream.codec_context.colorspace, stream.codec_context.color_range = 6, 1
                stream.codec_context.time_base = Fraction(1, 1000)
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts, picture.time_base, picture.duration = int(stamp), Fraction(1, 1000), int(hold)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return out.getvalue()


def film_gif(clip: Clip, found: Attribution, scale: Scale | None = None, opacity: float = 0.6) -> bytes:
    """The film as a GIF that repeats, each frame in its own 256 colours, times in hundredths of a second."""
    stamps, last = stamps_ms(clip)
    holds = np.diff(np.rint(np.array([*stamps, stamps[-1] + last]) / 10).astype(int)) * 10
    pages = [
        Image.fromarray(pixels).quantize(256, dither=Image.Dither.NONE)
        for pixels in film_frames(clip, found, scale, opacity)
    ]
    out = io.BytesIO()
    pages[0].save(
        out,
        "GIF",
        save_all=True,
        append_images=pages[1:],
        duration=np.maximum(holds, FASTEST_MS).tolist(),
        loop=0,
        disposal=1,
        comment=json.dumps(described(found, scale)).encode(),
    )
    return out.getvalue()


def stamps_ms(clip: Clip) -> tuple[Int[np.ndarray, " t"], int]:
    """When each frame begins, from 0, each later than the one before, and how long the last one stands."""
    # A repeated frame may carry a repeated time.
    stamps = np.rint((clip.times_s - clip.times_s[0]) * 1000).astype(int)
    stamps = np.maximum.accumulate(stamps - np.arange(len(stamps))) + np.arange(len(stamps))
    return stamps, int(max(1, np.median(np.diff(stamps)))) if len(stamps) > 1 else LAST_MS


def film_frames(
    clip: Clip, found: Attribution, scale: Scale | None = None, opacity: float = 0.6
) -> Iterator[UInt8[np.ndarray, "y x 3"]]:
    """The frames one after the other, with even sides and one scale for all.

    Small clips are enlarged by whole pixels until their shorter side has `LEAST_PX`, so that blocks stay blocks; below
    the picture stand method, target, encoder, scale and time.
    """
    scale = scale or Scale.of(found.scores, found.signed)
    rows, columns = clip.frames.shape[1:3]
    factor = max(1, min(-(-LEAST_PX // min(rows, columns)), MOST_PX // max(rows, columns)))
    width = max(columns * factor + columns * factor % 2, LEAST_PX)
    below = strip(found, scale, opacity, width)
    height = rows * factor + rows * factor % 2
    for at, frame in enumerate(clip.frames):
        pixels = overlay_pixels(mute(frame), found.units, found.scores, scale, opacity, at)
        sheet = np.full((height + len(below), width, 3), PAPER, np.uint8)
        left = (width - columns * factor) // 2
        sheet[: rows * factor, left : left + columns * factor] = pixels.repeat(factor, 0).repeat(factor, 1)
        sheet[height:] = below
        when = f"frame {at + 1} of {len(clip.frames)}, {clip.times_s[at]:.2f} s"
        sheet[-LINE_PX - PAD_PX : -PAD_PX] = written([when], width)
        yield sheet


def strip(found: Attribution, scale: Scale, opacity: float, width: int) -> Frame:
    """What stands below every frame, an even number of rows, the last line left free for the time."""
    room = (width - 2 * PAD_PX) // LETTER_PX
    lines = [piece for line in said(found) for piece in textwrap.wrap(line, room)]
    parts = [np.full((PAD_PX, width, 3), PAPER, np.uint8), written(lines, width), key(scale, opacity, width)]
    parts.append(np.full((LINE_PX + PAD_PX, width, 3), PAPER, np.uint8))
    sheet = np.concatenate(parts)
    return np.pad(sheet, ((0, len(sheet) % 2), (0, 0), (0, 0)), constant_values=PAPER)


def said(found: Attribution) -> list[str]:
    """Encoder, method, target and baseline, a line each."""
    lines = [f"{found.provenance.encoder} ({found.provenance.revision[:12]})", found.method.replace("_", " ")]
    lines.append(f"explains the {found.target}" if found.target else "explains no output")
    return [*lines, f"baseline: {found.baseline}"] if found.baseline else lines


def written(lines: list[str], width: int) -> Frame:
    """Lines of text, dark on white; letters that the font does not have become question marks."""
    sheet = Image.new("L", (width, LINE_PX * len(lines)), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default_imagefont()
    for at, line in enumerate(lines):
        safe = line.replace("−", "-").encode("latin-1", "replace").decode("latin-1")
        pen.text((PAD_PX, at * LINE_PX + 1), safe, fill=INK, font=font)
    return np.repeat(np.asarray(sheet)[..., None], 3, axis=2)


def key(scale: Scale, opacity: float, width: int) -> Frame:
    """The colours from the lowest to the highest score of the scale, with both numbers."""
    low, high = (number(end) for end in scale.bounds)
    sheet = written([low], width)
    start = PAD_PX * 2 + LETTER_PX * len(low)
    wide = min(120, width - start - LETTER_PX * (len(high) + 2) - PAD_PX)
    values = np.linspace(*scale.bounds, wide)[None].repeat(LINE_PX - 4, axis=0)
    bar = blend(np.full((*values.shape, 3), PAPER, np.uint8), scale.rgba(values, opacity))
    sheet[2:-2, start : start + wide] = bar
    end = written([f"{high} one scale"], width)
    free = width - (start + wide)
    sheet[:, start + wide :] = end[:, :free]
    return sheet


def title(found: Attribution) -> str:
    return f"{found.method} of {found.provenance.encoder}"


def described(found: Attribution, scale: Scale | None) -> dict[str, Any]:
    """What is needed to repeat the film, for the file's own metadata."""
    made, scale = found.provenance, scale or Scale.of(found.scores, found.signed)
    return {
        "made_by": "tessera",
        "encoder": made.encoder,
        "revision": made.revision,
        "weights_sha256": made.weights_sha256,
        "method": found.method,
        "knobs": dict(found.knobs),
        "target": str(found.target) if found.target else None,
        "baseline": found.baseline or None,
        "scale": [scale.low, scale.high],
        "device": made.device,
        "dtype": made.dtype,
        "seed": made.seed,
        "time_utc": made.time_utc,
        "versions": dict(made.versions),
    }

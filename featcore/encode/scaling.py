"""How a checkpoint's processor scales a picture, known before it does."""

from math import isfinite
from typing import Any

from transformers.image_utils import PILImageResampling as Resampling

from featcore.errors import CutError, LoadError
from featcore.settings import settings

_LARGE = 384
"""Pixels of an edge from which ConvNeXt's processor cuts nothing away."""


def resized(processor: Any, height: int, width: int) -> tuple[float, float]:
    """Rows and columns of a picture behind the processor's resize and before its crop."""
    size = target(processor)
    if not size:
        return height, width
    edge, share = size.get("shortest_edge"), getattr(processor, "crop_pct", None)
    if edge and share:
        if edge >= _LARGE:
            return edge, edge
        edge = int(edge / share)  # ConvNeXt: the shorter side becomes this much longer than the square that is kept
    if edge:
        return edge * height / min(height, width), edge * width / min(height, width)
    return size.get("height", height), size.get("width", width)


def target(processor: Any) -> dict[str, int] | None:
    """The processor's target size as a plain dictionary, None when it does not resize."""
    if not getattr(processor, "do_resize", False):
        return None
    size = getattr(processor, "size", None)
    return {name: size[name] for name in ("height", "width", "shortest_edge") if size.get(name)} if size else None


def refuse_vast(processor: Any, frames: int, checkpoint: str) -> None:
    """Refuse a processor whose pictures, scaled, cropped or padded, are larger than settings allow.

    Raises:
        LoadError: names the setting of the processor, the size and the limit.
    """
    most = settings().max_pixels
    share = getattr(processor, "crop_pct", None)
    if share is not None and not 0 < share <= 1:
        raise LoadError(
            f"The processor of '{checkpoint}' keeps the share {share} of each side (crop_pct); it must be above 0 and "
            "at most 1. Save the checkpoint with its true sizes."
        )
    for name in ("size", "crop_size", "pad_size"):
        stated = getattr(processor, name, None) or {}
        sides = [side for side in dict(stated).values() if isinstance(side, int | float)]
        tall, wide = (stated.get(side) or max(sides, default=0) for side in ("height", "width"))
        if name == "size" and share and max(sides, default=0) < _LARGE:
            tall, wide = tall / share, wide / share
        if frames * tall * wide > most:
            raise LoadError(
                f"The processor of '{checkpoint}' makes pictures of {tall:.0f}x{wide:.0f} ({name}); frames, rows and "
                f"columns may be at most {most:,} pixels together (FEATCORE_MAX_PIXELS). Save the checkpoint with its "
                "true sizes."
            )


def refuse_odd(processor: Any, checkpoint: str) -> None:
    """Refuse a processor that has no such way to resize, or colours that cannot be scaled by its numbers.

    Raises:
        LoadError: names the setting of the processor, its value and the rule.
    """
    way = getattr(processor, "resample", None)
    if getattr(processor, "do_resize", False) and way is not None and way not in iter(Resampling):
        raise LoadError(
            f"The processor of '{checkpoint}' resizes in a way of number {way!r} (resample); Pillow knows 0 to "
            f"{max(Resampling)}. Save the checkpoint with one of them."
        )
    if not getattr(processor, "do_normalize", False):
        return
    for name in ("image_mean", "image_std"):
        stated = getattr(processor, name, None)
        numbers = stated if isinstance(stated, list | tuple) else [stated]
        fine = all(isinstance(one, int | float) and isfinite(one) for one in numbers) and len(numbers) in (1, 3)
        if stated is not None and not (fine and (name == "image_mean" or all(numbers))):
            raise LoadError(
                f"The processor of '{checkpoint}' scales colours by {str(stated)[:80]!r} ({name}); it must be one "
                "finite number or three, and a spread must not be 0. Save the checkpoint with its true numbers."
            )


def refuse_long(processor: Any, shape: tuple[int, ...], checkpoint: str) -> None:
    """Refuse frames, rows and columns of a source that the processor would scale up beyond what settings allow.

    Raises:
        CutError: one side is so much longer than the other.
    """
    frames, height, width = shape
    rows, columns = resized(processor, height, width)
    if frames * rows * columns > settings().max_pixels:
        raise CutError(
            f"The processor of '{checkpoint}' scales {height}x{width} pixels to {rows:.0f}x{columns:.0f}; frames, rows "
            f"and columns may be at most {settings().max_pixels:,} pixels together (FEATCORE_MAX_PIXELS). Cut the "
            "picture to a shape that is less long."
        )

"""Bytes become a `Text` or a `Clip`: every reader takes a local path or bytes, never an address to fetch."""

from typing import Any

from featcore.types import Modality, Source


def read(name: str, data: bytes, modality: Modality, **options: Any) -> Source:
    """An uploaded file as a text, a picture or a clip; `options` go to `read_video`.

    Raises:
        InputError: the bytes are no such thing, or more than the settings allow.
    """
    if modality == "text":
        from featcore.inputs.text import read_text

        return read_text(data, name)
    if modality == "image":
        from featcore.inputs.image import read_image

        return read_image(data, name)
    from featcore.inputs.video import read_video

    return read_video(data, name=name, **options)

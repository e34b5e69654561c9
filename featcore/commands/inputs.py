"""What is typed for an input and for a target becomes a `Source` and what a method explains."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featcore.errors import InputError

if TYPE_CHECKING:
    from featcore.types import Card, Source

Words = Annotated[str | None, typer.Option("--text", help="the text itself")]
Image = Annotated[Path | None, typer.Option("--image", help="a picture")]
Video = Annotated[Path | None, typer.Option("--video", help="a clip")]
File = Annotated[Path | None, typer.Option("--file", help="a file of the kind that the encoder reads")]


def read_source(
    card: "Card", text: str | None, image: Path | None, video: Path | None, file: Path | None
) -> "Source | None":
    """The input that was given, None when none was."""
    import featcore as fc

    given = [option for option in (text, image, video, file) if option is not None]
    if len(given) > 1:
        raise InputError("More than one input was given. Choose one of --text, --image, --video and --file.")
    if text is not None:
        return fc.read_text(text)
    if image is not None or (file is not None and card.modality == "image"):
        return fc.read_image(image or file)
    if video is not None or (file is not None and card.modality == "video"):
        # An encoder of pictures or text will say itself that it cannot read a clip.
        return fc.read_video(video or file, frames=card.input_size[0] if card.modality == "video" else 1)
    return None if file is None else fc.read_text(file)


def read_other(card: "Card", given: str) -> "Source":
    """A second input of the kind that the encoder reads: the text itself, or a file."""
    words, path = (given, None) if card.modality == "text" else (None, Path(given))
    source = read_source(card, words, None, None, path)
    assert source is not None
    return source


def read_target(card: "Card", typed: str | None) -> str | int | None:
    """A label or rule as it was typed, a class index as a number; None where nothing was."""
    if typed is not None and typed not in card.labels and typed.lstrip("-").isdecimal():
        return int(typed)
    return typed

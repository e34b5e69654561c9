"""A path or an upload becomes bytes within the limits, with a word for what they hold."""

from pathlib import Path

from featcore.errors import InputError, LimitError
from featcore.settings import settings

UNKNOWN = "data of no kind known here"

# What files of each kind begin with; a name says nothing, people rename files.
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "picture", "a PNG picture"),
    (b"\xff\xd8\xff", "picture", "a JPEG picture"),
    (b"GIF8", "picture", "a GIF picture"),
    (b"II*\0", "picture", "a TIFF picture"),
    (b"MM\0*", "picture", "a TIFF picture"),
    (b"II+\0", "picture", "a TIFF picture"),
    (b"MM\0+", "picture", "a TIFF picture"),
    (b"\x1aE\xdf\xa3", "video", "a Matroska or WebM file"),
    (b"ID3", "audio", "an MP3 sound file"),
    (b"fLaC", "audio", "a FLAC sound file"),
    (b"OggS", "audio", "an Ogg file"),
    (b"%PDF", "other", "a PDF document"),
    (b"PK\x03\x04", "other", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "other", "a gzip archive"),
    (b"\x7fELF", "other", "a program"),
    (b"SQLite format 3\0", "other", "a database"),
)
_RIFF = {
    b"WEBP": ("picture", "a WebP picture"),
    b"AVI ": ("video", "an AVI file"),
    b"WAVE": ("audio", "a WAV sound file"),
}
_BRANDS = {
    b"avif": ("picture", "an AVIF picture"),
    b"avis": ("picture", "an AVIF sequence"),
    b"heic": ("other", "a HEIC picture"),
    b"heix": ("other", "a HEIC picture"),
    b"mif1": ("other", "a HEIF picture"),
}


def load_bytes(source: Path | bytes, name: str | None, kind: str) -> tuple[bytes, str]:
    """The bytes and what to call them; `kind` is the word for a file without a name.

    Raises:
        InputError: there is no such file, or it is empty.
        LimitError: more bytes than `settings().max_upload_bytes`.
    """
    limit = settings().max_upload_bytes
    if isinstance(source, Path):
        name = name or source.name
        try:
            # One byte more than allowed shows that a file is too large, whatever its size says.
            with source.open("rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            raise InputError(
                f"'{name}' cannot be opened ({error.strerror}). Give a path to a local file that you may read."
            ) from error
    else:
        name, data = name or kind, bytes(source)
    if len(data) > limit:
        raise LimitError(
            f"'{name}' is larger than {limit:,} bytes, the limit for one file. "
            "Make it smaller, or raise FEATCORE_MAX_UPLOAD_BYTES."
        )
    if not data:
        raise InputError(f"'{name}' is empty: it has 0 bytes. Choose another file, or save it again.")
    return data, name


def content(data: bytes) -> tuple[str, str]:
    """What bytes hold: one of text, picture, video, audio, other, and the same in words."""
    for start, kind, words in _SIGNATURES:
        if data.startswith(start):
            # A text may begin with these letters too.
            return ("text", "plain text") if start.isalnum() and _is_text(data) else (kind, words)
    # Two letters alone would make a picture of every text about a BMW.
    if data[:2] == b"BM" and data[6:10] == bytes(4):
        return "picture", "a BMP picture"
    if data[:4] == b"RIFF" and data[8:12] in _RIFF:
        return _RIFF[data[8:12]]
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], ("video", "an MP4 or MOV file"))
    if _is_text(data):
        head = data[:200].lstrip().lower()
        return "text", "a web page" if head.startswith((b"<!doctype html", b"<html")) else "plain text"
    return "other", UNKNOWN


def _is_text(data: bytes) -> bool:
    head = data[:4096]
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3 or len(data) <= len(head):
            return False
        text = head[: error.start].decode("utf-8")
    return not any(ord(letter) < 9 for letter in text)

"""A typed text or a text file becomes a `Text`, character for character."""

import re
from pathlib import Path

from featcore.errors import InputError, LimitError
from featcore.inputs.files import UNKNOWN, content, load_bytes
from featcore.keys import digest
from featcore.settings import settings
from featcore.types import Text

# UTF-32 first: its mark begins with the mark of UTF-16.
_MARKS = (
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_WAY_OUT = "Save it as UTF-8 in the program that wrote it, or paste the text."
_WESTERN = re.compile("[\x09-\x0d\x20-\x7e\xa0-\xff€‚„…†‹›‘’“”•–—™šŠžŽœŒŸ]*")
_FOREIGN_RUN = re.compile("[À-ÖØ-öø-ÿšŠžŽœŒŸ]{3}|[\xa1-\xbf€‚„…†•™]{2}")


def read_text(source: str | Path | bytes, name: str | None = None) -> Text:
    """A `str` is the text itself; a `Path` or bytes are a text file, whose encoding is found and noted.

    Nothing is changed: no newline, no space, no normal form. Only a byte order mark at the start is taken off.

    Raises:
        InputError: empty, no text, or in an encoding that cannot be told.
        LimitError: more characters than `settings().max_characters`.
    """
    notes: tuple[str, ...] = ()
    limit = settings().max_characters
    if isinstance(source, str):
        name, text = name or "text", source
    else:
        data, name = load_bytes(source, name, "text")
        # No encoding takes more than four bytes for a character, so this one needs no decoding.
        if len(data) > 4 * limit + 4:
            raise _too_long(name, f"more than {limit:,}", limit)
        text, note = decode(data, name)
        notes = (note,)
    if not text.strip():
        raise InputError(f"'{name}' holds no text: it is empty or blank. Type or choose at least one word.")
    if len(text) > limit:
        raise _too_long(name, f"{len(text):,}", limit)
    try:
        key = digest("text", text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise InputError(
            f"'{name}' holds half of a surrogate pair at character {error.start}, which is no character. Remove it."
        ) from error
    return Text(key=key, text=text, name=name, notes=notes)


def _too_long(name: str, count: str, limit: int) -> LimitError:
    return LimitError(
        f"'{name}' has {count} characters; the limit is {limit:,}. Cut it into parts, or raise FEATCORE_MAX_CHARACTERS."
    )


def decode(data: bytes, name: str) -> tuple[str, str]:
    """The text of a file and a note on its encoding: by its mark, as UTF-8, as UTF-16 or -32, or as Windows-1252."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(encoding), f"read as {encoding.upper()}, by its byte order mark"
            except UnicodeDecodeError as error:
                raise InputError(
                    f"'{name}' is marked as {encoding.upper()} but breaks its rules at byte {error.start}. {_WAY_OUT}"
                ) from error
    try:
        if b"\0" not in data:
            return data.decode("utf-8"), "read as UTF-8"
    except UnicodeDecodeError as error:
        broken = error.start
    kind, words = content(data)
    if kind != "text" and words != UNKNOWN:
        raise InputError(f"'{name}' is no text but {words}. Choose a .txt or .md file, or paste the text.")
    if b"\0" in data:
        return _decode_wide(data, name)
    text = data.decode("cp1252", errors="replace")
    if not _looks_western(text):
        raise InputError(
            f"'{name}' is not UTF-8 (byte {broken} is {data[broken]:#04x}) and its encoding cannot be told "
            f"from its content. {_WAY_OUT}"
        )
    return text, "not UTF-8; read as Windows-1252, which is a guess: check the accents"


def _decode_wide(data: bytes, name: str) -> tuple[str, str]:
    """UTF-16 or UTF-32 without a mark shows by where its zero bytes stand; in other files zeros mean: no text."""
    zeros = [data[start::4].count(0) * 4 / len(data) for start in range(4)]
    guesses = {
        "utf-32-le": min(zeros[2:]) > 0.9 and zeros[0] < 0.1,
        "utf-32-be": min(zeros[:2]) > 0.9 and zeros[3] < 0.1,
        "utf-16-le": min(zeros[1], zeros[3]) > 0.1 and max(zeros[0], zeros[2]) < 0.05,
        "utf-16-be": min(zeros[0], zeros[2]) > 0.1 and max(zeros[1], zeros[3]) < 0.05,
    }
    for encoding, evident in guesses.items():
        if evident:
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError:
                continue
            if all(ord(letter) >= 9 for letter in text):
                return text, f"read as {encoding.upper()}, which has no byte order mark but shows by its zero bytes"
    raise InputError(f"'{name}' is no text: it holds zero bytes, as programs and pictures do. {_WAY_OUT}")


def _looks_western(text: str) -> bool:
    """Could this be Windows-1252? Other alphabets, read so, give rows of accents and signs between signs."""
    beyond = sum(letter > "\x7f" for letter in text)
    return bool(_WESTERN.fullmatch(text)) and not _FOREIGN_RUN.search(text) and beyond <= 0.3 * len(text)

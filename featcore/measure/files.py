"""Files of records are read, line by line, from any machine and from strangers; knows no model library."""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from featcore.errors import InputError, LimitError

SCHEMA = 1
NEEDED = ("schema_version", "record_id", "run_id", "time_utc", "stage", "variant", "samples_s", "n", "device")
"""What a line must have to be read as a record."""

MOST_BYTES = 8_000_000
"""Bytes of a file from a stranger."""
MOST_LINES = 10_000
MOST_SAMPLES = 100_000
MOST_FIELDS = 300
LARGEST = 1e30
"""Numbers of a stranger beyond this, either way, count as not known."""
LONGEST_S = 1e9
MOST_CHARACTERS = 1_000
"""Characters of a text in a record; more are left out behind an ellipsis."""

BASE_NAME, VIT_NAMES, APP_NAME = "BERT-base size", ("ViT-B size", "ViT-L size"), "the app"
"""What `model_id` says of a goal that is asked of no checkpoint."""

Record = dict[str, Any]


def read(*paths: Path) -> list[Record]:
    """Records of one or several files, from any machine, in the order of the files; .gz is unpacked.

    Raises:
        InputError: a file that cannot be read, or a line in it that is no record; the text names file and line.
    """
    found = []
    for path in paths:
        try:
            raw = path.read_bytes()
            text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise InputError(f"'{path.name}' cannot be read as records: {error}. Give a file of JSON lines.") from error
        found += [checked(line, path.name, number) for number, line in lines(text)]
    return found


def received(raw: bytes, name: str) -> list[Record]:
    """Records of a file from a stranger: few, small and flat, or refused in words.

    A file whose name ends in .gz is unpacked, no further than a plain file may be large. Texts are cut to
    `MOST_CHARACTERS`; a field that is neither a plain value nor a list of plain values is dropped. Whoever shows a text
    of them escapes it.

    Raises:
        LimitError: too large a file, too many lines, fields or samples. InputError: a line that is no record.
    """
    if name.endswith(".gz"):
        raw = _unpacked(raw, name)
    if len(raw) > MOST_BYTES:
        raise LimitError(f"'{name}' has {len(raw):,} bytes, more than {MOST_BYTES:,}. Split it or leave records out.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"'{name}' is no UTF-8 text ({error.reason}). Give a file of JSON lines.") from error
    found: list[Record] = []
    for number, line in lines(text):
        if len(found) == MOST_LINES:
            raise LimitError(f"'{name}' has more than {MOST_LINES:,} records. Split it.")
        found.append(flat(checked(line, name, number), f"Line {number} of '{name}'"))
    if not found:
        raise InputError(f"'{name}' holds no record. `featcore bench scaling --save records.jsonl` writes such a file.")
    return found


def _unpacked(raw: bytes, name: str) -> bytes:
    """What is packed in it, one byte beyond the limit at most."""
    try:
        with gzip.open(io.BytesIO(raw)) as file:
            return file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"'{name}' cannot be unpacked: {error}. Give a file of JSON lines, or one by gzip.") from error


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that hold something, with their numbers from 1; only a line feed ends one, since JSON allows others."""
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def checked(line: str, name: str, number: int) -> Record:
    """A line as a record.

    Raises:
        InputError: it is none, with the reason.
    """
    place = f"Line {number} of '{name}'"
    try:
        record = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:  # a JSONDecodeError is a ValueError, and so is too long a number
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise InputError(f"{place} is no JSON ({reason}). Remove it; the others are good.") from error
    missing = [field for field in NEEDED if not isinstance(record, dict) or field not in record]
    if missing:
        raise InputError(f"{place} is no record of a measurement: it lacks {', '.join(missing)}.")
    schema = record["schema_version"]
    if not isinstance(schema, int) or schema > SCHEMA:
        raise InputError(f"{place} is of schema {str(schema)[:20]}; this Tessera reads up to {SCHEMA}. Update Tessera.")
    samples = record["samples_s"]
    if not isinstance(samples, list) or len(samples) != record["n"] or not all(map(_is_time, samples)):
        raise InputError(f"{place}: samples_s must be {str(record['n'])[:20]} positive seconds.")
    return record


def flat(record: Record, place: str) -> Record:
    """Plain values and tuples of plain values only, none of them long.

    Raises:
        LimitError: more fields or longer lists than a measurement has.
    """
    if len(record) > MOST_FIELDS:
        raise LimitError(f"{place} has {len(record)} fields, more than {MOST_FIELDS}.")
    kept: Record = {}
    for field, value in record.items():
        if isinstance(value, list):
            if len(value) > MOST_SAMPLES:
                raise LimitError(f"{place}: {field[:40]} has {len(value):,} entries, more than {MOST_SAMPLES:,}.")
            if all(_is_plain(each) for each in value):
                kept[field[:100]] = tuple(_short(each) for each in value)
        elif _is_plain(value):
            kept[field[:100]] = _short(value)
    return kept


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number in JSON")


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < LONGEST_S


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _short(value: Any) -> Any:
    if isinstance(value, int | float) and not -LARGEST < value < LARGEST:
        return None
    return f"{value[:MOST_CHARACTERS]}…" if isinstance(value, str) and len(value) > MOST_CHARACTERS else value

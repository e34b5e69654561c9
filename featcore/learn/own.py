"""A person's own data: a CSV of texts, or a folder of pictures or clips by class, read with every fault named."""

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from featcore.errors import FeatcoreError, InputError, LimitError
from featcore.inputs.text import decode, read_text
from featcore.keys import digest
from featcore.settings import settings
from featcore.types import Modality, Source

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif"})
CLIPS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".gif"})
TABLES = frozenset({".csv", ".tsv"})
SHARES = {"test": 0.2, "dev": 0.1}


@dataclass(frozen=True)
class Row:
    """One usable example: its name for people, its class, and how to read it (a clip: with how many `frames`)."""

    name: str
    label: str
    key: str
    read: Callable[..., Source] = field(compare=False, repr=False)


@dataclass(frozen=True)
class Own:
    """What was found.

    Attributes:
        rows: usable examples, no content twice.
        left_out: name and reason of everything that was not used.
    """

    modality: Modality
    rows: tuple[Row, ...]
    left_out: tuple[tuple[str, str], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(sorted({row.label for row in self.rows}))

    def counts(self) -> dict[str, int]:
        """Examples of each class."""
        return dict(sorted(Counter(row.label for row in self.rows).items()))

    def split(self, name: str, seed: int = 0) -> list[Row]:
        """The rows of train, dev or test: of each class a fifth is held out and a tenth picks the weights, but one
        of each is learnt from and one is held out; a class of two examples has none on dev."""
        found = []
        for number, label in enumerate(self.labels):
            rows = [row for row in self.rows if row.label == label]
            order = np.random.default_rng((seed, number)).permutation(len(rows))
            test = max(1, round(SHARES["test"] * len(rows)))
            dev = max(1, round(SHARES["dev"] * len(rows))) if len(rows) > 2 else 0
            bounds = {"test": (0, test), "dev": (test, test + dev), "train": (test + dev, len(rows))}[name]
            found += [rows[i] for i in order[slice(*bounds)]]
        return found

    def report(self) -> str:
        """What was found and left out, in a few lines."""
        classes = ", ".join(f"{label} {count}" for label, count in self.counts().items())
        found = f"{len(self.rows)} examples of {len(self.labels)} classes: {classes or 'none'}."
        return "\n".join([found, *told(self.left_out)])


def told(left_out: Iterable[tuple[str, str]]) -> list[str]:
    """A line for each reason, with the first few names."""
    reasons = defaultdict(list)
    for name, reason in left_out:
        reasons[reason].append(name)
    return [
        f"Left out, {reason}: {', '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}."
        for reason, names in reasons.items()
    ]


def read_own(path: Path) -> Own:
    """A CSV or TSV file with the columns text and label, or a folder with one folder of pictures or clips a class.

    Raises:
        InputError: neither, or nothing to learn from: no rows, one class only.
        LimitError: more examples than the settings allow.
    """
    path = Path(path)
    if path.is_file() and path.suffix.lower() in TABLES:
        modality, found = "text", list(_table(path))
    elif path.is_dir():
        modality, found = _folder(path)
    else:
        raise InputError(f"'{path}' is neither a .csv or .tsv file nor a folder of classes.")
    rows, left_out = _sorted_out(found)
    rows, lonely = _without_lonely(rows)
    own = Own(modality, tuple(rows), tuple(left_out + lonely))  # type: ignore[arg-type]
    if len(own.labels) < 2:
        named = f"only the class '{own.labels[0]}'" if own.labels else "no class"
        raise InputError(
            f"'{path.name}' has {named} with at least two usable examples; learning needs two classes.\n{own.report()}"
        )
    most = settings().max_examples
    if len(own.rows) > most:
        raise LimitError(f"'{path.name}' has {len(own.rows)} usable examples; the limit is {most}. Leave some out.")
    return own


def save(files: Iterable[tuple[str, bytes]], folder: Path) -> Path:
    """Write uploaded files so that `read_own` finds them: one table, or a folder of classes.

    Args:
        files: names as a browser gives them ("mine/cat/1.jpg": the outermost folder is the person's), and bytes.

    Raises:
        InputError: a table beside other files.
    """
    given = list(files)
    tables = [name for name, _ in given if Path(name).suffix.lower() in TABLES]
    if tables and len(given) > 1:
        raise InputError(
            f"'{tables[0]}' came with {len(given) - 1} other files. Give one table, or a folder of classes."
        )
    for name, raw in given:
        parts = [part for part in re.split(r"[/\\]", name) if part not in ("", ".", "..")]
        inside = parts[-1:] if tables else parts[1:] or parts
        place = folder.joinpath(*inside)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(raw)
    return folder / Path(tables[0]).name if tables else folder


def _table(path: Path) -> Iterator[tuple[str, Row | str]]:
    """Name and row, or name and what is wrong with it, of every line."""
    if (size := path.stat().st_size) > settings().max_upload_bytes:
        raise LimitError(
            f"'{path.name}' has {size / 1e6:.0f} MB; the limit is {settings().max_upload_bytes / 1e6:.0f} MB."
        )
    text, _ = decode(path.read_bytes(), path.name)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(text)
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    names = {name.strip().lower(): name for name in reader.fieldnames or [] if name}
    if not {"text", "label"} <= names.keys():
        raise InputError(f"'{path.name}' needs a first line with the columns text and label; it has {sorted(names)}.")
    for line in reader:
        name = f"line {reader.line_num}"
        words, label = (line.get(names[column]) for column in ("text", "label"))
        if not words or not words.strip():
            yield name, "no text"
        elif not label or not label.strip():
            yield name, "no label"
        elif len(words) > settings().max_characters:
            yield name, f"more than {settings().max_characters} characters"
        else:
            found = words.strip()
            yield name, Row(name, label.strip(), digest(found), lambda found=found: read_text(found))  # type: ignore[misc]


def _delimiter(text: str) -> str:
    """Comma, semicolon or tab, whichever the first line has most of."""
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _folder(path: Path) -> tuple[Modality, list[tuple[str, Row | str]]]:
    """Pictures or clips in one folder a class; what lies elsewhere is named."""
    files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    kinds = Counter("image" if f.suffix.lower() in PICTURES else "video" for f in files if _known(f))
    if not kinds:
        raise InputError(f"'{path.name}' holds no picture and no clip. Put one folder of them for each class there.")
    if len(kinds) > 1:
        raise InputError(f"'{path.name}' holds pictures and clips ({dict(kinds)}). Give a folder of one kind.")
    modality: Modality = "image" if "image" in kinds else "video"
    return modality, [(file.relative_to(path).as_posix(), _file(file, path, modality)) for file in files]


def _known(file: Path) -> bool:
    return file.suffix.lower() in PICTURES | CLIPS


def _file(file: Path, root: Path, modality: Modality) -> Row | str:
    inside = file.relative_to(root).parts
    if not file.resolve().is_relative_to(root.resolve()):
        return "a link out of the folder"
    if not _known(file):
        return "no picture and no clip"
    if len(inside) != 2:
        return "not in a folder of its class"
    size = file.stat().st_size
    if size > settings().max_upload_bytes:
        return f"more than {settings().max_upload_bytes / 1e6:.0f} MB"
    return Row(
        "/".join(inside), inside[0], digest(file.read_bytes()), lambda **options: _read(file, modality, **options)
    )


def _read(file: Path, modality: Modality, **options: Any) -> Source:
    if modality == "image":
        from featcore.inputs.image import read_image

        return read_image(file)
    from featcore.inputs.video import read_video

    return read_video(file, **options)


def _sorted_out(found: list[tuple[str, Row | str]]) -> tuple[list[Row], list[tuple[str, str]]]:
    """Every content once; content that stands under two labels not at all."""
    rows = [row for _, row in found if isinstance(row, Row)]
    left_out = [(name, reason) for name, reason in found if isinstance(reason, str)]
    labels = defaultdict(set)
    for row in rows:
        labels[row.key].add(row.label)
    kept: dict[str, Row] = {}
    for row in rows:
        if len(labels[row.key]) > 1:
            left_out.append((row.name, "the same content under two labels"))
        elif row.key in kept:
            left_out.append((row.name, "the same content twice, which could stand in two splits"))
        else:
            kept[row.key] = row
    return list(kept.values()), left_out


def _without_lonely(rows: list[Row]) -> tuple[list[Row], list[tuple[str, str]]]:
    """A class of one example can be learnt or tested, not both."""
    counts = Counter(row.label for row in rows)
    lonely = [(row.name, f"the only example of '{row.label}'") for row in rows if counts[row.label] < 2]
    return [row for row in rows if counts[row.label] > 1], lonely


def readable(
    rows: list[Row], use: Callable[[Source], Any], **options: Any
) -> tuple[list[Row], list[Any], list[tuple[str, str]]]:
    """The rows that decode, what `use` made of each, and name and reason of the others."""
    kept, values, broken = [], [], []
    for row in rows:
        try:
            values.append(use(row.read(**options)))
            kept.append(row)
        except FeatcoreError as error:
            broken.append((row.name, f"not readable ({error})"))
    return kept, values, broken

"""What a person should know of a checkpoint before choosing it, in words: its licence and what it provides."""

import re
from pathlib import Path

from featcore.encode.curated import CURATED
from featcore.encode.layouts import LAYOUTS
from featcore.types import Card

NOT_STATED = "not stated"
SPEAKERS = ("ForCausalLM", "LMHeadModel")  # the next token is their class
MOST_CHARACTERS = 80
"""Characters of a licence; what a stranger wrote beyond them is left out."""
_HEAD_BYTES = 16_384
_STATED = re.compile(r"^license:[ \t]*(\S.*)$", re.MULTILINE)


def licence_of(folder: Path) -> str:
    """The licence of a folder that was not trained here: of a checkpoint of the curated list as it stands there, else
    what the front matter of its README.md states."""
    of_hub = folder.parent.parent.name
    if folder.parent.name == "snapshots" and of_hub.startswith("models--"):
        row = CURATED.get(of_hub.removeprefix("models--").replace("--", "/"))
        if row is not None:
            return row.licence
    return _stated(folder / "README.md") or NOT_STATED


def non_commercial(licence: str) -> bool:
    """Whether a licence of Creative Commons excludes commercial use."""
    return "-nc" in licence.lower()


def bounded(text: str, most: int = MOST_CHARACTERS) -> str:
    """One line of a stranger's text, without what cannot be printed."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def provided(card: Card) -> tuple[str, ...]:
    """What an encoder gives to see and to explain, in words."""
    maps = "attention" in card.provides
    return ("attention maps" if maps else "no attention maps", *_answers(card))


def provided_by_family(family: str, answers: str) -> tuple[str, ...]:
    """The same of a checkpoint of the curated list, which is not here yet."""
    maps = family not in LAYOUTS or LAYOUTS[family].attention != "none"  # of two towers each is a transformer
    return ("attention maps" if maps else "no attention maps", answers)


def speaks(card: Card) -> bool:
    """Whether its class is the next token."""
    return str((card.config.get("architectures") or [""])[0]).endswith(SPEAKERS)


def _answers(card: Card) -> tuple[str, ...]:
    if speaks(card):
        return ("the next token",)
    if "logits" not in card.provides:
        return ("a vector in a space of texts and pictures" if LAYOUTS[card.family].projected else "a vector",)
    count = len(card.labels)
    return ("1 score" if count == 1 else f"{count:,} classes",)


def _stated(readme: Path) -> str:
    """The licence in the front matter of a README.md: the block between two lines of three dashes at its beginning."""
    try:
        with readme.open("rb") as file:
            text = file.read(_HEAD_BYTES).decode("utf-8", errors="replace").replace("\r\n", "\n")
    except OSError:
        return ""
    opening, _, rest = text.partition("\n")
    front, closing, _ = rest.partition("\n---")
    found = _STATED.search(front) if opening.strip() == "---" and closing else None
    return bounded(found[1].strip().strip("'\"")) if found else ""

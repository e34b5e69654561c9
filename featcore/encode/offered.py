"""What a page may load for people who are strangers to this machine: strictly resolved, or refused in words.

The command line and the Python API read any folder, as `featcore.load` says; a page asks here first.
"""

from collections.abc import Iterator
from pathlib import Path

from featcore.encode.catalog import card_of
from featcore.encode.towers import TOWERS, split
from featcore.errors import LoadError
from featcore.settings import settings
from featcore.types import Card

DEPTH = 2
"""Folders below a root that are searched: root/name and root/owner/name."""


def folders() -> list[str]:
    """Names, below the allowed roots, of the folders that hold a config.json; none where the settings forbid them."""
    if not settings().offers_folders:
        return []
    return sorted({str(folder.relative_to(root)) for root in settings().checkpoints for folder in _found(root)})


def card_of_folder(name: str) -> Card:
    """The card of a folder below an allowed root.

    Args:
        name: the folder's path below a root; with "#text" or "#image" one tower of a checkpoint that has two.

    Raises:
        LoadError: the settings allow no folders, none of that name is below a root, it or one of its files lies
            elsewhere, or it holds no checkpoint that can be used.
    """
    if not settings().offers_folders:
        raise LoadError("Folders are not offered on this server. Choose an embedded encoder.")
    name, tower = split(name)
    return card_of(_inside(name), tower)


def _inside(name: str) -> Path:
    """The folder that a name stands for, with nothing in it that leads out of its root."""
    roots = [root.resolve() for root in settings().checkpoints]
    allowed = f"Known: {', '.join(folders()) or 'none yet'}. Put checkpoints below FEATCORE_CHECKPOINTS."
    if not name or "\0" in name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise LoadError(f"'{name}' is no name of a folder below the allowed roots. {allowed}")
    for root in roots:
        folder = root / name
        if folder.is_dir():
            for path in (folder, *sorted(folder.rglob("*"))):
                if not path.resolve().is_relative_to(root):
                    raise LoadError(
                        f"'{name}' leads out of the allowed roots: '{path.relative_to(root)}' is a link to elsewhere. "
                        "Copy what it points to, or allow that folder in FEATCORE_CHECKPOINTS."
                    )
            return folder
    raise LoadError(f"No folder is called '{name}' below the allowed roots. {allowed}")


def _found(root: Path) -> Iterator[Path]:
    patterns = ("*/" * depth + "config.json" for depth in range(1, DEPTH + 1))
    return (path.parent for pattern in patterns for path in root.glob(pattern))


def towers_of(config: dict) -> tuple[str, ...]:
    """The endings a checkpoint's name may take: "" for one encoder, "#text" and "#image" for two."""
    from featcore.encode.towers import has_two

    return tuple(f"#{tower}" for tower in TOWERS) if has_two(config) else ("",)

"""What the name of an encoder asks for: a checkpoint, one of its towers, and a size of pictures other than its own."""

import re
from typing import NamedTuple

TOWERS = ("text", "image")
_SIZE = re.compile(r"[1-9]\d{0,5}x[1-9]\d{0,5}")


class Asked(NamedTuple):
    """`tower` is "text", "image", or "" where there is one encoder; `size` is rows and columns, None for its own."""

    checkpoint: str
    tower: str = ""
    size: tuple[int, int] | None = None

    @property
    def suffix(self) -> str:
        """What stands behind the checkpoint's own name."""
        size = f"#{self.size[0]}x{self.size[1]}" if self.size else ""
        return (f"#{self.tower}" if self.tower else "") + size


def parse(name: str) -> Asked:
    """ "folder#image#224x320" is the picture tower of a folder that gets pictures of 224 rows and 320 columns."""
    size = tower = None
    checkpoint, _, last = name.rpartition("#")
    if checkpoint and _SIZE.fullmatch(last):
        rows, columns = last.split("x")
        name, size = checkpoint, (int(rows), int(columns))
    checkpoint, _, last = name.rpartition("#")
    if checkpoint and last in TOWERS:
        name, tower = checkpoint, last
    return Asked(name, tower or "", size)

"""The only look-up by name in the project."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from featcore.errors import UnknownName

Entry = TypeVar("Entry")
Given = TypeVar("Given")  # an Entry of some kind of its own


class Registry(Generic[Entry]):
    """Names to entries; calling it registers an entry under its own `name`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}

    def __call__(self, entry: Given) -> Given:
        name = entry.name  # type: ignore[attr-defined]
        if name in self._entries:
            raise ValueError(f"two {self.kind}s are called '{name}'")
        self._entries[name] = entry  # type: ignore[assignment]
        return entry

    def __getitem__(self, name: str) -> Entry:
        if name not in self._entries:
            known = ", ".join(sorted(self._entries))
            raise UnknownName(f"No {self.kind} is called '{name}'. Known: {known}.")
        return self._entries[name]

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def values(self) -> list[Entry]:
        return list(self._entries.values())

    def items(self) -> list[tuple[str, Entry]]:
        return list(self._entries.items())

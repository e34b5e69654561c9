"""Does a number of a method say more than those of maps that know nothing? NumPy only."""

from collections.abc import Mapping, Sequence
from typing import Literal

Better = Literal["lower", "higher"]


def beats(value: float | None, floor: Sequence[float | None], better: Better, margin: float = 0.0) -> bool:
    """Whether a value is better than every one of a floor, which must have one, by more than a margin.

    Of 19 random maps and a 20th one, the 20th is the best of all in one case of 20: so many make a floor of 5 %.
    """
    known = [each for each in floor if each is not None]
    if value is None or not known:
        return False
    return value < min(known) - margin if better == "lower" else value > max(known) + margin


def leader(
    values: Mapping[str, float | None], floor: Sequence[float | None], better: Better, margin: float = 0.0
) -> str | None:
    """The method of the best value, if it is clear of the floor (`beats`); None where nobody is, or two tie."""
    known = {name: value for name, value in values.items() if value is not None}
    if not known:
        return None
    best = (min if better == "lower" else max)(known.values())
    first = [name for name, value in known.items() if value == best]
    return first[0] if len(first) == 1 and beats(best, floor, better, margin) else None

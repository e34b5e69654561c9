"""Scores in a shorter number format are held against those of the same encoder in float32."""

from typing import TYPE_CHECKING, Any

from featcore.commands.terminal import tell_line
from featcore.errors import LoadError

if TYPE_CHECKING:
    from collections.abc import Callable

    from featcore.encode.base import Encoder
    from featcore.measure.formats import Ranking
    from featcore.types import Attribution, Sample


def ranks_of(
    found: "Attribution",
    loaded: "Encoder",
    sample: "Sample",
    again: "Callable[[str], Encoder]",
    tell: "Callable[[int, int], None]",
    other: "Sample | None" = None,
    parts: tuple[Any, ...] | None = None,
) -> "Ranking | None":
    """Rank agreement with float32; None for scores in float32, and where the encoder cannot be loaded in it.

    Args:
        found: of the units as the encoder cuts; parts: of `coarser`, for which both maps are added up first.
        again: loads the same encoder in the number format that it is given.
    """
    from featcore.measure.formats import EXACT, explained_again, first_class, ranking
    from featcore.units.coarser import regrouped

    if found.provenance.dtype == EXACT:
        return None
    try:
        exact = again(EXACT)
    except LoadError as error:  # a shorter format may have been chosen because float32 does not fit
        tell_line(f"Ranks are not held against {EXACT}. {error}")
        return None
    reference, first = explained_again(exact, sample, found, tell, other)
    if parts is not None:
        found, reference = regrouped(found, *parts), regrouped(reference, *parts)
    return ranking((found, first_class(loaded, sample)), (reference, first))

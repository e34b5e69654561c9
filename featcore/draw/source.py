"""The one place that looks at what the source is: chips for text, blocks for a picture, a film for a clip."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from featcore.draw.frame import fragments
from featcore.draw.scale import Scale
from featcore.draw.text import strip
from featcore.draw.video import film
from featcore.types import Clip, Source, Units

if TYPE_CHECKING:
    pass

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

HALF_PAGE_PX = 460


def on_source(
    source: Source,
    units: Units,
    scores: Float[np.ndarray, " n"] | None = None,
    scale: Scale | None = None,
    selected: int | list[int] | None = None,
    opacity: float = 0.6,
    name: str = "score",
) -> "Picture":
    """The units of any source, drawn on it and coloured by their scores."""
    if not isinstance(source, Clip):
        # Half a page wide: shorter lines, larger letters.
        return strip(units, scores, scale, selected, columns=48, name=name)
    draw = fragments if len(source.frames) == 1 else film
    rows, columns = source.frames.shape[1:3]
    # No taller than half a page is wide, or the page keeps empty room below the picture.
    height = int(np.clip(HALF_PAGE_PX * rows / columns, 140, 400))
    return draw(source, units, scores, scale, opacity=opacity, selected=selected, name=name, height=height)

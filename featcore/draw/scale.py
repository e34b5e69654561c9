"""Scores become colours: the palettes, and `Scale`, the range that figures share.

A colour says how strong a score is by how much it covers. A score of zero is transparent, so the page (light or dark)
or the photograph stays as it is; text in the theme's own colour keeps a contrast of 4.5 on every chip.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

# Stops are (position, red, green, blue, share of the full cover). Blue and vermilion are Okabe and Ito's, told apart
# under every common colour blindness.
DIVERGING = ((0.0, 0, 108, 190, 1.0), (0.5, 128, 134, 145, 0.0), (1.0, 220, 88, 0, 1.0))
SEQUENTIAL = (
    (0.0, 70, 90, 170, 0.0),
    (0.35, 58, 110, 168, 0.42),
    (0.7, 30, 146, 140, 0.75),
    (1.0, 44, 178, 112, 1.0),
)

# Encoders on one axis, in this order; readable on white and on black.
CATEGORIES = ("#2f86d1", "#e08214", "#1b9e77", "#c9659c", "#7b6fd0", "#8c8c2f", "#3fb3c4", "#c7523a")
ACCENT = "#e0218a"  # the selected unit: a hue that no palette uses
QUIET = "rgba(128,134,145,0.55)"  # outlines and helper lines
FAINT = "rgba(128,134,145,0.22)"  # grid lines and grounds
EDGE = "rgba(128,134,145,0.32)"  # outline of a chip
PLAIN = "rgba(128,134,145,0.10)"  # a chip that is no unit
COVER = 0.62  # cover of the strongest chip

# Chips without scores: two families, one a word, each in two tints, one a token.
TINTS = (
    ("rgba(66,133,214,0.30)", "rgba(66,133,214,0.17)"),
    ("rgba(38,166,128,0.30)", "rgba(38,166,128,0.17)"),
)


@dataclass(frozen=True)
class Scale:
    """The range of scores that colours cover; several figures may share one.

    Attributes:
        low: score at the left end; high: score at the right end. `low = -high` when signed.
        signed: diverging colours around 0, else sequential ones from `low`.
    """

    low: float
    high: float
    signed: bool = True

    @classmethod
    def of(cls, scores: Float[np.ndarray, "..."], signed: bool) -> "Scale":
        """The range of these scores: symmetrical about 0 if signed, else from 0 or the lowest below it."""
        finite = np.asarray(scores, float)
        finite = finite[np.isfinite(finite)]
        largest = float(np.abs(finite).max()) if finite.size else 0.0
        if signed:
            return cls(-largest, largest, True)
        return cls(
            min(0.0, float(finite.min())) if finite.size else 0.0, float(finite.max()) if finite.size else 0.0, False
        )

    @classmethod
    def shared(cls, scales: Iterable["Scale"]) -> "Scale":
        """One range that covers all of them; signed as soon as one of them is."""
        each = list(scales)
        if not each:
            return cls(0.0, 0.0, False)
        low, high = min(scale.low for scale in each), max(scale.high for scale in each)
        if any(scale.signed for scale in each):
            high = max(abs(low), abs(high))
            return cls(-high, high, True)
        return cls(low, high, False)

    @property
    def bounds(self) -> tuple[float, float]:
        """Low and high with a width above zero, for Plotly; all-zero scores stay in the transparent place."""
        if self.high > self.low:
            return self.low, self.high
        return (-1.0, 1.0) if self.signed else (self.low, self.low + 1.0)

    @property
    def stops(self) -> tuple[tuple[float, int, int, int, float], ...]:
        return DIVERGING if self.signed else SEQUENTIAL

    def colorscale(self, cover: float = COVER) -> list[list]:
        """Plotly's colour scale; `cover` is the opacity of the strongest score."""
        return [[at, f"rgba({r},{g},{b},{round(share * cover, 3)})"] for at, r, g, b, share in self.stops]

    def rgba(self, scores: Float[np.ndarray, "*shape"], cover: float = COVER) -> Float[np.ndarray, "*shape 4"]:
        """Red, green, blue in 0 to 255 and opacity in 0 to 1; a score that is no number is fully transparent."""
        low, high = self.bounds
        values = np.asarray(scores, float)
        place = np.clip((np.nan_to_num(values, nan=low) - low) / (high - low), 0.0, 1.0)
        at = [stop[0] for stop in self.stops]
        channels = [np.interp(place, at, [stop[i] for stop in self.stops]) for i in range(1, 5)]
        colours = np.stack(channels, axis=-1)
        colours[..., 3] = np.where(np.isfinite(values), colours[..., 3] * cover, 0.0)
        return colours

    def css(self, score: float, cover: float = COVER) -> str:
        """The colour of one score as CSS."""
        r, g, b, a = self.rgba(np.array([score]), cover)[0]
        return f"rgba({r:.0f},{g:.0f},{b:.0f},{a:.3f})"


def blend(frame: UInt8[np.ndarray, "y x 3"], colours: Float[np.ndarray, "y x 4"]) -> UInt8[np.ndarray, "y x 3"]:
    """Colours with opacity laid over RGB pixels."""
    share = colours[..., 3:]
    return np.rint(frame * (1.0 - share) + colours[..., :3] * share).astype(np.uint8)

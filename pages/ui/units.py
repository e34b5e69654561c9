"""What the pages Tokens and Fragments share: cuts without a model, marks, and what one unit holds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from featcore.types import Clip, Text, Tokens, Units
from pages.ui.cached import drawn, fetch
from pages.ui.show import figure, notes, plural

# --- tokens ----------------------------------------------------------------------------------------------------------


def tokenizer_names() -> list[str]:
    from featcore.encode.tokenizers import tokenizers

    return tokenizers()


def tokens(name: str, text: Text) -> Tokens:
    """A text as one tokenizer cuts it."""

    def compute(progress: Callable) -> Tokens:
        from featcore.encode.tokenizers import cut

        return cut(name, text)

    return fetch({"what": "tokens", "tokenizer": name, "source": text.key}, compute, f"Cutting with {name}")


def mark_tokens(key: str, units: Units) -> Callable[[Any], None]:
    """Take the characters of the clicked token over, so that any other cut of the text can find them."""

    def mark(customdata: Any) -> None:
        unit = int(customdata[0])
        if unit >= 0:
            st.session_state[key] = tuple(int(at) for at in units.extents[unit, 0])

    return mark


def overlapping(key: str, units: Units) -> list[int]:
    """Units that share a character with the marked ones."""
    start, stop = st.session_state.get(key) or (0, 0)
    extents = units.extents[:, 0]
    return np.flatnonzero((extents[:, 0] < stop) & (extents[:, 1] > start)).tolist()


def show_counts(cut: Tokens) -> None:
    """How much of the text one token holds, and what was lost."""
    from featcore.units.tokens import summary

    found = summary(cut)
    one, two, three = st.columns(3)
    one.metric("Tokens", found.tokens, help=f"and {found.special} special positions")
    two.metric("Tokens per word", "–" if found.fertility is None else f"{found.fertility:.2f}", help="Fertility")
    three.metric("Bytes per token", "–" if found.bytes_per_token is None else f"{found.bytes_per_token:.2f}")
    if found.unknown:
        st.warning(
            f"{found.unknown} tokens ({found.unknown_share:.0%}) are unknown; a model sees them all alike.",
            icon=":material/help:",
        )
    if found.left_out:
        st.warning(f"{found.left_out} characters were left out.", icon=":material/content_cut:")


def say_marked(cut: Tokens, units: Units, marked: list[int]) -> str:
    """Which tokens hold the marked characters."""
    if not marked:
        return "Click a token to find its characters in both cuts."
    start, stop = int(units.extents[marked[0], 0, 0]), int(units.extents[marked[-1], 0, 1])
    names = ", ".join(f"“{units.labels[unit]}”" for unit in marked)
    return f"“{cut.text[start:stop]}” is {plural(len(marked), 'token')} here: {names}"


def show_tokens(prefix: str, key: str, cut: Tokens) -> None:
    """One cut of a text: counts, chips, the marked characters, and every position.

    Args:
        key: where the marked characters are kept; shared by all cuts of the text.
    """
    from featcore import draw
    from featcore.units.tokens import units_of

    units, _ = units_of(cut)
    marked = overlapping(key, units)
    show_counts(cut)
    picture = drawn(draw.strip, units, selected=marked, sequence=cut.surfaces, special=cut.special)
    said = say_marked(cut, units, marked)
    figure(picture, f"{prefix}_strip", f"tokens-{cut.tokenizer}", mark_tokens(key, units), said)
    show_table(cut, f"{prefix}_table")


def show_table(cut: Tokens, key: str) -> None:
    """Every position with all that is known about it."""
    with st.expander("All positions", key=key, on_change="rerun") as table:
        if table.open:
            st.dataframe(
                {
                    "position": list(range(len(cut))),
                    "token": list(cut.surfaces),
                    "spelling": list(cut.strings),
                    "id": cut.ids,
                    "characters": [f"{start}–{stop}" for start, stop in cut.chars],
                    "bytes": [f"{start}–{stop}" for start, stop in cut.bytes],
                    "word": cut.words,
                    "grapheme": cut.graphemes,
                    "special": cut.special,
                    "unknown": cut.unknown,
                },
                hide_index=True,
                alt="One row a position: spelling, id, characters, bytes, word, grapheme, special, unknown",
            )


# --- fragments -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cut:
    """How a clip is cut; sizes in frames and pixels."""

    irregular: bool
    step: tuple[int, int, int]
    stride: tuple[int, int, int]
    regions: int
    compactness: float


def pick_cut(prefix: str, clip: Clip) -> Cut:
    """Size, depth and stride of fragments, or the number of superpixels."""
    frames, height, width = clip.frames.shape[:3]
    shape = st.segmented_control(
        "Shape",
        ["grid", "superpixels"],
        default="grid",
        required=True,
        key=f"{prefix}_shape",
        bind="query-params",
        help="Superpixels follow edges (SLIC): units need not be squares.",
    )
    if shape == "superpixels":
        regions = st.slider("Superpixels", 4, 400, 80, key=f"{prefix}_regions", bind="query-params")
        compactness = st.slider("Compactness", 1.0, 40.0, 10.0, key=f"{prefix}_compactness", bind="query-params")
        return Cut(True, (1, 1, 1), (1, 1, 1), regions, compactness)
    sides = [side for side in (4, 8, 14, 16, 32, 64, 128) if side <= min(height, width)]
    default = min(sides, key=lambda side: abs(side - min(height, width) / 8))
    side = st.select_slider("Patch side (px)", sides, default, key=f"{prefix}_side", bind="query-params")
    depths = [depth for depth in (1, 2, 4, 8) if depth <= frames]
    depth = 1
    if len(depths) > 1:
        depth = st.select_slider("Tubelet depth (frames)", depths, 2, key=f"{prefix}_depth", bind="query-params")
    overlap = st.select_slider(
        "Stride",
        [0.5, 1.0],
        1.0,
        format_func=lambda share: "half a fragment" if share == 0.5 else "a whole fragment",
        key=f"{prefix}_stride",
        bind="query-params",
        help="A stride below the size makes fragments overlap.",
    )
    stride = (max(1, int(depth * overlap)), max(1, int(side * overlap)), max(1, int(side * overlap)))
    return Cut(False, (depth, side, side), stride, 0, 0.0)


def cut_units(clip: Clip, cut: Cut) -> Units:
    """The clip in units; no model here."""

    def compute(progress: Callable) -> Units:
        from featcore.units.grid import cut_grid
        from featcore.units.regions import cut_regions

        if cut.irregular:
            return cut_regions(clip, cut.regions, cut.compactness)
        return cut_grid(clip.frames.shape[:3], cut.step, cut.stride, partial="drop")

    return fetch({"what": "units", "source": clip.key, **vars(cut)}, compute, "Cutting")


def mark_unit(key: str) -> Callable[[Any], None]:
    """Remember the clicked unit; a second click forgets it."""

    def mark(customdata: Any) -> None:
        unit = int(customdata[0])
        st.session_state[key] = None if unit < 0 or st.session_state.get(key) == unit else unit

    return mark


def marked_unit(key: str, units: Units) -> int | None:
    """The marked unit, if these units have it."""
    unit = st.session_state.get(key)
    return unit if isinstance(unit, int) and 0 <= unit < len(units) else None


def pick_unit(key: str, units: Units, on_change: Callable[[], None] | None = None) -> int | None:
    """A unit chosen without a mouse; the same mark as a click."""
    if marked_unit(key, units) is None:
        st.session_state[key] = None
    return st.selectbox(
        f"Marked {units.kind}",
        [None, *range(len(units))],
        format_func=lambda unit: "none" if unit is None else f"{unit}: {units.labels[unit]}",
        key=key,
        on_change=on_change,
        placeholder="none",
        help="Click a unit in a picture, or choose it here.",
    )


def pick_opacity(prefix: str) -> float:
    """How strongly fragments are coloured by their contrast; 0 shows their borders only."""
    return st.slider(
        "Overlay opacity",
        0.0,
        1.0,
        0.0,
        0.1,
        key=f"{prefix}_opacity",
        bind="query-params",
        help="Colours each fragment by its contrast, the standard deviation of its pixels; 0 shows borders only.",
    )


def show_cut(prefix: str, clip: Clip, units: Units, unit: int | None, opacity: float) -> None:
    """The clip with its units, what is in none of them, and which frames were used."""
    from featcore import draw
    from featcore.units.grid import contrast

    scores = contrast(units, clip) if opacity else None
    scale = None if scores is None else draw.Scale.of(scores, signed=False)
    picture = drawn(draw.on_source, clip, units, scores, scale, selected=unit, opacity=opacity, name="contrast")
    figure(picture, f"{prefix}_units", "fragments", mark_unit(f"{prefix}_unit"), cover(units, clip))
    notes(clip.notes)
    if clip.timeline is not None:
        figure(drawn(draw.timeline, clip.timeline), f"{prefix}_timeline", "frames")


def cover(units: Units, clip: Clip) -> str:
    """How many units, and which share of the pixels is in none of them."""
    from featcore.units.grid import uncovered

    lost = 0.0 if units.regions is not None else uncovered(units, clip.frames.shape[:3])
    grid = " x ".join(map(str, units.grid)) + " in time, rows and columns" if units.grid else "irregular"
    left = f" {lost:.1%} of the pixels are in none of them: the size does not divide the clip." if lost else ""
    return f"{plural(len(units), units.kind)} ({grid}).{left}"


def show_unit(units: Units, clip: Clip, unit: int | None) -> None:
    """The pixels of one unit, enlarged, with index and extent."""
    if unit is None:
        st.caption("Choose a fragment to see what the encoder gets of it.")
        return
    (t0, t1), (y0, y1), (x0, x1) = units.extents[unit].tolist()
    pixels = clip.frames[t0:t1, y0:y1, x0:x1]
    factor = max(1, 160 // max(pixels.shape[1:3]))
    enlarged = pixels.repeat(factor, axis=1).repeat(factor, axis=2)
    names = [f"frame {t}" for t in range(t0, t1)]
    st.image(list(enlarged), caption=names, alt=[f"Pixels of the fragment, {name}" for name in names])
    st.caption(
        f"Index {unit}, frames {t0} to {t1 - 1}, rows {y0} to {y1 - 1}, columns {x0} to {x1 - 1}; "
        f"{pixels.size} numbers, mean colour {', '.join(f'{value:.0f}' for value in pixels.mean((0, 1, 2)))}."
    )

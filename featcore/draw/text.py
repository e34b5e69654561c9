"""The tokens of a text become coloured chips laid out in lines."""

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from featcore.draw.meta import (
    KEY_PX,
    MONO,
    add_key,
    bare,
    canvas,
    chosen,
    escape,
    finish,
    in_template,
    number,
    plural,
    shorten,
)
from featcore.draw.scale import ACCENT, COVER, EDGE, PLAIN, QUIET, TINTS, Scale
from featcore.types import Units

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

PAD = 1.3  # cells of a chip around its text
GAP = 0.3  # cells between two chips
SPECIAL = "<b>%{hovertext}</b><br>special token, no unit<extra></extra>"
SPAN = "%{customdata[1]}–%{customdata[2]}"
LINE_PX = 36
FONT_PX = 17
BREAKS = frozenset("\n\r↵⏎␊␤⤶¶")
SPACES = frozenset(" \u00a0·␣▁Ġ⎵␠→⇥␉")


def cells(text: str) -> int:
    """Width in monospace cells: East Asian wide signs take two, combining ones none."""
    wide = 0
    for sign in text:
        if unicodedata.category(sign) in ("Mn", "Me", "Cf"):
            continue
        wide += 2 if unicodedata.east_asian_width(sign) in "WF" else 1
    return max(wide, 1)


def right_to_left(labels: Sequence[str]) -> bool:
    """True when most letters run from right to left; the chips then do so too."""
    letters = [unicodedata.bidirectional(sign) for label in labels for sign in label]
    return sum(kind in ("R", "AL") for kind in letters) > sum(kind == "L" for kind in letters)


def lay_out(labels: Sequence[str], columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Left edge, width and line of every chip: wraps at `columns` cells and behind a line break."""
    left, width, line = np.zeros(len(labels)), np.zeros(len(labels)), np.zeros(len(labels), int)
    at, row = 0.0, 0
    for i, label in enumerate(labels):
        wide = min(cells(label) + PAD, float(columns))
        if at > 0 and at + wide > columns:
            at, row = 0.0, row + 1
        left[i], width[i], line[i] = at, wide, row
        at += wide + GAP
        if BREAKS & set(label):
            at, row = 0.0, row + 1
    return left, width, line


def word_of(units: Units) -> np.ndarray:
    """Index of the word of each token, by gaps between extents and by visible spaces; only for tints."""
    word = np.zeros(len(units), int)
    for i in range(1, len(units)):
        before, label = units.labels[i - 1], units.labels[i]
        gap = units.extents[i, 0, 0] > units.extents[i - 1, 0, 1]
        word[i] = word[i - 1] + bool(gap or label[:1] in SPACES or before[-1:] in SPACES | BREAKS)
    return word


def tints(units: Units) -> list[str]:
    """A colour per token: words alternate between two families, tokens of a word between two tints."""
    word, colours, inside = word_of(units), [], 0
    for i in range(len(units)):
        inside = inside + 1 if i and word[i] == word[i - 1] else 0
        colours.append(TINTS[word[i] % 2][inside % 2])
    return colours


def strip(
    units: Units,
    scores: Float[np.ndarray, " n"] | None = None,
    scale: Scale | None = None,
    selected: int | Sequence[int] | None = None,
    sequence: Sequence[str] | None = None,
    special: Bool[np.ndarray, " s"] | None = None,
    height: int | None = None,
    columns: int = 64,
    name: str = "score",
) -> "Picture":
    """Tokens as chips in lines, coloured by score, or tinted so that their boundaries show.

    Args:
        scores: one a unit; a score that is no number leaves its chip plain.
        scale: the range of the colours, by default that of these scores, signed if one is below zero.
        selected: unit or units with an outline.
        sequence, special: names of all sequence positions and which of them are no unit; then these stand between the
            tokens as plain chips with customdata [-1].
        columns: cells of a line.
    """
    import plotly.graph_objects as go

    if sequence is None or special is None:
        which = np.arange(len(units))
    else:
        which = np.where(special, -1, np.cumsum(~np.asarray(special, bool)) - 1)
        assert which.max(initial=-1) < len(units), "as many positions that are not special as units"
    labels = [units.labels[i] if i >= 0 else sequence[at] for at, i in enumerate(which)]  # type: ignore[index]
    if scores is not None:
        scale = scale or Scale.of(scores, bool((np.asarray(scores) < 0).any()))
        paint = [f"rgba({r:.0f},{g:.0f},{b:.0f},{a:.2f})" for r, g, b, a in scale.rgba(scores)]
    else:
        paint = tints(units)

    left, width, line = lay_out(labels, columns)
    backwards = right_to_left(units.labels)
    if backwards:
        left = columns - left - width
    lines = int(line.max(initial=0)) + 1
    top = KEY_PX + 4 if scale is not None and scores is not None else 4
    figure = canvas(height or lines * LINE_PX + top + 6, left=2, right=2, top=top, bottom=6)
    marked = np.isin(which, chosen(selected)) & (which >= 0)
    # Only numbers and escaped text are filled in; user text never becomes part of the template itself.
    score = "" if scores is None else f"<br>{in_template(name)} %{{customdata[3]}}"
    said = f"<b>%{{hovertext}}</b>{score}<br>{units.kind} %{{customdata[0]}} · characters {SPAN}<extra></extra>"
    figure.add_trace(
        go.Bar(
            orientation="h",
            base=left.round(2).tolist(),
            x=width.round(2).tolist(),
            y=line.tolist(),
            width=0.78,
            # currentColor is the page's text colour: a chip is a tint of the page, so its letters are the page's too.
            text=[f'<span style="color:currentColor">{escape(shorten(label, columns - 2))}</span>' for label in labels],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            insidetextfont={"family": MONO, "size": FONT_PX},
            marker={
                "color": [paint[i] if i >= 0 else PLAIN for i in which],
                "line": outlines(which, marked),
                "cornerradius": 4,
            },
            customdata=[details(units, int(i), scores) for i in which],
            hovertext=[escape(label) for label in labels],
            hovertemplate=[said if i >= 0 else SPECIAL for i in which] if (which < 0).any() else said,
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    )
    figure.update_layout(
        xaxis=bare(range=[-GAP / 2, columns + GAP / 2]),  # outlines of the outer chips lie inside
        yaxis=bare(range=[lines - 0.5, -0.5]),
        bargap=0,
        uniformtext={"mode": "show", "minsize": 7},
    )
    if scores is not None and scale is not None:
        add_key(figure, scale, name, COVER, x=1 if backwards else 0)
    return finish(figure, say(units, scores, name), columns_of(units, scores, name))


def outlines(which: Int[np.ndarray, " s"], marked: Bool[np.ndarray, " s"]) -> dict:
    """The edges of the chips; one value for all where they are alike, which is most of the bytes."""
    if not marked.any():
        return {"color": EDGE, "width": 1}
    return {
        "color": [ACCENT if m else QUIET if i < 0 else EDGE for i, m in zip(which, marked, strict=True)],
        "width": [3 if m else 1 for m in marked],
    }


def details(units: Units, unit: int, scores: np.ndarray | None) -> list:
    """The numbers of one chip for its hover: unit first, then its characters, then its score."""
    if unit < 0:
        return [-1]
    place = [unit, *units.extents[unit, 0].tolist()]
    return place if scores is None else [*place, number(float(scores[unit]))]


def say(units: Units, scores: np.ndarray | None, name: str) -> str:
    """The strip in two sentences."""
    text = f"{len(units)} {plural(units.kind, len(units))} in reading order."
    if scores is None or not np.isfinite(scores).any():
        return text
    order = np.argsort(-np.abs(np.nan_to_num(scores)), kind="stable")[:3]
    strongest = ", ".join(f"'{units.labels[i]}' {number(float(scores[i]))}" for i in order)
    return f"{text} Strongest {name}: {strongest}."


def columns_of(units: Units, scores: np.ndarray | None, name: str) -> dict:
    table = {
        "unit": np.arange(len(units)),
        units.kind: list(units.labels),
        "start": units.extents[:, 0, 0],
        "stop": units.extents[:, 0, 1],
    }
    return table if scores is None else table | {name: np.asarray(scores, float)}

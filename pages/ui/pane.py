"""One side of a comparison: an input, an encoder, and the four pictures of the same units."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from featcore.encode.layouts import layout_of
from featcore.types import Attribution, Card, Encoding, Modality
from pages.ui.cached import drawn, encoded, explained
from pages.ui.choose import Picked, pick_encoder, pick_input, pick_kind
from pages.ui.clips import film_buttons
from pages.ui.show import escape, figure, notes, plural
from pages.ui.units import mark_unit, marked_unit, pick_unit

# The rows that show a mark, each a fragment of this name: a click draws these again and leaves the rest of the page.
MARKED_ROWS = ("cut", "attention", "attribution")


@dataclass
class Pane:
    """What one side has so far; a part that failed stays None and its error stands where the part would be."""

    prefix: str
    kind: Modality = "text"
    card: Card | None = None
    picked: Picked | None = None
    encoding: Encoding | None = None
    attribution: Attribution | None = None

    @property
    def title(self) -> str:
        assert self.card is not None
        return f"{self.prefix.upper()}: {self.card.title}"

    @property
    def marked(self) -> int | None:
        """The unit a person clicked or chose, if this input has it."""
        assert self.encoding is not None
        return marked_unit(self._key("unit"), self.encoding.units)

    def _key(self, part: str) -> str:
        return f"{self.prefix}_{part}"

    def _mark(self, customdata: Any) -> None:
        mark_unit(self._key("unit"))(customdata)
        self._redraw()

    def _redraw(self) -> None:
        st.rerun(MARKED_ROWS)

    def choose(self) -> None:
        """Ask for kind, encoder and input, and encode it."""
        kind = pick_kind(self.prefix, self.kind)
        left, right = st.columns(2)
        with left:
            self.card = pick_encoder(self.prefix, kind, costs=False)
        with right:
            self.picked = pick_input(self.prefix, kind, frames=self.card.input_size[0])
        if self.picked is not None:
            self.encoding = encoded(self.card, self.picked.source)

    def explain(self, method: str, target: str, knobs: dict[str, Any]) -> None:
        if self.card is not None and self.picked is not None and self.encoding is not None:
            self.attribution = explained(self.card, self.picked.source, method, target, knobs)

    def show_cut(self) -> None:
        """The units themselves, and a way to mark one without a mouse."""
        from featcore import draw

        if self.encoding is None or self.picked is None:
            return
        units = self.encoding.units
        special = int(self.encoding.special.sum())
        beside = f" and {plural(special, 'special position')}" if special else ""
        figure(
            drawn(draw.on_source, self.picked.source, units, selected=self.marked),
            self._key("cut"),
            f"{self.prefix}-cut",
            self._mark,
            f"{plural(len(units), units.kind)}{beside}",
        )
        notes(self.encoding.notes)
        if getattr(self.picked.source, "timeline", None) is not None and not getattr(self.picked.source, "still", True):
            picture = drawn(draw.timeline, self.picked.source.timeline)
            figure(picture, self._key("timeline"), f"{self.prefix}-frames")
        pick_unit(self._key("unit"), units, self._redraw)

    def show_prediction(self) -> None:
        from featcore import draw

        if self.encoding is None:
            return
        if self.encoding.logits is None:
            st.info("This encoder has no classifier, so there is nothing to predict.")
            return
        figure(
            drawn(draw.prediction, self.encoding.labels, self.encoding.probabilities, self.encoding.logits),
            self._key("prediction"),
            f"{self.prefix}-prediction",
        )

    def show_attention(self, layer: int, head: int) -> None:
        """Attention that each unit receives from the position the classifier reads; layer 0 is the rollout."""
        from featcore import draw
        from featcore.explain.attention import attention_scores, not_square, rollout_scores

        if self.encoding is None or self.picked is None:
            return
        if self.encoding.attention is None:
            st.info(escape(self.encoding.why_no_attention))
            return
        assert self.card is not None
        depth = len(self.encoding.attention)
        names, _ = layout_of(self.card.family).map_names(self.card.config, *self.encoding.attention.shape[:2])
        if layer == 0 and (refused := not_square("Rollout", self.card)):
            st.info(escape(refused))
            return
        if layer == 0:
            row = rollout_scores(self.encoding)
        else:
            row = attention_scores(self.encoding, min(layer, depth) - 1, head)
        scores = row[self.encoding.positions]
        reader = "the class position" if self.encoding.readout is not None else "what the classifier averages"
        shown = "rolled through all layers" if layer == 0 else names[min(layer, depth) - 1]
        special = 1 - scores.sum() / row.sum()
        figure(
            drawn(
                draw.on_source,
                self.picked.source,
                self.encoding.units,
                scores,
                draw.Scale.of(scores, signed=False),
                selected=self.marked,
            ),
            self._key("attention"),
            f"{self.prefix}-attention",
            self._mark,
            f"Looked at by {reader}, {shown}; adds up to 1. {special:.0%} goes to special positions, not drawn.",
        )

    def show_attribution(self, scale: Any) -> None:
        from featcore import draw

        if self.attribution is None or self.picked is None:
            return
        found = self.attribution
        figure(
            drawn(draw.on_source, self.picked.source, found.units, found.scores, scale, selected=self.marked),
            self._key("attribution"),
            f"{self.prefix}-{found.method}",
            self._mark,
            sentence(found),
        )
        film_buttons(self._key("film"), self.picked.source, found, scale)
        if self.marked is not None:
            st.caption(escape(f"Marked: {found.units.labels[self.marked]} scores {found.scores[self.marked]:+.4f}."))


def sentence(found: Attribution, output: str = "") -> str:
    """What was explained (`output`, where a page knows a clearer name), from where to where, and how it adds up."""
    from featcore.explain.remarks import remarks

    parts = [f"Explains the {output or found.target}."] if found.target else ["Explains no output."]
    if found.baseline_score is not None and found.target_score is not None:
        parts.append(f"{found.baseline_score:.3f} at the baseline ({found.baseline}), {found.target_score:.3f} here.")
    if found.completeness_gap is not None:
        verdict = "" if found.completeness_gap < 0.05 else " More steps would come closer."
        parts.append(f"Their sum misses the difference by {found.completeness_gap:.2%}.{verdict}")
    elif found.convergence_delta is not None:
        parts.append("The output hardly changed, so a relative gap means nothing.")
    if found.special_share > 0.005:
        parts.append(f"{found.special_share:.0%} of the absolute score fell on special positions.")
    parts += remarks(found)
    parts.append(f"{plural(found.passes, 'pass')}, {found.seconds:.2f} s.")
    return " ".join(parts)

"""What the page Attribution shares: one input, several methods as rows over the same units."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from featcore.encode.layouts import layout_of
from featcore.errors import FeatcoreError
from featcore.types import Attribution, Card, Source, Units
from featcore.units.coarser import LEVELS, coarser, regrouped
from featcore.units.words import Groups
from pages.ui.cached import drawn, explained, explained_exactly, fetch
from pages.ui.choose import OF_OTHERS, Picked, pick_encoder, pick_input, pick_kind, pick_other, pick_target
from pages.ui.clips import film_buttons, show_over_time
from pages.ui.pane import sentence
from pages.ui.show import escape, figure, provenance
from pages.ui.units import mark_unit, pick_unit

USUAL = ("integrated_gradients", "occlusion", "attention_rollout", "centre", "random")


@dataclass(frozen=True)
class One:
    """One input and the encoder that reads it."""

    card: Card
    picked: Picked


def pick_one(prefix: str, needs: frozenset[str] = frozenset()) -> One | None:
    """Kind, encoder and input in a row; None while nothing is chosen."""
    first, second, third = st.columns([5, 6, 8], vertical_alignment="top")
    with first:
        kind = pick_kind(prefix)
    with second:
        card = pick_encoder(prefix, kind, needs)
    with third:
        picked = pick_input(prefix, kind, frames=card.input_size[0])
    return None if picked is None else One(card, picked)


@dataclass(frozen=True)
class Choices:
    """What the methods share: which of them, which output, one colour scale or several, how large the scored parts
    are, and a second input."""

    methods: list[str]
    target: str
    common: bool
    level: str
    other: Picked | None = None

    @property
    def complete(self) -> bool:
        """Whether the second input that the target asks for is there."""
        return self.other is not None or self.target not in OF_OTHERS


def pick_methods(prefix: str, card: Card) -> Choices:
    """Which methods, which output, and whether one colour scale serves all that explain it in its own unit."""
    import featcore as fc

    titles = {method.name: method.title for method in fc.methods(card)}
    first, second, third = st.columns([5, 3, 2], vertical_alignment="bottom")
    below = st.container()
    with first:
        usual = [name for name in USUAL if name in titles]
        chosen = st.multiselect(
            "Methods",
            list(titles),
            usual,
            format_func=titles.__getitem__,
            key=f"{prefix}_methods",
            bind="query-params",
        )
    with second:
        target = pick_target(prefix, [card], others=True, below=below)
    with third:
        common = st.toggle(
            "Common scale",
            key=f"{prefix}_common",
            bind="query-params",
            help="One range for the methods whose scores are changes of the output: integrated gradients, occlusion, "
            "GradientSHAP, input x gradient. The others have units of their own and keep their own range.",
        )
    return Choices(chosen, target, common, pick_level(prefix, card), pick_other(prefix, card, target))


def pick_level(prefix: str, card: Card) -> str:
    """How large the parts are that get one score each; the marked part belongs to one size."""
    levels = LEVELS[card.modality]
    finest = "cell" if layout_of(card.family).cells else levels[0]
    return st.segmented_control(
        "One score for each",
        levels,
        default=levels[0],
        required=True,
        format_func=lambda level: finest if level == levels[0] else level,
        key=f"{prefix}_level_{card.modality}",
        bind="query-params",
        on_change=lambda: st.session_state.update({f"{prefix}_unit": None}),
        help="The scores of a larger part are added up, with their signs where they have one: the total stays, nothing "
        "is computed anew, and a part that holds more units scores higher for that alone.",
    )


def at_level(card: Card, source: Source, level: str, found: Attribution) -> Attribution:
    """An attribution with one score for each part of a level; the parts are made once for each input."""
    if level == LEVELS[card.modality][0]:
        return found

    def compute(progress: Callable) -> tuple[Units, Groups]:
        return coarser(found.units, source, level)

    question = {"what": "coarser", "source": source.key, "encoder": card.name, "weights": card.weights_sha256}
    return regrouped(found, *fetch({**question, "level": level}, compute, f"Finding each {level}"))


def show_methods(prefix: str, one: One, asked: Choices) -> list[Attribution]:
    """One row a method; a method that fails says why in its own row."""
    import featcore as fc
    from featcore import draw

    titles = {method.name: method.title for method in fc.methods()}
    source: Source = one.picked.source
    found: dict[str, Attribution] = {}
    rows = {name: st.container(border=True) for name in asked.methods}
    target = "logit" if asked.target == "instead" else asked.target
    other = None if asked.other is None else asked.other.source
    for name in asked.methods:
        with rows[name]:
            st.markdown(f"**{titles[name]}**")
            try:
                fine = explained(one.card, source, name, target, {}, other)
                found[name] = at_level(one.card, source, asked.level, fine)
            except FeatcoreError as error:
                st.error(escape(str(error)), icon=":material/error:")
    own = {name: draw.Scale.of(each.scores, each.signed) for name, each in found.items()}
    shared = draw.Scale.shared([own[name] for name, each in found.items() if each.signed and each.target is not None])
    marked = st.session_state.get(f"{prefix}_unit")
    for name, each in found.items():
        scale = shared if asked.common and each.signed and each.target is not None else own[name]
        unit = marked if isinstance(marked, int) and marked < len(each.units) else None
        with rows[name]:
            picture = drawn(draw.on_source, source, each.units, each.scores, scale, selected=unit)
            mark = mark_unit(f"{prefix}_unit")
            figure(picture, f"{prefix}_row_{name}", f"{one.card.name}-{name}", mark, sentence(each))
            film_buttons(f"{prefix}_film_{name}", source, each, scale)
            show_over_time(f"{prefix}_{name}", f"{prefix}_unit", source, each, scale)
    for name, each in found.items():
        with rows[name]:
            show_ranks(one.card, source, each, target, other, asked.level)
    if found:
        provenance(next(iter(found.values())).provenance)
    return list(found.values())


def show_ranks(card: Card, source: Source, found: Attribution, target: str, other: Source | None, level: str) -> None:
    """Of a map in a shorter number format, how its ranks agree with float32; nothing below one in float32."""
    if found.provenance.dtype == "float32":
        return
    from featcore.measure.formats import ranking

    try:
        (exact, expected), first = explained_exactly(card, source, found, target, other)
        said = f"{ranking((found, first), (at_level(card, source, level, exact), expected))}."
    except FeatcoreError as error:
        said = f"Ranks are not held against float32. {error}"
    st.caption(escape(said))


def show_ranking(prefix: str, found: list[Attribution]) -> None:
    """The scores of the marked unit under every method, and its rank."""
    if not found:
        return
    units = found[0].units
    unit = pick_unit(f"{prefix}_unit", units)
    if unit is None:
        return
    ranks = [int((abs(each.scores) > abs(each.scores[unit])).sum()) + 1 for each in found]
    st.dataframe(
        {
            "method": [each.method for each in found],
            f"score of {units.labels[unit]}": [float(each.scores[unit]) for each in found],
            f"rank by size, of {len(units)}": ranks,
        },
        hide_index=True,
        alt="Score and rank of the marked unit under every method",
    )

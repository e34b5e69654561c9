"""Two inputs that are alike or not: two of one kind for one encoder, or a text and a picture for two towers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import streamlit as st

from featcore.errors import Cancelled
from featcore.settings import settings
from featcore.types import Attribution, Card, Modality
from pages.ui.cached import drawn, encoder, fetch
from pages.ui.choose import Picked, folder_or_download, pick_encoder, pick_input, pick_knobs
from pages.ui.pane import sentence
from pages.ui.show import escape, figure, provenance

BOTH = "both"
WHAT: dict[str, str] = {"text": "Two texts", "image": "Two pictures", BOTH: "A text and a picture"}


@dataclass(frozen=True)
class Pair:
    """Two inputs, the encoder of each (one twice, or two towers), and the method that explains their cosine."""

    cards: tuple[Card, Card]
    picked: tuple[Picked, Picked]
    method: str
    knobs: dict[str, Any]


def pick_pair(prefix: str) -> Pair | None:
    """What is compared, by which encoder, which two inputs, by which method; None while there are no two towers."""
    what = st.segmented_control(
        "What is compared",
        list(WHAT),
        default="text",
        required=True,
        format_func=WHAT.__getitem__,
        key=f"{prefix}_what",
        bind="query-params",
        label_visibility="collapsed",
    )
    first, second, third = st.columns([4, 3, 2], vertical_alignment="bottom")
    with first:
        cards = _towers(prefix) if what == BOTH else _twice(pick_encoder(prefix, what))  # type: ignore[arg-type]
    if cards is None:
        return None
    with second:
        method = _method(prefix, cards)
    with third, st.popover("Options", icon=":material/tune:", width="stretch", help="Options of the method"):
        knobs = pick_knobs(prefix, method, list(cards)) or (st.caption("This method has no options.") and {})
    picked = []
    for place, column, card in zip("ab", st.columns(2), cards, strict=True):
        with column:
            _begin_with_another(f"{prefix}{place}", place, card.modality)
            picked.append(pick_input(f"{prefix}{place}", card.modality, frames=card.input_size[0]))
    if picked[0] is None or picked[1] is None:
        raise Cancelled("Give both inputs; then their cosine is explained here.")
    return Pair(cards, (picked[0], picked[1]), method, knobs)


def show_pair(prefix: str, pair: Pair) -> None:
    """The cosine, then both inputs with their units coloured on one scale."""
    from featcore import draw

    sides = compared(pair)
    cosine = sides[0].target_score
    assert cosine is not None
    st.metric(
        "Cosine of the two vectors",
        f"{cosine:.3f}".replace("-", "−"),
        help="1: same direction, 0: at right angles, −1: opposite",
    )
    scale = draw.Scale.shared([draw.Scale.of(side.scores, side.signed) for side in sides])
    for place, column, side, card, picked in zip("ab", st.columns(2), sides, pair.cards, pair.picked, strict=True):
        with column, st.container(border=True):
            st.markdown(f"**{escape(picked.source.name)}**")
            picture = drawn(draw.on_source, picked.source, side.units, side.scores, scale)
            figure(picture, f"{prefix}_{place}", f"{Path(card.name).name}-{place}", caption=sentence(side))
            provenance(side.provenance)
    st.caption("Both sides are coloured on one scale: a score is a change of the same cosine.")


def compared(pair: Pair) -> tuple[Attribution, Attribution]:
    """Scores of both sides for their cosine; no model runs when the same was asked before."""
    from featcore.runs import pair_question

    def compute(progress: Callable) -> tuple[Attribution, Attribution]:
        from featcore.explain import explain_pair

        (one, other), (first, second) = pair.cards, (picked.source for picked in pair.picked)
        with encoder(one) as left, encoder(other) as right:
            sides = (left, left.prepare(first)), (right, right.prepare(second))
            return explain_pair(*sides, pair.method, progress, **pair.knobs)

    sources = tuple(picked.source for picked in pair.picked)
    question = pair_question(pair.cards, sources, pair.method, pair.knobs)  # type: ignore[arg-type]
    return fetch(question, compute, f"{pair.method} on {pair.cards[0].title}")


def say_how_to_get_two_towers() -> None:
    """The empty state: where a checkpoint with two towers comes from."""
    roots = ", ".join(f"'{root}'" for root in settings().roots)
    ways = []
    if settings().folders_allowed:
        ways.append(f"Put a folder of CLIP or SigLIP (config, safetensors, tokenizer, processor) below {roots}.")
    if settings().hub_allowed:
        ways.append("Or choose one of the hub above; nothing is downloaded before you say so.")
    if not ways:
        ways.append("On this server neither folders nor names of the hub may be loaded.")
    st.info(" ".join(["No checkpoint with two towers is chosen.", *ways, "Two texts or two pictures need none."]))


def _towers(prefix: str) -> tuple[Card, Card] | None:
    """Both towers of a local folder or of a checkpoint of the hub; None where there is nothing to choose."""
    from featcore.encode.catalog import card_of, folders_of_two
    from featcore.encode.curated import CURATED

    found = {str(folder): f"{folder.name} · folder" for folder in folders_of_two()}
    if settings().hub_allowed:
        found |= {row.name: f"{row.name} · hub · {row.licence}" for row in CURATED.values() if row.towers}
    if not found:
        return None
    name = st.selectbox(
        "Checkpoint with two towers",
        list(found),
        index=0 if folders_of_two() else None,
        format_func=lambda name: found.get(name, name),
        key=f"{prefix}_towers",
        bind="query-params",
        accept_new_options=True,
        placeholder="Choose one, or type a name of the hub or a folder",
    )
    if name is None:
        return None
    folder = folder_or_download(prefix, name)
    text, image = (
        replace(card_of(folder, tower), name=f"{name}#{tower}", title=f"{Path(name).name}#{tower}")
        for tower in ("text", "image")
    )
    return text, image


def _twice(card: Card) -> tuple[Card, Card]:
    return card, card


def _method(prefix: str, cards: tuple[Card, Card]) -> str:
    """A method that explains an output, defined for both encoders."""
    import featcore as fc

    titles = {each.name: each.title for each in fc.methods(cards[0]) if "target" in each.needs}
    other = {each.name for each in fc.methods(cards[1])}
    names = [name for name in titles if name in other]
    return st.selectbox(
        "Method",
        names,
        index=names.index("integrated_gradients"),
        format_func=titles.__getitem__,
        key=f"{prefix}_method",
        bind="query-params",
        help="Methods that explain no output, such as attention, say nothing about a cosine and are left out.",
    )


def _begin_with_another(prefix: str, place: str, modality: Modality) -> None:
    """The second input begins as the second sample: two equal inputs are at cosine 1, and nothing is to be seen."""
    import featcore as fc

    examples = fc.samples(modality)
    if place == "b" and len(examples) > 1:
        st.session_state.setdefault(f"{prefix}_input_{modality}", examples[1].name)

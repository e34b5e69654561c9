"""What the page Words and pixels shares: one text as tokens and as a picture, and one number a word from both."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from featcore.compare.words import WordScores, per_word
from featcore.errors import CutError, InputError, LoadError, NotDefined
from featcore.inputs.page import CELL_PX, COLUMNS, LINES, ROWS, SIZES_PX, Typeset, typeset
from featcore.inputs.variants import vary
from featcore.keys import digest
from featcore.types import Attribution, Card, Clip, Encoding, Latency, Source, Target, Text, Units
from pages.ui.cached import drawn, encoded, encoder, fetch, known
from pages.ui.choose import Picked, pick_input
from pages.ui.pane import sentence
from pages.ui.show import escape, figure, notes, plural, provenance

TIMING_S = 1.0
TITLES = {
    "typed": "As typed",
    "mistyped": "One letter mistyped",
    "shuffled": "Words shuffled",
    "without_not": "Without “not”",
}


@dataclass(frozen=True)
class Asked:
    """A text and how it is changed, drawn and explained; `cards`: the encoder of tokens, then that of pictures."""

    picked: Picked
    cards: tuple[Card, Card]
    variant: str
    seed: int
    size_px: int
    columns: int
    method: str
    by_word: bool
    shares: bool

    def text(self, variant: str) -> Text:
        """A variant of the text; the text itself as it was read."""
        import featcore as fc

        given = self.picked.source
        assert isinstance(given, Text)
        if variant == "typed":
            return given
        return fc.read_text(vary(given.text, variant, self.seed), name=f"{given.name}, {TITLES[variant].lower()}")

    def drawn(self, text: Text) -> Typeset:
        return typeset(text.text, self.size_px, self.columns, text.name)


@dataclass(frozen=True)
class Reading:
    """What one encoder makes of the words; `owner` is the index of each unit's word, -1 for none."""

    card: Card
    source: Source
    encoding: Encoding
    attribution: Attribution
    owner: np.ndarray
    words: WordScores


# --- choices ---------------------------------------------------------------------------------------------------------


def pick_words(prefix: str) -> Asked | None:
    """The text, what is done to it, how it is drawn, and how it is explained; None while nothing is typed."""
    text_cards, pixel_card = _cards()
    with st.container(border=True):
        one, two, three = st.columns([4, 3, 3])
        with one:
            picked = pick_input(prefix, "text")
        with two:
            names = {card.name: card for card in text_cards}
            name = st.selectbox(
                "Encoder of the tokens",
                list(names),
                format_func=lambda name: names[name].title,
                key=f"{prefix}_encoder_text",
                bind="query-params",
                help=f"Encoders that answer as {pixel_card.title} does: {' or '.join(pixel_card.labels)}.",
            )
            method = _pick_method(prefix, [names[name], pixel_card])
        with three:
            size_px, columns = _pick_layout(prefix, pixel_card)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            variant, seed = _pick_variant(prefix)
            by_word, shares = _pick_view(prefix)
    cards = names[name], pixel_card
    return picked and Asked(picked, cards, variant, seed, size_px, columns, method, by_word, shares)


def _cards() -> tuple[list[Card], Card]:
    """Encoders of tokens that answer with the labels of the encoder of pages, and that one."""
    import featcore as fc

    cards = fc.encoders()
    pages = [card for card in cards if card.modality == "image" and card.input_size[1:] == _page_px()]
    texts = [card for card in cards if card.modality == "text" and pages and card.labels == pages[0].labels]
    if not texts:
        raise LoadError(
            "This page needs an encoder of pages of text and one of tokens with the same labels in assets/models. "
            "Run 'featcore train pixel-mini' and 'featcore train text-mini'."
        )
    return texts, pages[0]


def _page_px() -> tuple[int, int]:
    return ROWS * CELL_PX, COLUMNS * CELL_PX


def _pick_method(prefix: str, cards: list[Card]) -> str:
    """A method that gives both encoders signed scores of their answer: others cannot be summed to a word."""
    import featcore as fc

    known = [{method.name: method for method in fc.methods(card)} for card in cards]
    titles = {
        name: method.title
        for name, method in known[0].items()
        if name in known[1] and method.signed and "target" in method.needs
    }
    return st.selectbox(
        "Method",
        list(titles),
        list(titles).index("integrated_gradients"),
        format_func=titles.__getitem__,
        key=f"{prefix}_method",
        bind="query-params",
        help="Methods whose scores have a sign, so that the scores of a word's tokens or patches may be added.",
    )


def _pick_layout(prefix: str, card: Card) -> tuple[int, int]:
    trained = f"{card.title} was trained with letters of {CELL_PX} px in lines of {COLUMNS} cells, and only with these."
    size_px = st.select_slider(
        "Letters (px)", SIZES_PX, CELL_PX, key=f"{prefix}_size", bind="query-params", help=trained
    )
    columns = st.select_slider(
        "Line (cells of 12 px)", LINES, COLUMNS, key=f"{prefix}_line", bind="query-params", help=trained
    )
    unusual = (size_px, columns) != (CELL_PX, COLUMNS)
    st.caption(f":material/warning: Outside training: {trained}" if unusual else f"As in training. {trained}")
    return int(size_px), int(columns)


def _pick_variant(prefix: str) -> tuple[str, int]:
    variant = st.segmented_control(
        "What is done to the text",
        list(TITLES),
        default="typed",
        required=True,
        format_func=TITLES.__getitem__,
        key=f"{prefix}_variant",
        bind="query-params",
    )
    seed = st.number_input(
        "Seed",
        0,
        1000,
        0,
        key=f"{prefix}_seed",
        bind="query-params",
        width=110,
        help="Another seed mistypes another letter and shuffles into another order.",
    )
    return variant, int(seed)


def _pick_view(prefix: str) -> tuple[bool, bool]:
    by_word = st.segmented_control(
        "Colours of",
        ["words", "units"],
        default="words",
        required=True,
        key=f"{prefix}_colours",
        bind="query-params",
        help="Words: every token and every patch has the colour of its word. Units: each its own.",
    )
    shares = st.toggle(
        "Shares",
        key=f"{prefix}_shares",
        bind="query-params",
        help="Bars as shares of the sum of absolute scores of all words, on one axis for both encoders. Otherwise as "
        "they are, each encoder on its own scale: their scores have no common unit.",
    )
    return by_word == "words", shares


# --- the one compute call --------------------------------------------------------------------------------------------


def read_words(asked: Asked) -> list[Reading]:
    """Both readings of the same words: encoded, explained for one output, and summed to words."""
    from featcore.units.spans import word_index
    from featcore.units.words import in_boxes

    text = asked.text(asked.variant)
    page = asked.drawn(text)
    found = []
    for card, source in zip(asked.cards, (text, page.clip), strict=True):
        encoding = encoded(card, source)
        _check_whole(card, encoding)
        explained = _explained(card, source, asked.method)
        units = explained.units
        text_units = isinstance(source, Text)
        owner = word_index(text.text, units.extents[:, 0]) if text_units else in_boxes(units, page.boxes)
        found.append(Reading(card, source, encoding, explained, owner, per_word(explained.scores, owner, page.words)))
    return found


def _check_whole(card: Card, encoding: Encoding) -> None:
    if encoding.left_out:
        raise InputError(
            f"{card.title} reads no more than {card.input_size[0]} positions, and {encoding.left_out} characters would "
            "be left out: the two encoders would not read the same words. Take a shorter text."
        )


def _explained(card: Card, source: Source, method: str) -> Attribution:
    """The second class less the first, the same output whatever the encoder answers: a sign means the same in both."""
    from featcore.runs import attribution_question

    target = Target(1, card.labels[1], "difference", against=0)

    def compute(progress: Callable) -> Attribution:
        import featcore as fc

        with encoder(card) as loaded:
            return fc.explain(loaded, loaded.prepare(source), method, target, progress)

    question = attribution_question(card, source, method, f"{card.labels[1]} less {card.labels[0]}", {})
    return fetch(question, compute, f"{method} on {card.title}")


# --- pictures --------------------------------------------------------------------------------------------------------


def show_readings(prefix: str, asked: Asked, readings: list[Reading]) -> None:
    """The words twice, coloured by score, each with the answer of its encoder."""
    from featcore import draw

    marked = _marked(prefix, readings)
    for reading, column in zip(readings, st.columns(2, gap="large"), strict=True):
        units = reading.attribution.units
        scores = reading.attribution.scores
        if asked.by_word:
            scores = np.where(reading.owner >= 0, reading.words.scores[reading.owner], np.nan)
        with column:
            st.subheader(f"{reading.card.title} reads {'a picture' if isinstance(reading.source, Clip) else 'tokens'}")
            chosen = [] if marked is None else np.flatnonzero(reading.owner == marked).tolist()
            name = "score of its word" if asked.by_word else "score"
            if isinstance(reading.source, Clip):
                picture = drawn(draw.written, reading.source, units, scores, None, chosen, _inked(reading), name)
            else:
                picture = drawn(draw.strip, units, scores, None, chosen, columns=48, name=name)
            figure(
                picture,
                f"{prefix}_{reading.card.modality}",
                f"words-{reading.card.name}",
                _mark_owner(prefix, reading.owner),
                _parts(reading),
            )
            notes((*reading.encoding.notes, *getattr(reading.source, "notes", ())))
            figure(
                drawn(draw.prediction, reading.encoding.labels, reading.encoding.probabilities),
                f"{prefix}_answer_{reading.card.modality}",
                f"answer-{reading.card.name}",
                caption=sentence(reading.attribution, _output(reading.card)),
            )


def _output(card: Card) -> str:
    """What is explained of both encoders."""
    return f"logit of '{card.labels[1]}' less that of '{card.labels[0]}'"


def _inked(reading: Reading) -> int:
    """Rows of pixels down to the last word, and one line of patches of the paper below."""
    bottom = reading.attribution.units.extents[reading.owner >= 0, 1, 1].max(initial=0)
    return int(bottom) + CELL_PX


def _parts(reading: Reading) -> str:
    """Of what the words are made, and what is in none of them."""
    units, words = reading.attribution.units, reading.words
    inside = int(words.units.sum())
    rest = len(units) - inside
    paper = f" {plural(rest, units.kind)} in no word add up to {words.outside:.3g}." if rest else ""
    if isinstance(reading.source, Clip) and rest:
        paper += " The empty lines below are not drawn."
    return f"{plural(len(words.words), 'word')} of {plural(inside, units.kind)}.{paper}"


def show_words(prefix: str, asked: Asked, readings: list[Reading]) -> None:
    """One bar a word and encoder, and how far the two orders agree."""
    from featcore import draw

    labels = readings[0].card.labels
    about = f"Scores of a word's tokens or patches, added. Above 0: for '{labels[1]}'; below 0: for '{labels[0]}'."
    st.subheader("Which words carry the answer", help=about)
    scores = {one.card.title: one.words.shares if asked.shares else one.words.scores for one in readings}
    name = "share of total |score|" if asked.shares else f"{labels[1]} less {labels[0]}"
    picture = drawn(draw.word_bars, readings[0].words.words, scores, asked.shares, name, _marked(prefix, readings))
    scale = "One axis for both" if asked.shares else "Each encoder has its own scale: their logits share no unit"
    figure(picture, f"{prefix}_bars", "words", _mark_word(prefix), f"{scale}. Click a word to find it in both.")
    st.markdown(escape(_agreement(readings)))


def _agreement(readings: list[Reading]) -> str:
    """How far both encoders order the words alike, and what the same scores in shifted places would give."""
    from featcore.compare.agreement import FEWEST_SHIFTS, agreement

    words = readings[0].words.words
    places = np.arange(len(words))
    units = Units(("char",), np.stack([places, places + 1], axis=1)[:, None], words)
    found = agreement(units, readings[0].words.scores, readings[1].words.scores)
    if found.rho is None:
        return found.why
    said = f"Rank correlation of the two (Spearman, {plural(len(words), 'word')}): {found.rho:+.2f}."
    if found.low is None or found.high is None:
        return f"{said} One word has no order."
    null = f"Shifted along the sentence, the same scores give {found.low:+.2f} to {found.high:+.2f} (middle 95 %)"
    if found.clear is None:
        more = f"from {FEWEST_SHIFTS + 1} words on there are enough of them to tell agreement from accident"
        return f"{said} {null}, but these are only {plural(len(found.null), 'shift')}: {more}."
    verdict = "more than accident explains" if found.clear else "no more than accident explains"
    verdict = verdict if found.rho >= 0 or not found.clear else "more disagreement than accident explains"
    return f"{said} {null}: {verdict}."


def show_variants(prefix: str, asked: Asked) -> None:
    """What both encoders answer to the text and to its variants, drawn alike."""
    st.subheader("What changes the answer", help="The same letters, lines and seed in every row.")
    label = asked.cards[0].labels[1]
    rows = []
    for variant, title in TITLES.items():
        row: dict[str, Any] = {"what": title}
        try:
            text = asked.text(variant)
            for card, source in zip(asked.cards, (text, asked.drawn(text).clip), strict=True):
                answer = encoded(card, source)
                row[card.title] = answer.labels[int(answer.probabilities.argmax())]
                row[f"{card.title}: P({label})"] = float(answer.probabilities[1])
            row["text"] = text.text
        except (InputError, CutError) as refused:
            row |= {card.title: "–" for card in asked.cards} | {"text": str(refused)}
        rows.append(row)
    shares = [f"{card.title}: P({label})" for card in asked.cards]
    columns = ["what", *(name for pair in zip([c.title for c in asked.cards], shares, strict=True) for name in pair)]
    st.dataframe(
        {name: [row.get(name) for row in rows] for name in [*columns, "text"]},
        hide_index=True,
        column_config={name: st.column_config.ProgressColumn(format="percent") for name in shares},
        alt="Answers and probabilities of both encoders for the text and each of its variants",
    )


def show_work(prefix: str, readings: list[Reading]) -> None:
    """What the two ways of reading cost: units, floating-point operations, time."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.subheader(
            "What reading costs", help="One pass of each encoder over this text; measuring takes a few seconds."
        )
        measure = st.button("Measure on this machine", icon=":material/timer:", key=f"{prefix}_measure")
    columns = {reading.card.title: _work(reading, measure) for reading in readings}
    names = list(next(iter(columns.values())))
    table = {"": names, **{title: [values[name] for name in names] for title, values in columns.items()}}
    st.dataframe(table, hide_index=True, alt="Units, FLOPs and times of both encoders")


def _work(reading: Reading, measure: bool) -> dict[str, str]:
    from featcore.measure.flops import total_flops

    found, units = reading.attribution, reading.attribution.units
    try:
        work = f"{total_flops(reading.card, len(reading.encoding.sequence)):,}"
    except NotDefined:
        work = "no formula for this architecture"
    median = _median_s(reading, measure)
    return {
        "Units": plural(len(units), units.kind),
        "Units in words": f"{int(reading.words.units.sum())}",
        "Units a word": f"{reading.words.units.mean():.2f}",
        "Positions of the sequence": f"{len(reading.encoding.sequence)}",
        "FLOPs of one pass (formula)": work,
        "Encode, median": "not measured yet" if median is None else f"{median * 1e3:.2f} ms",
        "Explain, this once": f"{plural(found.passes, 'pass')}, {found.seconds * 1e3:.0f} ms",
        "Accuracy of the encoder": reading.card.accuracy,
    }


def _median_s(reading: Reading, measure: bool) -> float | None:
    """Median seconds of one pass, known or measured here and now; None when neither."""
    from featcore.runs import latency_question

    def compute(progress: Callable) -> list[Latency]:
        import featcore as fc

        with encoder(reading.card) as loaded:
            return fc.latency(loaded, reading.source, ("encode",), budget_s=TIMING_S, progress=progress)

    question = latency_question(reading.card, reading.source, ()) | {"stages": ["encode"], "budget_s": TIMING_S}
    label = f"Timing {reading.card.title}"
    found = fetch(question, compute, label, again=True) if measure else known(digest(question))
    return found[0].p50_s if found else None


def show_word_conditions(readings: list[Reading]) -> None:
    """How both attributions came about, the output they explain, and their baselines."""
    for reading in readings:
        found, labels = reading.attribution, reading.card.labels
        explained = f"logit of '{labels[1]}' less logit of '{labels[0]}'"
        more = [
            reading.card.title,
            found.method,
            explained,
            *([f"baseline {found.baseline}"] if found.baseline else []),
        ]
        provenance(found.provenance, *more)


# --- the marked word -------------------------------------------------------------------------------------------------


def _marked(prefix: str, readings: list[Reading]) -> int | None:
    word = st.session_state.get(f"{prefix}_word")
    return word if isinstance(word, int) and 0 <= word < len(readings[0].words.words) else None


def _mark(prefix: str, word: int) -> None:
    """Remember the word; a second click forgets it."""
    key = f"{prefix}_word"
    st.session_state[key] = None if word < 0 or st.session_state.get(key) == word else word


def _mark_word(prefix: str) -> Callable[[Any], None]:
    return lambda customdata: _mark(prefix, int(customdata[0]))


def _mark_owner(prefix: str, owner: np.ndarray) -> Callable[[Any], None]:
    return lambda customdata: _mark(prefix, int(owner[int(customdata[0])]))

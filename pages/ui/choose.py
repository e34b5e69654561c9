"""What pages ask: which input, which encoder, which method with which knobs. Every answer is kept in the address."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import streamlit as st

from featcore.encode.layouts import layout_of
from featcore.errors import Cancelled, LimitError, LoadError
from featcore.keys import digest
from featcore.runs import PRESETS, Preset
from featcore.settings import settings
from featcore.types import Card, Modality, Source
from pages.ui.cached import read_source, working
from pages.ui.costs import BEHIND, line_of_card, line_of_row, lines_of_folders, say_costs
from pages.ui.show import escape

KINDS: dict[Modality, str] = {"text": "Text", "image": "Picture", "video": "Video"}
FILES: dict[Modality, list[str]] = {
    "text": ["txt", "md"],
    "image": ["jpg", "jpeg", "png", "webp", "avif", "bmp", "tif", "tiff", "gif"],
    "video": ["mp4", "mov", "mkv", "webm", "avi", "gif", "webp"],
}
OWN, UPLOAD = "own", "upload"
CHOICE_PX = 180
RULES = {"uniform": "evenly over the clip", "window": "a dense window", "every": "every k-th frame"}
TARGETS = {
    "logit": "Predicted class (logit)",
    "difference": "Predicted class less the runner-up",
    "probability": "Probability of the predicted class",
}
OF_VECTOR = {"norm": "Length of the pooled vector"}
OF_CLASSES = {"class": "A class of your choice"}
OF_OTHERS = {"similarity": "Similarity to another input", "instead": "This input instead of another"}
MOST_CLASSES = 1000
NO_CLASS = ""


@dataclass(frozen=True)
class Picked:
    """An input and how to read it again, to time that."""

    source: Source
    reread: Callable[[], Source]
    shareable: bool


def pick_kind(prefix: str, default: Modality = "text", kinds: tuple[Modality, ...] = tuple(KINDS)) -> Modality:
    """Text, picture or video."""
    return st.segmented_control(
        "Kind of input",
        kinds,
        default=default,
        required=True,
        format_func=KINDS.__getitem__,
        key=f"{prefix}_kind",
        bind="query-params",
        label_visibility="collapsed",
    )


def pick_encoder(
    prefix: str, modality: Modality | None = None, needs: frozenset[str] = frozenset(), costs: bool = True
) -> Card:
    """An encoder of one kind of input, or of any, that provides what the page needs; stops when none is there.

    Args:
        costs: whether a line below says what the chosen one provides and costs here.
    """
    import featcore as fc

    cards = {card.name: card for card in fc.encoders() if modality in (None, card.modality) and needs <= card.provides}
    if not cards:
        raise LoadError(
            f"No encoder for {KINDS[modality or 'text']} is in assets/models. Run 'featcore train' for one."
        )
    said = {name: line_of_card(card) for name, card in cards.items()} | _offered(modality)
    chosen = st.selectbox(
        "Encoder",
        list(said),
        format_func=lambda name: said.get(name, name),
        key=f"{prefix}_encoder" if modality is None else f"{prefix}_encoder_{modality}",
        bind="query-params",
        accept_new_options=settings().hub_allowed or settings().folders_allowed,
        help="The embedded encoders were trained by this project and run without a network. Search the list, or type "
        "a name of the Hugging Face hub (org/model), or a folder under the roots of this server. Behind a name, "
        "#64x48 asks for pictures of 64 rows and 48 columns instead of its own size.",
    )
    name = _named(chosen, said, cards)
    card = cards[name] if name in cards else _brought(prefix, name, modality, needs)
    if costs:
        say_costs(card)
    return card


def _named(chosen: str, said: dict[str, str], cards: dict[str, Card]) -> str:
    """The name of what was chosen: an address kept from before may say other figures of it, or its title alone."""
    if chosen in said:
        return chosen
    begins = chosen.partition(BEHIND)[0]
    titled = {card.title: name for name, card in cards.items()}
    listed = {line.partition(BEHIND)[0]: name for name, line in said.items()}
    return titled.get(begins) or (listed.get(begins, begins) if BEHIND in chosen else chosen)


def _offered(modality: Modality | None) -> dict[str, str]:
    """Folders under the roots and well-known checkpoints of the hub, with what a person should know of them."""
    from featcore.encode.curated import CURATED

    found = lines_of_folders(modality)
    if settings().hub_allowed:
        for row in CURATED.values():
            for name in [part for part, reads in row.parts if modality in (None, reads)]:
                found[name] = line_of_row(row, name)
    return found


def _brought(prefix: str, name: str, modality: Modality | None, needs: frozenset[str]) -> Card:
    """The card of a folder or of a hub name; a name that is not here yet is downloaded when a person says so."""
    from featcore.encode.catalog import card_of
    from featcore.encode.names import parse

    asked = parse(name)
    folder = folder_or_download(prefix, asked.checkpoint)
    card = replace(card_of(folder, asked.tower, asked.size), name=name, title=Path(name).name)
    if modality not in (None, card.modality):
        raise LoadError(f"'{name}' reads {KINDS[card.modality].lower()}; choose that kind of input for it.")
    if needs - card.provides:
        raise LoadError(
            f"'{name}' does not provide {', '.join(sorted(needs - card.provides))}. Choose another encoder."
        )
    return card


def folder_or_download(prefix: str, checkpoint: str) -> Path:
    """The folder of an embedded encoder, of one typed under the roots, or of a hub name."""
    from featcore.encode.catalog import EMBEDDED, folder_of, folder_under_roots

    if checkpoint in EMBEDDED:
        return folder_of(checkpoint)
    typed_folder = checkpoint[:1] in "/~." or "\\" in checkpoint
    return folder_under_roots(checkpoint) if typed_folder else _from_hub(prefix, checkpoint)


def _from_hub(prefix: str, name: str) -> Path:
    from featcore.encode import hub

    if settings().hub_allowed and (folder := hub.cached(name)) is not None:
        return folder
    if settings().hub_allowed:
        st.caption(f"{escape(name)} is not on this server yet.")
        if not st.button("Download it", icon=":material/download:", key=f"{prefix}_download"):
            raise Cancelled("Nothing is downloaded before you say so. Press Download it, or choose another encoder.")
    with working(digest("download", name), f"Downloading {escape(name)}, bytes") as progress:
        return hub.fetch(name, progress)


def pick_input(prefix: str, modality: Modality, frames: int = 1, start: int = 0) -> Picked | None:
    """A sample, a text typed here, or an uploaded file, decoded; None while nothing is chosen.

    `start` is the place of the option that stands there at first.
    """
    import featcore as fc

    examples = {example.name: example for example in fc.samples(modality)}
    options = [*examples, *([OWN] if modality == "text" else []), UPLOAD]
    titles = {name: example.title for name, example in examples.items()}
    titles |= {OWN: "Type your own", UPLOAD: "Upload a file"}
    choice = st.selectbox(
        "Input",
        options,
        start,
        format_func=titles.__getitem__,
        key=f"{prefix}_input_{modality}",
        bind="query-params",
    )
    sampling = pick_frames(prefix, frames) if modality == "video" else {}
    if choice == OWN:
        return _typed(prefix)
    if choice == UPLOAD:
        return _uploaded(prefix, modality, sampling)
    example = examples[choice]
    st.caption(f"Look for: {escape(example.look_for)}")
    read = lambda: example.load(**sampling)  # noqa: E731
    return Picked(read_source({"sample": choice, **sampling}, read), read, shareable=True)


def pick_frames(prefix: str, frames: int) -> dict[str, Any]:
    """How frames are chosen from a clip, and how many the encoder sees."""
    with st.popover("Frames", icon=":material/movie:", help="Which frames of the clip the encoder sees"):
        rule = st.segmented_control(
            "Choose frames",
            list(RULES),
            default="uniform",
            required=True,
            format_func=RULES.__getitem__,
            key=f"{prefix}_rule",
            bind="query-params",
        )
        chosen: dict[str, Any] = {"frames": frames, "rule": rule}
        if rule != "uniform":
            start = st.number_input("Start (s)", 0.0, settings().max_seconds, 0.0, 0.1, key=f"{prefix}_start")
            chosen["start_s"] = float(start)
        if rule == "every":
            chosen["every"] = int(st.number_input("Every k-th frame, k =", 1, 120, 2, key=f"{prefix}_every"))
    return chosen


def pick_method(prefix: str, card: Card | None = None) -> str:
    """A method that is defined for the encoder."""
    import featcore as fc

    titles = {method.name: method.title for method in fc.methods(card)}
    return st.selectbox(
        "Method",
        list(titles),
        index=list(titles).index("integrated_gradients"),
        format_func=titles.__getitem__,
        key=f"{prefix}_method",
        bind="query-params",
        help="How one score per unit is computed",
    )


def pick_knobs(prefix: str, method: str, cards: list[Card]) -> dict[str, Any]:
    """The options of a method, each with its limits; the fields of its dataclass are the widgets.

    A baseline is offered only when every encoder on the page knows it.
    """
    from featcore.explain import METHODS, knobs

    shared = [kind for kind in cards[0].baselines if all(kind in card.baselines for card in cards)] if cards else []
    chosen: dict[str, Any] = {}
    for name, knob in knobs(METHODS[method]).items():
        key = f"{prefix}_{method}_{name}"
        title = name.replace("_", " ").capitalize()
        default = knob["default"]
        if isinstance(default, str):
            choices = _without_strange_parts(knob["choices"], cards) or ["auto", *shared]
            chosen[name] = st.selectbox(title, choices, help=knob["help"], key=key)
        else:
            kind = type(default)
            step = kind(1) if kind is int else 0.01
            chosen[name] = kind(
                st.number_input(title, knob["low"], knob["high"], default, step, help=knob["help"], key=key)
            )
    return chosen


def _without_strange_parts(choices: Sequence[str], cards: list[Card]) -> list[str]:
    """The choices of a knob less the parts of an input (words, regions, frames) that not every encoder's input has."""
    from featcore.units.coarser import LEVELS

    strange = {part for kind, parts in LEVELS.items() for part in parts if any(kind != card.modality for card in cards)}
    return [choice for choice in choices if choice not in strange]


def pick_target(prefix: str, cards: Sequence[Card] = (), others: bool = False, below: Any = None) -> str:
    """Which output is explained, as `featcore.explain` takes it: a rule, a class, or "a>b".

    Args:
        cards: the encoders on the page; classes are offered where all of them have the same.
        others: whether a second input may be chosen, see `pick_other`; "instead" is the predicted class's logit, with
            the other input as its baseline.
        below: a container for the two choices of classes; right here unless given.
    """
    labels = cards[0].labels if cards and all(card.labels == cards[0].labels for card in cards) else ()
    headless = bool(cards) and not any("logits" in card.provides for card in cards)
    offered = OF_VECTOR if headless else TARGETS
    offered = offered | (OF_CLASSES if 1 < len(labels) <= MOST_CLASSES else {}) | (OF_OTHERS if others else {})
    chosen = st.selectbox(
        "Explain",
        list(offered),
        format_func=offered.__getitem__,
        key=f"{prefix}_target{'_vector' if headless else ''}",
        bind="query-params",
        help="A logit moves with every unit; a probability near 0 or 1 hardly moves, so its scores vanish there.",
    )
    if chosen not in OF_CLASSES:
        return chosen
    with below or nullcontext():
        return _class_rather_than(prefix, labels)


def _class_rather_than(prefix: str, labels: tuple[str, ...]) -> str:
    """A class, alone or rather than another one, each by its label, or by its number where two are called alike."""
    names = [label if labels.count(label) == 1 else str(index) for index, label in enumerate(labels)]
    said = {name: label if name == label else f"{label} ({name})" for name, label in zip(names, labels, strict=True)}
    kept = digest(*labels)[:8]  # the classes of another encoder are other choices
    one, two = st.columns(2)
    with one:
        chosen = st.selectbox(
            "Class", names, format_func=said.__getitem__, key=f"{prefix}_class_{kept}", bind="query-params"
        )
    with two:
        against = st.selectbox(
            "Rather than",
            [NO_CLASS, *(name for name in names if name != chosen)],
            format_func=lambda name: said.get(name, "no other class"),
            key=f"{prefix}_against_{kept}",
            bind="query-params",
            help="With a second class the difference of both logits is explained: what speaks for this one only.",
        )
    return chosen if against == NO_CLASS else f"{chosen}>{against}"


def pick_other(prefix: str, card: Card, target: str) -> Picked | None:
    """The second input that a target asks for; None where it asks for none, or while nothing is chosen."""
    if target not in OF_OTHERS:
        return None
    st.caption(
        "The other input: the one that the first is compared with."
        if target == "similarity"
        else "The other input: it takes the baseline's place, so the scores say what makes the answers differ. "
        "Both need the same number of units."
    )
    return pick_input(f"{prefix}o", card.modality, frames=card.input_size[0], start=1)


@dataclass(frozen=True)
class Asked:
    """What both sides of a comparison share; layer, head and scale are chosen beside their pictures."""

    method: str
    target: str
    knobs: dict[str, Any]


def pick_comparison(cards: list[Card]) -> Asked:
    """Method with its options, and target, the same for both sides."""
    with st.container(border=True):
        one, two, three = st.columns([4, 4, 2], vertical_alignment="bottom")
        below = st.container()
        with one:
            method = pick_method("c")
        with two:
            target = pick_target("c", cards, below=below)
        with three, st.popover("Options", icon=":material/tune:", width="stretch", help="Options of the method"):
            knobs = pick_knobs("c", method, cards) or (st.caption("This method has no options.") and {})
    return Asked(method, target, knobs)


def pick_layer(cards: list[Card]) -> int:
    """Layer, counted from 1; 0 is the rollout of all."""
    deepest = max((layers_of(card) for card in cards), default=1)
    return st.selectbox(
        "Attention layer",
        range(deepest + 1),
        index=deepest,
        format_func=lambda layer: f"layer {layer}" if layer else "rollout of all",
        key="c_layer",
        bind="query-params",
        width=CHOICE_PX,
    )


def pick_head(cards: list[Card], disabled: bool) -> int:
    """Head, counted from 0; -1 is the mean of all."""
    widest = max((_heads(card) for card in cards), default=1)
    head = st.selectbox(
        "Head",
        range(widest + 1),
        format_func=lambda head: f"head {head}" if head else "mean of all",
        key="c_head",
        bind="query-params",
        width=CHOICE_PX,
        disabled=disabled,
    )
    return head - 1


def pick_scale() -> bool:
    """Whether both sides share one range of colours."""
    scale = st.segmented_control(
        "Colour scale",
        ["own", "common"],
        default="own",
        required=True,
        key="c_scale",
        bind="query-params",
        width="content",
        help="Own: each side fills its colours. Common: one range for both, so that colours may be compared.",
    )
    return scale == "common"


def pick_preset() -> None:
    """Comparisons one click away; their answers came with Tessera."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Start from", width="content")
        for preset in PRESETS:
            st.button(preset.title, key=f"preset-{preset.name}", on_click=_apply, args=(preset,))


def _apply(preset: Preset) -> None:
    import featcore as fc

    modalities = {card.name: card.modality for card in fc.encoders()}
    for prefix, pane in (("a", preset.left), ("b", preset.right)):
        modality = modalities[pane.encoder]
        st.session_state[f"{prefix}_kind"] = modality
        st.session_state[f"{prefix}_encoder_{modality}"] = pane.encoder
        st.session_state[f"{prefix}_input_{modality}"] = pane.sample
        st.session_state[f"{prefix}_unit"] = None


def layers_of(card: Card) -> int:
    """Maps of attention that a model has in depth, 1 without attention."""
    if "attention" not in card.provides:
        return 1
    config = card.config
    layers = config.get("num_hidden_layers") or config.get("n_layers") or config.get("n_layer")
    return layout_of(card.family).map_count(int(layers or len(config.get("depths", [1]))))


def _heads(card: Card) -> int:
    return int(card.config.get("num_attention_heads") or card.config.get("n_heads") or card.config.get("n_head", 1))


def _typed(prefix: str) -> Picked | None:
    import featcore as fc

    text = st.text_area(
        "Text",
        "This film is not bad at all.",
        max_chars=settings().max_characters,
        key=f"{prefix}_text",
        bind="query-params",
        height=100,
    )
    if not text or not text.strip():
        st.info("Type at least one word.", icon=":material/keyboard:")
        return None
    read = lambda: fc.read_text(text, name="typed text")  # noqa: E731
    return Picked(read_source({"typed": text}, read), read, shareable=len(text) < 2000)


def _uploaded(prefix: str, modality: Modality, sampling: dict[str, Any]) -> Picked | None:
    from featcore.inputs import read

    limit = settings().max_upload_bytes
    file = st.file_uploader(
        f"{KINDS[modality]} file, up to {limit / 1e6:.0f} MB",
        FILES[modality],
        key=f"{prefix}_upload_{modality}",
        max_upload_size=int(limit / 1e6),
    )
    if file is None:
        st.info("Nothing uploaded yet. The file stays on this server and is forgotten when you leave.")
        return None
    if file.size > limit:
        raise LimitError(f"'{file.name}' has {file.size / 1e6:.0f} MB; the limit is {limit / 1e6:.0f} MB. Shorten it.")
    raw = file.getvalue()
    again = lambda: read(file.name, raw, modality, **sampling)  # noqa: E731
    return Picked(read_source({"file": digest(raw), "name": file.name, **sampling}, again), again, shareable=False)

"""The questions that finished results answer: what to ask for, by digest, and the presets that ship with answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from featcore.types import Card, Look, Source

# Raised when the meaning of a result changes, so that older stored answers are not believed.
VERSION = 2


def encoding_question(card: Card, source: Source, look: Look | None = None) -> dict[str, Any]:
    """`look`: which attention is asked for, all of it unless given."""
    asked = {} if look is None else {"layers": look.layers, "heads": look.heads, "rolled": look.rolled}
    return {"what": "encoding", **_who(card, source), **asked}


def attribution_question(card: Card, source: Source, method: str, target: str, knobs: dict[str, Any]) -> dict[str, Any]:
    """Knobs left at their defaults and knobs spelled out are the same question."""
    from featcore.explain.base import knobs_of, make

    asked = {"method": method, "target": target, "knobs": knobs_of(make(method, **knobs))}
    return {"what": "attribution", **_who(card, source), **asked}


def judging_question(
    what: str, card: Card, source: Source, method: str, target: str, knobs: dict[str, Any], asked: dict[str, Any]
) -> dict[str, Any]:
    """How one map is judged: `what` names the check, `asked` its options."""
    return {**attribution_question(card, source, method, target, knobs), "what": what, **asked}


def pair_question(
    cards: tuple[Card, Card], sources: tuple[Source, Source], method: str, knobs: dict[str, Any]
) -> dict[str, Any]:
    """Two inputs whose cosine is explained on both sides."""
    from featcore.explain.base import knobs_of, make

    who = [_who(card, source) for card, source in zip(cards, sources, strict=True)]
    return {"what": "pair", "who": who, "method": method, "knobs": knobs_of(make(method, **knobs))}


def latency_question(card: Card, source: Source, methods: tuple[str, ...]) -> dict[str, Any]:
    return {"what": "latency", **_who(card, source), "methods": list(methods)}


def _who(card: Card, source: Source) -> dict[str, Any]:
    who = {"version": VERSION, "weights": card.weights_sha256, "family": card.family, "source": source.key}
    return who | ({"size": list(card.input_size)} if "own_size" in card.config else {})


@dataclass(frozen=True)
class Pane:
    """One side of a comparison: an encoder and the name of a sample."""

    encoder: str
    sample: str


@dataclass(frozen=True)
class Preset:
    """A comparison one click away, whose answers ship in assets/runs."""

    name: str
    title: str
    left: Pane
    right: Pane


PRESETS = (
    Preset("sentence-picture", "A sentence and a picture", Pane("text-mini", "not-good"), Pane("image-mini", "cat")),
    Preset("picture-clip", "A picture and a clip", Pane("image-mini", "cat"), Pane("video-mini", "moves-right")),
    Preset("two-readings", "One negation, two readings", Pane("text-mini", "not-good"), Pane("text-mini", "not-bad")),
)

DEFAULT_METHOD = "integrated_gradients"
DEFAULT_TARGET = "logit"


def read_sample(name: str, card: Card) -> Source:
    """A sample by name, a clip with as many frames as the encoder sees."""
    import featcore as fc

    example = {example.name: example for example in fc.samples()}[name]
    return example.load(frames=card.input_size[0]) if card.modality == "video" else example.load()


def first_sample(card: Card) -> Source:
    """The first sample of the encoder's modality."""
    from featcore.inputs.samples import first_for

    return first_for(card)


def preset_panes() -> Iterator[Pane]:
    """Every pane of every preset, once."""
    yield from dict.fromkeys(pane for preset in PRESETS for pane in (preset.left, preset.right))


def compute_shipped(store: Any, budget_s: float = 3.0) -> list[str]:
    """Run every preset for real and put the answers into a store; returns the keys, in order.

    Args:
        store: a `featcore.store.Store` that can be written.
        budget_s: seconds of timing a stage.
    """
    import featcore as fc
    from featcore.explain import explain, preload
    from featcore.keys import digest

    preload()  # the first explanation should not pay for the import of a library
    keys = []
    cards = {card.name: card for card in fc.encoders()}
    for pane in preset_panes():
        card = cards[pane.encoder]
        encoder = fc.load(card.name)
        source = read_sample(pane.sample, card)
        sample = encoder.prepare(source)
        answers = {
            digest(encoding_question(card, source)): encoder.encode(sample),
            digest(attribution_question(card, source, DEFAULT_METHOD, DEFAULT_TARGET, {})): explain(
                encoder, sample, DEFAULT_METHOD, DEFAULT_TARGET
            ),
            digest(latency_question(card, source, (DEFAULT_METHOD,))): fc.latency(
                encoder,
                source,
                methods=(DEFAULT_METHOD,),
                budget_s=budget_s,
                reread=lambda pane=pane, card=card: read_sample(pane.sample, card),
            ),
        }
        for key, answer in answers.items():
            store.put(key, answer, half=True)
            keys.append(key)
    return keys

"""Memory that an encoder needs, by closed formulas from its card and config; nothing is loaded to know it."""

from math import prod
from typing import Any, NamedTuple

from featcore.encode.layouts import layout_of
from featcore.types import Card

LONG_TEXT = 512
"""Tokens of a text that is reckoned with; few are longer, though some encoders read far more."""
_PER_PIXEL = 64
"""Numbers that a network of feature maps holds at once for each pixel; a ResNet-50 has about so many."""


class Room(NamedTuple):
    """Bytes of one encoder and one pass of it over one input, without gradients.

    weights; states: hidden states of all layers, what one layer has in hand, and scores of the next token; maps:
    attention of all layers and heads, twice, since they are laid side by side; positions: length of that input.
    """

    weights: int
    states: int
    maps: int
    positions: int

    @property
    def whole(self) -> int:
        return self.weights + self.states + self.maps


def room_of(card: Card, config: Any, itemsize: int) -> Room:
    """What an encoder needs for one input as large as it reads (of a text at most `LONG_TEXT` tokens).

    With s positions, width d, inner width m, L layers and h heads, states are s ((L + 1) d + 4 d + 3 m) numbers
    (queries, keys, values and their mean beside the inner maps of one layer) and maps 2 L h s^2; networks of feature
    maps hold so many numbers a pixel instead.

    Args:
        config: the config as transformers reads it, with what a checkpoint leaves to its family.
        itemsize: bytes of one number.
    """
    layout, config = layout_of(card.family), getattr(config, "vision_config", config)
    if layout.modality == "text":
        positions = min(card.input_size[0], LONG_TEXT)
    else:
        steps = zip(card.input_size, layout.unit_step(card.config), strict=True)
        positions = prod(size // step for size, step in steps) + len(layout.before(card.config))
    if layout.cells:
        states, layers, heads = _PER_PIXEL * prod(card.input_size), len(card.config.get("depths", ())), 1
    else:
        width, layers, heads = config.hidden_size, config.num_hidden_layers, config.num_attention_heads
        inner = getattr(config, "intermediate_size", None) or 4 * width
        states = positions * ((layers + 5) * width + 3 * inner)
        if "logits" in card.provides and not card.labels:  # a score of every token at every position
            states += positions * config.vocab_size
    maps = 2 * layout.map_count(layers) * heads * positions**2 if "attention" in card.provides else 0
    return Room(card.parameters * itemsize, states * itemsize, maps * itemsize, positions)


def in_bytes(count: float) -> str:
    """Bytes in the unit that suits them: "4.20 GB", "438.0 MB", "12 kB"."""
    for unit, size, digits in (("GB", 1e9, 2), ("MB", 1e6, 1), ("kB", 1e3, 0)):
        if count >= size:
            return f"{count / size:.{digits}f} {unit}"
    return f"{count:.0f} bytes"

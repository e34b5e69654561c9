"""Architectures whose layers or heads are not those of the plain transformer: what they add, or all of it.

FLOP as everywhere: a multiply-add is 2, only matrix products and convolutions count.
"""

from typing import Any

from featcore.encode.layouts import layout_of
from featcore.errors import NotDefined
from featcore.types import Card

POOLER_RATIO = 4
"""Inner width over width in the pooler of V-JEPA 2, which its config does not state."""


def disentangled(card: Card, n: int, d: int, n_layers: int) -> int:
    """What DeBERTa adds: positions relative to each other are projected and multiplied beside content, in each layer.

    With span k there are 2k relative positions; each of the two kinds (content to position and back) costs 4kd^2 for
    its projection and 4nkd for its scores. Large checkpoints have one convolution over neighbours besides.

    Source: He et al. 2021, arXiv:2006.03654.
    """
    config = card.config
    narrow, kernel = int(config.get("embedding_size", d)), int(config.get("conv_kernel_size", 0))
    extra = 2 * n * narrow * d if narrow != d else 0
    extra += 2 * n * kernel * d * d // int(config.get("conv_groups", 1))
    span, scored = _relative(config)
    return extra + n_layers * 4 * n * span * d * scored + once(card)


def once(card: Card) -> int:
    """FLOP that a call costs once, whatever its batch: DeBERTa projects its relative positions, not its input."""
    if card.family != "deberta-v2":
        return 0
    config = card.config
    span, scored = _relative(config)
    kinds = 2 * bool(span) if config.get("share_att_key") else scored
    return int(config["num_hidden_layers"]) * 4 * span * int(config["hidden_size"]) ** 2 * kinds


def _relative(config: dict[str, Any]) -> tuple[int, int]:
    """Span of DeBERTa's relative positions, and how many of its two kinds are scored; 0, 0 without them."""
    if not config.get("relative_attention"):
        return 0, 0
    span = int(config.get("position_buckets", -1))
    if span < 1:
        span = int(config.get("max_relative_positions", -1))
    if span < 1:
        span = int(config["max_position_embeddings"])
    kinds = config.get("pos_att_type") or []
    kinds = kinds.split("|") if isinstance(kinds, str) else kinds
    return span, len({"c2p", "p2c"} & {kind.strip() for kind in kinds})


def divided(card: Card, n: int, d: int, inner: int) -> int:
    """One layer of TimeSformer: attention over time, its own linear map, attention over the picture, inner maps.

    Over time each of S places attends to T frames; over the picture each frame has the class position beside its own.

    Source: Bertasius et al. 2021, arXiv:2102.05095, divided space-time attention.
    """
    frames, _, _ = layout_of(card.family).input_shape(card.config)
    units = n - 1
    places = units // frames
    over_time = 10 * units * d * d + 4 * frames * units * d
    rows = frames * (places + 1)
    return over_time + 8 * rows * d * d + 4 * rows * (places + 1) * d + 4 * n * d * inner


def probe(n: int, d: int, inner: int) -> int:
    """SigLIP's head: one learned query attends to n positions, then the inner maps of one position.

    Source: Zhai et al. 2023, arXiv:2303.15343.
    """
    return 4 * d * d + 4 * n * d * d + 4 * n * d + 4 * d * inner


def attentive(card: Card, n: int, d: int) -> int:
    """V-JEPA 2's head: layers of its own, then one learned query without an outer map.

    Source: Assran et al. 2025, arXiv:2506.09985.
    """
    inner = POOLER_RATIO * d
    one = 2 * n * (4 * d * d + 2 * d * inner) + 4 * n * n * d
    query = 2 * d * d + 4 * n * d * d + 4 * n * d + 4 * d * inner
    return int(card.config.get("num_pooler_layers", 3)) * one + query


def windowed(card: Card) -> dict[str, int]:
    """Swin, all of it: attention within windows of w x w cells, stages that halve the grid and double the width.

    A grid that windows do not fill is padded before its attention and not before its inner maps.

    Source: Liu et al. 2021, arXiv:2103.14030.
    """
    config = card.config
    layout, d = layout_of(card.family), int(config["embed_dim"])
    stages = layout.windows(config)
    rows, columns, _, _ = stages[0]
    patch = config.get("patch_size", 4)
    across, down = (patch, patch) if isinstance(patch, int) else patch
    embed = 2 * rows * columns * int(config.get("num_channels", 3)) * across * down * d
    layers = 0
    for index, ((rows, columns, window, _), depth) in enumerate(zip(stages, config["depths"], strict=True)):
        cells, padded = rows * columns, _up(rows, window) * _up(columns, window)
        inner = int(float(config.get("mlp_ratio", 4.0)) * d)
        layers += int(depth) * (8 * padded * d * d + 4 * window * window * padded * d + 4 * cells * d * inner)
        if index + 1 < len(stages):
            layers += 2 * (cells // 4) * 4 * d * 2 * d
            d *= 2
    classes = len(card.labels) if "For" in str(config.get("architectures")) else 0
    return {"embed": embed, "layers": layers, "head": 2 * d * classes}


def projected(card: Card, d: int) -> int:
    """The map from one vector of a tower into the space that both share."""
    config: dict[str, Any] = card.config
    width = config.get("projection_size" if card.family.startswith("siglip") else "projection_dim")
    if width is None:
        raise NotDefined(f"The config of '{card.name}' does not state how wide its projection is.")
    return 2 * d * int(width)


def _up(size: int, step: int) -> int:
    return -(-size // step) * step

"""A card and a number of positions become floating point operations by stage; a multiply-add is 2, no model is run.

Only matrix products and convolutions are counted, as `torch.utils.flop_counter` does with eager attention: additions,
softmax, norms and activations are left out, and looking up an embedding costs nothing.
"""

from typing import Any

from featcore.encode.layouts import layout_of
from featcore.errors import NotDefined
from featcore.types import Card

# What stands behind the last layer, by architecture: products with d x d, and whether d x classes follows.
_HEADS: dict[str, tuple[int, bool]] = {
    "BertModel": (1, False),
    "BertForSequenceClassification": (1, True),
    "DistilBertModel": (0, False),
    "DistilBertForSequenceClassification": (1, True),
    "ElectraModel": (0, False),
    "ElectraForSequenceClassification": (1, True),
    "RobertaModel": (1, False),
    "RobertaForSequenceClassification": (1, True),
    "ViTModel": (1, False),
    "ViTForImageClassification": (0, True),
    "DeiTModel": (1, False),
    "DeiTForImageClassification": (0, True),
    "VideoMAEModel": (0, False),
    "VideoMAEForVideoClassification": (0, True),
}


def flops(card: Card, n_positions: int) -> dict[str, int]:
    """FLOP of one forward pass of one input, by stage: embed, layers, head. Their sum is `total_flops`.

    With N positions, width d, inner width m and L layers, a layer costs 2N(4d^2 + 2dm) for its linear maps and 4N^2 d
    for scores and weighted sums. Padding counts as work done.

    Args:
        n_positions: positions of the sequence, special ones included (`len(sample.sequence)`).

    Raises:
        NotDefined: nobody has written down the formula of this architecture.

    Source: linear maps and attention of Vaswani et al. 2017, arXiv:1706.03762; tubelets of Tong et al. 2022,
    arXiv:2203.12602.
    """
    n, d = n_positions, _read(card, "hidden_size", "dim")
    inner, n_layers = _read(card, "intermediate_size", "hidden_dim"), _read(card, "num_hidden_layers", "n_layers")
    layers = n_layers * (2 * n * (4 * d * d + 2 * d * inner) + 4 * n * n * d)
    return {"embed": _embed(card, n, d), "layers": layers, "head": _head(card, d)}


def total_flops(card: Card, n_positions: int) -> int:
    """FLOP of one forward pass of one input; see `flops`."""
    return sum(flops(card, n_positions).values())


def _embed(card: Card, n: int, d: int) -> int:
    """Patches or tubelets are products of their pixels with d filters; ELECTRA widens its word vectors."""
    layout = layout_of(card.family)
    if layout.modality == "text":
        narrow = int(card.config.get("embedding_size", d))
        return 2 * n * narrow * d if card.family == "electra" and narrow != d else 0
    side = card.config["patch_size"]
    rows, columns = (side, side) if isinstance(side, int) else side
    deep = _read(card, "tubelet_size") if layout.modality == "video" else 1
    return (
        2 * (n - len(layout.before(card.config))) * int(card.config.get("num_channels", 3)) * deep * rows * columns * d
    )


def _head(card: Card, d: int) -> int:
    """The head reads one position, or the mean of all, so it does not grow with the input."""
    name = (card.config.get("architectures") or [""])[0]
    if name not in _HEADS:
        raise NotDefined(
            f"No formula is written down for the head of '{name or card.name}'. Known: {', '.join(sorted(_HEADS))}."
        )
    squares, classifies = _HEADS[name]
    # ViT's pooler may have a width of its own; it is the only square here that is none.
    width = int(card.config.get("pooler_output_size") or d) if card.family in ("vit", "deit") else d
    return 2 * d * width * squares + 2 * d * len(card.labels) * classifies


def _read(card: Card, *names: str) -> int:
    """The first of these names that the config holds: DistilBERT names its sizes differently."""
    values: list[Any] = [card.config[name] for name in names if name in card.config]
    if not values:
        raise NotDefined(f"The config of '{card.name}' does not state its {names[0]}, so its work cannot be computed.")
    return int(values[0])

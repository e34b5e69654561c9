"""A card and a number of positions become floating point operations by stage; a multiply-add is 2, no model is run.

Only matrix products and convolutions are counted, as `torch.utils.flop_counter` does with eager attention: additions,
softmax, norms and activations are left out, and looking up an embedding costs nothing.
"""

from typing import Any

from featcore.encode.layouts import layout_of
from featcore.errors import NotDefined
from featcore.measure import flops_apart as apart
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
    "XLMRobertaForSequenceClassification": (1, True),
    "MPNetForSequenceClassification": (1, True),
    "ModernBertForSequenceClassification": (1, True),
    "BeitForImageClassification": (0, True),
    "Dinov2ForImageClassification": (0, True),
    "Dinov2WithRegistersForImageClassification": (0, True),
    "CLIPForImageClassification": (0, True),
    "VivitForVideoClassification": (0, True),
    "GPT2ForSequenceClassification": (0, True),
    "LlamaForSequenceClassification": (0, True),
    "Qwen2ForSequenceClassification": (0, True),
    "GPT2LMHeadModel": (0, True),
    "LlamaForCausalLM": (0, True),
    "Qwen2ForCausalLM": (0, True),
    "DebertaV2Model": (0, False),
    "DebertaV2ForSequenceClassification": (1, True),
    "SiglipForImageClassification": (0, True),
    "SiglipVisionModel": (0, False),
    "SiglipTextModel": (0, False),
    "CLIPTextModelWithProjection": (0, False),
    "CLIPVisionModelWithProjection": (0, False),
    "TimesformerModel": (0, False),
    "TimesformerForVideoClassification": (0, True),
    "VJEPA2ForVideoClassification": (0, True),
    "SwinModel": (0, False),
    "SwinForImageClassification": (0, True),
}
_PROJECTED = ("SiglipTextModel", "CLIPTextModelWithProjection", "CLIPVisionModelWithProjection")
# A third inner map gates the second.
_GATED = ("modernbert", "llama", "qwen2")
# The head runs at every position, and one answer is taken afterwards.
_EVERYWHERE = ("gpt2", "llama", "qwen2")


def flops(card: Card, n_positions: int) -> dict[str, int]:
    """FLOP of one forward pass of one input, by stage: embed, layers, head. Their sum is `total_flops`.

    With N positions, width d, inner width m and L layers, a layer costs 2N(4d^2 + 2dm) for its linear maps and 4N^2 d
    for scores and weighted sums; a gated inner map makes 2dm into 3dm, and shared keys and values narrow two of the
    four d^2. Padding counts as work done, and so does what a causal mask hides.

    Args:
        n_positions: positions of the sequence, special ones included (`len(sample.sequence)`).

    Raises:
        NotDefined: nobody has written down the formula of this architecture.

    Source: linear maps and attention of Vaswani et al. 2017, arXiv:1706.03762; tubelets of Tong et al. 2022,
    arXiv:2203.12602.
    """
    if card.family == "swin" and _head(card, 0, 0) == 0:  # asked, so that an unknown head is refused
        return apart.windowed(card)
    n, d = n_positions, _read(card, "hidden_size", "dim", "n_embd")
    n_layers, inner_maps = _read(card, "num_hidden_layers", "n_layers", "n_layer"), 3 if card.family in _GATED else 2
    linear = 2 * d * d + 2 * d * _keys(card, d) + inner_maps * d * _inner(card, d)
    layers = n_layers * (2 * n * linear + 4 * n * n * d)
    if card.family == "timesformer":
        layers = n_layers * apart.divided(card, n, d, _inner(card, d))
    if card.family == "deberta-v2":
        layers += apart.disentangled(card, n, d, n_layers)
    head = _head(card, d, n) * (n if card.family in _EVERYWHERE else 1)
    return {"embed": _embed(card, n, d), "layers": layers, "head": head}


def total_flops(card: Card, n_positions: int, batch: int = 1) -> int:
    """FLOP of one forward pass of `batch` inputs of one length; see `flops`."""
    return batch * sum(flops(card, n_positions).values()) - (batch - 1) * apart.once(card)


def _embed(card: Card, n: int, d: int) -> int:
    """Patches or tubelets are products of their pixels with d filters; ELECTRA widens its word vectors."""
    layout = layout_of(card.family)
    if layout.modality == "text":
        narrow = int(card.config.get("embedding_size", d))
        return 2 * n * narrow * d if card.family == "electra" and narrow != d else 0
    deep, rows, columns = layout.unit_step(card.config)
    return (
        2 * (n - len(layout.before(card.config))) * int(card.config.get("num_channels", 3)) * deep * rows * columns * d
    )


def _head(card: Card, d: int, n: int) -> int:
    """The head reads one position, or the mean of all; only where a query of its own reads it grows with the input."""
    name = (card.config.get("architectures") or [""])[0]
    squares, classifies = _shape(card, name)
    if not card.config.get("pools", True):  # a bare encoder that was saved without its pooler
        squares = 0
    # ViT's pooler may have a width of its own; it is the only square here that is none.
    width = int(card.config.get("pooler_output_size") or d) if card.family in ("vit", "deit") else d
    # DINOv2's classifier reads the class position beside the mean of the patches.
    read = 2 * d if card.family.startswith("dinov2") else d
    more = apart.projected(card, d) if name in _PROJECTED and d else 0
    if card.family == "siglip_vision_model" and card.config.get("vision_use_head", True):
        more += apart.probe(n, d, _inner(card, d))
    if card.family == "vjepa2":
        more += apart.attentive(card, n, d)
    return 2 * d * width * squares + 2 * read * len(card.labels) * classifies + more


def _shape(card: Card, name: str) -> tuple[int, bool]:
    """Products with d x d behind the last layer, and whether d x classes follows.

    A text encoder that nobody listed has the head that BERT gave its descendants: a map and the classes, or the pooler
    that its weights hold.
    """
    layout = layout_of(card.family)
    descends = layout.modality == "text" and layout.attention == "full" and not layout.projected
    if name in _HEADS:
        return _HEADS[name]
    if descends and name.endswith("ForSequenceClassification"):
        return 1, True
    if descends and name.endswith("Model") and "pools" in card.config:
        return 1, False
    raise NotDefined(
        f"No formula is written down for the head of '{name or card.name}'. Known: {', '.join(sorted(_HEADS))}."
    )


def _inner(card: Card, d: int) -> int:
    """Width between the two maps of a layer: stated, or a multiple of d."""
    if card.family.startswith("dinov2"):
        if card.config.get("use_swiglu_ffn"):
            raise NotDefined(f"No formula is written down for the gated inner maps of '{card.name}'.")
        return int(d * card.config["mlp_ratio"])
    if card.family == "vjepa2":
        return int(d * card.config.get("mlp_ratio", 4.0))
    if card.family == "gpt2":
        return int(card.config.get("n_inner") or 4 * d)
    return _read(card, "intermediate_size", "hidden_dim")


def _keys(card: Card, d: int) -> int:
    """Width of keys and of values: d, or less where heads of queries share them (Ainslie et al. 2023,
    arXiv:2305.13245)."""
    heads = card.config.get("num_attention_heads")
    shared = card.config.get("num_key_value_heads")
    if heads and (card.config.get("head_dim") or d // int(heads)) * int(heads) != d:
        raise NotDefined(f"No formula is written down for heads of '{card.name}', which together are not as wide as d.")
    return d if not heads or not shared else d // int(heads) * int(shared)


def _read(card: Card, *names: str) -> int:
    """The first of these names that the config holds: DistilBERT names its sizes differently."""
    values: list[Any] = [card.config[name] for name in names if name in card.config]
    if not values:
        raise NotDefined(f"The config of '{card.name}' does not state its {names[0]}, so its work cannot be computed.")
    return int(values[0])

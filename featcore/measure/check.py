"""What a loaded checkpoint provides, where its units stand, and what one pass of it costs."""

from typing import Any

from featcore.encode.about import provided
from featcore.encode.base import Encoder
from featcore.explain import undefined
from featcore.types import Sample, Source


def check(encoder: Encoder, source: Source) -> dict[str, Any]:
    """A plain dictionary; bytes are bytes, FLOP are those of one pass with written-out attention, counted by PyTorch.

    Keys: name, revision (of the hub, or None), weights_sha256, family, modality, architecture, provides, provided (the
    same in words), licence, not_defined (method to reason), layout, units, positions, parameters, weight_bytes,
    activation_bytes (kept for gradients by one pass), attention_bytes (all layers and heads, float32), flop, blocks (by
    layer), notes; receptive_field of feature maps (rows and columns of pixels, of clips frames before them, that the
    middle cell reads); input and provenance say on what and how it was counted.

    Raises:
        CutError: the encoder cannot read the source.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    sample, card, layout = encoder.prepare(source), encoder.card, encoder.layout
    with FlopCounterMode(display=False) as counter, encoder.running("eager"), torch.no_grad():
        encoder.model(**encoder.tensors(sample))
    encoding = encoder.encode(sample)
    weights = sum(weight.numel() * weight.element_size() for weight in encoder.model.parameters())
    return {
        "name": card.name,
        "revision": card.revision,
        "weights_sha256": card.weights_sha256,
        "family": card.family,
        "modality": card.modality,
        "architecture": (card.config.get("architectures") or [""])[0],
        "provides": sorted(card.provides),
        "provided": list(provided(card)),
        "licence": card.licence,
        "not_defined": undefined(encoder),
        "layout": {
            "before": list(layout.before(card.config)),
            "reads": [name for name, weight in zip(encoding.sequence, encoding.reading, strict=True) if weight],
            "sequence": list(encoding.sequence),
            "at": sample.positions.tolist(),
            "reading": encoding.reading.tolist(),
            "attention": layout.attention,
            "grid": sample.units.grid,
            "input_size": list(card.input_size),
            "baselines": list(card.baselines),
        },
        "receptive_field": receptive_field(encoder, sample) if layout.cells else None,
        "units": len(sample.units),
        "unit": sample.units.kind,
        "positions": len(sample.sequence),
        "parameters": card.parameters,
        "weight_bytes": weights,
        "activation_bytes": encoder.activation_bytes(sample),
        "attention_bytes": 0 if encoding.attention is None else encoding.attention.nbytes,
        "flop": counter.get_total_flops(),
        "blocks": blocks(encoder, counter.get_flop_counts()),
        "input": source.name,
        "provenance": encoding.provenance,
        "notes": [*_left_out(encoder), *sample.notes],
    }


def _left_out(encoder: Encoder) -> list[str]:
    """What the checkpoint holds beside the encoder, in words."""
    heads = encoder.card.config.get("left_out")
    if not heads:
        return []
    return [f"The checkpoint also holds {', '.join(heads)}; that is no part of the encoder and was left out."]


def blocks(encoder: Encoder, counts: dict[str, Any]) -> list[dict[str, Any]]:
    """Name, parameters and FLOP of every layer, and of all that is in no layer; both add up to the whole model."""
    model, root = encoder.model, type(encoder.model).__name__
    flop = {name: sum(each.values()) for name, each in counts.items()}
    found = [
        {
            "name": name,
            "parameters": sum(weight.numel() for weight in layer.parameters()),
            "flop": flop.get(f"{root}.{path}", 0),
        }
        for name, path, layer in _stacked(model)
    ]
    whole = {"parameters": sum(weight.numel() for weight in model.parameters()), "flop": flop.get("Global", 0)}
    rest = {key: total - sum(block[key] for block in found) for key, total in whole.items()}
    return [*found, {"name": "embedding and head", **rest}]


def _stacked(model: Any) -> list[tuple[str, str, Any]]:
    """Name, path and module of every layer: those of the largest list, or the steps of a network of torchvision."""
    from torch import nn

    lists = [(path, each) for path, each in model.named_modules() if isinstance(each, nn.ModuleList)]
    if lists:
        path, stack = max(lists, key=lambda found: sum(weight.numel() for weight in found[1].parameters()))
    else:
        begin, network = model.base_model_prefix, model.base_model
        if not hasattr(network, "features"):  # a ResNet
            parts = [(name, each) for name, each in network.named_children() if isinstance(each, nn.Sequential)]
            return [(name, f"{begin}.{name}", each) for name, each in parts]
        path, stack = f"{begin}.features", network.features
    return [(f"layer {at + 1}", f"{path}.{at}", layer) for at, layer in enumerate(stack)]


def receptive_field(encoder: Encoder, sample: Sample) -> tuple[int, ...]:
    """Rows and columns of the pixels that move the middle cell of the last feature map, found by its gradient.

    Of a clip frames, rows and columns. It ends at the rim, so a larger field shows as the whole picture or clip.
    """
    import torch

    pixels = encoder.tensors(sample)["pixel_values"].clone().requires_grad_()
    with encoder.running("eager"), torch.enable_grad():
        last = encoder.model(pixel_values=pixels, output_hidden_states=True).hidden_states[-1]
        middle = last[(0, slice(None), *(side // 2 for side in last.shape[2:]))].square().sum()
        (slope,) = torch.autograd.grad(middle, pixels)
    moved = torch.nonzero(slope[0].abs().sum(-3), as_tuple=True)  # over colours, which stand before rows
    return tuple(int(axis.max() - axis.min()) + 1 for axis in moved)

"""Attention that a model computes and does not return: of a learned query that reads the units, and over time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


@contextmanager
def watching(*modules: nn.Module) -> Iterator[list[tuple[tuple, Any]]]:
    """Gather what modules are given and answer, call by call. Hold the encoder's lock: a hook sees every thread."""
    seen: list[tuple[tuple, Any]] = []

    def note(_: nn.Module, given: tuple, answer: Any) -> None:
        seen.append((given, answer))

    handles = [module.register_forward_hook(note) for module in modules]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def asking(model: Any, wanted: bool) -> Iterator[list[Float[Tensor, " s"]]]:
    """Weights that the query of a model gives to each position, the mean of its heads; filled when the block ends."""
    found: list[Tensor] = []
    if not wanted:
        yield found
        return
    if hasattr(model, "head"):  # SigLIP: torch's own attention answers with its weights
        with watching(model.head.attention) as seen:
            yield found
        found.append(seen[0][1][1][0, 0].float())
    else:  # V-JEPA 2: fused attention keeps none, so they are computed again for this one query
        with watching(model.pooler.cross_attention_layer.cross_attn) as seen:
            yield found
        found.append(_weights(model.pooler.cross_attention_layer.cross_attn, *seen[0][0][:2]))


@contextmanager
def over_time(model: Any, wanted: bool) -> Iterator[list[Float[Tensor, "p h t t"]]]:
    """Attention over time of every layer of TimeSformer, one map a place in the picture; filled when the block ends."""
    found: list[Tensor] = []
    if not wanted:
        yield found
        return
    modules = [part.temporal_attention.attention for part in model.modules() if hasattr(part, "temporal_attention")]
    with watching(*modules) as seen:
        yield found
    for module, (given, _) in zip(modules, seen, strict=True):
        with torch.inference_mode():
            q, k, _ = module.qkv(given[0]).unflatten(-1, (3, module.num_heads, -1)).permute(2, 0, 3, 1, 4)
            found.append((q @ k.transpose(2, 3) * module.scale).softmax(-1))


def _weights(attention: Any, query: Float[Tensor, "1 1 d"], keys: Float[Tensor, "1 s d"]) -> Float[Tensor, " s"]:
    with torch.inference_mode():
        q, k = (
            project(value).unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)
            for project, value in ((attention.q_proj, query), (attention.k_proj, keys))
        )
        return (q @ k.transpose(2, 3) * attention.scale).softmax(-1).mean(1)[0, 0].float()

"""A private copy of an encoder whose weights are drawn anew, stage by stage from the head down."""

import copy
import re
from collections.abc import Iterator
from dataclasses import replace

import torch

from featcore.encode.base import Encoder
from featcore.encode.device import free_bytes
from featcore.encode.room import in_bytes
from featcore.errors import LoadError

_NUMBERED = re.compile(r"^(.*?\.\d+)\.")


def redrawn(encoder: Encoder, seed: int = 0) -> Iterator[tuple[str, Encoder]]:
    """Name of each stage, from the head down to the embedding, and the copy with this stage and those before it drawn.

    Every tensor of parameters is drawn from a normal distribution of its own mean and deviation, so the size of
    activations roughly stays; running statistics of batch norm stay as they are. One copy is used up: ask it before
    the next stage. The encoder itself is only read, under its lock.

    Raises:
        LoadError: a second copy of the weights does not fit into memory.
    """
    private = private_copy(encoder)
    rng = torch.Generator().manual_seed(seed)
    for name, weights in stages(private.model):
        with private.running("sdpa"), torch.no_grad():
            for weight in weights:
                numbers = weight.detach().float()
                drawn = torch.randn(weight.shape, generator=rng).to(weight.device)
                weight.copy_(numbers.mean() + numbers.std(correction=0) * drawn)
        yield name, private


def private_copy(encoder: Encoder) -> Encoder:
    """An encoder of the same weights that nobody else has, with a lock of its own."""
    needed, free = encoder.card.parameters * encoder.dtype.itemsize * 9 // 8, free_bytes(encoder.device)
    if free is not None and needed > free:
        raise LoadError(
            f"Randomising '{encoder.card.name}' needs a second copy of its weights, {in_bytes(needed)}; "
            f"{in_bytes(free)} are free on {encoder.device}. Choose a smaller encoder."
        )
    with encoder.running("sdpa"):
        model = copy.deepcopy(encoder.model)
    stem = copy.copy(encoder.stem)
    stem.model = model  # type: ignore[attr-defined]
    card = replace(encoder.card, name=f"{encoder.card.name}, weights drawn anew", weights_sha256="")
    return Encoder(card, encoder.layout, encoder.loader, model, stem)


def stages(model: torch.nn.Module) -> list[tuple[str, list[torch.nn.Parameter]]]:
    """Parameters in groups, from the head down: what stands behind the layers, each layer, what stands before them.

    A layer is what has the first number in a parameter's name ("encoder.layer.3"). Tied weights count where the model
    names them first, so a language model's head falls with its embedding.
    """
    named = list(model.named_parameters())
    first = next((at for at, (name, _) in enumerate(named) if _NUMBERED.match(name)), len(named))
    groups: dict[str, list[torch.nn.Parameter]] = {}
    for at, (name, weight) in enumerate(named):
        layer = _NUMBERED.match(name)
        before = at < first or "embed" in name
        groups.setdefault(layer.group(1) if layer else "embedding" if before else "head", []).append(weight)
    layers = [stage for stage in groups if stage not in ("head", "embedding")]
    return [(stage, groups[stage]) for stage in ("head", *reversed(layers), "embedding") if stage in groups]

"""A model that ends early: its last layers hand on what they are given, for the length of one pass."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel


@contextmanager
def shortened(model: PreTrainedModel, layers: int | None) -> Iterator[None]:
    """Let all layers behind the first `layers` do nothing; the model is as before afterwards, also after an error.

    The caller holds the encoder's lock.
    """
    behind = [] if layers is None else list(blocks(model))[layers:]
    try:
        for block in behind:
            block.forward = _handing_on(block.forward)
        yield
    finally:
        for block in behind:
            vars(block).pop("forward", None)


def blocks(model: PreTrainedModel) -> nn.ModuleList:
    """The layers of a transformer, in order."""
    depth = getattr(model.config, "vision_config", model.config).num_hidden_layers
    return next(module for module in model.modules() if isinstance(module, nn.ModuleList) and len(module) == depth)


def _handing_on(forward: Callable[..., Any]) -> Callable[..., Any]:
    """A layer's forward that answers with its input, in the form that the layer answers in."""

    def hand_on(hidden_states: Tensor, *args: Any, **kwargs: Any) -> Any:
        with torch.no_grad():
            answer = forward(hidden_states, *args, **kwargs)
        return (hidden_states, *answer[1:]) if isinstance(answer, tuple) else hidden_states

    return hand_on

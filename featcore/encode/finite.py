"""Numbers that are none (NaN) or infinite are refused where they first stand."""

import numpy as np
import torch
from jaxtyping import Float

from featcore.encode.device import dtype_name
from featcore.errors import LoadError, NotDefined


def refuse_infinite_weights(model: torch.nn.Module, dtype: torch.dtype, checkpoint: str) -> None:
    """Refuse weights that give no finite answer to any input.

    Raises:
        LoadError: names the first tensor that holds such a number.
    """
    for name, weight in model.named_parameters():
        if weight.numel() and not all(bool(end.isfinite()) for end in torch.aminmax(weight.detach())):
            raise LoadError(
                f"The weights of '{checkpoint}' are not finite: '{name}' holds NaN or infinity. {_way_out(dtype)}"
            )


def refuse_infinite_states(
    hidden: Float[np.ndarray, "l s d"], logits: Float[np.ndarray, " k"] | None, dtype: torch.dtype, checkpoint: str
) -> None:
    """Refuse an answer that is not finite, since nothing could be drawn or explained of it.

    Raises:
        NotDefined: names the first layer behind which such a number stands.
    """
    if np.isfinite(hidden[-1]).all() and (logits is None or np.isfinite(logits).all()):
        return
    broken = ~np.isfinite(hidden).all((1, 2))
    first = int(broken.argmax())
    where = "in its class scores" if not broken.any() else f"behind layer {first}" if first else "before its layers"
    where = "in its last feature map" if len(hidden) == 1 and broken.any() else where
    raise NotDefined(
        f"'{checkpoint}' gives numbers that are not finite (NaN or infinity) for this input, first {where}. "
        f"{_way_out(dtype)}"
    )


def _way_out(dtype: torch.dtype) -> str:
    if dtype == torch.float32:
        return "Choose another checkpoint, or save this one anew from finite weights."
    return f"A {dtype_name(dtype)} is at most {torch.finfo(dtype).max:.6g}: load it as float32 (FEATCORE_DTYPE)."

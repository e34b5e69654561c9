"""The least that the definition of an attribution method costs, in forward passes of one input; nothing is run.

Counted in whole passes. A backward pass down to the input is one more: linear maps cost it what they cost the pass
itself, products of attention twice as much, so 2 a point is the least. F(x) is known from the encoding already.
What our own call spends beyond that is waste, which its counted FLOP would hide.
"""

from collections.abc import Callable, Mapping
from math import floor, log2

from featcore.draw.sweep import Record, known, part

FORWARD = {"attention": 1, "attention_rollout": 1, "cam": 1, "grad_cam": 1, "attention_x_gradient": 1}
"""One pass. The gradients of the last two go back no further than the last layer, which their default reads."""
BACKWARD = {"saliency": 2, "input_x_gradient": 2, "relevance": 2, "legrad": 2, "deeplift": 3}
"""A pass and its way back; DeepLIFT runs the baseline forward as well."""

SAMPLED: Mapping[str, Callable[[float, float], float]] = {
    "integrated_gradients": lambda n, units: 2 * n + 1,  # and F(baseline), to state the gap
    "gradient_shap": lambda n, units: 2 * n,
    "smoothgrad": lambda n, units: 2 * n,
    "smooth_input_x_gradient": lambda n, units: 2 * n,
    "random_masks": lambda n, units: n,
    "lime": lambda n, units: n,
    "kernel_shap": lambda n, units: n,
    # The empty and the whole set are shared by all orders.
    "shapley_sampling": lambda n, units: n * (units - 1) + 2,
}
"""Of `n` steps, samples, masks, sets or orders and so many units."""
_BOTH_ENDS = 2
"""Passes that our search from coarse to fine states beside those of its windows: F(x) and F(baseline)."""


def is_sampled(record: Record) -> bool:
    """Whether a method draws as much as it is told, so that it has an error of sampling."""
    return part(record, "stage").split(":", 1)[-1] in SAMPLED


def least_forwards(record: Record) -> float | None:
    """Forward passes of one input that the method needs at least; None where the record does not say how much of it.

    Methods that are not sampled are taken with their default knobs. Those that decide as they go how much they look at
    (`adaptive_gradients`, `coarse_occlusion`) are held to the points and windows they took.
    """
    name, effort = part(record, "stage").split(":", 1)[-1], known(record, "effort")
    units, passes = known(record, "units"), known(record, "passes")
    if name in FORWARD or name in BACKWARD:
        return float((FORWARD | BACKWARD)[name])
    if name == "occlusion" and units is not None:
        return units + 1
    if name == "adaptive_gradients" and passes is not None:
        return 2 * (2 ** floor(log2(passes - 1)) + 1)  # its rules have 2^k + 1 points, which hold both ends
    if name == "coarse_occlusion" and passes is not None:
        return passes - _BOTH_ENDS
    if name in SAMPLED and effort is not None and (units is not None or name != "shapley_sampling"):
        return float(SAMPLED[name](effort, units or 0.0))
    return None

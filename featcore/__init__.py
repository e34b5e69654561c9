"""featcore: an input becomes units, units become numbers, numbers become one score per unit.

    encoder = fc.load("text-mini")                      # an embedded encoder, a local folder, or a hub id
    sample = encoder.prepare(fc.read_text("not bad"))   # sample.units: what can be scored or hidden
    encoding = encoder.encode(sample)                   # hidden states, attention, logits
    attribution = fc.explain(encoder, sample, "integrated_gradients", steps=32)
    latencies = fc.latency(encoder, sample.source)      # by stage

The names below are imported when they are first used, so that `import featcore` costs nothing.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "read_text": "featcore.inputs.text",
    "read_image": "featcore.inputs.image",
    "read_video": "featcore.inputs.video",
    "samples": "featcore.inputs.samples",
    "load": "featcore.encode.catalog",
    "encoders": "featcore.encode.catalog",
    "explain": "featcore.explain",
    "explain_all": "featcore.explain",
    "methods": "featcore.explain",
    "latency": "featcore.measure.latency",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'featcore' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])

"""Arrays become pictures and Plotly figures; this package knows neither models nor Streamlit.

Every figure is a `Picture` with a transparent ground that takes text colours from the page's theme; `alt` is its
sentence for people who do not see it, `table` its numbers for a CSV file. Importing the package loads no plotting
library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from featcore.draw.attention import attention_map, heads
    from featcore.draw.curves import bars, concentration, prediction
    from featcore.draw.faithfulness import agreements, cascade, deletion_insertion
    from featcore.draw.frame import fragments
    from featcore.draw.latency import stages
    from featcore.draw.layout import sequence
    from featcore.draw.meta import config, escape
    from featcore.draw.picture import Picture
    from featcore.draw.pixels import clip_webm, overlay_pixels
    from featcore.draw.runs import percentiles, trace
    from featcore.draw.scale import Scale
    from featcore.draw.source import on_source
    from featcore.draw.text import strip
    from featcore.draw.times import profile, timeline
    from featcore.draw.training import confusion, ladder, learning
    from featcore.draw.video import film, filmstrip

HOME = {
    "attention": ("attention_map", "heads"),
    "curves": ("bars", "concentration", "prediction"),
    "faithfulness": ("agreements", "cascade", "deletion_insertion"),
    "frame": ("fragments",),
    "latency": ("stages",),
    "layout": ("sequence",),
    "training": ("confusion", "ladder", "learning"),
    "meta": ("config", "escape"),
    "picture": ("Picture",),
    "pixels": ("clip_webm", "overlay_pixels"),
    "runs": ("percentiles", "trace"),
    "scale": ("Scale",),
    "source": ("on_source",),
    "text": ("strip",),
    "times": ("profile", "timeline"),
    "video": ("film", "filmstrip"),
}

__all__ = [
    "Picture",
    "Scale",
    "agreements",
    "attention_map",
    "bars",
    "cascade",
    "clip_webm",
    "concentration",
    "config",
    "confusion",
    "deletion_insertion",
    "escape",
    "film",
    "filmstrip",
    "fragments",
    "heads",
    "ladder",
    "learning",
    "on_source",
    "overlay_pixels",
    "percentiles",
    "prediction",
    "profile",
    "sequence",
    "stages",
    "strip",
    "timeline",
    "trace",
]


def __getattr__(name: str) -> Any:
    for module, names in HOME.items():
        if name in names:
            return getattr(import_module(f"featcore.draw.{module}"), name)
    raise AttributeError(f"module 'featcore.draw' has no attribute '{name}'")

"""Arrays become pictures and Plotly figures; this package knows neither models nor Streamlit.

Every figure is a `Picture` with a transparent ground that takes text colours from the page's theme; `alt` is its
sentence for people who do not see it, `table` its numbers for a CSV file. Importing the package loads no plotting
library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from featcore.draw.attention import attention_map, heads
    from featcore.draw.batches import throughput, tradeoff
    from featcore.draw.cost import attribution_cost
    from featcore.draw.curves import bars, concentration, prediction
    from featcore.draw.faithfulness import agreements, cascade, deletion_insertion
    from featcore.draw.frame import fragments, markable
    from featcore.draw.grid import places
    from featcore.draw.latency import stages
    from featcore.draw.layout import sequence
    from featcore.draw.memory import memory_stack
    from featcore.draw.meta import config, escape
    from featcore.draw.movie import film_gif, film_webm
    from featcore.draw.picture import Picture
    from featcore.draw.pixels import overlay_pixels
    from featcore.draw.ratios import forest
    from featcore.draw.roof import roofline
    from featcore.draw.runs import percentiles, trace
    from featcore.draw.scale import Scale
    from featcore.draw.scaling import exponents, growth, work
    from featcore.draw.source import on_source
    from featcore.draw.standings import standing
    from featcore.draw.text import strip
    from featcore.draw.times import profile, timeline
    from featcore.draw.training import confusion, ladder, learning
    from featcore.draw.video import film, filmstrip, strongest
    from featcore.draw.words import word_bars, written

HOME = {
    "attention": ("attention_map", "heads"),
    "batches": ("throughput", "tradeoff"),
    "cost": ("attribution_cost",),
    "curves": ("bars", "concentration", "prediction"),
    "faithfulness": ("agreements", "cascade", "deletion_insertion"),
    "frame": ("fragments", "markable"),
    "grid": ("places",),
    "latency": ("stages",),
    "layout": ("sequence",),
    "memory": ("memory_stack",),
    "meta": ("config", "escape"),
    "picture": ("Picture",),
    "movie": ("film_gif", "film_webm"),
    "pixels": ("overlay_pixels",),
    "ratios": ("forest",),
    "roof": ("roofline",),
    "runs": ("percentiles", "trace"),
    "scale": ("Scale",),
    "scaling": ("exponents", "growth", "work"),
    "source": ("on_source",),
    "standings": ("standing",),
    "text": ("strip",),
    "times": ("profile", "timeline"),
    "training": ("confusion", "ladder", "learning"),
    "video": ("film", "filmstrip", "strongest"),
    "words": ("word_bars", "written"),
}

__all__ = [
    "Picture",
    "Scale",
    "agreements",
    "attention_map",
    "attribution_cost",
    "bars",
    "cascade",
    "concentration",
    "config",
    "confusion",
    "deletion_insertion",
    "escape",
    "exponents",
    "film",
    "film_gif",
    "film_webm",
    "filmstrip",
    "forest",
    "fragments",
    "growth",
    "heads",
    "ladder",
    "learning",
    "markable",
    "memory_stack",
    "on_source",
    "overlay_pixels",
    "percentiles",
    "places",
    "prediction",
    "profile",
    "roofline",
    "sequence",
    "stages",
    "standing",
    "strip",
    "strongest",
    "throughput",
    "timeline",
    "trace",
    "tradeoff",
    "word_bars",
    "work",
    "written",
]


def __getattr__(name: str) -> Any:
    for module, names in HOME.items():
        if name in names:
            return getattr(import_module(f"featcore.draw.{module}"), name)
    raise AttributeError(f"module 'featcore.draw' has no attribute '{name}'")

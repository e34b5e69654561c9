"""Data become small encoders: one recipe an encoder, one loop for all of them.

The names below are imported when they are first used: `live` follows a run from a page without any model library.
"""

from importlib import import_module
from typing import Any

_HOME = {"RECIPES": "loop", "Recipe": "recipe", "evaluate": "loop", "fit": "loop", "train": "loop"}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'featcore.learn' has no attribute '{name}'")
    return getattr(import_module(f"featcore.learn.{_HOME[name]}"), name)

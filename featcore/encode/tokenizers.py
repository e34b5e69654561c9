"""Tokenizers by name, for looking at how a text is cut without running a model."""

import threading
from functools import lru_cache
from typing import Any

from featcore.encode.catalog import encoders, folder_of
from featcore.errors import UnknownName
from featcore.types import Text, Tokens
from featcore.units.plain import PLAIN_CUTS
from featcore.units.tokens import tokenize

_LOCK = threading.Lock()


def tokenizers() -> list[str]:
    """Names that `cut` takes: the tokenizers of the embedded text encoders, then the plain cuts."""
    return [*(card.name for card in encoders() if card.modality == "text"), *PLAIN_CUTS]


def cut(name: str, text: Text) -> Tokens:
    """A text as one tokenizer cuts it, whole: nothing is truncated, since no model has to read it."""
    if name in PLAIN_CUTS:
        return PLAIN_CUTS[name](text)
    if name not in tokenizers():
        raise UnknownName(f"No tokenizer is called '{name}'. Known: {', '.join(tokenizers())}.")
    with _LOCK:  # a fast tokenizer keeps its truncation as state
        return tokenize(text, _tokenizer(str(folder_of(name))))


@lru_cache(maxsize=8)
def _tokenizer(folder: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)

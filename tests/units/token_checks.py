"""What is true of every cut text; a helper that cuts also checks."""

import numpy as np
from transformers import PreTrainedTokenizerFast

from featcore.types import Text, Tokens
from featcore.units.tokens import tokenize


def cut(text: str, tokenizer: PreTrainedTokenizerFast, max_positions: int | None = None) -> Tokens:
    tokens = tokenize(Text(key="", text=text), tokenizer, max_positions)
    n = len(tokens)
    assert tokens.chars.shape == tokens.bytes.shape == (n, 2)
    assert all(len(part) == n for part in (tokens.ids, tokens.strings, tokens.surfaces, tokens.special, tokens.words))
    assert (tokens.chars[tokens.special] == 0).all()
    assert (tokens.words[tokens.special] == -1).all()
    assert ((tokens.chars >= 0) & (tokens.chars <= len(text))).all()
    own = tokens.chars[~tokens.special]
    assert (own[:, 0] <= own[:, 1]).all()
    assert (np.diff(own, axis=0) >= 0).all(), "tokens are in the order of the text"
    return tokens


def assert_bytes_tile(tokens: Tokens) -> None:
    extents = tokens.bytes[~tokens.special]
    raw = tokens.text.encode()
    assert b"".join(raw[start:stop] for start, stop in extents) == raw
    if len(extents):
        assert extents[0, 0] == 0
        assert extents[-1, 1] == len(raw)
        assert (extents[1:, 0] == extents[:-1, 1]).all()

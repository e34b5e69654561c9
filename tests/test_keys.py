"""Two answers share a fingerprint exactly when their content is the same."""

import numpy as np
import pytest

import featcore as fc
from featcore.draw import on_source, strip
from featcore.keys import digest, fingerprint
from featcore.runs import encoding_question
from featcore.types import Clip, Look, Text, Units


def clip(value: int, name: str = "a.png") -> Clip:
    return Clip(f"key{value}", np.full((1, 2, 2, 3), value, np.uint8), np.zeros(1), name)


def units(labels=("a", "b")) -> Units:
    return Units(("char",), np.arange(4).reshape(2, 1, 2), labels)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.arange(3), np.arange(3.0)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.array([1.0, np.nan]), np.array([1.0, 2.0])),
        (("a", ("b",)), (("a", "b"),)),
        (("ab", "c"), ("a", "bc")),
        (1, "1"),
        (1, 1.0),
        (None, "None"),
        (True, 1),
        ({"a": 1}, {"a": 2}),
        (clip(1), clip(2)),
        (clip(1), clip(1, name="b.png")),
        (units(), units(("a", "c"))),
        (on_source, strip),
    ],
)
def test_what_differs_has_another_fingerprint(one, other):
    assert fingerprint(one) != fingerprint(other)


def test_what_is_equal_has_the_same_fingerprint_and_a_source_counts_by_its_key():
    assert fingerprint(units(), [1, 2.5, None]) == fingerprint(units(), [1, 2.5, None])
    assert fingerprint(np.arange(6)[::2]) == fingerprint(np.array([0, 2, 4]))
    one, other = Clip("k", np.zeros((1, 2, 2, 3), np.uint8), np.zeros(1)), Clip("k", None, None)  # type: ignore[arg-type]
    assert fingerprint(one) == fingerprint(other), "the frames are not read"
    assert fingerprint(Text("k", "a")) == fingerprint(Text("k", "b"))


def test_what_cannot_be_told_apart_is_refused():
    with pytest.raises(TypeError, match="object has no fingerprint"):
        fingerprint(object())


def test_an_encoding_is_kept_by_the_attention_that_was_asked_of_it():
    card, source = fc.encoders()[0], Text("key", "a text")
    looks = (None, Look(), Look((1,)), Look((0,)), Look(None, (1,)), Look((0,), (1,)), Look(rolled=True))
    assert len({digest(encoding_question(card, source, look)) for look in looks}) == len(looks)
    assert encoding_question(card, source) == encoding_question(card, source, None), "all of it has the key it had"

"""No test example is learnt from; how many nearly equal ones the public sets hold is counted and written down here."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest

from featcore.learn import RECIPES
from featcore.learn.recipe import DATA
from featcore.learn.text import letters

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not (DATA / "sst2").is_dir(), reason="the shared data folder is not here"),
]

# Counted by the tests below. Nearly equal sentences: cosine of at least 0.8 between counts of three-letter runs.
# Nearly equal pictures: 8x8 grey thumbnails that correlate by at least 0.99.
NEAR_SENTENCES = 11
NEAR_PICTURES = 38


def test_no_dev_or_test_sentence_is_learnt_from():
    recipe = RECIPES["text-mini"]
    seen = {letters(text) for text in (*recipe.read(DATA, "train", 0).inputs, *recipe.before(DATA, 0).inputs)}
    for split in ("dev", "test"):
        assert not [text for text in recipe.read(DATA, split, 0).inputs if letters(text) in seen]


def test_no_test_picture_is_learnt_from():
    with np.load(DATA / "cifar10" / "train.npz") as train, np.load(DATA / "cifar10" / "test.npz") as test:
        assert not digests(train) & digests(test)


def digests(archive) -> set[bytes]:
    packed, bounds = archive["jpeg"].tobytes(), archive["offset"]
    return {hashlib.sha256(packed[a:b]).digest() for a, b in pairwise(bounds)}


def test_nearly_equal_sentences_are_as_many_as_written_down():
    from sklearn.feature_extraction.text import HashingVectorizer

    recipe = RECIPES["text-mini"]
    runs = HashingVectorizer(analyzer="char", ngram_range=(3, 3), n_features=2**16, alternate_sign=False, norm="l2")
    train = runs.transform(map(letters, recipe.read(DATA, "train", 0).inputs)).T.tocsr()
    test = runs.transform(map(letters, recipe.read(DATA, "test", 0).inputs))
    near = sum(int(((test[i : i + 100] @ train).max(axis=1).toarray() >= 0.8).sum()) for i in range(0, 1821, 100))
    assert near == NEAR_SENTENCES


def test_nearly_equal_pictures_are_as_many_as_written_down():
    recipe = RECIPES["image-mini"]
    train, test = (thumbnails(recipe.read(DATA, split, 0).inputs) for split in ("train", "test"))
    near = sum(int(((test[i : i + 500] @ train.T).max(axis=1) >= 0.99).sum()) for i in range(0, len(test), 500))
    assert near == NEAR_PICTURES


def thumbnails(pixels: np.ndarray) -> np.ndarray:
    """8x8 grey means, centred and of length 1."""
    grey = pixels.mean(-1, dtype=np.float32).reshape(len(pixels), 8, 4, 8, 4).mean((2, 4)).reshape(len(pixels), 64)
    grey -= grey.mean(1, keepdims=True)
    return grey / np.maximum(np.linalg.norm(grey, axis=1, keepdims=True), 1e-6)

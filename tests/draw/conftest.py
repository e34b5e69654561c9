"""Small inputs whose answers are known."""

import numpy as np
import pytest

from featcore.types import Clip, Latency, Provenance, Units

NASTY = ("<b>x</b>", "<a href='javascript:alert(1)'>", "%{customdata}", "&amp;", "$a$", "中文", "😀")


def tokens(labels) -> Units:
    stops = np.cumsum([len(label) + 1 for label in labels])
    starts = stops - [len(label) + 1 for label in labels]
    return Units(("char",), np.stack([starts, stops - 1], axis=1)[:, None], tuple(labels))


def boxes(shape, grid) -> Units:
    step = np.array(shape) // np.array(grid)
    places = np.argwhere(np.ones(grid, bool))
    extents = np.stack([places * step, (places + 1) * step], axis=2)
    return Units(("t", "y", "x"), extents, tuple(f"t{t} y{y} x{x}" for t, y, x in places), grid)


def latency(stage="encode", n=20, encoder="mini", disturbed="") -> Latency:
    where = Provenance(encoder, "r", "w", "cpu", "float32", "eager", 2, (), "2026-01-01")
    samples = 0.01 + 0.0001 * np.arange(n)
    return Latency(stage, samples, 3, 0.05, "count", 16, where, disturbed)


@pytest.fixture
def nasty() -> Units:
    return tokens(NASTY)


@pytest.fixture
def red() -> Clip:
    frame = np.zeros((200, 300, 3), np.uint8)
    frame[..., 0] = 220
    return Clip("red", frame[None], np.zeros(1), "red.png", still=True)


@pytest.fixture
def photo() -> Clip:
    """As many details as a real photograph, so that its JPEG is as large."""
    import cv2

    rng = np.random.default_rng(0)
    layers = [
        cv2.resize(rng.normal(0, 40, (s, s, 3)), (640, 480), interpolation=cv2.INTER_CUBIC) for s in (4, 16, 64, 160)
    ]
    frame = np.clip(128 + sum(layers), 0, 255).astype(np.uint8)
    return Clip("photo", frame[None], np.zeros(1), "photo.png", still=True)


@pytest.fixture
def clip(photo) -> Clip:
    frames = np.stack([np.roll(photo.frames[0], 7 * t, axis=1) for t in range(16)])
    return Clip("clip", frames, np.arange(16) * 0.1, "clip.mp4")

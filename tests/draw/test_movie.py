"""A film is what is on the screen, to keep: right pixels, one scale, its own times, and what it shows stands on it."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from featcore import draw
from featcore.draw.movie import described, film_frames, stamps_ms
from featcore.draw.pixels import mute
from featcore.draw.scale import Scale
from featcore.types import Attribution, Clip, Provenance, Target
from tests.draw.conftest import boxes

WHERE = Provenance("mini", "r1", "w", "cpu", "float32", "sdpa", 2, (("torch", "2"),), "2026-01-01T00:00:00")


def attributed(units, scores, signed=True) -> Attribution:
    target = Target(1, "mööp 電", "logit")
    return Attribution(units, np.asarray(scores, float), target, "occlusion", (("window", 1),), signed, WHERE, "mean")


@pytest.fixture
def small() -> Clip:
    frames = np.random.default_rng(0).integers(0, 255, (4, 32, 32, 3), dtype=np.uint8)
    return Clip("k", frames, np.array([0.5, 0.75, 1.0, 1.5]))


def test_every_pixel_of_a_small_clip_becomes_a_block_under_its_score_and_sides_are_even(small):
    units, scores = boxes((4, 32, 32), (2, 2, 2)), np.array([4.0, 0, 0, 0, 0, 0, 0, -2])
    frames = list(film_frames(small, attributed(units, scores), opacity=0.5))
    assert {frame.shape for frame in frames} == {frames[0].shape}
    assert frames[0].shape[1] == 256
    assert frames[0].shape[0] % 2 == frames[0].shape[1] % 2 == 0
    grey = mute(small.frames[0])
    assert np.array_equal(frames[0][:256:8, :256:8][16:], grey[16:]), "a score of 0 leaves the picture"
    red, green, blue, share = Scale(-4, 4).rgba(np.array([4.0]), 0.5)[0]
    expected = grey[:16, :16] * (1 - share) + np.array([red, green, blue]) * share
    assert np.abs(frames[0][:128:8, :128:8] - expected).max() <= 0.5
    assert np.array_equal(frames[0][:8, :8], np.broadcast_to(frames[0][0, 0], (8, 8, 3)))
    later = frames[3][128:256:8, 128:256:8].astype(float) - mute(small.frames[3])[16:, 16:]
    _, _, _, half = Scale(-4, 4).rgba(np.array([-2.0]), 0.5)[0]
    assert np.abs(later).max() > 5
    assert half < share, "half as strong on the scale of the whole clip, not of its own frame"


@pytest.mark.parametrize("shape", [(31, 33), (7, 300), (200, 301), (1080, 1921), (300, 9)])
def test_sides_of_any_size_become_even_and_no_pixel_is_cut(shape):
    clip = Clip("k", np.full((1, *shape, 3), 77, np.uint8), np.zeros(1))
    units = boxes((1, *shape), (1, 1, 1))
    (frame,) = film_frames(clip, attributed(units, [0.0]))
    factor = max(1, min(-(-256 // min(shape)), 1280 // max(shape)))
    assert frame.shape[0] % 2 == frame.shape[1] % 2 == 0
    assert frame.shape[1] >= max(256, shape[1] * factor)
    assert (frame == 77).all(-1).sum() == shape[0] * shape[1] * factor**2


def test_the_strip_says_who_what_and_when_and_only_the_time_changes(small):
    units = boxes((4, 32, 32), (2, 2, 2))
    one = list(film_frames(small, attributed(units, np.arange(8.0))))
    other = list(film_frames(small, attributed(units, np.arange(8.0) * 2)))
    below = [frame[256:] for frame in one]
    assert (below[0] < 100).any()
    assert np.array_equal(below[0][:-20], below[1][:-20])
    assert not np.array_equal(below[0][-20:], below[1][-20:]), "the time of the frame"
    assert not np.array_equal(below[0], other[0][256:]), "another scale has other ends"


def test_a_webm_plays_back_the_frames_at_their_times_and_carries_what_made_it(small):
    import av

    found = attributed(boxes((4, 32, 32), (2, 2, 2)), np.arange(8.0) - 3)
    data = draw.film_webm(small, found)
    assert data == draw.film_webm(small, found), "the same bytes every time"
    with av.open(io.BytesIO(data)) as container:
        assert "webm" in container.format.name
        assert container.streams.video[0].codec_context.name == "vp9"
        assert container.duration == pytest.approx(1.25e6), "the last frame stands as long as the median one"
        kept = json.loads({key.lower(): value for key, value in container.metadata.items()}["comment"])
        back = list(container.decode(video=0))
    assert [frame.pts for frame in back] == [0, 250, 500, 1000]
    for frame, expected in zip(back, film_frames(small, found), strict=True):
        pixels = frame.to_ndarray(format="rgb24").astype(float)
        assert np.abs(pixels - expected).mean() < 6
        assert np.abs(pixels[:256].mean((0, 1)) - expected[:256].mean((0, 1))).max() < 2
    assert kept == json.loads(json.dumps(described(found, None)))
    assert (kept["method"], kept["encoder"], kept["target"]) == ("occlusion", "mini", "logit of 'mööp 電'")
    assert kept["scale"] == [-4, 4]


def test_a_gif_has_every_frame_for_its_time_and_repeats(small):
    found = attributed(boxes((4, 32, 32), (2, 2, 2)), np.arange(8.0) - 3)
    data = draw.film_gif(small, found)
    assert data == draw.film_gif(small, found)
    with Image.open(io.BytesIO(data)) as gif:
        assert gif.n_frames == 4
        assert gif.info["loop"] == 0
        assert json.loads(gif.info["comment"])["method"] == "occlusion"
        for at, (expected, hold) in enumerate(zip(film_frames(small, found), (250, 250, 500, 250), strict=True)):
            gif.seek(at)
            assert gif.info["duration"] == hold
            assert np.abs(np.asarray(gif.convert("RGB")).astype(float) - expected).mean() < 6


def test_repeated_times_stay_in_order_and_one_frame_stands_for_two_seconds(small):
    stamps, last = stamps_ms(Clip("k", small.frames, np.array([1.0, 1.5, 1.5, 1.5])))
    assert stamps.tolist() == [0, 500, 501, 502]
    assert last == 1
    alone = Clip("k", small.frames[:1], np.array([3.0]))
    assert stamps_ms(alone)[1] == 2000
    found = attributed(boxes((1, 32, 32), (1, 2, 2)), np.zeros(4))
    assert draw.film_webm(alone, found)[:4] == b"\x1aE\xdf\xa3"
    assert draw.film_gif(alone, found)[:6] == b"GIF89a"


def test_regions_are_filmed_with_their_edges(small):
    from featcore.units.regions import cut_regions

    units = cut_regions(small, 4, 10.0)
    frame = next(film_frames(small, attributed(units, np.arange(len(units)), signed=False)))
    assert len(np.unique(frame[:256].reshape(-1, 3), axis=0)) > 4


def test_the_strongest_fragments_come_first_with_their_box_and_time(clip):
    units = boxes((16, 480, 640), (8, 2, 2))
    scores = np.zeros(32)
    scores[[5, 9, 30]] = 1.0, -3.0, 3.0
    figure = draw.strongest(clip, units, scores, most=3, selected=30)
    assert figure.table["unit"] == [9, 30, 5]
    assert figure.table["start_s"] == pytest.approx([0.4, 1.4, 0.2])
    assert figure.table["stop_s"] == pytest.approx([0.6, 1.6, 0.4])
    marks = next(trace for trace in figure.data if trace.customdata is not None)
    assert [row[0] for row in marks.customdata] == [9, 30, 5]
    outline = next(trace for trace in figure.data if trace.type == "scatter" and trace.mode == "lines")
    assert sorted(set(outline.x[:5])) == [320, 640]
    assert sum(trace.type == "image" for trace in figure.data) == 3
    assert "t2 y0 x1 with −3" in figure.alt


def test_the_profile_shows_what_cancels_within_a_slot():
    units, scores = boxes((4, 4, 4), (2, 2, 2)), np.array([1.0, -1, 1, -1, -2, 0, 0, 0])
    bars, dots = draw.profile(units, scores).data
    assert list(bars.y) == [0, -2]
    assert list(dots.y) == [4, 2]
    assert len(draw.profile(units, abs(scores)).data) == 1, "without a sign both are the same"

"""Rendered motions: time runs the right way, and one frame alone says nothing."""

import numpy as np
import pytest

from featcore.errors import InputError
from featcore.inputs.motion import MOTIONS, covered, photographed, render, render_many
from featcore.inputs.photographs import FILES, installed, photographs, piece


def moments(clip):
    """Mass, centre x and centre y of what differs from the median grey of a clip, in pixels, per frame."""
    grey = clip.astype(float).mean(axis=-1)
    weight = np.abs(grey - np.median(grey))
    weight = np.where(weight > 12, weight, 0) + 1e-9
    y, x = np.mgrid[: clip.shape[1], : clip.shape[2]]
    mass = weight.sum(axis=(1, 2))
    return mass, (weight * x).sum(axis=(1, 2)) / mass, (weight * y).sum(axis=(1, 2)) / mass


def plain_seeds(count=12):
    """Seeds whose scene has a plain background, so that simple statistics find the shape."""
    found = []
    for seed in range(1000):
        corner = render("grows", seed, 2)[0, :3, :3].reshape(-1, 3)
        if np.ptp(corner, axis=0).max() == 0:
            found.append(seed)
        if len(found) == count:
            return found
    raise AssertionError("hardly any plain backgrounds")


@pytest.mark.parametrize("motion", MOTIONS)
def test_a_clip_has_the_size_asked_for_and_the_seed_decides_it(motion):
    clip = render(motion, 3, frames=24, size_px=64)
    assert clip.shape == (24, 64, 64, 3)
    assert clip.dtype == np.uint8
    assert (clip == render(motion, 3, frames=24, size_px=64)).all()
    assert (clip != render(motion, 4, frames=24, size_px=64)).any()


@pytest.mark.parametrize("pair", range(5))
def test_a_clip_played_backwards_is_the_opposite_motion(pair):
    forwards, backwards = MOTIONS[2 * pair], MOTIONS[2 * pair + 1]
    for seed in range(8):
        assert (render(forwards, seed)[::-1] == render(backwards, seed)).all()


def test_shapes_move_where_their_names_say():
    for seed in plain_seeds():
        _, right, _ = moments(render("moves right", seed))
        _, _, down = moments(render("moves down", seed))
        assert right[-1] - right[0] > 1
        assert down[-1] - down[0] > 1


def test_shapes_grow_and_appear():
    for seed in plain_seeds():
        grown, _, _ = moments(render("grows", seed))
        assert grown[-1] > grown[0]
        shown = render("appears", seed).astype(float)
        assert np.ptp(shown[-1]) > np.ptp(shown[0])


def test_clockwise_is_clockwise_on_the_screen():
    """The phase of the third angular moment follows the shape; rows grow downwards, so clockwise is positive."""
    turned = 0
    for seed in plain_seeds():
        clip = render("turns clockwise", seed, frames=9, size_px=64).astype(float).mean(axis=-1)
        weight = np.abs(clip - np.median(clip))
        y, x = np.mgrid[:64, :64].astype(float)
        mass = weight.sum(axis=(1, 2))[:, None, None]
        cy, cx = ((weight * axis).sum(axis=(1, 2), keepdims=True) / mass for axis in (y, x))
        radius, angle = np.hypot(y - cy, x - cx), np.arctan2(y - cy, x - cx)
        third = (weight * radius**3 * np.exp(3j * angle)).sum(axis=(1, 2))
        turned += np.angle(third[1:] / third[:-1]).mean() > 0
    assert turned >= 10


def test_many_clips_at_once_are_the_same_clips():
    motions, seeds = np.arange(10), np.arange(10) * 7
    together = render_many(motions, seeds)
    for clip, motion, seed in zip(together, motions, seeds, strict=True):
        assert (clip == render(MOTIONS[motion], int(seed))).all()


@pytest.mark.parametrize("photographs", [None, "train"])
def test_one_random_frame_carries_no_class_information(photographs):
    """A linear rule fitted on the pixels of one frame a clip stays at chance on new clips."""
    n = 3000
    motions = np.arange(n) % 10
    clips = render_many(motions, np.arange(n), size_px=12, photographs=photographs)
    frames = clips[np.arange(n), np.random.default_rng(0).integers(0, 8, n)].reshape(n, -1) / 255.0
    features = np.concatenate([frames, (frames - frames.mean(axis=1, keepdims=True)) ** 2, np.ones((n, 1))], axis=1)
    half, truth = n // 2, np.eye(10)[motions]
    ridge = features[:half].T @ features[:half] + 10 * np.eye(features.shape[1])
    weights = np.linalg.solve(ridge, features[:half].T @ truth[:half])
    accuracy = ((features[half:] @ weights).argmax(axis=1) == motions[half:]).mean()
    assert 0.07 < accuracy < 0.13


@pytest.mark.parametrize(("motion", "frames", "size_px"), [("jumps", 8, 32), ("grows", 0, 32), ("grows", 8, 0)])
def test_a_clip_that_cannot_be_drawn_is_explained_in_words(motion, frames, size_px):
    with pytest.raises(InputError, match=r"Known: moves right|must be at least 1"):
        render(motion, 0, frames, size_px)


@pytest.mark.parametrize("motion", MOTIONS)
def test_where_the_shape_is_said_to_be_is_where_the_clip_differs_from_its_background(motion):
    for seed in plain_seeds(3):
        inside, clip = covered(motion, seed), render(motion, seed).astype(int)
        assert inside.shape == clip.shape[:3]
        background = clip[0, 0, 0]  # these are plain, and no shape reaches the corner
        differs = (np.abs(clip - background) > 3).any(-1)
        assert differs[inside > 0.5].mean() > 0.99
        assert not differs[inside == 0].any()


def test_a_shape_that_cannot_be_drawn_lies_nowhere():
    with pytest.raises(InputError, match="No motion is called 'jumps'"):
        covered("jumps", 0)


def test_every_other_ten_seeds_have_a_photograph_behind_the_shape_and_the_others_are_as_before():
    seeds = np.arange(60)
    plain, hung = (render_many(seeds % 10, seeds, photographs=part) for part in (None, "test"))
    differ = (plain != hung).any(axis=(1, 2, 3, 4))
    assert (differ == photographed(seeds)).all()
    assert differ.reshape(6, 10).all(axis=1).tolist() == [False, True] * 3


def test_a_photograph_stands_still_and_the_shape_keeps_its_place():
    """Where the shape never comes, no pixel changes; played backwards the clip is the opposite motion."""
    for seed in range(10, 20):
        forwards, backwards = (
            render_many(np.array([motion]), np.array([seed]), photographs="dev")[0] for motion in (0, 1)
        )
        assert (forwards[::-1] == backwards).all()
        away = (covered("moves right", seed) == 0).all(axis=0)
        assert away.any()
        assert np.ptp(forwards[:, away].astype(int), axis=0).max() == 0


def test_a_photograph_has_the_contrast_of_one():
    """Over the photographs of a part, neighbouring pixels differ more than those of any mottled background."""
    seeds = np.array([seed for seed in range(200) if photographed(np.array([seed]))[0]])
    rough = [
        np.abs(np.diff(render_many(seeds % 10, seeds, photographs=part)[:, 0, :4].astype(int), axis=2)).mean()
        for part in ("train", None)
    ]
    assert rough[0] > 2 * rough[1]


def test_the_three_parts_share_no_photograph_and_every_file_is_installed():
    files = [file for part in FILES.values() for file in part]
    assert len(set(files)) == len(files) == 16
    shapes = {part: [pixels.shape[2] for pixels in photographs(part)] for part in FILES}
    assert shapes == {"train": [3] * 11, "dev": [3] * 2, "test": [3] * 3}
    with pytest.raises(InputError, match=r"'a\.png' is a file of skipage, which is not installed"):
        installed("skipage/a.png")


def test_a_piece_shows_the_whole_picture_at_most_and_is_the_same_for_the_same_seed():
    once, again, other = (piece("test", seed, 32) for seed in (5, 5, 6))
    assert once.shape == (32, 32, 3)
    assert 0 <= once.min() < once.max() <= 1
    assert (once == again).all()
    assert (once != other).any()

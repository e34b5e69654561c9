"""The samples load offline, and the clips in the folder are what the code renders."""

import numpy as np
import pytest

from featcore.errors import UnknownName
from featcore.inputs.motion import render
from featcore.inputs.samples import _CLIPS, CLIP_FRAMES, CLIP_SIZE_PX, sample, samples, write_clips
from featcore.settings import settings


@pytest.mark.parametrize("example", samples(), ids=lambda example: example.name)
def test_every_sample_loads_and_says_what_to_look_for(example):
    source = example.load()
    assert source.modality == example.modality
    assert source.name == example.title
    assert "\n" not in example.look_for
    assert example.look_for


def test_there_are_enough_of_each_and_names_are_unique():
    assert [len(samples(modality)) >= least for modality, least in (("text", 6), ("image", 5), ("video", 4))] == [
        True
    ] * 3
    assert len({example.name for example in samples()}) == len(samples())
    assert len({example.load().key for example in samples()}) == len(samples())


def test_an_unknown_sample_is_answered_with_the_known_ones():
    with pytest.raises(UnknownName, match="praise"):
        sample("nothing")


@pytest.mark.parametrize("row", _CLIPS, ids=lambda row: row[0])
def test_sample_clips_show_the_rendered_motion(row):
    name, _, motion, seed, _ = row
    clip = sample(name).load(frames=CLIP_FRAMES, rule="window")
    assert clip.timeline.padded == 0
    assert np.abs(clip.frames.astype(int) - render(motion, seed, CLIP_FRAMES, CLIP_SIZE_PX)).mean() < 4


def test_sample_clips_are_small_and_can_be_written_again(tmp_path):
    written = write_clips(tmp_path)
    assert {path.name for path in written} == {path.name for path in (settings().assets / "samples").glob("*.webm")}
    assert sum(path.stat().st_size for path in written) < 1_000_000

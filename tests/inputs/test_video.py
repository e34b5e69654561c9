"""Clips show the frames that their rule names, upright, and say what was missing; hostile files end in words."""

import io
import re
import subprocess
import sys
import time
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from featcore.errors import InputError, LimitError
from featcore.inputs import read
from featcore.inputs.frames import Reading
from featcore.inputs.video import read_video
from featcore.settings import ROOT, Settings

DATA = ROOT.parent / "shared" / "data"
FILES = sorted(
    path for folder in ("odd_clips", "clips", "clips/signs") for path in DATA.glob(f"{folder}/*") if path.is_file()
)
REFUSED = {
    "DECORD_LICENSE",
    "INTEL_LICENSE_CC-BY-4.0",
    "audio_only.mka",
    "text_renamed.mp4",
    "truncated_no_moov.mp4",
    "zero_bytes.mp4",
}
shared = pytest.mark.skipif(not FILES, reason="needs ../shared/data/odd_clips and clips")


def made(
    frames: int = 20, ticks: list[int] | None = None, kind: str = "matroska", size: tuple[int, int] = (32, 48)
) -> bytes:
    """A lossless clip where frame i is grey of level 5 i, shown at `ticks[i]` hundredths of a second."""
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.height, stream.width, stream.pix_fmt = *size, "bgr0"
        if kind != "avi":  # AVI has a rate and no times
            stream.time_base = stream.codec_context.time_base = Fraction(1, 100)
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((*size, 3), 5 * index, np.uint8), format="rgb24")
            frame.pts, frame.time_base = ticks[index] if ticks else 10 * index, Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def levels(clip) -> list[int]:
    """The frame number written into each frame; every pixel of a frame must agree."""
    assert (clip.frames == clip.frames[:, :1, :1, :1]).all()
    return (clip.frames[:, 0, 0, 0] // 5).tolist()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"frames": 4}, [2, 7, 12, 17]),
        ({"frames": 20}, list(range(20))),
        ({"frames": 1}, [10]),
        ({"frames": 4, "rule": "window"}, [0, 1, 2, 3]),
        ({"frames": 3, "rule": "window", "start_s": 0.5}, [5, 6, 7]),
        ({"frames": 3, "rule": "window", "start_s": 0.51}, [6, 7, 8]),
        ({"frames": 4, "rule": "every", "every": 5}, [0, 5, 10, 15]),
        ({"frames": 3, "rule": "every", "every": 4, "start_s": 0.3}, [3, 7, 11]),
    ],
)
def test_each_rule_chooses_exactly_its_frames(options, expected):
    clip = read_video(made(), **options)
    assert levels(clip) == clip.timeline.used.tolist() == expected
    assert np.allclose(clip.times_s, np.array(expected) / 10)
    assert np.allclose(clip.timeline.times_s, np.arange(20) / 10)
    assert clip.timeline.padded == 0
    assert clip.notes == ()


def test_uniform_follows_time_and_not_frame_numbers():
    # Ten frames in the first tenth of a second, then one a second: most of the time, a late frame is on screen.
    ticks = [*range(10), 100, 200, 300]
    clip = read_video(made(13, ticks), frames=4)
    assert levels(clip) == clip.timeline.used.tolist()
    assert np.allclose(clip.timeline.times_s, np.array(ticks) / 100)
    end_s = 3 + 0.01  # the usual step
    for slice_number, index in enumerate(clip.timeline.used):
        centre_s = (slice_number + 0.5) / 4 * end_s
        assert ticks[index] / 100 <= centre_s
        assert index == 12 or ticks[index + 1] / 100 > centre_s


def test_a_frame_that_stays_longer_than_a_slice_appears_again_and_is_not_padding():
    clip = read_video(made(9, [0, 1, 2, 3, 4, 5, 6, 500, 501]), frames=8)
    assert clip.timeline.padded == 0
    assert levels(clip) == [6] * 8
    assert "7 frames appear again" in clip.notes[0]


@pytest.mark.parametrize("rule", ["uniform", "window", "every"])
def test_a_short_clip_repeats_its_last_frame_and_says_so(rule):
    clip = read_video(made(2), frames=8, rule=rule)
    assert levels(clip) == [0, *7 * [1]]
    assert clip.timeline.padded == 6
    assert clip.timeline.used.tolist() == [0, *7 * [1]]
    assert "repeated 6 times" in clip.notes[0]


@pytest.mark.parametrize("kind", ["matroska", "avi"])
def test_containers_agree_and_the_key_is_the_content(kind):
    clip = read_video(made(kind=kind), frames=4)
    assert levels(clip) == [2, 7, 12, 17]
    assert clip.key == read("x", made(), "video", frames=4).key
    assert clip.key != read_video(made(), frames=4, rule="window").key
    assert clip.modality == "video"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animated_pictures_are_clips(kind):
    pictures = [Image.new("RGB", (20, 10), (5 * i, 5 * i, 5 * i)) for i in range(6)]
    file = io.BytesIO()
    durations = [100, 100, 100, 1000, 100, 100]
    pictures[0].save(file, kind, save_all=True, append_images=pictures[1:], duration=durations, lossless=True)
    clip = read_video(file.getvalue(), frames=3)
    assert np.allclose(clip.timeline.times_s, [0, 0.1, 0.2, 0.3, 1.3, 1.4])
    assert levels(clip) == [2, 3, 3]
    assert not clip.still


@pytest.mark.parametrize(("kind", "way_out"), [("PNG", "Images"), ("JPEG", "Images"), ("GIF", "Images")])
def test_a_still_picture_is_sent_to_images(kind, way_out):
    file = io.BytesIO()
    Image.new("RGB", (20, 10)).save(file, kind)
    with pytest.raises(InputError, match=f"does not move.*{way_out}"):
        read_video(file.getvalue(), name="a.png")


def test_sound_alone_is_no_video():
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(InputError, match=r"'a\.mka' has no moving picture"):
        read_video(file.getvalue(), name="a.mka")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"only words", "plain text"),
        (b"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/x.ts\n", "plain text"),
        (b"ffconcat version 1.0\nfile /etc/hostname\n", "plain text"),
        (b"\0" * 500, "cannot be|no video that can be opened"),
        (b"\x1aE\xdf\xa3" + bytes(500), "no video that can be opened"),
        (b"", "empty"),
    ],
)
def test_what_is_no_video_is_named_and_nothing_is_fetched(data, words):
    with pytest.raises(InputError, match=words) as caught:
        read_video(data, name="a.mp4")
    assert "'a.mp4'" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frames": 0}, "at least 1"),
        ({"frames": 5000}, "limit is 4,000"),
        ({"rule": "random"}, "uniform, window, every"),
        ({"start_s": -1}, "0 or later"),
        ({"start_s": float("nan")}, "0 or later"),
        ({"rule": "window", "start_s": 2.0}, "earlier start"),
    ],
)
def test_impossible_questions_are_explained(options, words):
    with pytest.raises(InputError, match=words):
        read_video(made(), **options)


def limited(monkeypatch, **limits) -> None:
    for module in ("image", "frames", "video", "files"):
        monkeypatch.setattr(f"featcore.inputs.{module}.settings", lambda: Settings(**limits))


def test_reading_stops_at_the_limits_and_says_so(monkeypatch):
    limited(monkeypatch, max_seconds=1.0)
    clip = read_video(made(), frames=4)
    assert len(clip.timeline.times_s) == 11
    assert "only the first 1 s" in clip.notes[0]
    limited(monkeypatch, max_frames=8)
    clip = read_video(made(), frames=4)
    assert levels(clip) == [1, 3, 5, 7]
    assert "only the first 8 frames" in clip.notes[0]


def test_large_frames_are_scaled_or_refused(monkeypatch):
    limited(monkeypatch, max_side_px=24)
    clip = read_video(made(), frames=2)
    assert clip.frames.shape == (2, 16, 24, 3)
    assert "48 x 32 to 24 x 16" in clip.notes[0]
    limited(monkeypatch, max_pixels=1000)
    with pytest.raises(LimitError, match="48 x 32"):
        read_video(made())


def test_a_frame_of_12000_pixels_is_refused():
    with pytest.raises(LimitError, match="'wide' has frames of 12000 x 16"):
        read_video(made(2, size=(16, 12_000)), name="wide")


def test_too_many_large_frames_are_refused_before_they_fill_the_memory(monkeypatch):
    monkeypatch.setattr("featcore.inputs.video.MAX_CLIP_BYTES", 40_000)
    with pytest.raises(LimitError, match="Ask for fewer frames"):
        read_video(made(), frames=16)


def test_decoding_ends_when_its_time_is_up(monkeypatch):
    monkeypatch.setattr("featcore.inputs.video.BUDGET_S", -1.0)
    with pytest.raises(LimitError, match="takes longer than"):
        read_video(made())


def test_a_file_cut_short_shows_what_is_left_and_says_so():
    noise = np.random.default_rng(0).integers(0, 255, (20, 32, 48, 3), np.uint8)
    file = io.BytesIO()
    with av.open(file, "w", format="avi") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "bgr0"
        for picture in noise:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    data = file.getvalue()
    clip = read_video(data[: len(data) // 2], frames=4, rule="window")
    assert np.array_equal(clip.frames, noise[:4])
    assert 5 < len(clip.timeline.times_s) < 12
    assert any("header announces 20" in note for note in clip.notes)


def test_pixels_that_are_not_square_are_stretched():
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width, stream.pix_fmt = 30, 40, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)
        container.mux(stream.encode(av.VideoFrame(40, 30, "yuv420p")))
        container.mux(stream.encode())
    clip = read_video(file.getvalue(), frames=1)
    assert clip.frames.shape == (1, 30, 60, 3)
    assert "1.5 times as wide" in clip.notes[0]


def test_frames_that_change_their_size_all_get_the_size_of_the_first():
    def frame(size_px: int) -> bytes:
        file = io.BytesIO()
        Image.new("RGB", (size_px, size_px), "red").save(file, "GIF")
        return file.getvalue()

    # The second picture is laid behind the first one, and is larger than the file announces.
    clip = read_video(frame(10)[:-1] + frame(20)[13 + 3 * 2 ** ((frame(20)[10] & 7) + 1) :], frames=2)
    assert clip.frames.shape == (2, 10, 10, 3)
    assert any("change their size" in note for note in clip.notes)


def test_notes_are_made_once():
    reading = Reading("a", b"", False, time.monotonic())
    reading.note("x")
    reading.note("x")
    assert reading.notes == ["x"]


@pytest.mark.shared_data
@shared
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_odd_clip_is_read_or_refused_in_words(path):
    start = time.monotonic()
    if path.name in REFUSED:
        with pytest.raises(InputError, match=f"'{re.escape(path.name)}'.*[.] ") as caught:  # the rule, then the way out
            read_video(path, frames=8)
        assert str(caught.value).endswith(".")
    else:
        clip = read_video(path, frames=8)
        assert clip.frames.shape[0] == len(clip.times_s) == len(clip.timeline.used) == 8
        assert (np.diff(clip.timeline.times_s) > 0).all()
        assert np.array_equal(clip.times_s, clip.timeline.times_s[clip.timeline.used])
    assert time.monotonic() - start < 20


@pytest.mark.shared_data
@shared
def test_real_clips_are_upright_square_and_padded_as_known():
    clips = {path.name: path for path in FILES}
    rotated = read_video(clips["decord_video_90.mov"], frames=2)
    assert rotated.frames.shape[1:3] == (568, 320)
    assert "upright" in rotated.notes[0]
    assert read_video(clips["portrait_180x320.mp4"], frames=2).frames.shape[1:3] == (320, 180)
    assert read_video(clips["anamorphic_sar_4_3.mp4"], frames=2).frames.shape[1:3] == (180, 320)
    assert read_video(clips["odd_size_161x121_yuv444.mp4"], frames=2).frames.shape[1:3] == (121, 161)
    assert read_video(clips["two_frames.mp4"], frames=8).timeline.padded == 6
    damaged = [read_video(clips["bitflips.mp4"], frames=8) for _ in range(3)]
    assert len({clip.key for clip in damaged}) == 1
    assert any("damaged" in note for note in damaged[0].notes)


@pytest.mark.shared_data
@shared
def test_frames_of_variable_rate_are_chosen_by_their_time():
    path = next(path for path in FILES if path.name == "vfr_h264.mp4")
    with av.open(str(path)) as container:
        truth = [(float(frame.time), frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    clip = read_video(path, frames=6)
    times_s = np.array([moment for moment, _ in truth])
    assert np.allclose(clip.timeline.times_s, times_s)
    span_s = times_s[-1] - times_s[0]
    for place, index in enumerate(clip.timeline.used):
        assert np.array_equal(clip.frames[place], truth[index][1])
        assert abs(times_s[index] - (times_s[0] + (place + 0.5) / 6 * span_s)) < np.diff(times_s).max() + 0.1


@pytest.mark.shared_data
@shared
def test_reading_everything_stays_below_a_gibibyte():
    program = """
import sys
from pathlib import Path
from featcore.errors import FeatcoreError
from featcore.inputs.image import read_image
from featcore.inputs.video import read_video
for path in sys.argv[1:]:
    for reader in (read_image, read_video):
        try:
            reader(Path(path))
        except FeatcoreError:
            pass
# Not ru_maxrss: a new process takes that over from the one that started it.
lines = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")))
"""
    paths = [str(path) for folder in ("odd_clips", "odd_images", "clips") for path in DATA.glob(f"{folder}/*.*")]
    run = subprocess.run([sys.executable, "-W", "error", "-c", program, *paths], capture_output=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr.decode()
    assert int(run.stdout) < 1024

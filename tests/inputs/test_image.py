"""Pictures of every kind become upright RGB, or an error in words."""

import io
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from featcore.errors import InputError, LimitError
from featcore.inputs import read
from featcore.inputs.image import read_image
from featcore.settings import ROOT, Settings

DATA = ROOT.parent / "shared" / "data"
FILES = sorted([*DATA.glob("odd_images/*"), *DATA.glob("photos/*")])
REFUSED = {
    *("PILLOW_LICENSE", "broken.png", "decompression_bomb.gif", "made_text_renamed.jpg", "made_truncated_zebra.jpg"),
    *("made_zero_bytes.png", "truncated_image.png", "zero_width.gif"),
}
shared = pytest.mark.skipif(not FILES, reason="needs ../shared/data/odd_images and photos")


def scene() -> np.ndarray:
    """A picture that no turn or flip leaves as it was: each corner has its own colour."""
    frame = np.full((20, 30, 3), 120, np.uint8)
    frame[:8, :10], frame[:8, 20:], frame[12:, :10] = (250, 10, 10), (10, 250, 10), (10, 10, 250)
    return frame


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_give_the_same_pixels(kind):
    clip = read_image(saved(Image.fromarray(scene()), kind), "a")
    assert np.array_equal(clip.frames[0], scene())
    assert clip.still
    assert clip.modality == "image"
    assert clip.times_s.tolist() == [0.0]


@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {"quality": 95, "subsampling": 0}), ("WEBP", {"lossless": True}), ("AVIF", {"quality": 95}), ("GIF", {})],
)
def test_other_formats_give_nearly_the_same_pixels(kind, options):
    clip = read_image(saved(Image.fromarray(scene()), kind, **options))
    assert np.abs(clip.frames[0].astype(int) - scene()).mean() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(orientation):
    stored = {
        1: scene(), 2: scene()[:, ::-1], 3: scene()[::-1, ::-1], 4: scene()[::-1],
        5: scene().swapaxes(0, 1), 6: np.rot90(scene()), 7: np.rot90(scene().swapaxes(0, 1), 2),
        8: np.rot90(scene(), -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    clip = read_image(saved(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif))
    assert np.array_equal(clip.frames[0], scene())
    assert bool(clip.notes) == (orientation > 1)


def test_sixteen_bits_are_scaled_by_257_and_not_clipped():
    values = np.array([[0, 257, 25700, 65535, 128]], np.uint16)
    clip = read_image(saved(Image.fromarray(values), "PNG"))
    assert clip.frames[0, 0, :, 0].tolist() == [0, 1, 100, 255, 0]
    assert "16 bits" in clip.notes[0]


def test_floating_point_spans_black_to_white():
    values = np.array([[0, 0.5, 1]], np.float32)
    assert read_image(saved(Image.fromarray(values), "TIFF")).frames[0, 0, :, 1].tolist() == [0, 128, 255]
    wide = read_image(saved(Image.fromarray(values * 4000 - 2000), "TIFF"))
    assert wide.frames[0, 0, :, 1].tolist() == [0, 128, 255]
    assert "-2000 to 2000" in wide.notes[0]
    hole = read_image(saved(Image.fromarray(np.array([[np.nan, 1]], np.float32)), "TIFF"))
    assert hole.frames[0, 0, :, 1].tolist() == [0, 255]


def test_transparent_pixels_are_shown_on_white_and_noted():
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, :, 3] = 255, 0, 128
    clip = read_image(saved(Image.fromarray(pixels), "PNG"))
    assert clip.frames[0, 0, :, 0].tolist() == [0, 255, 127]
    assert clip.notes == ("transparent parts are shown on white",)
    palette = Image.fromarray(scene()).quantize(8)
    palette.info["transparency"] = palette.getpixel((0, 0))
    assert read_image(saved(palette, "PNG")).frames[0, 0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "CMYK", "LAB", "I;16"])
def test_white_stays_white_and_black_stays_black(mode):
    picture = Image.new("RGB", (4, 2), "white")
    picture.paste("black", (0, 0, 2, 2))
    if mode == "LAB":
        picture = Image.merge("LAB", (picture.getchannel(0), *2 * [Image.new("L", (4, 2), 128)]))
    elif mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    else:
        picture = picture.convert(mode)
    frame = read_image(saved(picture, "TIFF")).frames[0].astype(int)
    assert frame[:, :2].max() < 3
    assert frame[:, 2:].min() > 250


def test_the_first_picture_of_an_animation_is_taken_and_said():
    pictures = [Image.fromarray(np.roll(scene(), step, 1)) for step in (0, 5, 9)]
    clip = read_image(saved(pictures[0], "PNG", save_all=True, append_images=pictures[1:]))
    assert np.array_equal(clip.frames[0], scene())
    assert "first of 3" in clip.notes[0]


def test_large_pictures_are_reduced_to_the_mean_of_areas(monkeypatch):
    monkeypatch.setattr("featcore.inputs.image.settings", lambda: Settings(max_side_px=10))
    frame = np.zeros((10, 40, 3), np.uint8)
    frame[:, ::2] = 200
    clip = read_image(saved(Image.fromarray(frame), "PNG"))
    assert clip.frames.shape == (1, 2, 10, 3)
    assert (clip.frames == 100).all()
    assert "40 x 10" in clip.notes[0]
    assert "10 x 2" in clip.notes[0]


def announced(width: int, height: int) -> bytes:
    """A PNG that announces a size it does not have."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99)))


@pytest.mark.parametrize("size", [(10_000, 10_000), (60_000, 60_000)])
def test_too_many_pixels_are_refused_by_the_header(size):
    with pytest.raises(LimitError, match=r"'bomb' is .* the limit is 50,000,000"):
        read_image(announced(*size), "bomb")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
def test_half_a_file_is_no_picture(kind):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    data = saved(Image.fromarray(noise), kind)
    with pytest.raises(InputError, match=r"'half' is .* damaged or cut short"):
        read_image(data[: len(data) // 2], "half")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"just words", "plain text"),
        (b"\x1aE\xdf\xa3" + bytes(99), "Matroska"),
        (b"\0" * 99, "no kind known"),
        (b"", "empty"),
    ],
)
def test_what_is_no_picture_is_named(data, words):
    with pytest.raises(InputError, match=r"'a\.jpg'") as caught:
        read_image(data, "a.jpg")
    assert words in str(caught.value)


def test_the_key_is_the_content():
    png, tiff = (read_image(saved(Image.fromarray(scene()), kind)) for kind in ("PNG", "TIFF"))
    other = read("x", saved(Image.fromarray(scene()[::-1].copy()), "PNG"), "image")
    assert png.key == tiff.key != other.key


@pytest.mark.shared_data
@shared
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_odd_picture_is_read_or_refused_in_words(path):
    if path.name in REFUSED:
        with pytest.raises(InputError, match=f"'{re.escape(path.name)}'.*[.] ") as caught:  # the rule, then the way out
            read_image(path)
        assert str(caught.value).endswith(".")
        return
    clip = read_image(path)
    assert clip.frames.dtype == np.uint8
    assert clip.frames.shape[3] == 3
    assert max(clip.frames.shape[1:3]) <= 1024


@pytest.mark.shared_data
@shared
def test_real_pictures_equal_their_originals():
    def pixels(name: str) -> np.ndarray:
        return read_image(DATA / name).frames[0].astype(float)

    original = pixels("photos/imageio_kodim03.png")
    assert np.abs(pixels("odd_images/made_cmyk_kodim03.jpg") - original).mean() < 3
    grey = (original @ [0.299, 0.587, 0.114])[..., None]
    assert np.abs(pixels("odd_images/made_gray16_kodim03.png") - grey).max() <= 1
    turned = pixels("odd_images/made_exif6_chelsea.jpg")
    assert np.abs(turned - pixels("photos/imageio_chelsea.png")).mean() < 4

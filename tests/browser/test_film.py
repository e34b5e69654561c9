"""The exported films play in a real browser: their size, their length, and the pixels a person sees."""

import base64

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PLAY = """async ([film, times]) => {
  const video = document.createElement('video');
  video.muted = true;
  video.src = 'data:video/webm;base64,' + film;
  document.body.append(video);
  await new Promise((ok, no) => { video.onloadeddata = ok; video.onerror = () => no(video.error.message); });
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const seen = {width: canvas.width, height: canvas.height, seconds: video.duration, frames: []};
  const pen = canvas.getContext('2d', {willReadFrequently: true});
  for (const time of times) {
    await new Promise(ok => { video.onseeked = ok; video.currentTime = time; });
    pen.drawImage(video, 0, 0);
    seen.frames.push(canvas.toDataURL('image/png').split(',')[1]);
  }
  video.currentTime = 0;
  await video.play();
  await new Promise(ok => { video.onended = ok; });
  return seen;
}"""


@pytest.mark.parametrize("shape", [(32, 32), (800, 1281)])
def test_a_film_plays_to_its_end_with_the_frames_that_were_drawn(chromium, shape):
    import io

    from PIL import Image

    from featcore import draw
    from featcore.draw.movie import film_frames
    from featcore.types import Attribution, Clip, Provenance, Target, Units

    rows, columns = shape
    ramp = np.linspace(0, 255, columns)[None, :, None] * np.linspace(0.4, 1, rows)[:, None, None]
    frames = np.stack([np.roll(ramp * [1.0, 0.8, 0.5], 4 * t, 1) for t in range(4)]).astype(np.uint8)
    clip = Clip("k", frames, np.array([0.0, 0.25, 0.5, 0.75]))
    half = columns // 2
    extents = [[[t, t + 2], [0, rows], [x, x + half]] for t in (0, 2) for x in (0, half)]
    units = Units(("t", "y", "x"), np.array(extents), ("a", "b", "c", "d"), (2, 1, 2))
    where = Provenance("mini", "r1", "w", "cpu", "float32", "sdpa", 2, (), "2026-01-01T00:00:00")
    scores = np.array([1.0, -1.0, -0.5, 0.2])
    found = Attribution(units, scores, Target(0, "a"), "occlusion", (), True, where)

    page = chromium.new_page()
    film = base64.b64encode(draw.film_webm(clip, found)).decode()
    seen = page.evaluate(PLAY, [film, [0.12, 0.37, 0.62, 0.87]])
    page.close()
    expected = list(film_frames(clip, found))
    assert (seen["height"], seen["width"]) == expected[0].shape[:2]
    assert seen["seconds"] == pytest.approx(1.0, abs=0.01)
    for at, raw in enumerate(seen["frames"]):
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(raw))).convert("RGB")).astype(float)
        apart = [np.abs(pixels - frame).mean() for frame in expected]
        assert int(np.argmin(apart)) == at
        assert apart[at] < 3

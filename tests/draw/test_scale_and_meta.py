"""Colours are centred, shared and honest; text is text."""

import subprocess
import sys

import numpy as np
import pytest

from featcore import draw
from featcore.draw.meta import escape, in_template, number
from featcore.draw.scale import Scale


def test_a_signed_scale_is_symmetrical_about_zero():
    assert Scale.of(np.array([-1.0, 3.0]), True) == Scale(-3.0, 3.0, True)


def test_an_unsigned_scale_starts_at_zero():
    assert Scale.of(np.array([1.0, 3.0]), False) == Scale(0.0, 3.0, False)


def test_a_shared_scale_covers_all_and_stays_symmetrical():
    assert Scale.shared([Scale(-1, 1), Scale(0, 4, False)]) == Scale(-4, 4, True)
    assert Scale.shared([Scale(0, 2, False), Scale(0, 4, False)]) == Scale(0, 4, False)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("scores", [np.zeros(3), np.array([]), np.full(2, np.nan)])
def test_scores_of_zero_or_none_at_all_are_transparent(signed, scores):
    scale = Scale.of(scores, signed)
    low, high = scale.bounds
    assert low < high
    assert (scale.rgba(scores)[..., 3] == 0).all()


def test_the_ends_of_the_diverging_scale_are_blue_and_orange():
    low, middle, high = Scale(-1, 1).rgba(np.array([-1.0, 0.0, 1.0]), cover=0.5)
    assert low[2] > 2 * low[0]
    assert high[0] > 2 * high[2]
    assert (low[3], middle[3], high[3]) == (0.5, 0.0, 0.5)


def luminance(rgb):
    share = np.asarray(rgb) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize(("page", "ink"), [((255, 255, 255), (49, 51, 63)), ((14, 17, 23), (250, 250, 250))])
@pytest.mark.parametrize("scale", [Scale(-1, 1, True), Scale(0, 1, False)])
def test_letters_on_every_chip_keep_a_contrast_of_four_and_a_half(page, ink, scale):
    colours = scale.rgba(np.linspace(*scale.bounds, 41))
    share = colours[:, 3:]
    chips = colours[:, :3] * share + np.array(page) * (1 - share)
    light = np.stack([luminance(chips), np.full(len(chips), luminance(np.array(ink)))])
    assert ((light.max(0) + 0.05) / (light.min(0) + 0.05)).min() >= 4.5


def test_importing_the_package_loads_no_plotting_library():
    code = "import sys, featcore.draw; sys.exit(any(m in sys.modules for m in ('plotly', 'cv2', 'av', 'PIL')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_resolves():
    for name in draw.__all__:
        assert callable(getattr(draw, name))
    with pytest.raises(AttributeError, match="nothing"):
        draw.nothing  # noqa: B018


def test_text_is_escaped_for_plotly():
    assert escape("<b>&amp;</b>\n$x$") == "&lt;b&gt;&amp;amp;&lt;/b&gt;↵&#36;x&#36;"
    assert "%{" not in in_template("%{customdata}")


def test_the_file_name_of_an_image_is_safe():
    options = draw.config("a/../b <c>")["toImageButtonOptions"]
    assert options == {"format": "svg", "scale": 2, "filename": "tessera-a----b--c"}
    assert draw.config("x")["showSendToCloud"] is False


def test_minus_signs_are_real():
    assert number(-0.25) == "−0.25"

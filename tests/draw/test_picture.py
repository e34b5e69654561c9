"""What a picture sends, and what it keeps for itself."""

import json

import numpy as np

from featcore import draw
from tests.draw.conftest import boxes, tokens


def test_the_sentence_and_the_numbers_are_not_sent(red):
    figure = draw.fragments(red, boxes((1, 200, 300), (1, 2, 3)), np.arange(6.0))
    sent = figure.to_json()
    assert "Strongest" in figure.alt
    assert "y_start" in figure.table
    assert "Strongest" not in sent
    assert "y_start" not in sent


def test_a_frozen_picture_sends_what_it_sent_before_and_makes_it_once():
    scores = np.array([0.5, -1.0])
    open_picture, frozen = draw.strip(tokens(("a", "b")), scores), draw.strip(tokens(("a", "b")), scores).freeze()
    assert json.loads(frozen.to_json()) == json.loads(open_picture.to_json())
    assert frozen.to_dict() is frozen.to_dict()


def test_a_film_opens_at_the_marked_tubelet_or_else_at_the_strongest(clip):
    units = boxes(clip.frames.shape[:3], (8, 2, 2))
    assert draw.film(clip, units).layout.sliders[0].active == 0
    marked = draw.film(clip, units, selected=4 * 5 + 1)
    assert marked.layout.sliders[0].active == 10, "slot 5 of two frames each"
    assert marked.layout.images[0].source == marked.frames[10].layout.images[0].source
    scores = np.zeros(len(units))
    scores[4 * 6] = -2
    assert draw.film(clip, units, scores).layout.sliders[0].active == 12, "the strongest score, in slot 6"

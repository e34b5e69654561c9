"""Boxes at some frames: a box at every frame between them, pixels, and a table that comes and goes unchanged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featcore.errors import InputError
from featcore.measure.boxes import moving, pixels_in, read_boxes, write_boxes

SIZE = (5, 20, 30)
HEAD = "frame,left,top,right,bottom\n"


def test_one_box_holds_on_every_frame_and_none_marks_nothing():
    assert moving({3: (1, 2, 3, 4)}, 5).tolist() == [[1, 2, 3, 4]] * 5
    assert np.isnan(moving({}, 5)).all()
    assert not pixels_in({}, SIZE).any()


def test_between_two_boxes_every_edge_moves_in_a_straight_line_and_outside_there_is_none():
    found = moving({1: (0, 0, 10, 10), 3: (4, 2, 10, 20)}, 5)
    assert np.isnan(found[[0, 4]]).all()
    assert found[1:4].tolist() == [[0, 0, 10, 10], [2, 1, 10, 15], [4, 2, 10, 20]]


def test_a_third_box_bends_the_way():
    found = moving({0: (0, 0, 2, 2), 2: (4, 0, 6, 2), 4: (4, 8, 6, 10)}, 5)
    assert found[:, 0].tolist() == [0, 2, 4, 4, 4]
    assert found[:, 1].tolist() == [0, 0, 0, 4, 8]


def test_pixels_lie_inside_by_their_centres_and_what_is_outside_the_clip_is_cut_off():
    found = pixels_in({0: (-5, 1, 2, 3), 1: (0.5, 1, 2, 3)}, SIZE)
    assert found.shape == SIZE
    assert found[0].sum() == 2 * 2
    assert found[0, 1:3, :2].all()
    assert found[1, 1:3, :2].all(), "a centre on the edge is inside"
    assert not found[2:].any()


boxes = st.dictionaries(
    st.integers(0, 4),
    st.tuples(st.integers(0, 14), st.integers(0, 9), st.integers(15, 30), st.integers(10, 20)).map(
        lambda box: tuple(float(edge) for edge in box)
    ),
    min_size=1,
)


@given(boxes)
def test_a_table_written_and_read_again_is_the_same(found):
    assert read_boxes(write_boxes(found), SIZE) == found


def test_columns_may_stand_in_any_order_with_blanks_and_others_beside_them():
    text = "\ufeffLabel, Bottom, right, top, left, frame\ncat, 9, 8, 2, 1, 3\n"
    assert read_boxes(text, SIZE) == {3: (1.0, 2.0, 8.0, 9.0)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column 'frame'"),
        ("frame,left,top,right\n", "no column 'bottom'"),
        (HEAD, "no line below"),
        (HEAD + "0,1,2,x,4\n", "Line 2 of the boxes: 'x' in 'right' is no number"),
        (HEAD + "0,1,2\n", "'' in 'right' is no number"),
        (HEAD + "0,1,2,nan,4\n", "not finite"),
        (HEAD + "0,0,0,1,1\n5,0,0,1,1\n", "Line 3 of the boxes: there is no frame 5. Frames go from 0 to 4"),
        (HEAD + "0.5,0,0,1,1\n", "no frame 0.5"),
        (HEAD + "0,0,0,1,1\n0,0,0,1,1\n", "frame 0 has a box already"),
        (HEAD + "0,3,0,2,1\n", "ends before it begins"),
        (HEAD + "0,30,0,40,1\n", "outside the 30x20 pixels"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line_the_value_and_the_rule(text, said):
    with pytest.raises(InputError, match=said):
        read_boxes(text, SIZE)

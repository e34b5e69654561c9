"""Training as figures: nothing is invented between two looks, and the most frequent mistake is named."""

import numpy as np

from featcore import draw


def test_the_curve_keeps_its_axis_while_it_grows_and_its_table_joins_both_series():
    figure = draw.learning([1, 2, 3], [2.0, 1.5, 1.0], [(2, 0.5), (3, 0.75)], chance=0.1, total=10)
    assert figure.layout.xaxis.range == (0, 10)
    assert figure.table["dev_accuracy"] == [None, 0.5, 0.75]
    assert "best accuracy 75.0%" in figure.alt
    assert "chance is 10.0%" in figure.alt


def test_a_run_without_a_step_is_an_empty_picture_in_words():
    assert "no loss yet, no look at the dev split yet" in draw.learning([], [], [], 0.5, 0).alt


def test_long_runs_are_thinned_and_their_table_is_whole():
    figure = draw.learning(list(range(1, 5001)), [1.0] * 5000, [], 0.1, 5000)
    assert len(figure.data[0].x) == 400
    assert len(figure.table["loss"]) == 5000


def test_rows_are_true_classes_and_the_most_frequent_mistake_is_named():
    figure = draw.confusion(np.array([[8, 2], [5, 5]]), ["<b>cat", "dog"])
    assert np.allclose(figure.data[0].z, [[0.8, 0.2], [0.5, 0.5]])
    assert figure.alt == "13 of 20 are right. Most often mixed up: dog called <b>cat, 5 times."
    assert figure.layout.yaxis.ticktext[0] == "&lt;b&gt;cat"
    assert figure.table["n"] == [8, 2, 5, 5]


def test_a_class_without_examples_has_no_share():
    assert np.allclose(draw.confusion(np.array([[0, 0], [0, 3]]), ["a", "b"]).data[0].z, [[0, 0], [0, 1]])

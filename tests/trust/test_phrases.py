"""Trees and annotated reviews become ranges of words, by hand."""

import pytest

from featcore.trust import phrases

TREE = r"(3 (2 It) (3 (2 is) (3 (1 (2 not) (4 good)) (4 (2 so) (4 (2 1\/2) (4 Honest))))))"


def marked(line):
    words, nodes = phrases.read_tree(line)
    return [" ".join(words[start:stop]) for start, stop in phrases.strongest(nodes)]


def test_a_tree_is_read_into_words_and_every_phrase_with_its_grade():
    words, nodes = phrases.read_tree(TREE)
    assert words == ("it", "is", "not", "good", "so", "1/2", "honest")
    assert nodes[-1] == phrases.Phrase(0, 7, 3), "the whole sentence is last"
    assert phrases.Phrase(2, 4, 1) in nodes
    assert len(nodes) == 7 + 6, "a binary tree of seven words"


def test_the_innermost_of_the_strongest_phrases_on_the_side_of_the_sentence_are_marked():
    assert marked(TREE) == ["good", "honest"], "'so 1/2 honest' holds 'honest' of the same grade"


def test_a_negation_is_marked_with_its_word_where_neither_alone_is_negative():
    assert marked("(1 (2 It) (1 (2 is) (1 (2 not) (3 good))))") == ["not good"]


def test_the_whole_sentence_and_long_phrases_are_never_the_truth():
    assert marked("(4 (2 a) (2 b))") == []
    long = "(2 a)"
    for word in "bcde":
        long = f"(4 {long} (2 {word}))"
    assert marked(f"(4 {long} (2 f))") == ["a b"], "only phrases of four words or fewer, the innermost first"


def test_a_neutral_sentence_has_no_truth():
    assert marked("(2 (4 good) (0 bad))") == []


def test_sentences_tile_the_words():
    words = ["a", "b", ".", "c", "!", "?", "d"]
    assert phrases.sentences(words) == ((0, 3), (3, 5), (5, 6), (6, 7))
    assert phrases.sentences(["a", "."]) == ((0, 2),)
    assert phrases.sentences([]) == ()


def test_a_window_holds_as_many_whole_sentences_as_fit():
    spans, length = ((0, 3), (3, 5), (5, 15)), lambda span: span[1] - span[0]
    assert phrases.window(spans, 0, length, 5) == (0, 5)
    assert phrases.window(spans, 0, length, 4) == (0, 3)
    assert phrases.window(spans, 2, length, 9) == (5, 5), "too long by itself"
    assert phrases.window(spans, 1, length, 99) == (3, 15)


@pytest.mark.parametrize(("ranges", "inside"), [([(0, 4), (6, 9)], ((0, 2), (4, 6))), ([(0, 2), (8, 9)], ())])
def test_ranges_are_cut_to_a_window_and_counted_from_its_start(ranges, inside):
    assert phrases.within(ranges, (2, 8)) == inside


def test_characters_of_words_are_found_in_the_joined_text():
    words = ("so", "very", "good")
    assert [" ".join(words)[a:b] for a, b in phrases.chars_of(words, [(0, 1), (1, 3)])] == ["so", "very good"]

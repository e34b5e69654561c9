"""Texts stay as they are; files say how they were read or why not."""

from pathlib import Path

import pytest

from featcore.errors import InputError, LimitError
from featcore.inputs import read
from featcore.inputs.text import read_text
from featcore.settings import ROOT, Settings

TEXTS = ROOT.parent / "shared" / "data" / "texts"


def test_a_typed_text_is_kept_to_the_last_character():
    text = " a\r\nb\tc\u200b e\u0301 \U0001f468\u200d\U0001f469\u200d\U0001f467 \ufeff\n"
    assert read_text(text).text == text
    assert read_text(text).notes == ()


def test_a_string_is_never_taken_for_a_path(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("inside")
    assert read_text(str(path)).text == str(path)
    assert read_text(path).text == "inside"
    assert read_text(path).name == "a.txt"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-be"])
@pytest.mark.parametrize("text", ["A good film.\r\nYes!\n", "caf\u00e9 \U0001f37f and \u4e16\u754c, she said"])
def test_unicode_files_are_read_exactly_and_say_how(text, encoding):
    result = read_text(text.encode(encoding), "a.txt")
    assert result.text == text
    assert "UTF-" in result.notes[0]


@pytest.mark.parametrize(
    "text", ["caf\u00e9", "It wasn\u2019t \u201cbad\u201d \u2013 5 \u20ac", "Wei\u00df, sch\u00f6ner Film"]
)
def test_western_files_are_guessed_and_the_guess_is_said(text):
    result = read_text(text.encode("cp1252"))
    assert result.text == text
    assert "guess" in result.notes[0]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("\u041f\u0440\u0438\u0432\u0435\u0442, \u043a\u0430\u043a \u0434\u0435\u043b\u0430?", "cp1251"),
        ("\u041f\u0440\u0438\u0432\u0435\u0442, \u043a\u0430\u043a \u0434\u0435\u043b\u0430?", "koi8-r"),
        ("\u8fd9\u90e8\u7535\u5f71\u5f88\u597d\u770b", "gb18030"),
        ("\u3053\u306e\u6620\u753b\u306f\u9762\u767d\u3044", "shift_jis"),
    ],
)
def test_an_encoding_that_cannot_be_told_is_refused_rather_than_guessed(text, encoding):
    with pytest.raises(InputError, match=r"'a\.txt' is not UTF-8 .* Save it as UTF-8"):
        read_text(text.encode(encoding), "a.txt")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG picture"),
        (b"hello\0\0\0world, this is no text", "zero bytes"),
        (b"\xff\xfea", "breaks its rules"),
        (b"%PDF-1.7\n\xe2\xe3\xcf\xd3", "a PDF document"),
        (b"", "empty"),
        (b" \n\t ", "blank"),
    ],
)
def test_what_is_no_text_is_named(data, words):
    with pytest.raises(InputError, match=r"'a\.txt'") as caught:
        read_text(data, "a.txt")
    assert words in str(caught.value)


def test_blank_text_and_half_characters_are_refused():
    with pytest.raises(InputError, match="at least one word"):
        read_text("   ")
    with pytest.raises(InputError, match="surrogate"):
        read_text("a\ud800")


def test_a_missing_file_is_explained(tmp_path):
    with pytest.raises(InputError, match=r"'no\.txt' cannot be opened"):
        read_text(tmp_path / "no.txt")


def test_too_many_characters_are_refused_with_both_numbers(monkeypatch):
    monkeypatch.setattr("featcore.inputs.text.settings", lambda: Settings(max_characters=10))
    assert read_text("\U0001f37f" * 10).text == "\U0001f37f" * 10
    with pytest.raises(LimitError, match="11 characters; the limit is 10"):
        read_text("a" * 11)
    with pytest.raises(LimitError, match="more than 10"):
        read_text(b"a" * 1000)


def test_a_file_of_too_many_bytes_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("featcore.inputs.files.settings", lambda: Settings(max_upload_bytes=10))
    (tmp_path / "a.txt").write_bytes(b"a" * 11)
    with pytest.raises(LimitError, match="larger than 10 bytes"):
        read_text(tmp_path / "a.txt")


def test_the_key_is_the_content_and_not_the_name():
    assert read_text("a", "x").key == read_text(b"a", "y").key
    assert read_text("a").key != read_text("a ").key


def test_read_takes_a_text():
    assert read("a.txt", b"hello", "text").text == "hello"


@pytest.mark.shared_data
@pytest.mark.skipif(not TEXTS.exists(), reason="needs ../shared/data/texts")
def test_naughty_strings_survive():
    path: Path = TEXTS / "blns" / "blns.txt"
    whole = path.read_bytes()
    assert read_text(path).text.encode("utf-8") == whole
    lines = [line for line in whole.decode("utf-8").split("\n") if line.strip()]
    assert len(lines) > 500
    assert all(read_text(line).text == line for line in lines)

"""Files of records from strangers are small, flat and finite afterwards, or refused in words."""

import gzip
import json

import pytest

from featcore.errors import InputError, LimitError
from featcore.measure import files

GOOD = {"schema_version": 1, "record_id": "a", "run_id": "r", "time_utc": "2026-01-01", "stage": "forward"}
GOOD |= {"variant": "sdpa", "samples_s": [0.1, 0.2], "n": 2, "device": "cpu"}


def raw(*records) -> bytes:
    return "\n".join(json.dumps(record) for record in records).encode()


def test_what_is_received_is_what_was_sent_with_lists_as_tuples():
    (found,) = files.received(b"\xef\xbb\xbf" + raw(GOOD | {"tokens": 8}) + b"\n\n", "x.jsonl")
    assert found == GOOD | {"samples_s": (0.1, 0.2), "tokens": 8}


def test_long_texts_are_cut_nested_fields_dropped_and_absurd_numbers_unknown():
    odd = {"t": "x" * 5000, "deep": {"a": 1}, "deeper": [[1]], "huge": 10**400, "wide": -1e99, "list": [1, 1e99]}
    (found,) = files.received(raw(GOOD | odd), "x")
    assert len(found["t"]) == files.MOST_CHARACTERS + 1
    assert not {"deep", "deeper"} & set(found)
    assert found["huge"] is None
    assert found["wide"] is None
    assert found["list"] == (1, None)
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b"\xff\xfe", "no UTF-8 text"),
        (b"", "holds no record"),
        (b'{"a": NaN}', "NaN is no number in JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"9" * 10_000, "is no JSON"),
        (raw(GOOD | {"schema_version": "x" * 500}), r"schema x{20};"),
        (raw(GOOD | {"samples_s": [10**400, 1], "n": 2}), "positive seconds"),
        (raw(GOOD | {"samples_s": [True, 1]}), "positive seconds"),
        (raw(GOOD, {"b": 1}), "Line 2 of 'x.jsonl'"),
    ],
)
def test_what_is_no_record_is_refused_in_words(bad, words):
    with pytest.raises(InputError, match=words):
        files.received(bad, "x.jsonl")


def test_limits_are_told_with_their_number(monkeypatch):
    with pytest.raises(LimitError, match=r"more than 8,000,000"):
        files.received(b" " * 8_000_001, "x")
    monkeypatch.setattr(files, "MOST_LINES", 1)
    with pytest.raises(LimitError, match="more than 1 records"):
        files.received(raw(GOOD, GOOD), "x")
    with pytest.raises(LimitError, match="has 309 fields"):
        files.received(raw(GOOD | {f"f{i}": 1 for i in range(300)}), "x")
    monkeypatch.setattr(files, "MOST_SAMPLES", 1)
    with pytest.raises(LimitError, match="samples_s has 2 entries"):
        files.received(raw(GOOD), "x")


def test_a_packed_file_is_unpacked_no_further_than_a_plain_one_may_be_large(monkeypatch):
    plain = raw(GOOD) + b"\n"
    assert (
        files.received(gzip.compress(plain) + gzip.compress(plain), "x.jsonl.gz") == [*files.received(plain, "x")] * 2
    )
    monkeypatch.setattr(files, "MOST_BYTES", 1000)
    with pytest.raises(LimitError, match="1,001 bytes, more than 1,000"):
        files.received(gzip.compress(b" " * 10_000_000), "x.jsonl.gz")
    for broken in (b"no gzip", gzip.compress(plain)[:-9]):
        with pytest.raises(InputError, match="cannot be unpacked"):
            files.received(broken, "x.jsonl.gz")


def test_reading_records_needs_no_model_library():
    import subprocess
    import sys

    code = "import sys, featcore.measure.files; assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

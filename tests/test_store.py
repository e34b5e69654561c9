"""Results come back as they went in; files that are damaged or hostile come back as absent."""

import json
import logging
import os
import subprocess
import sys
import threading
import zipfile
from dataclasses import fields, is_dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featcore import types
from featcore.keys import digest
from featcore.store import Store, pack, unpack
from featcore.types import (
    Attribution,
    Card,
    Clip,
    Curve,
    Encoding,
    Faithfulness,
    Infidelity,
    Latency,
    Localisation,
    Look,
    Provenance,
    Randomisation,
    Redraws,
    Sample,
    Sensitivity,
    Target,
    Text,
    Timeline,
    Tokens,
    Truth,
    Units,
)

KEY = digest("a result")
OTHER = digest("another")


def examples() -> dict[str, Any]:
    """One of every record, with awkward content."""
    rng = np.random.default_rng(0)
    units = Units(("char",), np.array([[[0, 3]], [[3, 5]]]), ("ña", "🙂"))
    regions = Units(("t", "y", "x"), np.zeros((1, 3, 2), int), ("r0",), (1, 1, 1), np.full((1, 2, 2), -1, np.int16))
    provenance = Provenance("text-mini", "abc", "f" * 64, "cpu", "float32", "sdpa", 2, (("torch", "2.15"),), "now")
    target = Target(1, "good", "difference", 0)
    text = Text(digest("x"), "ñandú \ud83d 🙂\n\0", "a name", ("read as UTF-16",))
    timeline = Timeline(np.arange(5) / 25, np.array([0, 2, 2]), "uniform", padded=1)
    clip = Clip(digest("c"), rng.integers(0, 255, (3, 4, 5, 3)).astype(np.uint8), np.arange(3.0), timeline=timeline)
    hidden = rng.normal(size=(3, 6, 4)).astype(np.float32)
    attention = rng.random((2, 2, 6, 6)).astype(np.float32)
    places = np.array([1, 2])
    names = ("[CLS]", "ña", "🙂", "[SEP]", "", "x")
    knobs = (("baseline", "auto"), ("share", 1e-300), ("steps", 32), ("where", None), ("yes", True))
    truth = np.array([True, False])
    curve = Curve("deletion", np.array([0, 0.5, 1]), np.array([0.9, -0.0, 1e-300]), "mask")
    judged = (0.1, 0.2, 0.3, -0.4, 0.5, (curve, curve), None, (("completeness", "not promised"),), ("ties",))
    shares = np.array([0.25, np.nan])
    return {
        "Text": text,
        "Timeline": timeline,
        "Clip": clip,
        "Units": [units, regions],
        "Tokens": Tokens("ab", "t", places, ("a", "b"), ("a", "b"), places, places, truth, ~truth, places, places, 3),
        "Sample": Sample(KEY, units, places, places, names, {"input_ids": np.arange(6)[None]}, text, ("cut",), 1, 2),
        "Provenance": provenance,
        "Target": target,
        "Encoding": [
            Encoding(units, places, names, hidden, attention, np.float32([1, -2]), ("bad", "good"), 0, provenance),
            Encoding(units, places, names, hidden, None, None, (), None, provenance, "fused", ("note",), 1, 2),
            Encoding(
                units, places, names, hidden, attention[:1], None, (), 0, provenance,
                layers=(3,), heads=(0, 1), rollout=hidden[0, 0],
            ),
        ],
        "Look": [Look(), Look((0, -1), (1,), True)],
        "Attribution": Attribution(
            units, np.array([1e-17, -0.0]), target, "occlusion", knobs, True, provenance, "mask", float("inf"), None
        ),
        "Latency": Latency("encode", rng.random(40), 15, 0.5, "precise", 2, provenance, "load 3.0"),
        "Curve": curve,
        "Faithfulness": Faithfulness("occlusion", knobs, target, "mask", *judged, 2, 0, 4, 0.5, 3, 0.25, provenance),
        "Infidelity": Infidelity("occlusion", target, "mask", 0.5, 0.25, 2.0, 0.75, 64, 0, 65, 0.5),
        "Sensitivity": Sensitivity("occlusion", None, "the map is zero", 0.02, 0.02, 10, 0, 11, 0.5),
        "Randomisation": Randomisation("saliency", ("a", "b"), shares, None, True, "one output", hidden[0], 0, 9, 1.5),
        "Redraws": Redraws(
            Randomisation("saliency", ("all",), shares[:1], None, True, "one class", hidden[0], 0, 9, 1.5),
            np.array([0.5, np.nan]), hidden, (0, 1), 10, 2.5,
        ),
        "Truth": Truth(np.array([1.0, 0.25]), truth, "more than half inside"),
        "Localisation": Localisation(None, None, None, 0, 2),
        "Card": Card(
            "n", "t", "text", "bert", "f", "r", "l", 10**12, frozenset({"logits", "attention"}), ("mask",), (16, 2),
            config={"id2label": {"0": "a"}, "deep": [1, [2.5, None, {"x": ()}]], 3: "number"},
        ),
    }  # fmt: skip


def assert_same(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray | np.generic):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    elif is_dataclass(expected):
        for f in fields(expected):
            assert_same(getattr(found, f.name), getattr(expected, f.name))
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, dict):
        assert_same(list(found.items()), list(expected.items()))
    else:
        assert found == expected


def test_there_is_an_example_of_every_record() -> None:
    records = {
        name for name, found in vars(types).items() if is_dataclass(found) and found.__module__ == types.__name__
    }
    assert set(examples()) == records


@pytest.mark.parametrize("name", examples())
def test_every_record_comes_back_to_the_bit(name: str, tmp_path: Path) -> None:
    store, value = Store(tmp_path / "not" / "there"), examples()[name]
    assert not store.has(KEY)
    assert store.get(KEY) is None
    store.put(KEY, value)
    assert store.has(KEY)
    assert store.keys() == [KEY]
    assert_same(store.get(KEY), value)


@pytest.mark.parametrize(
    "value",
    [
        [], (), {}, set(), frozenset(), {"is": "record"}, {(1, "a"): None}, True, 0, -1.5, float("-inf"), "x",
        np.float32(0.1), np.int64(2**62), np.bool_(True), np.array(3.5), np.zeros((0, 3)),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(["a", "ñ"]), np.array([np.nan, -0.0]), [None, [None]],
    ],
)  # fmt: skip
def test_plain_values_come_back(value: Any) -> None:
    assert_same(unpack(pack(value)), value)


def test_nan_comes_back() -> None:
    found = unpack(pack(float("nan")))
    assert found != found


@pytest.mark.parametrize("value", [object(), b"raw", 1j, Path("x"), np.array([object()]), {"deep": [int]}])
def test_what_cannot_be_kept_is_refused_and_leaves_no_file(value: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cannot be kept"):
        Store(tmp_path).put(KEY, value)
    assert list(tmp_path.iterdir()) == []


def test_records_of_other_modules_are_refused_even_under_a_known_name() -> None:
    impostor = type("Target", (), {"__dataclass_fields__": {}})()
    with pytest.raises(TypeError, match="cannot be kept"):
        pack(impostor)


def test_half_shortens_big_arrays_only_and_keeps_their_format() -> None:
    rng = np.random.default_rng(0)
    big, small, huge = rng.random(5000).astype(np.float32), rng.random(1000), np.full(2000, 1e9)
    exact, short = pack([big, small, huge]), pack([big, small, huge], half=True)
    assert len(short) < 0.75 * len(exact)
    found = unpack(short)
    assert found[0].dtype == np.float32
    np.testing.assert_allclose(found[0], big, rtol=1e-3, atol=1e-7)
    assert not np.array_equal(found[0], big)
    assert_same(found[1:], [small, huge])


# --- damaged and hostile ---------------------------------------------------------------------------------------------


def doctored(tree: Any) -> bytes:
    buffer = BytesIO()
    np.savez(buffer, tree=np.frombuffer(json.dumps(tree).encode(), np.uint8))
    return buffer.getvalue()


def record(name: str, **parts: Any) -> dict[str, Any]:
    return {"format": 1, "root": {"is": "record", "class": name, "fields": parts}}


def pickled() -> bytes:
    buffer = BytesIO()
    np.savez(buffer, tree=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def zipped(**files: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def single() -> bytes:
    buffer = BytesIO()
    np.save(buffer, np.arange(3))
    return buffer.getvalue()


def inside(archive: bytes) -> int:
    """Where the compressed tree is half over; a zip's headers hold bytes, as its dates, that nothing depends on."""
    with zipfile.ZipFile(BytesIO(archive)) as entries:
        tree = entries.getinfo("tree.npy")
    begin = archive.index(b"tree.npy", tree.header_offset) + len("tree.npy")
    return begin + tree.compress_size // 2


WHOLE = pack(list(examples().values()))
MIDDLE = inside(WHOLE)
DAMAGED = {
    "empty": b"",
    "noise": b"\x00\x01noise" * 50,
    "cut short": WHOLE[:-100],
    "first half": WHOLE[: len(WHOLE) // 2],
    "a changed byte": WHOLE[:MIDDLE] + bytes([WHOLE[MIDDLE] ^ 0xFF]) + WHOLE[MIDDLE + 1 :],
    "a single array": single(),
    "a zip without tree": zipped(a=b"b"),
    "a tree that is no array": zipped(tree=b"{}"),
    "a pickle": pickled(),
    "an unknown class": doctored(record("Popen", args="touch /tmp/owned")),
    "a dotted class": doctored(record("subprocess.Popen", args="true")),
    "a name of the module that is no record": doctored(record("field", default=1)),
    "a class imported there": doctored(record("Any")),
    "a missing field": doctored(record("Target", index=1, label="x")),
    "a field too many": doctored(record("Target", index=1, label="x", kind="logit", against=None, more=1)),
    "an older format": doctored({"format": 0, "root": None}),
    "an unknown kind": doctored({"format": 1, "root": {"is": "eval", "items": ["1"]}}),
    "an array that is not there": doctored({"format": 1, "root": {"is": "array", "at": "a9", "dtype": "<f4"}}),
    "an object array": doctored({"format": 1, "root": {"is": "array", "at": "tree", "dtype": "no such"}}),
    "a list": doctored([1]),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_a_damaged_file_counts_as_absent_and_is_logged(
    how: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / f"{KEY}.npz").write_bytes(DAMAGED[how])
    store = Store(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert store.get(KEY) is None
    assert "treated as absent" in caplog.text
    store.put(KEY, "whole again")
    assert store.get(KEY) == "whole again"


def test_nesting_without_end_counts_as_absent(tmp_path: Path) -> None:
    tree = b'{"format": 1, "root": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    buffer = BytesIO()
    np.savez(buffer, tree=np.frombuffer(tree, np.uint8))
    (tmp_path / f"{KEY}.npz").write_bytes(buffer.getvalue())
    assert Store(tmp_path).get(KEY) is None


def test_no_changed_byte_brings_anything_but_the_result_or_nothing(tmp_path: Path) -> None:
    value = Target(1, "x")
    whole, store = pack([value, np.arange(4.0)]), Store(tmp_path)
    for place in range(len(whole)):
        (tmp_path / f"{KEY}.npz").write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        found = store.get(KEY)
        if found is not None:
            assert_same(found, [value, np.arange(4.0)])


@pytest.mark.parametrize(
    "key",
    [
        "",
        "../../etc/passwd",
        "x" * 64,
        "AB" * 32,
        "ab/cd" * 10,
        f"{KEY}\n",
        f"{KEY}.npz",
        "a" * 7,
        "a" * 129,
        "\0" * 64,
    ],
)
def test_only_digests_are_keys(key: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    for verb in (store.get, store.has, lambda k: store.put(k, 1)):
        with pytest.raises(ValueError, match="no hex digest"):
            verb(key)


# --- sharing ---------------------------------------------------------------------------------------------------------


def test_threads_that_write_and_read_the_same_key_see_whole_results(tmp_path: Path) -> None:
    store, wrong = Store(tmp_path), []
    store.put(KEY, np.zeros(20_000))

    def write(value: int) -> None:
        for _ in range(25):
            store.put(KEY, np.full(20_000, float(value)))

    def read() -> None:
        for _ in range(50):
            found = store.get(KEY)
            if found is None or len(set(found.tolist())) != 1:
                wrong.append(found)

    threads = [threading.Thread(target=write, args=(value,)) for value in (1, 2)]
    threads += [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]


def test_a_write_that_fails_keeps_the_old_result_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.put(KEY, "old")

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        store.put(KEY, "new")
    assert store.get(KEY) == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_read_only_store_is_never_touched(tmp_path: Path) -> None:
    Store(tmp_path).put(KEY, "shipped")
    path = tmp_path / f"{KEY}.npz"
    os.utime(path, (1000, 1000))
    store = Store(tmp_path, read_only=True)
    assert store.get(KEY) == "shipped"
    assert path.stat().st_mtime == 1000
    with pytest.raises(PermissionError, match="read-only"):
        store.put(KEY, 1)
    with pytest.raises(PermissionError, match="read-only"):
        store.prune(0)
    assert Store(tmp_path / "nowhere", read_only=True).get(KEY) is None
    assert not (tmp_path / "nowhere").exists()


def test_pruning_removes_what_was_not_used_for_longest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keys = [digest(i) for i in range(4)]
    for age, key in enumerate(keys):
        store.put(key, age)
        os.utime(tmp_path / f"{key}.npz", (1000 + age, 1000 + age))
    abandoned, unfinished = tmp_path / "x.tmp", tmp_path / "y.tmp"
    for path in (abandoned, unfinished):
        path.write_bytes(b"")
    os.utime(abandoned, (1000, 1000))
    assert store.get(keys[0]) == 0  # used just now, so it stays
    size = (tmp_path / f"{keys[0]}.npz").stat().st_size
    assert store.prune(10 * size) == 0
    assert store.prune(int(2.5 * size)) == 2
    assert store.keys() == sorted([keys[0], keys[3]])
    assert not abandoned.exists()
    assert unfinished.exists()


def test_the_store_needs_no_torch() -> None:
    code = "import sys, featcore.store; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

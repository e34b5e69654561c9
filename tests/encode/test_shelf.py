"""Few encoders stay loaded, the least recently used goes, its memory with it, and nobody loses one in use."""

import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from featcore.encode.catalog import load
from featcore.encode.shelf import Shelf
from featcore.errors import LoadError


def take(shelf, key, folder):
    with shelf.borrow(key, 1, lambda: load(str(folder), device="cpu")) as encoder:
        return weakref.ref(next(encoder.model.parameters()))


def test_the_least_recently_used_is_released_and_its_weights_are_gone(cases):
    shelf, folder = Shelf(2, 10**9), cases("bert").folder
    first, second = take(shelf, "a", folder), take(shelf, "b", folder)
    take(shelf, "a", folder)
    take(shelf, "c", folder)
    assert shelf.keys() == ["a", "c"]
    assert first() is not None
    assert second() is None


def test_an_encoder_in_use_stays_although_there_are_too_many(cases):
    shelf, case = Shelf(1, 10**9), cases("bert")
    with shelf.borrow("a", 1, lambda: load(str(case.folder), device="cpu")) as used:
        take(shelf, "b", case.folder)
        assert set(shelf.keys()) >= {"a"}
        assert used.encode(case.sample).logits is not None
    assert len(shelf.keys()) == 1


def test_an_encoder_larger_than_the_shelf_is_refused_with_the_figures():
    shelf = Shelf(2, 10**9)
    with pytest.raises(LoadError, match=r"needs 2\.00 GB; 1\.00 GB"), shelf.borrow("a", 2 * 10**9, lambda: None):
        pass


def test_released_memory_goes_back_to_the_machine():
    code = """if 1:
        import torch
        from featcore.encode.shelf import Shelf
        class Kept:
            def __init__(self): self.model = torch.nn.Linear(5000, 5000); self.me = self
        def rss(): return int(open('/proc/self/statm').read().split()[1]) * 4096
        shelf, start = Shelf(1, 10**9), rss()
        seen = []
        for key in 'abcd':
            with shelf.borrow(key, 10**8, Kept): pass
            seen.append(rss() - start)
        assert seen[0] > 8e7, seen
        assert max(seen) < 1.7e8, seen"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2], timeout=60)

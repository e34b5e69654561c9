"""A folder that a stranger names: under the roots or refused, never code, never more than its weights hold."""

import json

import pytest

from featcore.encode.catalog import folder_under_roots, folders, load
from featcore.errors import LoadError
from featcore.settings import settings
from tests import tiny


@pytest.fixture
def root(monkeypatch, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("FEATCORE_ROOTS", str(home))
    settings.cache_clear()
    yield home
    monkeypatch.undo()
    settings.cache_clear()


def test_a_folder_under_a_root_is_found_and_loads(root):
    tiny.build("bert", root / "mine")
    assert folders() == [root / "mine"]
    assert load(str(folder_under_roots(str(root / "mine"))), device="cpu").card.family == "bert"


@pytest.mark.parametrize("typed", ["/etc", "../..", "~", "nowhere", "a\0b", ""])
def test_a_folder_outside_the_roots_is_refused(root, typed):
    with pytest.raises(LoadError, match="home"):
        folder_under_roots(typed)


def test_a_link_out_of_the_roots_is_refused(root, tmp_path):
    outside = tiny.build("bert", tmp_path / "outside")
    (root / "link").symlink_to(outside)
    with pytest.raises(LoadError, match="lies outside"):
        folder_under_roots(str(root / "link"))
    tiny.build("bert", root / "half")
    (root / "half" / "model.safetensors").unlink()
    (root / "half" / "model.safetensors").symlink_to(outside / "model.safetensors")
    with pytest.raises(LoadError, match=r"model\.safetensors' is a link out"):
        folder_under_roots(str(root / "half"))


def test_a_public_demo_takes_neither_folders_nor_hub_names(monkeypatch, root):
    monkeypatch.setenv("FEATCORE_PUBLIC_DEMO", "1")
    settings.cache_clear()
    tiny.build("bert", root / "mine")
    assert folders() == []
    with pytest.raises(LoadError, match="switched off"):
        folder_under_roots(str(root / "mine"))
    from featcore.encode import hub

    with pytest.raises(LoadError, match="switched off"):
        hub.fetch("org/tiny")


def test_a_checkpoint_with_code_of_its_own_is_refused_and_its_code_does_not_run(tmp_path):
    folder, trace = tiny.build("bert", tmp_path / "evil"), tmp_path / "ran"
    (folder / "modeling_evil.py").write_text(f"open({str(trace)!r}, 'w').close()\nclass Evil: pass\n")
    for name in ("config.json", "tokenizer_config.json"):
        config = json.loads((folder / name).read_text())
        key = {"AutoModel": "modeling_evil.Evil", "AutoConfig": "modeling_evil.Evil"}
        (folder / name).write_text(json.dumps(config | {"auto_map": key}))
        with pytest.raises(LoadError, match=rf"auto_map in {name}.*never run"):
            load(str(folder), device="cpu")
        (folder / name).write_text(json.dumps(config))
    assert not trace.exists()


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ({"num_hidden_layers": 10**9}, "num_hidden_layers=1000000000"),
        ({"hidden_size": 4096, "intermediate_size": 16384}, "describes .* parameters, its weights hold"),
        ({"vocab_size": 10**12}, "describes .* parameters, its weights hold"),
        ({"hidden_size": -4}, "do not load"),
    ],
)
def test_a_config_that_lies_about_its_sizes_is_refused_before_memory_is_taken(tmp_path, lie, said):
    folder = tiny.build("bert", tmp_path / "liar")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | lie))
    with pytest.raises(LoadError, match=said):
        load(str(folder), device="cpu")


def test_a_tokenizer_without_offsets_is_refused(tmp_path):
    folder = tiny.build("bert", tmp_path / "slow")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "ByT5Tokenizer"}))
    with pytest.raises(LoadError, match="without offsets"):
        load(str(folder), device="cpu")

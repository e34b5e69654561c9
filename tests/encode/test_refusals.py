"""What cannot be loaded, cut or answered is refused in words: the value, the rule, the way out."""

import resource
import threading

import numpy as np
import pytest

from featcore.encode.catalog import card_of, load
from featcore.encode.device import pick_device, pick_dtype
from featcore.errors import CutError, LoadError, NotDefined, UnknownName
from tests import tiny


@pytest.mark.parametrize("how", tiny.BROKEN)
def test_a_broken_checkpoint_is_refused_in_words_and_none_of_its_code_runs(tmp_path, how, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tiny.break_checkpoint(how, tmp_path / "broken")
    with pytest.raises(LoadError) as error:
        load(str(folder), device="cpu")
    assert "broken" in str(error.value)
    for words in tiny.BROKEN[how][2]:
        assert words in str(error.value)
    assert not (tmp_path / tiny.MARK).exists(), "code of the checkpoint ran"


def test_the_pickle_of_the_trap_runs_code_where_it_is_opened(tmp_path, monkeypatch):
    """The trap works, so that its silence above means something."""
    import pickle

    monkeypatch.chdir(tmp_path)
    folder = tiny.break_checkpoint("pickles that run code", tmp_path / "trap")
    pickle.loads((folder / "pytorch_model.bin").read_bytes()).close()
    assert (tmp_path / tiny.MARK).exists()


def test_a_config_that_asks_for_a_thousand_times_its_weights_takes_no_memory(tmp_path, monkeypatch):
    folder = tiny.break_checkpoint("a vast vocabulary", tmp_path / "vast")
    monkeypatch.setattr("featcore.encode.loading._load_model", lambda *_: pytest.fail("weights were read"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(LoadError):
        load(str(folder), device="cpu")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, "kB; the model would be 128 GB"


def test_a_checkpoint_that_is_mended_loads(tmp_path):
    """The card is cached by time and size of the files, not by their name."""
    folder = tiny.break_checkpoint("config is no JSON", tmp_path / "mended")
    with pytest.raises(LoadError):
        card_of(folder)
    tiny.build("bert", folder)
    assert card_of(folder).family == "bert"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownName, match=r"'txt-mini'.*text-mini.*org/model"):
        load("txt-mini")


def test_a_hub_name_without_network_says_so_and_offers_an_embedded_encoder():
    with pytest.raises(LoadError, match=r"did not give 'nobody/nothing'.*embedded encoder"):
        load("nobody/nothing")


@pytest.mark.parametrize("name", ["../../etc", "a/b/c", "", ".", "~"])
def test_a_name_that_leaves_the_folders_is_refused(name):
    with pytest.raises((UnknownName, LoadError)):
        load(name)


def test_an_unknown_device_or_number_format_is_refused():
    with pytest.raises(LoadError, match=r"'tpu' is not on this machine.*cpu"):
        pick_device("tpu")
    with pytest.raises(LoadError, match=r"'float8' is not offered.*float32"):
        pick_dtype("float8")


def test_pixels_for_a_text_encoder_and_text_for_a_pixel_encoder_are_refused(case):
    wrong = tiny.clip() if case.name in tiny.TEXT else tiny.text()
    given = "image" if case.name in tiny.TEXT else "text"
    with pytest.raises(CutError, match=rf"{given}\. Choose"):
        case.encoder.prepare(wrong)


@pytest.mark.parametrize(("name", "frames"), [("vit", 2), ("videomae", 5), ("videomae", 7), ("videomae", 1)])
def test_another_number_of_frames_is_refused(cases, name, frames):
    needed = tiny.SHAPES[name][0][0]
    with pytest.raises(CutError, match=rf"has {frames} frames.*exactly {needed}\. "):
        cases(name).encoder.prepare(tiny.clip(frames))


def test_a_processor_that_disagrees_with_the_model_is_refused(tmp_path):
    folder = tiny.build("vit", tmp_path / "two-sizes")
    tiny.save_processor(folder, "vit", (32, 32))
    with pytest.raises(CutError, match=r"gives 32x32 pixels.*expects 24x24"):
        load(str(folder), device="cpu").prepare(tiny.clip())


@pytest.mark.parametrize("words", ["", " ", "\n\t"])
def test_a_text_without_tokens_is_refused(text_case, words):
    if text_case.name in (*tiny.COUNTED, *tiny.CAUSAL, *tiny.SPEAKERS) and words:
        return  # blanks are tokens of a byte-level vocabulary
    with pytest.raises(CutError, match=r"no token.*at least one word"):
        text_case.encoder.prepare(tiny.text(words))


def test_a_long_text_is_cut_and_what_was_left_out_is_counted(text_case):
    words = "the film is not bad " * 30
    sample = text_case.encoder.prepare(tiny.text(words))
    assert len(sample.sequence) == tiny.MAX_POSITIONS
    assert sample.left_out == len(words) - int(sample.units.extents[-1, 0, 1]) > 0
    assert any(f"{sample.left_out} of {len(words)} characters were left out" in note for note in sample.notes)
    assert np.isfinite(text_case.encoder.encode(sample).logits).all()


def test_unknown_tokens_are_counted(cases):
    sample = cases("bert").encoder.prepare(tiny.text("the 🙂 film 🙂"))
    assert sample.unknown == 2
    assert any("2 of 4 tokens are not in the vocabulary" in note for note in sample.notes)


def test_a_headless_encoder_names_what_it_lacks(headless):
    encoder, sample = headless.encoder, headless.sample
    with pytest.raises(NotDefined, match=r"no classifier.*Choose an encoder with labels"):
        encoder.logits(sample, encoder.embed(sample))


def test_a_refused_load_leaves_no_thread_behind(tmp_path):
    before = threading.active_count()
    with pytest.raises(LoadError):
        load(str(tiny.break_checkpoint("weights cut short", tmp_path / "cut")), device="cpu")
    assert threading.active_count() <= before


def test_a_checkpoint_that_does_not_fit_is_refused_with_the_figures_before_it_is_read(cases, monkeypatch):
    case = cases("bert")
    monkeypatch.setattr("featcore.encode.loading.free_bytes", lambda device: 50_000)
    monkeypatch.setattr("featcore.encode.loading._load_model", lambda *_: pytest.fail("weights were read"))
    weights = 4 * sum(weight.numel() for weight in case.bare().parameters())
    states = 4 * 40 * (3 * 32 + 4 * 32 + 3 * 64)  # 40 positions, 2 layers, width 32, inner width 64
    maps = 4 * 2 * (2 * 4 * 40 * 40)  # 4 heads
    kilobytes = [f"{size / 1e3:.0f} kB" for size in (weights + states + maps, weights, states, maps)]
    assert kilobytes[2:] == ["67 kB", "102 kB"]
    said = "needs {} as float32: {} for weights, {} for hidden states and {} for attention maps of 40 positions"
    with pytest.raises(LoadError, match=said.format(*kilobytes) + "; 50 kB are free on cpu. Choose a smaller"):
        load(str(case.folder), device="cpu")


def test_the_free_memory_of_this_machine_is_known():
    import torch

    from featcore.encode.device import free_bytes

    assert free_bytes(torch.device("cpu")) > 10**8


def test_a_picture_that_the_processor_would_scale_beyond_the_limit_is_refused_before_it_does(tmp_path):
    folder = tiny.build("dinov2", tmp_path / "crops")
    tiny.crop_processor(folder, "dinov2", (24, 32), 2_000)
    encoder = load(str(folder), device="cpu")
    with pytest.raises(
        CutError, match=r"'.*crops' scales 2x1000 pixels to 2000x1000000;.*at most 50,000,000.*less long"
    ):
        encoder.prepare(tiny.clip(height=2, width=1_000))

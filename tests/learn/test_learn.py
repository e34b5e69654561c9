"""Training: tiny runs of every recipe learn, repeat themselves, and write folders that say what was measured."""

import gzip
import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.videomae.modeling_videomae import get_sinusoid_encoding_table

from featcore.errors import InputError, LoadError, UnknownName
from featcore.inputs.motion import MOTIONS
from featcore.learn import RECIPES, evaluate, loop, train, vit
from featcore.learn.card import numbers, read_card, readme, wilson
from featcore.learn.image import CLASSES
from featcore.learn.loop import fit
from featcore.learn.negation import BAD, FRAMES, GOOD, contrasts
from featcore.learn.pixel import Written
from featcore.learn.recipe import DATA, Examples, normalised, one_hot
from featcore.learn.text import natural
from featcore.learn.video import turned

ASSETS = Path(__file__).parents[2] / "assets" / "models"
SHIPPED = [name for name in RECIPES if (ASSETS / name / "training.json").is_file()]

SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}


def tiny(name):
    """The recipe itself, with a model and a schedule that take seconds."""
    recipe = RECIPES[name]
    config = {**recipe.config, **SMALL}
    changes = {
        "text": {"batch": 16, "vocabulary": 200},
        "image": {"batch": 16, "held_out": 40, "teacher": ""},
        "conv": {"batch": 16, "held_out": 40},
        "pixel": {"batch": 16, "vocabulary": 20, "noise": 0.1, "muon_rate": 5e-3},
        "video": {"batch": 16, "held_out": 40, "clips": 160},
    }[name.split("-")[0]]
    if name.startswith("conv"):
        config = {**recipe.config, "embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
    if name == "conv-article":
        config = {}
    return replace(recipe, config=config, peak_rate=3e-3, checks=3, **changes)


def write_sentences(folder, rng):
    """Films that are good or bad, in the files of SST-2, of the treebank and of IMDB."""
    (folder / "sst2").mkdir()
    (folder / "sst_trees").mkdir()
    nouns = ["film", "plot", "cast", "music", "ending"]
    frames = {"train": "a {} {}", "dev": "{} {}", "test": "a {} {} ending"}
    for split, n in (("train", 240), ("dev", 40), ("test", 40)):
        rows = [(frames[split].format(["bad", "good"][i % 2], rng.choice(nouns)), i % 2) for i in range(n)]
        text = "sentence\tlabel\n" + "".join(f"{sentence}\t{label}\n" for sentence, label in rows)
        (folder / "sst2" / f"{split}.tsv").write_text(text, encoding="utf-8")
    tree = "(4 (2 A) (4 (3 lovely) (2 film)))\n(0 (1 (2 not) (3 wonderful)) (1 plot))\n"
    (folder / "sst_trees" / "train.txt").write_text(tree, encoding="utf-8")
    (folder / "imdb").mkdir()
    texts = ("Too short. It was such a bad plot.", "What a good film it was! Yes.")
    with gzip.open(folder / "imdb" / "train.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps({"label": i % 2, "text": texts[i % 2]}) + "\n" for i in range(40))


def write_pictures(folder, rng):
    """Ten colours as ten classes, in the files of CIFAR-10."""
    (folder / "cifar10").mkdir()
    colours = rng.integers(0, 255, (10, 3))
    for split, n in (("train", 240), ("test", 40)):
        label = np.arange(n, dtype=np.uint8) % 10
        noisy = colours[label][:, None, None] + rng.integers(-20, 20, (n, 32, 32, 3))
        packed = []
        for pixels in noisy.clip(0, 255).astype(np.uint8):
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "JPEG", quality=75)
            packed.append(file.getvalue())
        offset = np.cumsum([0, *map(len, packed)])
        np.savez(
            folder / "cifar10" / f"{split}.npz",
            jpeg=np.frombuffer(b"".join(packed), np.uint8),
            offset=offset,
            label=label,
            classes=np.array(CLASSES),
        )


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Tiny models lose more to waiting threads than they gain."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_sentences(folder, np.random.default_rng(0))
    write_pictures(folder, np.random.default_rng(1))
    return folder


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """One tiny folder a recipe, trained when it is first asked for."""
    found = {}

    def get(name):
        if name not in found:
            out, said = tmp_path_factory.mktemp("trained") / name, []
            epochs = {"video": 2, "pixel": 12}.get(name.split("-")[0], 6)
            fit(tiny(name), data, epochs, 0, out, said.append)
            found[name] = out, said
        return found[name]

    return get


@pytest.mark.parametrize("name", ["text-mini", "image-mini", "conv-mini", "conv-article", "pixel-mini"])
def test_a_tiny_run_beats_chance(name, trained):
    card = read_card(trained(name)[0])
    assert card["test"]["low"] > card["test"]["chance"]


@pytest.mark.parametrize("name", list(RECIPES))
def test_the_loss_stays_finite_and_falls(name, trained):
    losses = [check["loss"] for check in read_card(trained(name)[0])["history"]]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_folder_is_measured_again_with_the_same_result(name, trained, data):
    folder, _ = trained(name)
    card = read_card(folder)
    assert evaluate(folder, data, "test", tiny(name)) == card["test"]
    assert evaluate(folder, data, "dev", tiny(name))["split"] == "dev"


def test_texts_are_answered_beside_others_of_their_length_and_come_back_in_the_order_of_the_split(trained, data):
    folder, _ = trained("text-mini")
    recipe = tiny("text-mini")
    model, processor = loop._load(recipe, folder)
    texts = np.array(["a good film", "bad", "a very long and good film with a bad ending and good music", "good"])
    examples = Examples(texts, np.eye(2)[[0, 1, 0, 1]])
    assert recipe.alike(examples).tolist() == [1, 3, 0, 2]
    together, _ = loop._answers(recipe, model, processor, examples)
    alone = [loop._answers(recipe, model, processor, examples.take(slice(at, at + 1)))[0][0] for at in range(4)]
    assert together == pytest.approx(np.stack(alone), abs=1e-5)


@pytest.mark.parametrize("name", list(RECIPES))
def test_the_folder_is_plain_hugging_face(name, trained):
    recipe, (folder, said) = RECIPES[name], trained(name)
    model = recipe.auto_model.from_pretrained(folder, local_files_only=True)
    assert model.dtype == torch.float16
    assert tuple(model.config.id2label.values()) == recipe.labels
    assert model.config.architectures == [type(model).__name__]
    assert recipe.auto_processor.from_pretrained(folder, local_files_only=True)
    assert "written to" in said[-1]


@pytest.mark.parametrize("name", list(RECIPES))
def test_the_same_seed_gives_the_same_weights(name, trained, data, tmp_path):
    epochs = 0.3
    for out, seed in (("one", 1), ("again", 1), ("other", 2)):
        fit(tiny(name), data, epochs, seed, tmp_path / out, lambda _: None)
    one, again, other = (read_card(tmp_path / out)["sha256"] for out in ("one", "again", "other"))
    assert one == again != other


def test_training_leaves_the_random_state_alone(data, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(tiny("text-mini"), data, 0.1, 0, tmp_path / "out", lambda _: None)
    assert torch.equal(torch.rand(3), expected)


def test_half_the_first_video_filters_see_only_change():
    model = RECIPES["video-mini"].model(None)
    still = torch.rand(1, 1, 3, 32, 32).expand(1, 8, 3, 32, 32)
    change = model.get_input_embeddings().projection(still.transpose(1, 2))[0, :48]
    bias = model.get_input_embeddings().projection.bias[:48, None, None, None]
    assert torch.allclose(change, bias.expand_as(change), atol=1e-4)


def test_a_sinusoidal_position_is_turned_into_the_one_a_frame_away():
    positions = get_sinusoid_encoding_table(128, 96)[0]
    for k in (-16, 16):
        moved = positions[32:96] @ turned(24, 96, k).T
        assert torch.allclose(moved, positions[32 + k : 96 + k, :24], atol=1e-5)


def test_heads_of_tubelets_one_frame_deep_begin_by_comparing_frames():
    torch.manual_seed(0)
    model = RECIPES["video-mini-t1"].model(None).eval()
    model.set_attn_implementation("eager")
    grey = torch.zeros(1, 8, 3, 32, 32)
    first = model(grey, output_attentions=True).attentions[0][0]
    for head, k in ((0, -16), (1, 16)):
        at = first[head, 32:96].argmax(-1) - torch.arange(32, 96)
        assert ((at - k).abs() <= 1).all(), at  # its neighbours share most of a position


def test_some_tokens_are_hidden_while_training_and_never_the_special_ones(data):
    recipe = replace(tiny("text-mini"), masked=0.5, unknown=0.25)
    train_split = recipe.read(data, "train", 0)
    processor = recipe.processor(train_split)
    ids = recipe.augment(processor, train_split.inputs[:200], np.random.default_rng(0))["input_ids"]
    plain = recipe.collate(processor, train_split.inputs[:200])["input_ids"]
    special = torch.isin(plain, torch.tensor(processor.all_special_ids))
    assert torch.equal(ids[special], plain[special])
    assert (ids == processor.mask_token_id).sum() / (~special).sum() == pytest.approx(0.5, abs=0.1)
    assert (ids == processor.unk_token_id).sum() / (~special).sum() == pytest.approx(0.25, abs=0.1)


def test_every_graded_word_is_negated_in_contrast_pairs_but_never_a_held_out_one():
    grades = {"splendid": 4, "drab": 0, "film": 2, "good": 4, "bad": 0, "not bad": 3}
    pairs = dict(contrasts(grades, frames=len(FRAMES), rng=np.random.default_rng(0)))
    assert len(pairs) == 2 * 2 * len(FRAMES)
    assert pairs["splendid"] > 0.5 > pairs["not splendid"]
    assert pairs["it is drab ."] < 0.5 < pairs["it is not drab ."]
    assert not any("good" in text or "bad" in text for text in pairs)
    assert len(set(GOOD)) == len(set(BAD)) == 100
    assert not set(GOOD) & set(BAD)


def test_the_first_phase_reads_sentences_of_reviews_with_the_label_of_their_review(data):
    before = tiny("text-mini").before(data, 0)
    assert set(before.inputs) == {"What a good film it was!", "It was such a bad plot."}
    assert all(target[1] > 0.5 for text, target in zip(before.inputs, before.targets, strict=True) if "good" in text)
    assert all(target[1] < 0.5 for text, target in zip(before.inputs, before.targets, strict=True) if "bad" in text)


def test_contractions_are_joined():
    assert natural("it 's a film that is n't bad , `` they '' say .") == "it's a film that isn't bad, \" they \" say."


def test_pictures_are_augmented_within_range_and_kept_in_size(data):
    recipe = tiny("image-mini")
    pixels = recipe.read(data, "train", 0).inputs[:32]
    seen = recipe.augment(None, pixels, np.random.default_rng(0))["pixel_values"]
    assert seen.shape == (32, 3, 32, 32)
    assert seen.dtype == torch.float32
    still = replace(recipe, shift_px=0, blank_px=0)
    assert still.augment(None, pixels, np.random.default_rng(0))["pixel_values"].shape == seen.shape


def test_pictures_are_enlarged_for_a_convolution_as_its_processor_does_it():
    recipe = replace(RECIPES["conv-mini"], shift_px=0, mirror=False)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    through = recipe.collate(recipe.processor(None), pixels)["pixel_values"]
    seen = recipe.augment(None, pixels, np.random.default_rng(0))["pixel_values"]
    assert through.shape == seen.shape == (3, 3, 64, 64)
    assert torch.allclose(through, seen, atol=1.01 / 127.5), "but for rounding to 256 steps"


def test_a_page_of_text_is_seen_alike_in_training_and_through_the_processor():
    recipe = replace(RECIPES["pixel-mini"], noise=0.0, mistyped=0.0)
    inputs = Written(np.array(["not a bad film", "Café"], dtype=object), {"bad": 3, "café": 1, "film": 0})
    seen = recipe.augment(None, inputs, np.random.default_rng(0))
    through = recipe.collate(recipe.processor(None), inputs)["pixel_values"]
    assert torch.allclose(seen["pixel_values"], through, atol=1e-5)
    assert through.max() == 0, "empty paper is 0, which is what hides a word"
    read = [sorted(words[words >= 0].tolist()) for words in seen["words"]]
    assert read == [[0, 3], []], "words without letters of the English alphabet have no number of their own"


def test_a_word_is_read_where_it_ends(data):
    recipe = replace(tiny("pixel-mini"), noise=0.0, mistyped=0.0)
    inputs = Written(np.array(["extraordinary film"], dtype=object), {"extraordinary": 5, "film": 7})
    seen = recipe.augment(None, inputs, np.random.default_rng(0))
    at = {int(word): int(cell) for cell, word in zip(seen["kept"][0], seen["words"][0], strict=True) if word >= 0}
    assert at == {5: 6, 7: 9}, "13 letters and a space fill cells 0 to 6; 'film' and its space 7 to 9"


def test_a_pupil_hears_its_teacher_for_the_very_picture_it_sees(data, monkeypatch):
    recipe = replace(tiny("image-mini"), teacher="stand-in", taught=1.0, kept=1.0)
    monkeypatch.setattr(vit, "_lesson", lambda name, pixels: torch.eye(10)[[4] * len(pixels)])
    torch.manual_seed(0)
    model = recipe.model(None)
    pixels, wrong = torch.randn(6, 3, 32, 32), torch.eye(10)[[0] * 6]
    model.eval()
    loss = recipe.loss(model, {"pixel_values": pixels}, wrong, 1.0)
    taught = torch.nn.functional.cross_entropy(model(pixel_values=pixels).logits, torch.tensor([4] * 6))
    assert loss.item() == pytest.approx(taught.item(), abs=1e-4)


def test_a_teacher_that_is_not_there_is_named():
    with pytest.raises(LoadError, match="teacher 'nobody'"):
        vit._teacher("nobody")


@pytest.mark.parametrize("name", ["image-mini", "video-mini"])
def test_the_shipped_processor_and_the_training_pixels_agree(name):
    recipe = RECIPES[name]
    shape = (3, 32, 32, 3) if name == "image-mini" else (2, 8, 32, 32, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    through = recipe.collate(recipe.processor(None), pixels)["pixel_values"]
    assert torch.allclose(through, normalised(pixels), atol=1e-5)


def test_scrambling_keeps_every_patch():
    recipe = RECIPES["image-mini"]
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    mixed = recipe.controls()["patches in random order"](
        Examples(pixels, one_hot([0, 1], 10)), np.random.default_rng(0)
    )

    def patches(picture):
        return sorted(picture[y : y + 4, x : x + 4].tobytes() for y in range(0, 32, 4) for x in range(0, 32, 4))

    assert patches(mixed.inputs[0]) == patches(pixels[0])
    assert (mixed.inputs[0] != pixels[0]).any()


def test_the_video_splits_share_no_clip():
    recipe = replace(tiny("video-mini"), clips=1000)
    clips = recipe.read(Path(), "train", 0).inputs
    assert clips.seeds.min() > 11_000
    assert clips.motions.max() == len(MOTIONS) - 1


def test_wilson_interval_of_known_counts():
    """Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_numbers_count_by_class():
    found = numbers(("a", "b"), np.array([[1, 0], [1, 0], [0, 1.0]]), np.eye(2)[[0, 1, 1]])
    assert found["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["per_class"] == {"a": 1.0, "b": 0.5}


def test_mistakes_are_explained_in_words(tmp_path, data):
    with pytest.raises(UnknownName, match="text-mini"):
        train("text-maxi", data, out=tmp_path / "out")
    with pytest.raises(InputError, match="--data"):
        train("text-mini", tmp_path, out=tmp_path / "out")
    with pytest.raises(InputError, match="Known: train, dev, test"):
        RECIPES["video-mini"].read(data, "holdout", 0)
    with pytest.raises(LoadError, match=r"training\.json"):
        evaluate(tmp_path, data)
    (tmp_path / "training.json").write_text(json.dumps({"name": "text-mini"}), encoding="utf-8")
    with pytest.raises(LoadError, match="not a trained text-mini"):
        evaluate(tmp_path, data)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_folder_is_small_and_says_where_it_comes_from(name):
    card, weights = read_card(ASSETS / name), (ASSETS / name / "model.safetensors").read_bytes()
    assert len(weights) <= 8_000_000
    assert hashlib.sha256(weights).hexdigest() == card["sha256"]
    assert (ASSETS / name / "README.md").read_text(encoding="utf-8") == readme(card)
    assert card["labels"] == list(RECIPES[name].labels)
    assert card["test"]["low"] > card["test"]["chance"]


@pytest.mark.shared_data
@pytest.mark.skipif("text-mini" not in SHIPPED, reason="text-mini has not been trained")
def test_the_shipped_text_model_repeats_its_card():
    if not (DATA / "sst2" / "test.tsv").is_file():
        pytest.skip("the shared data folder has no sst2")
    found = evaluate(ASSETS / "text-mini", DATA, "test")
    assert found["accuracy"] == pytest.approx(read_card(ASSETS / "text-mini")["test"]["accuracy"], abs=0.003)

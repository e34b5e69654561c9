"""Two towers in one checkpoint: each is an encoder, their vectors lie in one space, and both sides are attributed."""

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoModel

import featcore as fc
from featcore.errors import LoadError, NotDefined
from featcore.explain.base import similarity
from tests import tiny
from tests.encode.test_layouts import assert_every_unit_enters_at_its_position

CLOSE = {"rtol": 0, "atol": 1e-5}
# The class of transformers that is one tower; tests load it themselves.
BARE = {
    "clip_text_model": "CLIPTextModelWithProjection",
    "clip_vision_model": "CLIPVisionModelWithProjection",
    "siglip_text_model": "SiglipTextModel",
    "siglip_vision_model": "SiglipVisionModel",
}


@pytest.fixture(scope="module", params=tiny.TOWERS)
def towers(request, tmp_path_factory):
    folder = tiny.build_towers(request.param, tmp_path_factory.mktemp("towers") / request.param)
    return folder, *(fc.load(f"{folder}#{tower}", device="cpu", dtype="float32") for tower in ("text", "image"))


def answers(folder, text, image):
    """Both sides and their cosine, by transformers alone."""
    with torch.no_grad():
        return AutoModel.from_pretrained(folder).eval()(**text.tensors, **image.tensors)


def plain(folder, encoder, attention="eager"):
    """One tower by transformers alone; featcore has no hand in it."""
    model_class = getattr(transformers, BARE[encoder.card.family])
    return model_class.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention).eval()


def sides_of(text, image):
    return (text, text.prepare(tiny.text())), (image, image.prepare(tiny.clip()))


def test_hidden_states_and_attention_are_those_of_transformers(towers):
    folder, *both = towers
    for encoder, sample in sides_of(*both):
        with torch.no_grad():
            alone = plain(folder, encoder)(**sample.tensors, output_hidden_states=True, output_attentions=True)
        encoding = encoder.encode(sample)
        assert len(encoding.hidden) == len(alone.hidden_states) == 3
        for ours, theirs in zip(encoding.hidden, alone.hidden_states, strict=True):
            np.testing.assert_allclose(ours, theirs[0], **CLOSE)
        assert len(encoding.attention) == len(alone.attentions) == 2
        for ours, theirs in zip(encoding.attention, alone.attentions, strict=True):
            np.testing.assert_allclose(ours, theirs[0], **CLOSE)
        np.testing.assert_allclose(encoding.attention.sum(-1), 1, atol=1e-5)


def test_every_unit_enters_at_its_position(towers):
    """Of pictures on a grid whose rows and columns differ, too."""
    folder, text, image = towers
    assert_every_unit_enters_at_its_position(text, text.prepare(tiny.text()))
    for encoder in (image, fc.load(f"{folder}#image#16x40", "cpu", "float32")):
        assert_every_unit_enters_at_its_position(encoder, encoder.prepare(tiny.clip()), (1, 8, 8))
    assert encoder.prepare(tiny.clip()).units.grid == (1, 2, 5)


def test_gradients_reach_every_unit_of_both_sides(towers):
    _, *both = towers
    for encoder, sample in sides_of(*both):
        embedded = encoder.embed(sample).clone().requires_grad_()
        encoder.pooled(sample, embedded).square().sum().backward()
        length = embedded.grad[0].norm(dim=-1)
        assert torch.isfinite(length).all()
        assert (length[sample.rows] > 0).all()


def test_hiding_every_unit_is_the_baseline_as_input(towers):
    """CLIP reads a text at the first sign that ends one, which is what hides its words; the vector of what is hidden is
    read where the text itself ends, and a causal model's states do not depend on where it is read."""
    folder, *both = towers
    for encoder, sample in sides_of(*both):
        model, tensors = plain(folder, encoder, "sdpa"), dict(sample.tensors)
        with torch.no_grad():
            hidden = encoder.pooled(sample, encoder.baseline(sample))
            if encoder.layout.modality == "image":
                answer = model(**tensors | {"pixel_values": torch.zeros_like(tensors["pixel_values"])})
            else:
                tokenizer = encoder.loader.tokenizer
                ids = tensors["input_ids"].clone()
                ids[0, sample.positions] = getattr(tokenizer, f"{encoder.card.baselines[0]}_token_id")
                answer = model(**tensors | {"input_ids": ids})
            expected = answer.get("image_embeds", answer.get("pooler_output"))
            if encoder.card.family == "clip_text_model":
                expected = model.text_projection(answer.last_hidden_state[:, -1])
        torch.testing.assert_close(hidden, expected, **CLOSE)


def test_their_similarity_is_the_cosine_of_the_whole_model(towers):
    folder, text, image = towers
    words, picture = text.prepare(tiny.text()), image.prepare(tiny.clip())
    bare = answers(folder, words, picture)
    expected = float(bare.text_embeds[0] @ bare.image_embeds[0])  # the model gives both at length 1
    ours = fc.explain(text, words, "occlusion", similarity(image, picture))
    theirs = fc.explain(image, picture, "occlusion", similarity(text, words))
    assert ours.target_score == pytest.approx(expected, abs=1e-5)
    assert theirs.target_score == pytest.approx(expected, abs=1e-5)
    assert ours.scores.any()
    assert theirs.scores.any()


def test_hiding_a_word_is_the_whole_models_answer_to_the_text_with_it_blanked(towers):
    """Not so for CLIP by transformers alone: what hides a word there ends a text, and the model would read that."""
    folder, text, image = towers
    if text.card.family == "clip_text_model":
        assert text.card.baselines[0] == "eos"
        return
    words, picture = text.prepare(tiny.text()), image.prepare(tiny.clip())
    found = fc.explain(text, words, "occlusion", similarity(image, picture), baseline="pad")
    ids = words.tensors["input_ids"].clone()
    ids[0, words.positions[4]] = 0
    with torch.no_grad():
        bare = AutoModel.from_pretrained(folder).eval()(input_ids=ids, **picture.tensors)
    assert found.scores[4] == pytest.approx(
        found.target_score - float(bare.text_embeds @ bare.image_embeds.T), abs=1e-5
    )


def test_gradients_add_up_on_both_sides(towers):
    _, text, image = towers
    words, picture = text.prepare(tiny.text()), image.prepare(tiny.clip())
    for encoder, sample, target in (
        (text, words, similarity(image, picture)),
        (image, picture, similarity(text, words)),
    ):
        found = fc.explain(encoder, sample, "integrated_gradients", target, steps=128)
        assert abs(found.convergence_delta) < 2e-3


def test_each_tower_counts_its_own_weights(towers):
    folder, text, image = towers
    weights = load_file(folder / "model.safetensors")
    beside = sum(value.numel() for name, value in weights.items() if name.startswith("logit_"))
    everything = sum(value.numel() for value in weights.values())
    assert text.card.parameters + image.card.parameters + beside == everything
    for encoder in (text, image):
        assert encoder.card.parameters == sum(value.numel() for value in encoder.model.parameters())


def test_siglip_reads_a_text_filled_up_to_its_length_and_pictures_by_a_query(tmp_path):
    folder = tiny.build_towers("siglip", tmp_path / "siglip")
    text, image = (fc.load(f"{folder}#{tower}", device="cpu") for tower in ("text", "image"))
    words = text.prepare(tiny.text("a film"))
    assert len(words.units) == 2
    assert words.tensors["input_ids"].shape == (1, tiny.MAX_POSITIONS)
    assert words.sequence[-1] == "[PAD]"
    assert text.encode(words).readout == tiny.MAX_POSITIONS - 1
    picture = image.prepare(tiny.clip())
    reading = image.encode(picture).reading
    head = AutoModel.from_pretrained(folder).vision_model
    with torch.no_grad():
        rows = head(**picture.tensors).last_hidden_state
        expected = head.head.attention(head.head.probe, rows, rows)[1][0, 0]
    np.testing.assert_allclose(reading, expected, atol=1e-5)
    assert reading.sum() == pytest.approx(1, abs=1e-5)
    assert not image.model.head.attention._forward_hooks


def test_v_jepa_2_reads_what_its_query_attends_to(cases):
    case = cases("vjepa2")
    eager, fused = case.encoder.encode(case.sample), case.encoder.encode(case.sample, attention=False)
    found = []
    bare = case.bare("eager")
    bare.pooler.cross_attention_layer.cross_attn.register_forward_hook(lambda *call: found.append(call[2][1]))
    with torch.no_grad():
        bare(**case.sample.tensors)
    np.testing.assert_allclose(eager.reading, found[0].mean(1)[0, 0], atol=1e-6)
    np.testing.assert_allclose(fused.reading, eager.reading, atol=1e-6)


def test_a_checkpoint_of_two_towers_asks_which_one_and_others_have_none(towers, cases):
    folder, text, image = towers
    with pytest.raises(LoadError, match=r"two towers.*#text.*#image"):
        fc.load(str(folder))
    with pytest.raises(LoadError, match=r"'bert' and has no image tower. Leave out '#image'"):
        fc.load(f"{cases('bert').folder}#image")
    assert "logits" not in text.card.provides | image.card.provides
    with pytest.raises(NotDefined, match="has no classifier"):
        image.logits(image.prepare(tiny.clip()), image.embed(image.prepare(tiny.clip())))


def test_vectors_of_other_lengths_share_no_space(tmp_path, headless):
    text = fc.load(f"{tiny.build_towers('clip', tmp_path / 'clip')}#text", device="cpu")
    with pytest.raises(NotDefined, match=r"32 numbers.*16"):
        fc.explain(text, text.prepare(tiny.text()), "occlusion", similarity(headless.encoder, headless.sample))


def test_both_sides_are_attributed_from_the_command_line(towers, tmp_path):
    import json

    from PIL import Image
    from typer.testing import CliRunner

    from featcore.cli import app

    folder, text, image = towers
    Image.fromarray(tiny.clip().frames[0]).save(tmp_path / "noise.png")
    asked = ["pair", str(folder), "--text", "the film", "--image", str(tmp_path / "noise.png"), "-m", "occlusion"]
    answer = CliRunner().invoke(app, [*asked, "--json"])
    assert answer.exit_code == 0, answer.output
    sides = json.loads(answer.stdout)
    words, picture = text.prepare(tiny.text("the film")), image.prepare(fc.read_image(tmp_path / "noise.png"))
    bare = answers(folder, words, picture)
    assert sides["text"]["target_score"] == pytest.approx(float(bare.text_embeds @ bare.image_embeds.T), abs=1e-5)
    assert sides["image"]["target_score"] == pytest.approx(sides["text"]["target_score"], abs=1e-6)
    assert (len(sides["text"]["scores"]), len(sides["image"]["scores"])) == (2, 9)

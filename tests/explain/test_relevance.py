"""Gradient-weighted attention against plain implementations on transformers' own classes, and models that end early."""

import numpy as np
import pytest
import torch

import featcore as fc
from featcore.errors import NotDefined

# A class position, the mean of all, the mean of the units, and the last position of a causal model.
FAMILIES = ("bert", "vit", "videomae", "beit", "deit", "gpt2", "modernbert", "clip_vision_model", "vivit")
SQUARE = (*FAMILIES, "distilbert", "electra", "deberta-v2", "mpnet", "roberta", "dinov2", "llama", "qwen2")


def maps_and_gradients(case, index, **smaller):
    """Attention and its gradients of a plain model, [l h s s] each, by backward() on a class score."""
    model = case.bare("eager") if not smaller else smaller["model"]
    output = model(**case.sample.tensors, output_attentions=True)
    for layer in output.attentions:
        layer.retain_grad()
    output.logits[0, index].backward()
    attention = np.stack([layer[0].detach().numpy() for layer in output.attentions])
    return attention, np.stack([layer.grad[0].numpy() for layer in output.attentions])


@pytest.mark.parametrize("name", FAMILIES)
def test_relevance_equals_the_full_matrix_product_by_hand(cases, name):
    case = cases(name)
    attention, gradients = maps_and_gradients(case, 1)
    size = attention.shape[-1]
    whole = np.eye(size)
    for maps, slopes in zip(attention, gradients, strict=True):
        cam = np.zeros((size, size))
        for one, slope in zip(maps, slopes, strict=True):
            cam += np.maximum(one * slope, 0) / len(maps)
        whole = whole + cam @ whole
    read = case.encoder.encode(case.sample).reading
    expected = (read @ (whole - np.eye(size)))[case.sample.positions]
    found = fc.explain(case.encoder, case.sample, "relevance", 1)
    assert expected.any()
    np.testing.assert_allclose(found.scores, expected, rtol=1e-3, atol=1e-6 * np.abs(expected).max())


def test_negative_parts_go_before_the_heads_are_averaged(cases):
    case = cases("bert")
    attention, gradients = maps_and_gradients(case, 0)
    products = attention[-1] * gradients[-1]
    found = fc.explain(case.encoder, case.sample, "relevance", 0, start=len(attention) - 1)
    before, after = np.maximum(products, 0).mean(0)[0], np.maximum(products.mean(0), 0)[0]
    places = case.sample.positions
    np.testing.assert_allclose(found.scores, before[places], rtol=1e-3, atol=1e-7)
    assert not np.allclose(before[places], after[places], rtol=0.05)


@pytest.mark.parametrize("name", SQUARE)
def test_attention_times_gradient_is_the_sum_over_heads_and_queries(cases, name):
    case = cases(name)
    attention, gradients = maps_and_gradients(case, 1)
    for layer in range(len(attention)):
        expected = (attention[layer] * gradients[layer]).sum((0, 1))[case.sample.positions]
        found = fc.explain(case.encoder, case.sample, "attention_x_gradient", 1, layer=layer)
        np.testing.assert_allclose(found.scores, expected, rtol=1e-3, atol=1e-5 * np.abs(gradients[layer]).max())


@pytest.mark.parametrize("name", FAMILIES)
def test_legrad_is_the_mean_of_models_that_end_early(cases, name):
    """Each shorter model is loaded by transformers alone, from the same weights with fewer layers in its config."""
    case = cases(name)
    found, expected = fc.explain(case.encoder, case.sample, "legrad", 1), 0.0
    depth = len(case.encoder.encode(case.sample).attention)
    for layers in range(1, depth + 1):
        _, gradients = maps_and_gradients(case, 1, model=shorter(case, layers))
        expected = expected + np.maximum(gradients[-1], 0).mean((0, 1)) / depth
    np.testing.assert_allclose(found.scores, expected[case.sample.positions], rtol=1e-3, atol=1e-7)
    assert found.passes == depth


@pytest.mark.parametrize("name", SQUARE)
def test_a_model_that_ends_early_is_the_one_that_transformers_loads_with_fewer_layers(cases, name):
    case = cases(name)
    states = case.encoder.states(case.sample, case.encoder.embed(case.sample), 1)
    with torch.no_grad():
        expected = shorter(case, 1)(**case.sample.tensors).logits
    torch.testing.assert_close(states.logits, expected, rtol=1e-4, atol=1e-5)
    assert len(states.attention) == 1
    assert len(states.hidden) == 2
    whole = case.encoder.states(case.sample, case.encoder.embed(case.sample))
    np.testing.assert_allclose(whole.logits[0].detach(), case.encoder.encode(case.sample).logits, atol=1e-5)
    assert not torch.allclose(whole.logits, states.logits, atol=1e-3)


def shorter(case, layers):
    """The checkpoint with its first layers only, by transformers."""
    import transformers

    from tests import tiny

    config = transformers.AutoConfig.from_pretrained(case.folder, attn_implementation="eager")
    if not getattr(type(case.encoder.model), "_supports_sdpa", False):
        config = transformers.AutoConfig.from_pretrained(case.folder)
    getattr(config, "vision_config", config).num_hidden_layers = layers
    if hasattr(config, "layer_types"):
        config.layer_types = config.layer_types[:layers]
    if getattr(config, "pad_token_id", 0) is None:
        config.pad_token_id = -1
    model_class = getattr(transformers, tiny.class_of(case.name))
    return model_class.from_pretrained(case.folder, config=config, dtype=torch.float32).eval()


def test_a_model_is_whole_again_after_an_error_in_a_shortened_pass(cases):
    case = cases("bert")
    before = case.encoder.encode(case.sample).logits

    def stop(done: int, total: int) -> None:
        if done:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        fc.explain(case.encoder, case.sample, "legrad", 0, stop)
    assert all("forward" not in vars(module) for module in case.encoder.model.modules())
    np.testing.assert_array_equal(case.encoder.encode(case.sample).logits, before)


@pytest.mark.parametrize("method", ["relevance", "legrad", "attention_x_gradient"])
def test_layers_that_are_no_square_maps_are_refused_in_words(cases, method):
    for name in ("swin", "timesformer"):
        with pytest.raises(NotDefined, match=r"not square matrices.*Choose"):
            fc.explain(cases(name).encoder, cases(name).sample, method)


def test_relevance_of_a_model_read_by_a_learned_query_is_refused_in_words(cases):
    case = cases("vjepa2")
    with pytest.raises(NotDefined, match=r"learned query.*Choose LeGrad"):
        fc.explain(case.encoder, case.sample, "relevance")
    assert fc.explain(case.encoder, case.sample, "legrad").scores.any()


def test_a_layer_that_does_not_exist_is_refused_in_words(cases):
    case = cases("bert")
    for method, knob in (("relevance", "start"), ("attention_x_gradient", "layer")):
        with pytest.raises(NotDefined, match="Layer 9 does not exist; the encoder has 2"):
            fc.explain(case.encoder, case.sample, method, 0, **{knob: 9})

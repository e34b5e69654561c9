"""Class activation maps against Captum's own layer method, a loop by hand, and the weights of linear classifiers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam

import featcore as fc
from featcore.errors import NotDefined
from featcore.explain.remarks import remarks
from featcore.types import Target
from pages.ui.pane import sentence
from tests import tiny


def states_and_gradients(case, index):
    """Vectors between the layers of transformers' own class and their gradients, by backward()."""
    output = case.bare("eager")(**case.sample.tensors, output_hidden_states=True)
    for state in output.hidden_states:
        state.retain_grad()
    output.logits[0, index].backward()
    return output.hidden_states, [state.grad for state in output.hidden_states]


@pytest.mark.parametrize(
    "name",
    [
        *("bert", "vit", "videomae", "beit", "dinov2_with_registers", "gpt2", "vivit", "vjepa2", "timesformer"),
        *("clip_vision_model", "siglip_vision_model", "deberta-v2", "modernbert-mean"),
    ],
)
def test_grad_cam_on_tokens_is_the_formula_by_hand_at_every_layer(cases, name):
    case = cases(name)
    hidden, gradients = states_and_gradients(case, 1)
    for layer in range(len(hidden) - 1):
        weights = np.zeros(hidden[layer].shape[-1])
        for place in case.sample.positions:
            weights += gradients[layer][0, place].numpy() / len(case.sample.positions)
        vectors = hidden[layer][0].detach().numpy()
        expected = [max(float(vectors[place] @ weights), 0.0) for place in case.sample.positions]
        found = fc.explain(case.encoder, case.sample, "grad_cam", 1, layer=layer)
        np.testing.assert_allclose(found.scores, expected, rtol=2e-3, atol=1e-4 * max(expected) + 1e-9)


@pytest.mark.parametrize("name", [name for name in tiny.CONV if name != "torchvision"])
def test_grad_cam_of_a_convolutional_encoder_equals_captums(cases, name):
    case = cases(name)
    model = case.bare()
    pixels = case.sample.tensors["pixel_values"]
    stage = getattr(model, name).encoder.stages[-1]
    found = fc.explain(case.encoder, case.sample, "grad_cam", 1)
    captum = LayerGradCam(lambda values: model(pixel_values=values).logits, stage)
    expected = captum.attribute(pixels, target=1, relu_attributions=True)[0, 0].detach().numpy()
    assert expected.shape == case.sample.units.grid[1:]
    np.testing.assert_allclose(found.scores, expected.ravel(), rtol=1e-3, atol=1e-6 * expected.max() + 1e-9)


@pytest.mark.parametrize("name", ["resnet", "swin"])
def test_a_finer_feature_map_is_averaged_over_each_unit(cases, name):
    case = cases(name)
    hidden, gradients = states_and_gradients(case, 1)
    vectors, slopes = (
        each[0][0].detach().flatten(1).T if each[0].ndim == 4 else each[0][0].detach() for each in (hidden, gradients)
    )
    _, rows, columns = case.sample.units.grid
    fine = np.maximum((vectors @ slopes.mean(0)).numpy(), 0)
    finer = round((len(fine) / rows / columns) ** 0.5)
    assert finer > 1
    fine = fine.reshape(rows * finer, columns * finer)
    expected = [
        fine[row * finer : (row + 1) * finer, column * finer : (column + 1) * finer].mean()
        for row in range(rows)
        for column in range(columns)
    ]
    found = fc.explain(case.encoder, case.sample, "grad_cam", 1, layer=0)
    np.testing.assert_allclose(found.scores, expected, rtol=1e-3, atol=1e-6 * max(expected) + 1e-9)


@pytest.mark.parametrize("name", ["bert", "vit", "gpt2"])
def test_behind_the_last_layer_only_the_position_that_is_read_has_a_gradient(cases, name):
    case = cases(name)
    _, gradients = states_and_gradients(case, 1)
    last = len(gradients) - 1
    moved = gradients[-1][0].abs().sum(-1).nonzero().flatten().tolist()
    assert moved == [case.encoder.encode(case.sample).readout]
    with pytest.raises(NotDefined, match=r"is all that is read from there on.*Choose an earlier layer"):
        fc.explain(case.encoder, case.sample, "grad_cam", 1, layer=last)
    chosen = fc.explain(case.encoder, case.sample, "grad_cam", 1).scores
    assert np.array_equal(chosen, fc.explain(case.encoder, case.sample, "grad_cam", 1, layer=last - 1).scores)
    with pytest.raises(NotDefined, match=f"Layer {last + 1} does not exist"):
        fc.explain(case.encoder, case.sample, "grad_cam", 1, layer=last + 1)


@pytest.mark.parametrize("name", ["resnet", "regnet"])
def test_cam_is_the_classifiers_weights_on_each_cell_and_adds_up_to_the_logit_less_its_bias(cases, name):
    case = cases(name)
    model = case.bare()
    with torch.no_grad():
        output = model(**case.sample.tensors, output_hidden_states=True)
    linear = next(module for module in model.classifier.modules() if isinstance(module, torch.nn.Linear))
    cells = output.hidden_states[-1][0].flatten(1)
    expected = (linear.weight[1] @ cells / cells.shape[1]).detach().numpy()
    found = fc.explain(case.encoder, case.sample, "cam", 1)
    np.testing.assert_allclose(found.scores, expected, rtol=1e-3, atol=1e-6)
    assert found.scores.sum() == pytest.approx(float(output.logits[0, 1] - linear.bias[1].detach()), abs=1e-4)
    against = fc.explain(case.encoder, case.sample, "cam", 2).scores
    pair = Target(1, "1", "difference", 2)
    np.testing.assert_allclose(
        fc.explain(case.encoder, case.sample, "cam", pair).scores, found.scores - against, atol=1e-5
    )


def test_between_the_layers_of_divided_attention_each_unit_stands_where_its_embedding_does(cases):
    case = cases("timesformer")
    embedded = case.encoder.embed(case.sample)
    with torch.no_grad():
        before = case.encoder.states(case.sample, embedded).hidden
        for row, place in zip(case.sample.rows, case.sample.positions, strict=True):
            changed = embedded.clone()
            changed[:, row] += 0.01
            for old, new in zip(before, case.encoder.states(case.sample, changed).hidden, strict=True):
                assert int((new - old)[0].norm(dim=-1).argmax()) == place


@pytest.mark.parametrize(("name", "target"), [("convnext", 1), ("swin", 1), ("videomae", 1), ("resnet", "probability")])
def test_cam_is_refused_where_something_not_linear_stands_between(cases, name, target):
    case = cases(name)
    with pytest.raises(NotDefined, match=r"not linear in the mean.*Choose Grad-CAM"):
        fc.explain(case.encoder, case.sample, "cam", target)


def test_cam_is_refused_where_the_mean_is_not_read(cases):
    with pytest.raises(NotDefined, match="does not read the mean of its units"):
        fc.explain(cases("bert").encoder, cases("bert").sample, "cam")


def test_a_map_that_the_cut_left_nothing_of_says_why_and_what_to_try():
    """Of two classes that mirror each other, what speaks against one speaks for the other: the way out is real."""
    encoder = fc.load("text-mini-b")
    sample = encoder.prepare(fc.read_text("这部电影的画面很美，可是故事太长了。"))
    found = fc.explain(encoder, sample, "grad_cam", 0)
    assert not found.scores.any()
    (said,) = remarks(found)
    assert "every unit speaks against the target" in said
    assert "ReLU left nothing. Explain the runner-up instead, try another layer" in said
    assert said in sentence(found), "the page says it under the picture"
    for other in (fc.explain(encoder, sample, "grad_cam", 1), fc.explain(encoder, sample, "grad_cam", 0, layer=1)):
        assert other.scores.any()
        assert not remarks(other)


@pytest.mark.parametrize(("method", "said"), [("relevance", "start at an earlier layer"), ("legrad", "keeps signs")])
def test_zeros_of_relevance_and_legrad_have_words_and_those_of_other_methods_have_none(cases, method, said):
    case = cases("bert")
    some = fc.explain(case.encoder, case.sample, method, 0)
    nothing = replace(some, scores=np.zeros(len(some.units)))
    (remark,) = remarks(nothing)
    assert remark.startswith("All scores are 0: ")
    assert said in remark
    assert not remarks(some)
    assert not remarks(replace(nothing, method="occlusion", knobs=()))
    vector = remarks(replace(nothing, target=Target(0, "the pooled vector", "norm")))
    assert "runner-up" not in vector[0], "a vector has no classes"

"""ResNet and ConvNeXt of torchvision, kept and loaded like any other checkpoint: config.json and safetensors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torchvision
from jaxtyping import Float
from torch import Tensor, nn
from transformers import BitImageProcessor, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import ImageClassifierOutputWithNoAttention

from featcore.errors import LoadError

_STEM = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")


def _resnet(model: Any, pixels: Tensor) -> Tensor:
    for name in _STEM:
        pixels = getattr(model, name)(pixels)
    return pixels


# How each family of torchvision comes to its last feature map, and from there to class scores.
_FEATURES: dict[str, Callable[[Any, Tensor], Tensor]] = {"resnet": _resnet, "convnext": lambda m, x: m.features(x)}
_HEADS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "resnet": lambda model, cells: model.fc(model.avgpool(cells).flatten(1)),
    "convnext": lambda model, cells: model.classifier(model.avgpool(cells)),
}


class TorchvisionConfig(PreTrainedConfig):
    """`builder` is the name that `torchvision.models.get_model` takes ("resnet50")."""

    model_type = "torchvision"

    builder: str = "resnet18"


class TorchvisionForImageClassification(PreTrainedModel):
    """A classifier of torchvision that also gives its last feature map, as the classes of transformers do."""

    config_class = TorchvisionConfig
    main_input_name = "pixel_values"
    base_model_prefix = "model"

    def __init__(self, config: TorchvisionConfig) -> None:
        super().__init__(config)
        self.family = family_of(config.builder)
        self.model = torchvision.models.get_model(config.builder, weights=None, num_classes=config.num_labels)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Torchvision has drawn its own start values."""

    def forward(
        self, pixel_values: Float[Tensor, "b 3 y x"], output_hidden_states: bool = False, **_: Any
    ) -> ImageClassifierOutputWithNoAttention:
        cells = _FEATURES[self.family](self.model, pixel_values)
        logits = _HEADS[self.family](self.model, cells)
        return ImageClassifierOutputWithNoAttention(
            logits=logits, hidden_states=(cells,) if output_hidden_states else None
        )


def family_of(builder: str) -> str:
    """The family that a builder of torchvision belongs to.

    Raises:
        LoadError: a builder of another family, or none of torchvision's.
    """
    known = [name for name in torchvision.models.list_models() if name.startswith(tuple(_FEATURES))]
    if builder not in known:
        raise LoadError(f"'{builder}' is no ResNet or ConvNeXt of torchvision. Known: {', '.join(known)}.")
    return next(family for family in _FEATURES if builder.startswith(family))


def keep(builder: str, folder: Path, weights: str | None = "DEFAULT") -> Path:
    """Write a classifier of torchvision as a folder that every road of featcore loads.

    Args:
        weights: a name of torchvision's weights, downloaded by torchvision and checked by it; None: random ones.
    """
    family_of(builder)
    chosen = torchvision.models.get_model_weights(builder)
    if weights is not None and weights not in chosen.__members__:
        raise LoadError(f"'{builder}' has no weights '{weights}'. Known: {', '.join(chosen.__members__)}.")
    found = None if weights is None else getattr(chosen, weights)
    stated = (found or chosen.DEFAULT).meta["categories"]
    config = TorchvisionConfig(builder=builder, id2label=dict(enumerate(stated)), architectures=["Torchvision"])
    model = TorchvisionForImageClassification(config)
    if found is not None:
        try:
            model.model.load_state_dict(found.get_state_dict(check_hash=True))
        except OSError as error:
            raise LoadError(
                f"The weights '{weights}' of '{builder}' cannot be downloaded ({error}). Check the network, or choose "
                "an encoder that is here: `featcore encoders`."
            ) from error
    model.save_pretrained(folder)
    _processor((found or chosen.DEFAULT).transforms()).save_pretrained(folder)
    return folder


def _processor(made: Any) -> Any:
    """The processor of transformers that does what a preset of torchvision does: enlarge, cut the middle, normalise."""
    return BitImageProcessor(
        size={"shortest_edge": made.resize_size[0]},
        crop_size={"height": made.crop_size[0], "width": made.crop_size[0]},
        do_center_crop=True,
        resample=2,
        image_mean=made.mean,
        image_std=made.std,
        do_convert_rgb=True,
    )

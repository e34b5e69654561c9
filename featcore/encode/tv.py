"""Classifiers of torchvision, kept and loaded like any other checkpoint: config.json and safetensors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torchvision
from jaxtyping import Float
from torch import Tensor, nn
from transformers import BitImageProcessor, PreTrainedConfig, PreTrainedModel, VideoMAEImageProcessor
from transformers.modeling_outputs import ImageClassifierOutputWithNoAttention

from featcore.encode.layouts import video_stride
from featcore.errors import LoadError

_LAYERS = ("layer1", "layer2", "layer3", "layer4")


def _through(*names: str) -> Callable[[Any, Tensor], Tensor]:
    """Steps of a network, one after the other."""

    def pass_on(model: Any, pixels: Tensor) -> Tensor:
        for name in names:
            pixels = getattr(model, name)(pixels)
        return pixels

    return pass_on


def _swin3d(model: Any, clip: Tensor) -> Tensor:
    """Its channels stand last between the layers."""
    return _through("patch_embed", "pos_drop", "features", "norm")(model, clip).permute(0, 4, 1, 2, 3)


def _by(name: str) -> Callable[[Any, Tensor], Tensor]:
    """The mean of the cells, through a linear layer."""
    return lambda model, cells: getattr(model, name)(model.avgpool(cells).flatten(1))


# How each network of torchvision comes to its last feature map, and from there to class scores.
_PICTURES: dict[str, tuple[Callable[[Any, Tensor], Tensor], Callable[[Any, Tensor], Tensor]]] = {
    "resnet": (_through("conv1", "bn1", "relu", "maxpool", *_LAYERS), _by("fc")),
    "convnext": (_through("features"), lambda model, cells: model.classifier(model.avgpool(cells))),
}
_CLIPS = {
    "swin3d": (_swin3d, _by("head")),
    **dict.fromkeys(("r3d", "mc3", "r2plus1d"), (_through("stem", *_LAYERS), _by("fc"))),
}
_NETWORKS = _PICTURES | _CLIPS
# Frames of the clips that torchvision states accuracies for.
_FRAMES = {"swin3d": 32, "r3d": 16, "mc3": 16, "r2plus1d": 16}


class TorchvisionConfig(PreTrainedConfig):
    """`builder` is the name that `torchvision.models.get_model` takes ("resnet50")."""

    model_type = "torchvision"

    builder: str = "resnet18"


class TorchvisionVideoConfig(TorchvisionConfig):
    """As above, and the frames of a clip."""

    model_type = "torchvision_video"

    builder: str = "r3d_18"
    num_frames: int = 16


class TorchvisionForImageClassification(PreTrainedModel):
    """A classifier of torchvision that also gives its last feature map, as the classes of transformers do."""

    config_class = TorchvisionConfig
    main_input_name = "pixel_values"
    base_model_prefix = "model"

    def __init__(self, config: TorchvisionConfig) -> None:
        super().__init__(config)
        known = _CLIPS if self.config_class is TorchvisionVideoConfig else _PICTURES
        self.cells, self.head = known[family_of(config.builder, known)]
        self.model = torchvision.models.get_model(config.builder, weights=None, num_classes=config.num_labels)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Torchvision has drawn its own start values."""

    def forward(
        self, pixel_values: Float[Tensor, "b 3 y x"], output_hidden_states: bool = False, **_: Any
    ) -> ImageClassifierOutputWithNoAttention:
        return self._answer(pixel_values, output_hidden_states)

    def _answer(self, pixels: Tensor, output_hidden_states: bool) -> ImageClassifierOutputWithNoAttention:
        cells = self.cells(self.model, pixels)
        return ImageClassifierOutputWithNoAttention(
            logits=self.head(self.model, cells), hidden_states=(cells,) if output_hidden_states else None
        )


class TorchvisionForVideoClassification(TorchvisionForImageClassification):
    """The same for clips: frames come before colours, as in transformers' classes; the feature map is b d t y x."""

    config_class = TorchvisionVideoConfig

    def forward(
        self, pixel_values: Float[Tensor, "b t 3 y x"], output_hidden_states: bool = False, **_: Any
    ) -> ImageClassifierOutputWithNoAttention:
        return self._answer(pixel_values.transpose(1, 2), output_hidden_states)


CLASSES = {
    each.config_class.model_type: each
    for each in (TorchvisionForImageClassification, TorchvisionForVideoClassification)
}


def family_of(builder: str, known: dict[str, Any] = _NETWORKS) -> str:
    """The network of torchvision that a builder makes.

    Raises:
        LoadError: a builder of another network, or none of torchvision's.
    """
    builders = [name for name in torchvision.models.list_models() if name.startswith(tuple(known))]
    if builder in builders:
        return next(family for family in known if builder.startswith(family))
    if builder in torchvision.models.list_models(torchvision.models.video):
        video_stride(builder)  # says what is special about it
    raise LoadError(
        f"'{builder}' is no ResNet or ConvNeXt, and no Video Swin or ResNet over space and time, of torchvision. "
        f"Known: {', '.join(builders)}."
    )


def keep(builder: str, folder: Path, weights: str | None = "DEFAULT", frames: int | None = None) -> Path:
    """Write a classifier of torchvision as a folder that every road of featcore loads.

    Args:
        weights: a name of torchvision's weights, downloaded by torchvision and checked by it; None: random ones.
        frames: of a clip, for networks that read clips; as torchvision states their accuracy for unless given.

    Raises:
        LoadError: another network, weights that are not there, or frames that the network cannot read.
    """
    family = family_of(builder)
    more = _in_time(builder, family, frames)
    chosen = torchvision.models.get_model_weights(builder)
    if weights is not None and weights not in chosen.__members__:
        raise LoadError(f"'{builder}' has no weights '{weights}'. Known: {', '.join(chosen.__members__)}.")
    found = None if weights is None else getattr(chosen, weights)
    stated = (found or chosen.DEFAULT).meta["categories"]
    model_class = CLASSES["torchvision_video" if more else "torchvision"]
    config = model_class.config_class(
        builder=builder, id2label=dict(enumerate(stated)), architectures=["Torchvision"], **more
    )
    model = model_class(config)
    if found is not None:
        try:
            model.model.load_state_dict(found.get_state_dict(check_hash=True))
        except OSError as error:
            raise LoadError(
                f"The weights '{weights}' of '{builder}' cannot be downloaded ({error}). Check the network, or choose "
                "an encoder that is here: `featcore encoders`."
            ) from error
    model.save_pretrained(folder)
    reads = VideoMAEImageProcessor if more else BitImageProcessor
    _processor(reads, (found or chosen.DEFAULT).transforms()).save_pretrained(folder)
    return folder


def _in_time(builder: str, family: str, frames: int | None) -> dict[str, Any]:
    """What the config says about time: nothing for a network of pictures."""
    if family in _PICTURES:
        if frames is not None:
            raise LoadError(f"'{builder}' reads pictures, which have no frames. Leave the number of frames out.")
        return {}
    asked, step = _FRAMES[family] if frames is None else frames, video_stride(builder)[0]
    if asked < 1 or asked % step:
        raise LoadError(f"'{builder}' cannot read {asked} frames: they must be a multiple of {step}, and at least one.")
    return {"num_frames": asked}


def _processor(reads: type, made: Any) -> Any:
    """The processor of transformers that does what a preset of torchvision does: scale, cut the middle, normalise.

    For pictures the preset and this one look at all pixels where they make a picture smaller; for clips torchvision's
    preset skips pixels there, which no processor of transformers does.
    """
    tall, wide = made.resize_size[0], made.resize_size[-1]
    return reads(
        size={"shortest_edge": tall} if len(made.resize_size) == 1 else {"height": tall, "width": wide},
        crop_size={"height": made.crop_size[0], "width": made.crop_size[-1]},
        do_center_crop=True,
        resample=2,
        image_mean=made.mean,
        image_std=made.std,
        do_convert_rgb=True,
    )

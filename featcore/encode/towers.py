"""Two towers in one checkpoint, one for text and one for pictures, which give vectors of one space (CLIP, SigLIP)."""

from typing import Any

from featcore.errors import LoadError

_NESTED = {"text": "text_config", "image": "vision_config"}
# Family of the whole checkpoint to the classes of transformers that load one tower of it.
_CLASSES = {
    "clip": {"text": "CLIPTextModelWithProjection", "image": "CLIPVisionModelWithProjection"},
    "siglip": {"text": "SiglipTextModel", "image": "SiglipVisionModel"},
}
_WEIGHTS = {"text": "text_", "image": "vis"}


def has_two(config: dict[str, Any]) -> bool:
    """Whether a config.json describes two towers; an image classifier made of one of them has one."""
    return config.get("model_type") in _CLASSES and not _classifies(config)


def of_tower(config: dict[str, Any], tower: str, checkpoint: str) -> dict[str, Any]:
    """The config of what is loaded: one tower of two, with what its config leaves to the family; others as they are.

    Raises:
        LoadError: a tower of a checkpoint that has none, or none named of one that has two.
    """
    family = str(config.get("model_type"))
    if family not in _CLASSES:
        if tower:
            raise LoadError(
                f"'{checkpoint}' is of the family '{family}' and has no {tower} tower. Leave out '#{tower}'."
            )
        return config
    if _classifies(config):
        return _filled(config, "image") | {
            "architectures": config["architectures"],
            "class_family": family,
            "id2label": config.get("id2label"),
            "readout": "units" if family == "clip" else "mean",
        }
    if not tower:
        raise LoadError(
            f"'{checkpoint}' has two towers. Load one of them, '{checkpoint}#text' or '{checkpoint}#image'; their "
            "vectors lie in one space and can be compared."
        )
    return _filled(config, tower) | {"architectures": [_CLASSES[family][tower]]}


def weights_of(tower: str) -> str:
    """How the names of a tower's weights begin; "" for those of a whole checkpoint."""
    return _WEIGHTS.get(tower, "")


def _classifies(config: dict[str, Any]) -> bool:
    return str((config.get("architectures") or [""])[0]).endswith("ForImageClassification")


def _filled(config: dict[str, Any], tower: str) -> dict[str, Any]:
    """The nested config of one tower; hub configs name only what differs from the family's own values."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers import CONFIG_MAPPING

    given = dict(config.get(_NESTED[tower]) or {})
    kind = f"{config['model_type']}_{'text' if tower == 'text' else 'vision'}_model"
    given.pop("model_type", None)
    try:
        return CONFIG_MAPPING[kind](**given).to_dict() | {"model_type": kind}
    except StrictDataclassError as error:
        raise ValueError(f"{_NESTED[tower]}: {error}") from error

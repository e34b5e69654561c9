"""Names to encoders: the embedded ones, a local folder, or a hub id, all loaded by the same code."""

import json
import logging
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from featcore.encode.about import SPEAKERS, bounded, licence_of
from featcore.encode.header import count_parameters, inside, shapes
from featcore.encode.layouts import layout_of
from featcore.encode.names import Asked, parse
from featcore.encode.stated import check_config, check_input, object_of, read_json, refuse_foreign
from featcore.encode.towers import has_two, of_tower, weights_of
from featcore.errors import LoadError, UnknownName
from featcore.keys import file_digest
from featcore.settings import settings
from featcore.types import Card

if TYPE_CHECKING:
    from featcore.encode.base import Encoder

EMBEDDED = ("text-mini", "image-mini", "video-mini", "conv-mini", "pixel-mini", "text-mini-b", "video-mini-t1")
_LOG = logging.getLogger(__name__)
_PLAIN = re.compile(r"\w[\w.-]*")
_CLASSIFIERS = (
    *("SequenceClassification", "ImageClassification", "VideoClassification"),
    "ImageClassificationWithTeacher",  # DeiT: the mean of two classifiers
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w.-]+)?")


def encoders() -> list[Card]:
    """The cards of the embedded encoders, in the order people meet them, then of those kept here; reads no weights."""
    folder = settings().assets / "models"
    embedded = [card_of(folder / name) for name in EMBEDDED if (folder / name / "config.json").exists()]
    return embedded + [card for path in sorted(kept().glob("*/config.json")) if (card := _kept_card(path.parent))]


def kept() -> Path:
    """The folder of encoders that were trained and kept on this machine."""
    return settings().runs / "encoders"


def _kept_card(folder: Path) -> Card | None:
    """None for a folder that a person has damaged: the others stay usable."""
    try:
        return card_of(folder)
    except LoadError as error:
        _LOG.warning("a kept encoder is left out: %s", error)
        return None


def load(
    name: str, device: str | None = None, dtype: str | None = None, size: tuple[int, int] | None = None
) -> "Encoder":
    """Load an encoder by name.

    Args:
        name: an embedded encoder ("text-mini"), a folder with config and safetensors, or a hub id ("org/model"); with
            "#text" or "#image" one tower of a checkpoint that has two, with "#224x320" behind it at another size.
        device, dtype: as in the settings unless given.
        size: rows and columns of the pictures that the model gets, if not those of the checkpoint. The whole picture
            is scaled to it, nothing is cropped, and the name of the encoder states it.

    Raises:
        UnknownName, LoadError: nothing of that name, or a checkpoint that cannot be used; nothing stays loaded.
    """
    from featcore.encode.loading import load_folder

    asked = parse(name)
    return load_folder(folder_of(asked.checkpoint), device, dtype, asked.tower, size or asked.size)


def folder_of(name: str) -> Path:
    """The folder that a name stands for; a hub id is downloaded (safetensors, never code) where settings allow it."""
    embedded = settings().assets / "models" / name
    if name in EMBEDDED and embedded.exists():
        return embedded
    if _PLAIN.fullmatch(name) and (kept() / name / "config.json").is_file():
        return kept() / name
    if Path(name).is_dir():
        return Path(name)
    if _HUB_ID.fullmatch(name) and settings().hub_allowed:
        from featcore.encode import hub

        return hub.fetch(name)
    raise UnknownName(
        f"No encoder is called '{name}'. Known: {', '.join(EMBEDDED)}; "
        "or give a folder that holds config.json and model.safetensors, or a hub id such as 'org/model'."
    )


def folder_under_roots(typed: str) -> Path:
    """The checkpoint folder that a person typed on a page, resolved strictly.

    Raises:
        LoadError: folders are switched off, or it is not there, or it or one of its files lies outside the roots.
    """
    roots = settings().roots
    here = ", ".join(f"'{root}'" for root in roots)
    if not settings().folders_allowed:
        raise LoadError("Folders are switched off on this server. Choose an embedded encoder, for example 'text-mini'.")
    try:
        folder = Path(typed).expanduser().resolve(strict=True)
        allowed = [root.resolve() for root in roots]
        if not any(folder.is_relative_to(root) for root in allowed):
            raise LoadError(f"'{typed}' lies outside the folders that may be read: {here}. Move the checkpoint there.")
        for path in folder.rglob("*"):
            if path.is_symlink() and not any(path.resolve().is_relative_to(root) for root in allowed):
                raise LoadError(
                    f"'{typed}/{path.name}' is a link out of the folders that may be read: {here}. Copy it."
                )
    except (OSError, RuntimeError, ValueError) as error:
        raise LoadError(f"'{typed}' is no folder here. Folders are read under {here} (FEATCORE_ROOTS).") from error
    if not folder.is_dir():
        raise LoadError(f"'{typed}' is no folder. Name the folder that holds config.json and model.safetensors.")
    return folder


def folders() -> list[Path]:
    """Checkpoint folders directly under the roots, where the settings allow folders."""
    if not settings().folders_allowed:
        return []
    return [path.parent for root in settings().roots for path in sorted(root.glob("*/config.json"))]


def folders_of_two() -> list[Path]:
    """Those folders that hold two towers, one for text and one for pictures."""
    return [folder for folder in folders() if has_two(object_of(folder / "config.json"))]


def card_of(folder: Path, tower: str = "", size: tuple[int, int] | None = None, hashed: bool = True) -> Card:
    """Read what a folder holds from its config and the header of its weights; cached by file time and size.

    Args:
        size: rows and columns of the pictures that the model gets, if not those of the checkpoint.
        hashed: whether the weights are read for their digest, which takes a while where they are large.

    Raises:
        LoadError: the folder is no Hugging Face checkpoint with safetensors, or of a family nobody declared.
    """
    refuse_foreign(folder)
    config, weights = folder / "config.json", folder / "model.safetensors"
    for needed in (config, weights):
        if not needed.is_file():
            pickled = " Weights as pickles are never opened." if needed is weights else ""
            if needed is weights and (folder / "model.safetensors.index.json").is_file():
                pickled = " Weights in several files are not read: save_pretrained(folder, max_shard_size='50GB')."
            raise LoadError(f"'{folder.name}' has no {needed.name}.{pickled} Save the checkpoint with safetensors.")
    stamps = tuple((path.stat().st_mtime_ns, path.stat().st_size) for path in (config, weights))
    return _read_card(Asked(str(folder), tower, size), stamps, hashed)


@lru_cache(maxsize=128)
def _read_card(asked: Asked, stamps: tuple, hashed: bool) -> Card:
    folder = Path(asked.checkpoint)
    try:
        return _card(folder, asked, hashed)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise LoadError(
            f"The config.json of '{folder.name}' holds a value that its family cannot use "
            f"({type(error).__name__}: {error}). Save the checkpoint anew."
        ) from error


def _card(folder: Path, asked: Asked, hashed: bool) -> Card:
    config = read_json(folder / "config.json")
    if not isinstance(config, dict):
        raise LoadError(
            f"The config.json of '{folder.name}' is JSON, but no object with names. Save the checkpoint anew."
        )
    check_config(folder, config, shapes(folder / "model.safetensors"))
    config = of_tower(config, asked.tower, folder.name)
    layout = layout_of(str(config.get("model_type", "unknown")), folder.name)
    config |= {ours: config[theirs] for theirs, ours in layout.spelled if theirs in config}
    if layout.cells or layout.any_size:  # the processor says which size they get
        config["image_size"] = _processed_size(folder)
    elif layout.modality != "text" and not ("image_size" in config and {"patch_size", "tubelet_size"} & config.keys()):
        raise LoadError(f"The config.json of '{folder.name}' lacks image_size or patch_size, so its grid is unknown.")
    if asked.size is not None:
        config = layout.resized(config, asked.size, folder.name)
    size = (layout.positions(config),) if layout.modality == "text" else layout.input_shape(config)
    check_input(folder, size, () if layout.modality == "text" else layout.unit_step(config))
    pooling = folder / "1_Pooling" / "config.json"  # where sentence-transformers says what it reads
    if pooling.is_file() and json.loads(pooling.read_text()).get("pooling_mode_mean_tokens"):
        config["readout"] = "mean"
    training = folder / "training.json"
    trained = json.loads(training.read_text()) if training.exists() else {}
    architecture = (config.get("architectures") or [""])[0]
    classifies = architecture.endswith(_CLASSIFIERS)
    speaks = architecture.endswith(SPEAKERS)
    begin = weights_of(asked.tower)
    if not (classifies or speaks or layout.projected):
        config |= {"architectures": [re.sub("For[A-Z].*", "Model", architecture)] if architecture else []}
        begin, config["left_out"], config["pools"] = inside(folder / "model.safetensors", layout.family)
    labels = config.get("id2label") or {str(i): f"LABEL_{i}" for i in range(config.get("num_labels", 2))}
    sha256 = file_digest(folder / "model.safetensors") if hashed else ""
    part = asked.suffix
    return Card(
        name=(folder.name if folder.name in EMBEDDED or folder.parent == kept() else str(folder)) + part,
        title=folder.name + part if folder.parent == kept() else trained.get("title", folder.name) + part,
        modality=layout.modality,
        family=layout.family,
        checkpoint=str(folder) + part,
        revision=_commit(folder),
        licence=bounded(str(trained["licence"]), 200) if "licence" in trained else licence_of(folder),
        parameters=count_parameters(folder / "model.safetensors", begin),
        provides=frozenset(
            {
                "gradient",
                "target",
                *(["logits"] if classifies or speaks else []),
                *(["attention"] if layout.maps_attention(config) else []),
            }
        ),
        baselines=layout.baselines,
        input_size=size,
        labels=tuple(labels[key] for key in sorted(labels, key=int)) if classifies else (),
        weights_sha256=sha256,
        accuracy=_accuracy(trained),
        about=trained.get("summary", ""),
        config=config,
    )


def _commit(folder: Path) -> str | None:
    """The commit of the hub that a folder of its cache holds: models--org--name/snapshots/commit."""
    cached = folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--")
    return folder.name if cached and _COMMIT.fullmatch(folder.name) else None


def _processed_size(folder: Path) -> list[int]:
    """Rows and columns of the pictures that the folder's processor makes."""
    path = folder / "preprocessor_config.json"
    try:
        stated = json.loads(path.read_text())
        size = stated.get("crop_size") if stated.get("do_center_crop") else stated.get("size")
        size = {"height": size, "width": size} if isinstance(size, int) else size
        return [int(size[side] if side in size else size["shortest_edge"]) for side in ("height", "width")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LoadError(f"'{folder.name}' has no {path.name} that states the size of its pictures: {error}.") from error


def _accuracy(trained: dict) -> str:
    test = trained.get("test")
    if not test:
        return ""
    return f"{test['accuracy']:.1%} of {test['n']:,} (95 % interval {test['low']:.1%} to {test['high']:.1%})"

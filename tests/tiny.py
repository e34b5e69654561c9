"""Small random checkpoints on disk, as the hub would deliver them, and small sources to feed them.

Weights are drawn wider than usual: with the families' own start values the logits hardly depend on the input.
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from featcore.keys import digest
from featcore.types import Clip, Source, Text

SENTENCES = [
    "the film is not bad at all",
    "a quiet, clever and unhappily short film",
    "I did not like the ending; it was too loud!",
]
SENTENCE = "The film is not bad, a café 🙂 unhappily short!"
LABELS = {0: "bad", 1: "good", 2: "so-so"}
SPREAD = 0.2
MAX_POSITIONS = 40

ENCODERS = (
    *("bert", "distilbert", "electra", "ernie", "roberta", "xlm-roberta", "mpnet", "deberta-v2"),
    *("modernbert", "modernbert-mean"),
)
CAUSAL = ("gpt2", "llama", "qwen2")
SPEAKERS = ("gpt2-speaks", "llama-speaks", "qwen2-speaks")  # their classes are the next token
TEXT = (*ENCODERS, *CAUSAL, *SPEAKERS)
IMAGE = (
    *("vit", "vit-wide", "deit", "beit", "beit-first", "dinov2", "dinov2_with_registers"),
    *("clip_vision_model", "siglip_vision_model"),
)
VIDEO = ("videomae", "videomae-wide", "videomae-first", "vivit", "vivit-wide", "timesformer", "vjepa2")
CONV = ("resnet", "regnet", "convnext", "torchvision")
CELLS = (*CONV, "swin", "torchvision_video")  # their units are the cells of the last feature map
TOWERS = ("clip", "siglip")  # each one checkpoint of two encoders
PIXELS = (*IMAGE, *VIDEO)
COUNTED = ("roberta", "xlm-roberta", "mpnet")  # their positions begin behind that of the padding
FAMILIES = (*TEXT, *PIXELS)

# Of torchvision: the builder, the step behind which the last feature map is, and the one that gives class scores.
TORCHVISION = {"torchvision": ("resnet18", "layer4", "fc"), "torchvision_video": ("swin3d_t", "norm", "head")}

# What each checkpoint of pixels sees (frames, rows, columns), and one unit of it.
SHAPES = {
    "vit": ((1, 24, 24), (1, 8, 8)),
    "vit-wide": ((1, 24, 40), (1, 8, 8)),
    "deit": ((1, 16, 16), (1, 4, 4)),
    "videomae": ((6, 16, 16), (2, 8, 8)),
    "videomae-wide": ((4, 16, 24), (2, 8, 8)),
    "videomae-first": ((4, 16, 16), (2, 8, 8)),
    "timesformer": ((3, 16, 16), (1, 8, 8)),
    "clip_vision_model": ((1, 24, 24), (1, 8, 8)),
    "siglip_vision_model": ((1, 24, 24), (1, 8, 8)),
    "vjepa2": ((4, 24, 24), (2, 8, 8)),
    "swin": ((1, 64, 32), (1, 8, 8)),
    "torchvision": ((1, 64, 96), (1, 32, 32)),
    "torchvision_video": ((4, 64, 96), (2, 32, 32)),
    "swin-padded": ((1, 64, 32), (1, 8, 8)),
    "vivit": ((4, 16, 16), (2, 8, 8)),
    "vivit-wide": ((4, 16, 24), (2, 8, 8)),
    "beit": ((1, 24, 24), (1, 8, 8)),
    "beit-first": ((1, 24, 24), (1, 8, 8)),
    "dinov2": ((1, 24, 32), (1, 8, 8)),
    "dinov2_with_registers": ((1, 24, 24), (1, 8, 8)),
    "resnet": ((1, 24, 24), (1, 8, 8)),
    "regnet": ((1, 16, 24), (1, 4, 4)),
    "convnext": ((1, 24, 24), (1, 8, 8)),
}
# The class of transformers that each checkpoint is saved from; tests load it themselves.
CLASSES = {
    "bert": "BertForSequenceClassification",
    "distilbert": "DistilBertForSequenceClassification",
    "electra": "ElectraForSequenceClassification",
    "ernie": "ErnieForSequenceClassification",
    "roberta": "RobertaForSequenceClassification",
    "xlm-roberta": "XLMRobertaForSequenceClassification",
    "mpnet": "MPNetForSequenceClassification",
    "deberta-v2": "DebertaV2ForSequenceClassification",
    "modernbert": "ModernBertForSequenceClassification",
    "gpt2": "GPT2ForSequenceClassification",
    "llama": "LlamaForSequenceClassification",
    "qwen2": "Qwen2ForSequenceClassification",
    "gpt2-speaks": "GPT2LMHeadModel",
    "llama-speaks": "LlamaForCausalLM",
    "qwen2-speaks": "Qwen2ForCausalLM",
    "beit": "BeitForImageClassification",
    "dinov2": "Dinov2ForImageClassification",
    "dinov2_with_registers": "Dinov2WithRegistersForImageClassification",
    "vivit": "VivitForVideoClassification",
    "timesformer": "TimesformerForVideoClassification",
    "clip_vision_model": "CLIPForImageClassification",
    "siglip_vision_model": "SiglipForImageClassification",
    "vjepa2": "VJEPA2ForVideoClassification",
    "swin": "SwinForImageClassification",
    "vit": "ViTForImageClassification",
    "deit": "DeiTForImageClassification",
    "videomae": "VideoMAEForVideoClassification",
    "resnet": "ResNetForImageClassification",
    "regnet": "RegNetForImageClassification",
    "convnext": "ConvNextForImageClassification",
}


def family_of(name: str) -> str:
    """The family of a checkpoint's name, which may say more ("vit-wide")."""
    for more in ("-wide", "-first", "-mean", "-speaks", "-padded"):
        name = name.removesuffix(more)
    return name


def class_of(name: str) -> str:
    """The class of transformers that the checkpoint is saved from."""
    return CLASSES.get(name) or CLASSES[family_of(name)]


def build(name: str, folder: Path) -> Path:
    """Write the checkpoint called `name` (one of FAMILIES) into a new folder."""
    family = family_of(name)
    if family in TORCHVISION:
        _save_torchvision(folder, family, SHAPES[name][0][0])
        save_processor(folder, family, SHAPES[name][0][1:])
    elif name in TEXT:
        _save_model(class_of(name), folder, **_text_config(name))
        _save_tokenizer(name, folder)
    else:
        shape, step = SHAPES[name]
        _save_model(CLASSES[family], folder, **_pixel_config(name, shape, step))
        save_processor(folder, family, shape[1:])
    return folder


def _save_torchvision(folder: Path, family: str, frames: int) -> None:
    import torch

    from featcore.encode.tv import CLASSES

    model_class = CLASSES[family]
    stated: dict[str, Any] = {"builder": TORCHVISION[family][0], "id2label": {i: f"kind {i}" for i in range(5)}}
    stated |= {"num_frames": frames} if frames > 1 else {}
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model_class(model_class.config_class(**stated)).save_pretrained(folder)


def bare_torchvision(folder: Path, family: str) -> Any:
    """Torchvision's own model with the folder's weights, answering in transformers' words."""
    from types import SimpleNamespace

    import torchvision
    from safetensors.torch import load_file
    from torchvision.models.feature_extraction import create_feature_extractor

    builder, last, head = TORCHVISION[family]
    model = torchvision.models.get_model(builder, num_classes=5)
    weights = load_file(folder / "model.safetensors")
    model.load_state_dict({name.removeprefix("model."): value for name, value in weights.items()}, strict=False)
    both = create_feature_extractor(model.eval(), {last: "cells", head: "logits"})

    def answer(pixel_values: Any, **_: Any) -> Any:
        clip = pixel_values.ndim == 5
        found = both(pixel_values.transpose(1, 2) if clip else pixel_values)
        cells = found["cells"].movedim(-1, 1) if clip else found["cells"]  # Swin's channels stand last
        return SimpleNamespace(logits=found["logits"], hidden_states=[cells])

    return answer


def build_towers(family: str, folder: Path) -> Path:
    """A checkpoint of two towers, as the hub delivers it: one config in another, one tokenizer, one processor."""
    shared = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    shared |= {"initializer_range": SPREAD, "projection_dim": 16} if family == "clip" else {}
    ids = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    words = (
        shared | ids | {"vocab_size": _vocabulary("bert").get_vocab_size(), "max_position_embeddings": MAX_POSITIONS}
    )
    sees = shared | {"image_size": 24, "patch_size": 8}
    more = {"projection_dim": 16} if family == "clip" else {}
    _save_model(
        {"clip": "CLIPModel", "siglip": "SiglipModel"}[family], folder, text_config=words, vision_config=sees, **more
    )
    _save_tokenizer(family, folder)
    save_processor(folder, f"{family}_vision_model", (24, 24))
    return folder


def build_with(name: str, class_name: str, folder: Path, **config: Any) -> Path:
    """The checkpoint called `name`, saved from another class of its family: one of another head, or of none."""
    if name in TEXT:
        own = {key: value for key, value in _text_config(name).items() if key not in ("num_labels", "id2label")}
        _save_model(class_name, folder, **own | config)
        _save_tokenizer(name, folder)
    else:
        own = _pixel_config(name, *SHAPES[name])
        _save_model(class_name, folder, **own | config)
        save_processor(folder, family_of(name), SHAPES[name][0][1:])
    return folder


def build_headless(folder: Path) -> Path:
    """A BertModel: hidden states and attention, but no classifier."""
    _save_model("BertModel", folder, **_text_config("bert"))
    _save_tokenizer("bert", folder)
    return folder


def _text_config(name: str) -> dict[str, Any]:
    family = family_of(name)
    common: dict[str, Any] = {"vocab_size": _vocabulary(name).get_vocab_size()}
    if name not in SPEAKERS:
        common |= {"num_labels": 3, "id2label": LABELS}
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    sizes |= {"max_position_embeddings": MAX_POSITIONS}
    counted = {"max_position_embeddings": MAX_POSITIONS + 2, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    own: dict[str, dict[str, Any]] = {
        "distilbert": {"dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4}
        | {"max_position_embeddings": MAX_POSITIONS},
        "electra": sizes | {"embedding_size": 16},  # ELECTRA's units are narrower than its hidden states
        "roberta": sizes | counted | {"type_vocab_size": 1},
        "xlm-roberta": sizes | counted | {"type_vocab_size": 1},
        "mpnet": sizes | counted,
        "deberta-v2": sizes | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
        "modernbert": sizes
        | {"global_attn_every_n_layers": 2, "local_attention": 8, "pad_token_id": 0, "cls_token_id": 2}
        | {"sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3, "deterministic_flash_attn": True}
        | {"classifier_pooling": "mean" if name.endswith("-mean") else "cls", "attention_bias": True},
        "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": MAX_POSITIONS} | {"eos_token_id": 0},
        "llama": sizes | {"num_key_value_heads": 2, "eos_token_id": 0, "bos_token_id": 0},
        "qwen2": sizes | {"num_key_value_heads": 2, "eos_token_id": 0, "bos_token_id": 0},
    }
    return common | own.get(family, sizes)


def _pixel_config(name: str, shape: tuple[int, int, int], step: tuple[int, int, int]) -> dict[str, Any]:
    labels = {i: f"kind {i}" for i in range(5)}
    if name in CONV:
        own = {"resnet": {"layer_type": "basic"}, "regnet": {"groups_width": 4, "downsample_in_first_stage": False}}
        sizes = {"hidden_sizes": [8, 16], "depths": [1, 1], "num_labels": 5, "id2label": labels}
        return (
            sizes | own.get(family_of(name), {"num_stages": 2}) | ({} if name == "convnext" else {"embedding_size": 8})
        )
    config: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    config |= {"num_attention_heads": 2, "num_labels": 5, "id2label": labels, "patch_size": step[1]}
    config |= {"image_size": shape[1] if shape[1] == shape[2] else list(shape[1:])}
    if name.startswith("beit"):
        config |= {"use_mean_pooling": name != "beit-first", "layer_scale_init_value": 0.5}
    if name.startswith("dinov2"):  # pictures of another size than it was trained on, as DINOv2 is delivered
        config |= {"image_size": 40, "layerscale_value": 0.5, "num_labels": 5}
        if name == "dinov2_with_registers":
            config |= {"num_register_tokens": 3}
    if name in ("clip_vision_model", "siglip_vision_model"):
        seen = {key: config.pop(key) for key in list(config) if key not in ("num_labels", "id2label")}
        return config | {"vision_config": seen | {"initializer_range": SPREAD}}
    if name == "vjepa2":
        del config["image_size"]
        config |= {"crop_size": shape[1], "frames_per_clip": shape[0], "mlp_ratio": 2.0, "num_pooler_layers": 1}
        config |= {"pred_hidden_size": 16, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
    if name.startswith("swin"):
        del config["num_hidden_layers"], config["num_attention_heads"], config["hidden_size"]
        config |= {"patch_size": 2, "embed_dim": 8, "depths": [2, 2, 2], "num_heads": [1, 2, 4]}
        config |= {"window_size": 3 if name == "swin-padded" else 4}
    if name.startswith("vivit"):
        del config["patch_size"]
        config |= {"num_frames": shape[0], "tubelet_size": list(step)}
    elif name in VIDEO:
        config |= {"num_frames": shape[0], "tubelet_size": step[0], "use_mean_pooling": name != "videomae-first"}
    return config


def _save_model(class_name: str, folder: Path, **config: Any) -> None:
    import torch
    import transformers

    model_class = getattr(transformers, class_name)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        # ResNet's config knows no range to draw from.
        spread = {} if "embedding_size" in config and "hidden_sizes" in config else {"initializer_range": SPREAD}
        model = model_class(model_class.config_class(**spread, **config))
        # Biases and norms too, so that an embedding of zeros is not the embedding of the mean colour.
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.data += torch.randn_like(parameter) * SPREAD
    model.save_pretrained(folder)


# --- text ------------------------------------------------------------------------------------------------------------


def _vocabulary(name: str) -> Any:
    """A tokenizer of the family's kind: WordPiece, or byte-level BPE for RoBERTa."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    if name in (*CAUSAL, *SPEAKERS):
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=320,
            special_tokens=["<|endoftext|>"],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator(SENTENCES, trainer)
        return tokenizer
    if name in COUNTED:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=320,
            special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator(SENTENCES, trainer)
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, False)
        return tokenizer
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    ids = {piece: at for at, piece in enumerate([*names, *_pieces(90 - len(names))])}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    around = [(sign, tokenizer.token_to_id(sign)) for sign in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=around)
    return tokenizer


def _pieces(count: int) -> list[str]:
    """Letters, short words, then beginnings and endings of words, the frequent and long ones first.

    Counted here, since the library's trainer of word pieces breaks ties differently in every process.
    """
    words = re.findall(r"\w+|[^\w\s]", " ".join(SENTENCES).lower())
    letters = sorted({word[0] for word in words}) + sorted({f"##{letter}" for word in words for letter in word[1:]})
    short = sorted({word for word in words if 2 <= len(word) <= 3})
    longer = Counter(word[:n] for word in words for n in range(2, len(word) + 1))
    longer.update(f"##{word[n:]}" for word in words for n in range(1, len(word) - 1))
    frequent = sorted(longer.keys() - set(short), key=lambda piece: (-longer[piece], -len(piece), piece))
    return [*letters, *short, *frequent][:count]


def _save_tokenizer(name: str, folder: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    if name in (*CAUSAL, *SPEAKERS):
        signs = {"eos": "<|endoftext|>"}
    elif name in COUNTED:
        signs = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "unk": "<unk>", "pad": "<pad>"}
        signs["mask"] = "<mask>"
    else:
        signs = {"cls": "[CLS]", "sep": "[SEP]", "unk": "[UNK]", "pad": "[PAD]", "mask": "[MASK]"}
        signs |= {"eos": "[SEP]"} if name in TOWERS else {}
    tokens = {f"{kind}_token": sign for kind, sign in signs.items()}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_vocabulary(name), model_max_length=MAX_POSITIONS, truncation_side="right", **tokens
    )
    tokenizer.save_pretrained(folder)


# --- pixels ----------------------------------------------------------------------------------------------------------

_PROCESSORS = {
    "vit": "ViTImageProcessor",
    "deit": "DeiTImageProcessor",
    "beit": "BeitImageProcessor",
    "dinov2": "BitImageProcessor",
    "dinov2_with_registers": "BitImageProcessor",
    "vivit": "VideoMAEImageProcessor",
    "timesformer": "VideoMAEImageProcessor",
    "clip_vision_model": "CLIPImageProcessor",
    "siglip_vision_model": "SiglipImageProcessor",
    "swin": "ViTImageProcessor",
    "torchvision": "BitImageProcessor",
    "torchvision_video": "VideoMAEImageProcessor",
    "vjepa2": "VJEPA2VideoProcessor",
    "videomae": "VideoMAEImageProcessor",
    "resnet": "ViTImageProcessor",
    "regnet": "ViTImageProcessor",
    "convnext": "ConvNextImageProcessor",
}


def save_processor(folder: Path, family: str, shape: tuple[int, int], **changes: Any) -> None:
    """preprocessor_config.json of a family: resize to `shape` (rows, columns) and normalise, unless changed."""
    rows, columns = shape
    config = {
        "image_processor_type": _PROCESSORS[family],
        "do_resize": True,
        "size": {"height": rows, "width": columns},
        "resample": 2,
        "do_center_crop": False,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
    }
    if family == "convnext":  # its own processor enlarges the shorter side and keeps the middle
        config |= {"size": {"shortest_edge": rows}, "crop_pct": 0.875}
    if family == "vjepa2":  # its processor derives the enlarging from the square that it cuts out
        config |= {"video_processor_type": config.pop("image_processor_type"), "do_center_crop": True}
        config |= {"crop_size": {"height": rows, "width": columns}, "size": {"shortest_edge": rows * 256 // 224}}
    name = "video_preprocessor_config.json" if family == "vjepa2" else "preprocessor_config.json"
    (folder / name).write_text(json.dumps(config | changes))


def crop_processor(folder: Path, family: str, shape: tuple[int, int], shortest: int) -> None:
    """Shortest edge to `shortest`, then the centre `shape`: as DINO, VideoMAE and ConvNeXt are delivered."""
    crop = {"height": shape[0], "width": shape[1]}
    save_processor(folder, family, shape, size={"shortest_edge": shortest}, do_center_crop=True, crop_size=crop)


# --- sources ---------------------------------------------------------------------------------------------------------


def text(words: str = SENTENCE) -> Text:
    return Text(key=digest("text", words), text=words)


def clip(frames: int = 1, height: int = 30, width: int = 50, seed: int = 0) -> Clip:
    """Noise over a slope: no two cells look alike. One frame is a picture."""
    noise = np.random.default_rng(seed).integers(0, 120, (frames, height, width, 3))
    slope = np.linspace(0, 130, frames * height * width * 3).reshape(frames, height, width, 3)
    return of_frames((noise + slope).astype(np.uint8))


def of_frames(pixels: np.ndarray, still: bool | None = None) -> Clip:
    still = len(pixels) == 1 if still is None else still
    times = np.arange(len(pixels)) / 25
    pixels.flags.writeable = False  # as pixels from Pillow are; and nobody may paint on a source
    return Clip(key=digest(pixels.tobytes(), list(pixels.shape)), frames=pixels, times_s=times, still=still)


def source_for(name: str, seed: int = 0) -> Source:
    """A source that the checkpoint called `name` can read; another seed, another content."""
    if name in TEXT:
        return text(SENTENCE if seed == 0 else SENTENCES[seed % len(SENTENCES)])
    return clip(SHAPES[name][0][0], seed=seed)


# --- broken ----------------------------------------------------------------------------------------------------------


def _truncate(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-2000])


def _truncate_header(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:40])


def _pickle_only(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


MARK = "executed"
"""A file in the working folder that code of a checkpoint would make, if it ran."""


class _Trap:
    """Its pickle makes a file where it is opened."""

    def __reduce__(self) -> tuple:
        return open, (MARK, "w")


def _trap(folder: Path) -> None:
    """Pickled weights that run code, and nothing else to load."""
    import pickle

    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(_Trap()))
    (folder / "model.safetensors").unlink()


def _own_code(file: str) -> Callable[[Path], None]:
    """A class of the checkpoint's own, named in one of its files."""

    def write(folder: Path) -> None:
        (folder / "modeling_own.py").write_text(f"open({MARK!r}, 'w')\n")
        stated = json.loads((folder / file).read_text()) | {"auto_map": {"AutoModel": "modeling_own.OwnModel"}}
        (folder / file).write_text(json.dumps(stated))

    return write


def _without_offsets(folder: Path) -> None:
    """A tokenizer of bytes: it says nothing about characters."""
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("a\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "ByT5Tokenizer"}))


def edit_config(folder: Path, **changes: Any) -> None:
    """Other values in config.json; None takes a name out."""
    config = json.loads((folder / "config.json").read_text())
    kept = {key: value for key, value in (config | changes).items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))


def _edit_config(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: edit_config(folder, **changes)


def _in_several_files(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    stated = {"metadata": {}, "weight_map": {"classifier.bias": "../model-00001-of-00001.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(stated))


def _other_weights(folder: Path) -> None:
    """A second file of weights, which the config names."""
    import shutil

    shutil.copy(folder / "model.safetensors", folder / "other.safetensors")
    edit_config(folder, transformers_weights="other.safetensors")


def _adapter(folder: Path) -> None:
    """Low-rank changes of the queries that peft would add to the weights."""
    import torch
    from safetensors.torch import save_file

    stated = {"peft_type": "LORA", "task_type": "SEQ_CLS", "base_model_name_or_path": "x", "r": 2, "lora_alpha": 64}
    stated |= {"target_modules": ["query"], "inference_mode": True}
    (folder / "adapter_config.json").write_text(json.dumps(stated))
    begin = "base_model.model.bert.encoder.layer.0.attention.self.query.lora_"
    weights = {f"{begin}A.weight": torch.ones(2, 32), f"{begin}B.weight": torch.ones(32, 2)}
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})


def _pickled_adapter(folder: Path) -> None:
    import pickle

    _adapter(folder)
    (folder / "adapter_model.safetensors").unlink()
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(_Trap()))


def _strange_mask(folder: Path) -> None:
    """The mask token stands 40 places behind the end of the table."""
    stated = json.loads((folder / "tokenizer.json").read_text())
    number = len(stated["model"]["vocab"]) + 40
    stated["model"]["vocab"]["[MASK]"] = number
    for sign in stated["added_tokens"]:
        sign["id"] = number if sign["content"] == "[MASK]" else sign["id"]
    (folder / "tokenizer.json").write_text(json.dumps(stated))


def _without_classifier(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith("classifier")}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def _write(name: str, content: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(content) and None


def _remove(*names: str) -> Callable[[Path], None]:
    return lambda folder: [(folder / name).unlink() for name in names] and None


# What was done to a sound checkpoint, and words that the error must hold: the value, the rule or the way out.
BROKEN: dict[str, tuple[str, Callable[[Path], None], tuple[str, ...]]] = {
    "weights cut short": ("bert", _truncate, ("model.safetensors", "cut short")),
    "header cut short": ("bert", _truncate_header, ("model.safetensors", "cut short")),
    "only pickled weights": ("bert", _pickle_only, ("model.safetensors", "pickles are never opened", "Save")),
    "no config": ("bert", _remove("config.json"), ("config.json",)),
    "undeclared family": ("bert", _edit_config(model_type="mamba"), ("mamba", "not declared", "bert", "videomae")),
    "no family": ("bert", _edit_config(model_type=None), ("not declared", "bert")),
    "family and class differ": ("bert", _edit_config(model_type="electra"), ("electra", "BertFor", "do not match")),
    "unknown class": ("bert", _edit_config(architectures=["MyBert"]), ("MyBert", "does not have")),
    "no classifier weights": ("bert", _without_classifier, ("classifier.weight", "random", "Save")),
    "other width": ("bert", _edit_config(intermediate_size=48), ("another size", "intermediate")),
    "odd heads": ("bert", _edit_config(num_attention_heads=5), ("do not load",)),
    "config is no JSON": ("bert", _write("config.json", "model_type: bert"), ("config.json", "JSON")),
    "config is a list": ("bert", _write("config.json", '["bert"]'), ("config.json", "JSON")),
    "config is no UTF-8": ("bert", lambda f: (f / "config.json").write_bytes(b"\xff\xfe{") and None, ("config.json",)),
    "no tokenizer": ("bert", _remove("tokenizer.json", "tokenizer_config.json"), ("tokenizer",)),
    "broken tokenizer": ("bert", _write("tokenizer.json", "{"), ("tokenizer",)),
    "no processor": ("vit", _remove("preprocessor_config.json"), ("image processor",)),
    "broken processor": ("vit", _write("preprocessor_config.json", "{"), ("image processor",)),
    "attention of another kind": (
        "timesformer",
        _edit_config(attention_type="joint_space_time"),
        ("joint_space_time", "divided_space_time"),
    ),
    "pickles that run code": ("bert", _trap, ("model.safetensors", "pickles are never opened", "Save")),
    "model of its own": (
        "bert",
        _own_code("config.json"),
        ("auto_map", "modeling_own.OwnModel", "never run", "Choose"),
    ),
    "tokenizer of its own": ("bert", _own_code("tokenizer_config.json"), ("tokenizer_config.json", "never run")),
    "processor of its own": ("vit", _own_code("preprocessor_config.json"), ("preprocessor_config.json", "never run")),
    "a vast vocabulary": ("bert", _edit_config(vocab_size=10**9), ("asks for 32,000,0", "parameters", "true sizes")),
    "a vast width": ("bert", _edit_config(intermediate_size=10**8), ("asks for", "parameters", "true sizes")),
    "a vast depth": ("bert", _edit_config(num_hidden_layers=10**7), ("asks for 10,000,000 layers", "true sizes")),
    "a number too large": ("bert", _edit_config(vocab_size=10**30), ("asks for a size of", "true sizes")),
    "a size that is a word": ("bert", _edit_config(hidden_size="many"), ("do not load", "hidden_size")),
    "no positions": ("bert", _edit_config(max_position_embeddings=-3), ("reads -3", "at least 1", "true sizes")),
    "a vast picture": ("vit", _edit_config(image_size=10**6), ("1000000x1000000", "at most", "true sizes")),
    "no patch": ("vit", _edit_config(patch_size=0), ("a fragment is 1x0x0", "at least 1", "true sizes")),
    "labels are a list": ("bert", _edit_config(id2label=[1, 2]), ("config.json", "family cannot use")),
    "a vast crop": (
        "convnext",
        lambda folder: save_processor(folder, "convnext", (10**6, 10**6)),
        ("1000000x1000000", "at most"),
    ),
    "tokens without characters": ("bert", _without_offsets, ("ByT5Tokenizer", "which characters", "tokenizer.json")),
    "no image size": ("vit", _edit_config(image_size=None), ("image_size", "config.json")),
    "weights in several files": ("bert", _in_several_files, ("several files are not read", "max_shard_size='50GB'")),
    "weights of another name": (
        "bert",
        _other_weights,
        ("transformers_weights: 'other.safetensors'", "Only model.safetensors is checked", "take the name out"),
    ),
    "an adapter": ("bert", _adapter, ("adapter_config.json", "change the weights", "model.merge_and_unload()")),
    "an adapter that runs code": ("bert", _pickled_adapter, ("adapter_config.json", "merge_and_unload")),
    "quantised weights": (
        "bert",
        _edit_config(quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True}),
        ("quantised", "'bitsandbytes'", "not supported, because", "plain checkpoint"),
    ),
    "attention from elsewhere": (
        "bert",
        _edit_config(attn_implementation="evil/kernel"),
        ("'evil/kernel'", "eager, sdpa", "Take the name out"),
    ),
    "attention of a tower from elsewhere": (
        "siglip_vision_model",
        _edit_config(vision_config={"attn_implementation": "evil/kernel"}),
        ("vision_config.attn_implementation", "'evil/kernel'", "eager, sdpa"),
    ),
    "vast depths": (
        "swin",
        _edit_config(depths=[2, 2, 10**7]),
        ("asks for 10,000,004 layers (depths)", "tensors", "true sizes"),
    ),
    "a vast depth of stages": ("resnet", _edit_config(depths=[1, 10**7]), ("10,000,001 layers (depths)", "true sizes")),
    "a vast number of stages": ("convnext", _edit_config(depths=[0] * 10**5), ("100,000 layers", "true sizes")),
    "a vast predictor": (
        "vjepa2",
        _edit_config(pred_num_hidden_layers=10**7),
        ("10,000,000 layers (pred_num_hidden_layers)", "true sizes"),
    ),
    "a vast pooler": ("vjepa2", _edit_config(num_pooler_layers=10**7), ("10,000,000 layers (num_pooler_layers)",)),
    "a vast tower": (
        "siglip_vision_model",
        _edit_config(vision_config={"num_hidden_layers": 10**7}),
        ("10,000,000 layers (vision_config.num_hidden_layers)", "true sizes"),
    ),
    "vastly many labels": (
        "bert",
        _edit_config(num_labels=3_000_000, id2label=None, label2id=None),
        ("3,000,000 labels (num_labels)", "at most 90 rows", "true sizes"),
    ),
    "vastly many fragments": (
        "videomae",
        _edit_config(image_size=2000, patch_size=1),
        ("6x2000x2000", "2x1x1", "12,000,000", "at most 32,768"),
    ),
    "a width within a list": ("resnet", _edit_config(hidden_sizes=[8, 2**41]), ("a size of 2,199,023,255,552",)),
    "a processor of vast pictures": (
        "vit",
        lambda folder: save_processor(folder, "vit", (200_000, 200_000)),
        ("200000x200000 (size)", "at most 50,000,000", "FEATCORE_MAX_PIXELS", "true sizes"),
    ),
    "a processor that crops vast pictures": (
        "dinov2",
        lambda folder: crop_processor(folder, "dinov2", (24, 32), 300_000),
        ("300000x300000 (size)", "at most 50,000,000", "true sizes"),
    ),
    "a processor that pads to vast pictures": (
        "vit",
        lambda folder: save_processor(folder, "vit", (24, 24), do_center_crop=True, crop_size=300_000),
        ("300000x300000 (crop_size)", "at most 50,000,000", "true sizes"),
    ),
    "a processor that resizes in no known way": (
        "vit",
        lambda folder: save_processor(folder, "vit", (24, 24), resample=99),
        ("number 99 (resample)", "Pillow knows 0 to"),
    ),
    "a processor with words for a mean": (
        "vit",
        lambda folder: save_processor(folder, "vit", (24, 24), image_mean="red"),
        ("'red' (image_mean)", "one finite number or three"),
    ),
    "a processor that divides by nothing": (
        "videomae",
        lambda folder: save_processor(folder, "videomae", (24, 24), image_std=[0.2, 0, 0.2]),
        ("(0.2, 0, 0.2)", "(image_std)", "must not be 0"),
    ),
    "a processor that keeps little": (
        "convnext",
        lambda folder: save_processor(folder, "convnext", (24, 24), crop_pct=1e-6),
        ("24000000x24000000 (size)", "at most 50,000,000", "true sizes"),
    ),
    "a processor that keeps nothing": (
        "convnext",
        lambda folder: save_processor(folder, "convnext", (24, 24), crop_pct=0),
        ("crop_pct", "above 0", "true sizes"),
    ),
    "a mask without a row": (
        "bert",
        _strange_mask,
        ("mask token '[MASK]' the number 130", "knows 90 tokens", "resize_token_embeddings"),
    ),
    "a config of many bytes": (
        "bert",
        lambda folder: edit_config(folder, filling="x" * 20_000_000),
        ("config.json", "at most 20,000,000"),
    ),
    "a config of many brackets": ("bert", _write("config.json", "[" * 10**6), ("config.json", "JSON")),
}


def break_checkpoint(how: str, folder: Path) -> Path:
    name, damage, _ = BROKEN[how]
    build(name, folder)
    damage(folder)
    return folder

"""What a safetensors file holds, by its header alone: no weight is read."""

from math import prod
from pathlib import Path

from featcore.errors import LoadError

# What is stored beside the parameters and is none: what batch norm has counted, and tables that old versions of
# transformers wrote down though they follow from the config.
_BUFFERS = (
    *("running_mean", "running_var", "num_batches_tracked", ".relative_position_index"),
    *(".position_ids", ".inv_freq", ".attn.bias", ".attn.masked_bias"),
)
# How the names of an encoder's weights begin in a checkpoint that has a head beside it, where not by its family.
INSIDE = {
    **{"xlm-roberta": "roberta", "deberta-v2": "deberta", "gpt2": "transformer"},
    **dict.fromkeys(("modernbert", "llama", "qwen2"), "model"),
}


def shapes(weights: Path) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a safetensors file.

    Raises:
        LoadError: the file is none, or ends before its header says.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, framework="numpy") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise LoadError(f"'{weights.parent.name}/{weights.name}' is damaged or cut short: {error}.") from error


def count_parameters(weights: Path, begin: str = "") -> int:
    """Parameters whose names begin so."""
    return sum(size for name, size in _sizes(weights).items() if name.startswith(begin))


def inside(weights: Path, family: str) -> tuple[str, tuple[str, ...], bool]:
    """How the names of an encoder's weights begin, what else is in the file, and whether its pooler is there.

    What else is in it are heads that nobody here asks.
    """
    begin, names = INSIDE.get(family, family) + ".", _sizes(weights)
    if not any(name.startswith(begin) for name in names):
        begin = ""
    others = {name.partition(".")[0] for name in names if not name.startswith(begin)}
    return begin, tuple(sorted(others)), any(name.startswith(f"{begin}pooler.") for name in names)


def _sizes(weights: Path) -> dict[str, int]:
    """Parameters of each tensor."""
    return {name: prod(shape) for name, shape in shapes(weights).items() if not name.endswith(_BUFFERS)}

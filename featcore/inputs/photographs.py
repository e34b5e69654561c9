"""Pieces of photographs to put behind a rendered shape, in three parts that share no photograph.

The files are those that scikit-image and scikit-learn install; nothing is downloaded or copied.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from featcore.errors import InputError

Part = Literal["train", "dev", "test"]

FILES: dict[Part, tuple[str, ...]] = {
    "train": (
        *("skimage/data/astronaut.png", "skimage/data/brick.png", "skimage/data/chelsea.png"),
        *("skimage/data/coins.png", "skimage/data/grass.png", "skimage/data/hubble_deep_field.jpg"),
        *("skimage/data/ihc.png", "skimage/data/motorcycle_left.png", "skimage/data/retina.jpg"),
        *("skimage/data/moon.png", "sklearn/datasets/images/china.jpg"),
    ),
    "dev": ("skimage/data/gravel.png", "skimage/data/rocket.jpg"),
    "test": ("skimage/data/camera.png", "skimage/data/coffee.png", "sklearn/datasets/images/flower.jpg"),
}
SMALLEST_CROP_PX = 48


def installed(file: str) -> Path:
    """The path of a file inside an installed package, `package/folder/name`; the package is not imported.

    Raises:
        InputError: the package is not installed.
    """
    package, _, rest = file.partition("/")
    found = find_spec(package)
    if found is None or found.origin is None:
        raise InputError(f"'{rest}' is a file of {package}, which is not installed. Install it.")
    return Path(found.origin).parent / rest


@cache
def photographs(part: Part) -> tuple[UInt8[np.ndarray, "y x 3"], ...]:
    """The RGB photographs of one part; they are shared, so nobody may write into them."""
    return tuple(_opened(installed(file)) for file in FILES[part])


def _opened(path: Path) -> UInt8[np.ndarray, "y x 3"]:
    with Image.open(path) as picture:
        pixels = np.array(picture.convert("RGB"))
    pixels.flags.writeable = False
    return pixels


def piece(part: Part, seed: Int[np.ndarray, ""] | int, size_px: int) -> Float[np.ndarray, "y x 3"]:
    """A random square of a random photograph, mirrored or not, at `size_px` pixels a side, in [0, 1]."""
    import cv2

    rng = np.random.default_rng((int(seed), 1))
    choice = photographs(part)
    pixels = choice[rng.integers(len(choice))]
    height, width = pixels.shape[:2]
    side = int(rng.integers(SMALLEST_CROP_PX, min(height, width) + 1))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    crop = pixels[top : top + side, left : left + side]
    small = cv2.resize(crop, (size_px, size_px), interpolation=cv2.INTER_AREA if side > size_px else cv2.INTER_LINEAR)
    return (small[:, ::-1] if rng.random() < 0.5 else small).astype(np.float32) / 255

"""CIFAR-10 is fetched by torchvision where it is not there: its own code, against a server on this machine."""

import hashlib
import http.server
import io
import pickle
import tarfile
import threading
from functools import partial

import numpy as np
import pytest
from torchvision.datasets import CIFAR10

from featcore.errors import InputError
from featcore.learn import RECIPES, image

# torchvision 0.26 unpacks without a filter, which Python 3.12 warns of; the archive is checked by its digest before.
pytestmark = pytest.mark.filterwarnings("ignore:Python 3.14 will, by default, filter:DeprecationWarning")

BASE = "cifar-10-batches-py"


def batch(n: int, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    return pickle.dumps({"data": rng.integers(0, 256, (n, 3072), dtype=np.uint8), "labels": [i % 10 for i in range(n)]})


@pytest.fixture
def served(tmp_path, monkeypatch):
    """An archive in the layout of the original one, with its digests, behind http."""
    parts = {f"data_batch_{i}": batch(600, i) for i in range(1, 6)} | {"test_batch": batch(30, 9)}
    parts["batches.meta"] = pickle.dumps({"label_names": list(image.CLASSES)})
    site = tmp_path / "site"
    site.mkdir()
    with tarfile.open(site / "cifar-10-python.tar.gz", "w:gz") as archive:
        for name, raw in parts.items():
            entry = tarfile.TarInfo(f"{BASE}/{name}")
            entry.size = len(raw)
            archive.addfile(entry, io.BytesIO(raw))
    md5 = {name: hashlib.md5(raw).hexdigest() for name, raw in parts.items()}
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    class Local(CIFAR10):
        url = f"http://127.0.0.1:{server.server_port}/cifar-10-python.tar.gz"
        tgz_md5 = hashlib.md5((site / "cifar-10-python.tar.gz").read_bytes()).hexdigest()
        train_list = [[name, md5[name]] for name in parts if name.startswith("data")]
        test_list = [["test_batch", md5["test_batch"]]]
        meta = {"filename": "batches.meta", "key": "label_names", "md5": md5["batches.meta"]}

    monkeypatch.setattr(image, "ORIGINAL", Local)
    yield server
    server.shutdown()
    server.server_close()


def test_a_missing_archive_is_downloaded_once_and_split_like_the_packed_one(served, tmp_path):
    recipe = RECIPES["image-mini"]
    train = recipe.read(tmp_path / "data", "train", 0)
    assert train.inputs.shape == (3000 - recipe.held_out, 32, 32, 3)
    first = np.random.default_rng(1).integers(0, 256, (600, 3072), dtype=np.uint8)[0]
    assert np.array_equal(train.inputs[0], first.reshape(3, 32, 32).transpose(1, 2, 0)), "colours and rows in order"
    served.shutdown()
    assert len(recipe.read(tmp_path / "data", "dev", 0)) == recipe.held_out
    test = recipe.read(tmp_path / "data", "test", 0)
    assert test.targets.argmax(1).tolist() == [i % 10 for i in range(30)]


def test_an_archive_that_cannot_be_had_is_explained_in_words(served, tmp_path, monkeypatch):
    monkeypatch.setattr(image.ORIGINAL, "url", image.ORIGINAL.url + ".missing")
    with pytest.raises(InputError, match="cannot be downloaded"):
        RECIPES["image-mini"].read(tmp_path / "data", "test", 0)

"""Names of the hub, on a real server on this machine that speaks what huggingface_hub asks for."""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from featcore.encode import hub
from featcore.encode.curated import CURATED
from featcore.encode.layouts import LAYOUTS
from featcore.errors import LoadError
from tests import tiny

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """One repository, org/tiny, at one commit."""

    folder: Path
    asked: list[str] = []
    tokens: list[str | None] = []
    cut = 0  # how many answers with the weights break off half way
    # Repositories that are not given: status, and the hub's own word for it.
    refused = {
        "gated": (403, {"X-Error-Code": "GatedRepo"}),
        "private": (401, {"X-Error-Code": "RepoNotFound"}),
        "forbidden": (403, {}),
        "revoked": (401, {"X-Error-Message": "Invalid credentials in Authorization header"}),
        "nowhere": (404, {"X-Error-Code": "RepoNotFound"}),
        "off": (403, {"X-Error-Message": "Access to this resource is disabled."}),
        "busy": (429, {}),
        "broken": (503, {}),
    }

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.partition("?")[0]
        self.asked.append(f"{self.command} {path}")
        self.tokens.append(self.headers.get("Authorization"))
        repository = path.removeprefix("/api/models/org/").partition("/")[0]
        if repository in self.refused:
            status, headers = self.refused[repository]
            return self.answer(b"", headers, status)
        if repository == "slow":
            time.sleep(3)
        if path == "/api/models/org/tiny/revision/nobranch":
            return self.answer(b"", {"X-Error-Code": "RevisionNotFound"}, 404)
        if path == "/api/models/org/tiny" or path.startswith("/api/models/org/tiny/revision/"):
            files = [{"rfilename": f.name, "size": f.stat().st_size} for f in sorted(self.folder.iterdir())]
            return self.answer(json.dumps({"id": "org/tiny", "sha": COMMIT, "siblings": files}).encode(), {})
        name = path.removeprefix(f"/org/tiny/resolve/{COMMIT}/")
        if name == path or not (self.folder / name).is_file():
            return self.answer(b"", {"X-Error-Code": "RepoNotFound"}, 404)
        raw = (self.folder / name).read_bytes()
        headers = {"ETag": f'"{hashlib.sha256(raw).hexdigest()}"', "X-Repo-Commit": COMMIT}
        begin = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if self.command == "GET" and name == "model.safetensors" and Hub.cut:
            Hub.cut -= 1
            self.answer(raw[begin:], headers, stop=len(raw) // 2)
            return self.connection.close()
        if begin:
            Hub.asked.append(f"taken up at {begin} of {len(raw)}")
            headers["Content-Range"] = f"bytes {begin}-{len(raw) - 1}/{len(raw)}"
        return self.answer(raw[begin:], headers, 206 if begin else 200)

    def answer(self, raw, headers, status=200, stop=None):
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(raw))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            with suppress(BrokenPipeError, ConnectionResetError):  # who asked has gone
                self.wfile.write(raw[:stop])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    folder = tiny.build("bert", tmp_path / "repository")
    (folder / "modeling_evil.py").write_text("open('evil', 'w')")
    yield from serve(folder)


@pytest.fixture
def plain_server(tmp_path):
    """A repository of 25 MB that nobody loads: parts of 10 MiB are what a broken connection keeps."""
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository" / "config.json").write_text("{}")
    (tmp_path / "repository" / "model.safetensors").write_bytes(os.urandom(25_000_000))
    yield from serve(tmp_path / "repository")


def serve(folder):
    Hub.folder, Hub.asked, Hub.tokens, Hub.cut = folder, [], [], 0
    running = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


def ask(code, home, **more):
    """Run code in a process of its own: huggingface_hub reads its settings once, when it is imported."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment = {**kept, "HF_HOME": str(home), "OMP_NUM_THREADS": "1", **more}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=ROOT)
    return done.stdout + done.stderr


def test_a_pinned_name_is_downloaded_with_progress_loaded_and_found_again_without_a_network(server, tmp_path):
    fetch = f"""if 1:
        from featcore.encode import hub; from featcore.encode.catalog import load
        seen = []
        folder = hub.fetch("org/tiny@{COMMIT}", lambda done, total: seen.append((done, total)))
        encoder = load("org/tiny@{COMMIT}", device="cpu")
        print("STATES", encoder.card.revision, encoder.provenance("eager").revision)
        print("LOADED", folder.name, encoder.card.family, seen[-1][1] > 0, sorted(f.name for f in folder.iterdir()))"""
    said = ask(fetch, tmp_path, HF_ENDPOINT=server, HF_TOKEN="hf_secret")
    assert f"LOADED {COMMIT} bert True" in said, said
    assert f"STATES {COMMIT} {COMMIT}" in said
    assert "model.safetensors" in said
    assert "modeling_evil.py" not in said
    assert "hf_secret" not in said
    assert "Bearer hf_secret" in Hub.tokens
    before = len(Hub.asked)
    offline = f"from featcore.encode.catalog import load; print('HERE', load('org/tiny@{COMMIT}', 'cpu').card.family)"
    assert "HERE bert" in ask(offline, tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert len(Hub.asked) == before


def test_a_hub_that_cannot_be_reached_offers_an_embedded_encoder(tmp_path):
    code = """if 1:
        from featcore.encode.catalog import load; from featcore.errors import LoadError
        try: load("org/tiny")
        except LoadError as error: print("SAID", error)"""
    said = ask(code, tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert "SAID The hub did not give 'org/tiny': it cannot be reached" in said, said
    assert "text-mini" in said


SAID = {
    "org/gated": r"it is gated; accept its licence at huggingface.co/org/gated and set HF_TOKEN",
    "org/private": r"no public repository has that name; check it, or set HF_TOKEN .* if it is private",
    "org/nowhere": r"no public repository has that name; check it",
    "org/forbidden": r"the HF_TOKEN of this server may not read it \(403\)",
    "org/revoked": r"the HF_TOKEN of this server is not valid \(401\)",
    "org/off": r"the hub has switched this repository off",
    "org/busy": r"it was asked too often \(429\); wait some minutes",
    "org/broken": r"it answers with an error of its own \(503\); try again later",
    "org/slow": r"it did not answer in time; try again later",
    "org/tiny@nobranch": r"it has no revision 'nobranch'; leave out",
}


def test_every_refusal_of_the_hub_names_the_repository_the_cause_and_the_way_out(plain_server, tmp_path):
    code = f"""if 1:
        from featcore.encode import hub; from featcore.errors import LoadError
        for name in {list(SAID)}:
            try: hub.fetch(name)
            except LoadError as error: print("SAID", name, error)"""
    said = ask(code, tmp_path, HF_ENDPOINT=plain_server, HF_TOKEN="hf_secret", HF_HUB_ETAG_TIMEOUT="1")
    lines = dict(line.split(" ", 2)[1:] for line in said.splitlines() if line.startswith("SAID "))
    assert lines.keys() == SAID.keys(), said
    for name, words in SAID.items():
        assert re.match(rf"The hub did not give '{name}': {words}", lines[name]), lines[name]
        assert "Choose an embedded encoder instead, for example 'text-mini'" in lines[name]
    assert "hf_secret" not in said
    assert "Traceback" not in said


def test_a_connection_that_breaks_is_taken_up_where_it_broke_and_a_stopped_download_begins_again(
    plain_server, tmp_path
):
    code = f"""if 1:
        from featcore.encode import hub; from featcore.errors import Cancelled
        def stop(done, total):
            if done > 0: raise Cancelled("stopped")
        try: hub.fetch("org/tiny", stop)
        except Cancelled as error: print("SAID", error)
        print("HERE", hub.cached("org/tiny@{COMMIT}"))"""
    said = ask(code, tmp_path, HF_ENDPOINT=plain_server)
    assert "SAID stopped" in said, said
    assert "HERE None" in said
    Hub.cut = 1
    code = """if 1:
        import hashlib
        from featcore.encode import hub
        folder = hub.fetch("org/tiny")
        print("WHOLE", hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest())"""
    said = ask(code, tmp_path, HF_ENDPOINT=plain_server)
    assert f"taken up at {10 * 2**20} of 25000000" in Hub.asked, said
    assert f"WHOLE {hashlib.sha256((Hub.folder / 'model.safetensors').read_bytes()).hexdigest()}" in said


def test_what_would_be_refused_once_it_is_here_is_not_downloaded(plain_server, tmp_path):
    code = """if 1:
        from featcore.encode import hub; from featcore.errors import LimitError
        import featcore.encode.device as device
        if {short}: device.free_bytes = lambda place: 2_000_000
        try: hub.fetch("org/tiny")
        except LimitError as error: print("SAID", error)"""
    for short, stated, words in (
        (False, {"FEATCORE_MAX_DOWNLOAD_BYTES": "24000000"}, "have 25.0 MB; the limit is 24.0 MB"),
        (False, {"FEATCORE_MAX_ENCODER_BYTES": "24000000"}, "need 25.0 MB in memory; 24.0 MB may be used by all"),
        (True, {}, "need 25.0 MB in memory; 2.0 MB are free on cpu"),
    ):
        said = ask(code.format(short=short), tmp_path, HF_ENDPOINT=plain_server, FEATCORE_DEVICE="cpu", **stated)
        assert f"SAID The weights of 'org/tiny' {words}" in said, said
        assert "Choose a smaller encoder" in said
    assert not [asked for asked in Hub.asked if "resolve" in asked]


@pytest.mark.parametrize("name", ["a/b/c", "../x", "-a/b", "a--b/c", "a/b.git", "a/b@../c", "gpt2", "a/" + "b" * 100])
def test_a_name_that_breaks_the_rule_is_refused(name):
    with pytest.raises(LoadError, match="no name of the hub"):
        hub.split_name(name)


def test_the_curated_list_covers_the_families_and_says_which_weights_are_not_proven():
    assert sum(row.proven for row in CURATED.values()) >= 20
    families = {family for family in LAYOUTS if not family.startswith(("torchvision", "clip_", "siglip_"))}
    assert families - {row.family for row in CURATED.values()} == {"ernie", "regnet"}
    for name, row in CURATED.items():
        assert hub.split_name(name) == (name, row.revision)
        assert len(bytes.fromhex(row.revision)) == 20
        assert row.parameters > 10**7
    assert {row.family for row in CURATED.values() if row.non_commercial} == {"videomae", "timesformer"}

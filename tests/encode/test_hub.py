"""Names of the hub, on a real server on this machine that speaks what huggingface_hub asks for."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from featcore.encode import hub
from featcore.encode.curated import CURATED
from featcore.errors import LoadError
from tests import tiny

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """One repository, org/tiny, at one commit."""

    folder: Path
    asked: list[str] = []
    tokens: list[str | None] = []

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.partition("?")[0]
        self.asked.append(f"{self.command} {path}")
        self.tokens.append(self.headers.get("Authorization"))
        if path == "/api/models/org/tiny" or path.startswith("/api/models/org/tiny/revision/"):
            files = [{"rfilename": f.name, "size": f.stat().st_size} for f in sorted(self.folder.iterdir())]
            return self.answer(json.dumps({"id": "org/tiny", "sha": COMMIT, "siblings": files}).encode(), {})
        name = path.removeprefix(f"/org/tiny/resolve/{COMMIT}/")
        if name == path or not (self.folder / name).is_file():
            return self.answer(b"", {"X-Error-Code": "RepoNotFound"}, 404)
        raw = (self.folder / name).read_bytes()
        return self.answer(raw, {"ETag": f'"{hashlib.sha256(raw).hexdigest()}"', "X-Repo-Commit": COMMIT})

    def answer(self, raw, headers, status=200):
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(raw))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(raw)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    Hub.folder, Hub.asked, Hub.tokens = tiny.build("bert", tmp_path / "repository"), [], []
    (Hub.folder / "modeling_evil.py").write_text("open('evil', 'w')")
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
        print("LOADED", folder.name, encoder.card.family, seen[-1][1] > 0, sorted(f.name for f in folder.iterdir()))"""
    said = ask(fetch, tmp_path, HF_ENDPOINT=server, HF_TOKEN="hf_secret")
    assert f"LOADED {COMMIT} bert True" in said, said
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


@pytest.mark.parametrize("name", ["a/b/c", "../x", "-a/b", "a--b/c", "a/b.git", "a/b@../c", "gpt2", "a/" + "b" * 100])
def test_a_name_that_breaks_the_rule_is_refused(name):
    with pytest.raises(LoadError, match="no name of the hub"):
        hub.split_name(name)


def test_the_curated_list_covers_the_families_and_says_what_is_not_pinned():
    assert len(CURATED) >= 20
    for name, row in CURATED.items():
        assert hub.split_name(name) == (name, row.revision)
        assert row.revision == "main" or len(bytes.fromhex(row.revision)) == 20
        assert row.parameters > 10**7
    assert sum(not row.pinned for row in CURATED.values()) == 4
    assert {row.family for row in CURATED.values() if row.non_commercial} == {"videomae", "timesformer"}

"""What the pages cost over an empty Streamlit page; run by hand: `python -m tests.benchmarks.pages [visits]`.

With --records, interactions alone, as records on stdout: `featcore bench goals` asks for them.

The first element is timed in a real browser on cold servers, ours and an empty app's in turn; an interaction is timed
in process, a choice that only changes a picture against the rerun of an empty script.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np

from featcore.measure import records
from featcore.measure.files import APP_NAME
from featcore.measure.pairs import Paired, bootstrap, compare
from featcore.measure.records import Record
from tests.benchmarks.bench import line
from tests.browser.conftest import DONE, FLAGS, browser_path, start_server

ROOT = Path(__file__).parent.parent.parent
EMPTY = 'import streamlit as st\nst.title("empty")\n'
GOAL_FIRST, GOAL_INTERACTION, GOAL_BYTES = 1.5, 3.0, 3_000_000


def first_element(chromium, app: Path) -> tuple[float, int]:
    """Seconds to the first element on a cold server, and bytes over the WebSocket until the page is done."""
    process, url = start_server(app)
    try:
        page = chromium.new_page()
        received = [0]
        count = lambda data: received.__setitem__(0, received[0] + len(data))  # noqa: E731
        page.on("websocket", lambda socket: socket.on("framereceived", count))
        start = time.perf_counter()
        page.goto(url, wait_until="domcontentloaded")
        page.wait_for_selector('[data-testid="stMain"] h1')
        first = time.perf_counter() - start
        page.wait_for_function(DONE, timeout=120_000)
        page.wait_for_timeout(1000)
        page.close()
        return first, received[0]
    finally:
        process.terminate()
        process.wait(timeout=20)


def visits(n: int) -> None:
    """Empty, ours, empty again (the control), in turn."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY)
        chromium = playwright.chromium.launch(executable_path=browser_path(), args=FLAGS)
        first_element(chromium, empty)
        ratios, control, sizes = [], [], []
        for _ in range(n):
            bare, _ = first_element(chromium, empty)
            ours, size = first_element(chromium, ROOT / "app.py")
            again, _ = first_element(chromium, empty)
            ratios.append(2 * ours / (bare + again))
            control.append(again / bare)
            sizes.append(size)
        chromium.close()
    low, high = bootstrap(tuple(ratios))
    aa = bootstrap(tuple(control), 1)
    print(
        f"first element / empty page, cold: {np.median(ratios):.2f} [{low:.2f}, {high:.2f}], "
        f"A/A [{aa[0]:.2f}, {aa[1]:.2f}], goal <= {GOAL_FIRST}: {'met' if high <= GOAL_FIRST else 'not shown'}"
    )
    most = max(sizes)
    print(f"bytes of the front page: {most:,}, goal <= {GOAL_BYTES:,}: {'met' if most <= GOAL_BYTES else 'missed'}")


def interaction() -> list[Paired]:
    """Another attention layer on the front page, everything cached, over the rerun of an empty script.

    Twice: as the browser asks for it, which draws the row of attention again, and as a rerun of the whole page. A model
    that ran would be an error.
    """
    from streamlit.testing.v1 import AppTest, local_script_runner

    import featcore.encode.base as base

    empty = AppTest.from_string(EMPTY).run()
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    layers = iter(range(100_000))
    row = app._fragment_storage.resolve_target("attention")
    of_row = partial(local_script_runner.RerunData, fragment_id_queue=row)

    def page() -> None:
        app.selectbox(key="c_layer").set_value(1 + next(layers) % 2).run()
        assert not app.exception

    def fragment() -> None:
        # AppTest knows only whole reruns; the browser names the fragment that a choice belongs to.
        with patch.object(local_script_runner, "RerunData", of_row):
            page()

    def ask(name: str, ours: Callable[[], None]) -> Paired:
        return compare(name, ("empty rerun", empty.run), ("choice", ours), 60.0, 20)

    page()
    page()
    with patch.object(base.Encoder, "encode", side_effect=AssertionError("a model ran")):
        return [
            ask("cached choice, its row / empty rerun", fragment),
            ask("cached choice, whole page / empty rerun", page),
        ]


def interaction_records() -> Iterator[Record]:
    """The interactions as records of the suite "goals"."""
    run_id = records.new_run()
    for found in interaction():
        first, second, ratio = records.of_pair(
            found, "interaction", run_id, suite="goals", goal="G9", model_id=APP_NAME
        )
        yield first
        yield second
        judgement = found.judge(GOAL_INTERACTION)
        yield ratio | {
            "goal_most": GOAL_INTERACTION,
            "goal_least": None,
            "judgement": judgement.replace(" ", "_"),
            "why": "What changed is drawn again, and an empty page draws nothing." if judgement == "missed" else None,
        }


if __name__ == "__main__":
    if "--records" in sys.argv:
        for record in interaction_records():
            print(json.dumps(record, allow_nan=False), flush=True)
        sys.exit()
    for pair in interaction():
        print(line(pair, GOAL_INTERACTION))
    visits(int(sys.argv[1]) if len(sys.argv) > 1 else 7)

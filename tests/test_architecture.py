"""The shape of the project, checked: data flows one way and each library has one owner."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = ["errors", "types", "registry", "keys", "settings", "jobs", "inputs", "units", "encode", "explain", "measure"]
ORDER += ["compare", "draw", "learn", "batch", "store", "runs", "manifest", "trust", "commands", "cli"]
OWNERS = {
    "streamlit": {"pages", "app"},
    "cv2": {"inputs", "draw"},
    "av": {"inputs", "draw"},
    "PIL": {"inputs", "draw", "learn"},
    "transformers": {"encode", "learn"},
    "captum": {"explain", "measure"},  # measured against it
    "torch": {"encode", "explain", "measure", "learn", "batch"},
    "ray": {"batch"},
}
NEEDS_ONLY = {"compare": {"types", "errors", "compare"}, "draw": {"types", "errors", "draw"}}
FILES = [ROOT / "app.py", *(ROOT / "pages").rglob("*.py"), *(ROOT / "featcore").rglob("*.py")]


def part(path: Path) -> str:
    """The stage a file belongs to: 'units' for featcore/units/grid.py, 'pages' for any page."""
    first, *rest = path.relative_to(ROOT).with_suffix("").parts
    return rest[0] if first == "featcore" and rest else first


def imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "featcore":
            yield from (f"featcore.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def stages(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("featcore.")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_data_flows_one_way(path):
    if part(path) in ORDER:
        assert not stages(path) & set(ORDER[ORDER.index(part(path)) + 1 :])
    if part(path) in NEEDS_ONLY:
        assert stages(path) <= NEEDS_ONLY[part(path)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_library_stays_with_its_owner(path):
    strangers = {name.split(".")[0] for name in imports(path)} & OWNERS.keys()
    assert not {library for library in strangers if part(path) not in OWNERS[library]}


def test_every_stage_is_known():
    found = {part(path) for path in FILES if path.is_relative_to(ROOT / "featcore")} - {"__init__", "__main__"}
    assert found <= set(ORDER)


def test_listing_methods_and_encoders_imports_no_model_library():
    code = (
        "import sys, featcore as fc\n"
        "assert fc.methods() and fc.encoders() and fc.samples()\n"
        "import featcore.draw, featcore.runs, featcore.store\n"
        "assert not {'torch', 'transformers', 'captum', 'streamlit', 'cv2', 'av'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_no_page_lies_directly_in_pages():
    assert not list((ROOT / "pages").glob("*.py"))


def test_no_two_pages_share_the_keys_of_their_widgets():
    pages = (ROOT / "pages").glob("[0-9]*/*.py")
    letters = [letter for page in pages for letter in set(re.findall(r'ui\.\w+\("(\w)"', page.read_text()))]
    assert len(letters) > 10
    assert len(letters) == len(set(letters)), "what is chosen on one page would be chosen on the other"


@pytest.mark.parametrize(
    "forbidden",
    ["use_container_width", "unsafe_allow_html", "trust_remote_code=True", "weights_only=False", "pickle.load"],
)
def test_nothing_deprecated_or_unsafe_is_called(forbidden):
    assert not [path for path in FILES if forbidden in path.read_text()]


def test_no_except_is_bare():
    assert not [path for path in FILES if re.search(r"except( Exception| BaseException)?:", path.read_text())]

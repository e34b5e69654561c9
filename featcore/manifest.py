"""Every file of `assets` with its size, digest and origin, as the table in assets/README.md."""

import json
from pathlib import Path

from featcore.keys import file_digest

START, END = "<!-- files -->", "<!-- end of files -->"
ORIGINS = {
    "models": "trained by this project, see training.json beside it",
    "samples": "rendered by featcore.inputs.motion",
    "ladder": "cards of runs by this project; their weights are not shipped",
    "runs": "computed by `featcore ship`",
    "records": "measured by `featcore bench all` and `featcore trust`",
}
HEAD = f"""# What is in this folder

Everything here was made by this project and is under its licence, Apache-2.0. `featcore ship` computes the finished
runs anew and writes the table below; a test compares it with the files.

{START}
{END}
"""


ENCODERS, END_ENCODERS = "<!-- encoders -->", "<!-- end of encoders -->"


def encoder_table(assets: Path) -> str:
    """The embedded encoders with what `featcore evaluate` measured of each on its whole test split."""
    lines = [
        "| encoder | what it is | test split | right (95 % interval) | chance | weights |",
        "|---|---|---|---|---|---|",
    ]
    for path in sorted((assets / "models").glob("*/training.json")):
        card = json.loads(path.read_text(encoding="utf-8"))
        test = card["test"]
        share = f"{test['accuracy']:.1%} ({test['low']:.1%} to {test['high']:.1%})"
        size = f"{card['weights_bytes'] / 1e6:.1f} MB"
        lines.append(
            f"| `{card['name']}` | {card['summary']} | {test['n']:,} | {share} | {test['chance']:.0%} | {size} |"
        )
    return "\n".join(lines)


def write_encoders(readme: Path, assets: Path) -> None:
    """Put the table of encoders between its two marks in the README."""
    put(readme, ENCODERS, encoder_table(assets), END_ENCODERS)


def put(path: Path, start: str, table: str, end: str) -> None:
    """Write a table into a file, in place of what stands between two marks."""
    text = path.read_text(encoding="utf-8")
    before, after = text.split(start)[0], text.split(end)[1]
    path.write_text(f"{before}{start}\n{table}\n{end}{after}", encoding="utf-8")


def rows(assets: Path) -> list[tuple[str, int, str, str]]:
    """Path below `assets`, bytes, SHA-256 and origin of every file except the table's own."""
    files = sorted(path for path in assets.rglob("*") if path.is_file() and path != assets / "README.md")
    return [
        (
            path.relative_to(assets).as_posix(),
            path.stat().st_size,
            file_digest(path),
            ORIGINS.get(path.relative_to(assets).parts[0], "a picture of the app"),
        )
        for path in files
    ]


def write(assets: Path) -> None:
    """Write the table between its two marks."""
    readme = assets / "README.md"
    if not readme.exists() or START not in readme.read_text(encoding="utf-8"):
        readme.write_text(HEAD, encoding="utf-8")
    lines = ["| file | bytes | SHA-256 | origin |", "|---|---|---|---|"]
    lines += [f"| {name} | {size} | `{sha}` | {origin} |" for name, size, sha, origin in rows(assets)]
    put(readme, START, "\n".join(lines), END)

"""Writes the table of supported functions into bizhawk-scripts.md: `python docs/bizhawk_functions.py`."""

from __future__ import annotations

from pathlib import Path

from playthrough.env.bizhawk import host
from playthrough.env.bizhawk.host import BizHawkHost

PAGE = Path(__file__).with_name("bizhawk-scripts.md")
BEGIN, END = "<!-- functions -->\n", "<!-- end of functions -->\n"


def table() -> str:
    """The table, as the host itself knows it."""
    supported = BizHawkHost(Path()).supported_functions()
    lines = [
        f"{len(supported)} of BizHawk's functions work.\n",
        "| library | supported | raises an error that names it |",
        "|---|---|---|",
    ]
    names = Path(host.__file__).with_name("functions.txt").read_text("utf-8")
    for line in names.splitlines():
        library, colon, functions = line.partition(": ")
        if not colon or line.startswith("#"):
            continue
        columns: tuple[list[str], list[str]] = [], []
        for function in functions.split():
            columns[f"{library}.{function}" not in supported].append(f"`{function}`")
        lines.append(f"| `{library}` | {' '.join(columns[0]) or '-'} | {' '.join(columns[1]) or '-'} |")
    return "\n".join(lines) + "\n"


def page_with_table(text: str) -> str:
    """A page with its table brought up to date."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text("utf-8")), "utf-8")

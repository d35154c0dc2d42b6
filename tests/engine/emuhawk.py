"""A stand-in for EmuHawk, which cannot be had here: our host of BizHawk's Lua functions behind EmuHawk's command line.

It is a program of its own, started through the same launcher as EmuHawk, and it runs the same Lua client. What it does
not show is whether BizHawk itself behaves as its sources and the measurements say.

Run as `python emuhawk.py --socket_ip=IP --socket_port=PORT --lua=SCRIPT --config=FILE ROM`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "src"


def make_bizhawk(folder: Path, version: str = "2.11") -> Path:
    """A folder that looks like BizHawk's, with the stand-in in EmuHawk's place."""
    script = folder / "EmuHawkMono.sh"
    script.write_text(f'#!/bin/sh\nexport PYTHONPATH="{SOURCES}"\n"{sys.executable}" "{__file__}" "$@"\n')
    script.chmod(0o755)
    paths = [{"Type": "Save RAM", "Path": "./SaveRAM", "System": "NES"}, {"Type": "ROM", "Path": ".", "System": "NES"}]
    config = {"LastWrittenFrom": version, "SoundEnabled": True, "PathEntries": {"Paths": paths, "Other": 1}}
    (folder / "config.ini").write_text(json.dumps(config))
    return folder


def main() -> None:
    from playthrough.env.bizhawk.host import BizHawkHost, ScriptStopped

    parser = argparse.ArgumentParser()
    for name in ("socket_ip", "lua", "config"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--socket_port", type=int, required=True)
    parser.add_argument("rom", type=Path)
    chosen = parser.parse_args()
    if json.loads(Path(chosen.config).read_text())["FirstBoot"]:
        raise SystemExit("EmuHawk would ask something now")
    if not chosen.rom.is_file():
        raise SystemExit(f"{chosen.rom}: there is no such ROM")
    # Another game in place of one that no embedded core runs: everything but the game itself can be tried with it.
    rom = Path(os.environ.get("EMUHAWK_GAME", chosen.rom))
    window = os.environ.get("EMUHAWK_WINDOW")
    host = BizHawkHost(
        Path(chosen.lua).parent,
        rom,
        on_frame=None if window is None else lambda picture, _: Path(window).write_bytes(picture.tobytes()),
    )
    # EmuHawk connects before anything else; where that fails it does not start.
    host.socket.set_ip(chosen.socket_ip)
    host.socket.set_port(chosen.socket_port)
    try:
        host.run(Path(chosen.lua))
    except ScriptStopped:
        pass
    finally:
        host.close()


if __name__ == "__main__":
    main()

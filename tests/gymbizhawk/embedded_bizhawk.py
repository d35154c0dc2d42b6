"""Stands in for `mono EmuHawk.exe`: runs a script with BizHawk's functions, in a process of its own.

Its command line is BizHawk's. `require('bizhawk')` is not offered: Lua has to find it, as in BizHawk.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from playthrough.env.bizhawk.host import BizHawkHost, ScriptStopped

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("--luaconsole", action="store_true", required=True)
parser.add_argument("--socket_ip", required=True)
parser.add_argument("--socket_port", type=int, required=True)
parser.add_argument("--lua", type=Path, required=True)
parser.add_argument("--config", type=Path, required=True)
args = parser.parse_args()
assert Path(args.program).name == "EmuHawk.exe" and not json.loads(args.config.read_text())["SoundEnabled"]

host = BizHawkHost(args.lua.parent, show=lambda line: print(line, file=sys.stderr))
host.socket.set_ip(args.socket_ip)
host.socket.set_port(args.socket_port)
try:
    host.run(args.lua)
except ScriptStopped:
    pass
finally:
    host.close()

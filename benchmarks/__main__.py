"""`python -m benchmarks [NAME ...]`: all benchmarks, or those named."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

NOT_CLAIMS = ("__init__", "__main__", "rounds", "stable_retro_peer")


def main() -> None:
    """Run them one after another."""
    names = [path.stem for path in sorted(Path(__file__).parent.glob("*.py")) if path.stem not in NOT_CLAIMS]
    for name in sys.argv[1:] or names:
        print(f"\n{name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()

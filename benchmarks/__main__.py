"""`python -m benchmarks [NAME [OPTIONS]]`: one benchmark with its options, or all of them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main() -> None:
    """Run them one after another."""
    folder = Path(__file__).parent
    claims = [path.stem for path in sorted(folder.glob("*.py")) if "\ndef main(" in path.read_text()]
    claims = [name for name in claims if not name.startswith("__") and not name.endswith(("_peer", "_side"))]
    arguments = sys.argv[1:]
    if arguments and arguments[0] not in claims:
        sys.exit(f"there is no benchmark {arguments[0]!r}; there are {', '.join(claims)}")
    for name in arguments[:1] or claims:
        print(f"\n{name}", flush=True)
        benchmark = importlib.import_module(f"benchmarks.{name}")
        benchmark.main(arguments[1:]) if arguments[1:] else benchmark.main()


if __name__ == "__main__":
    main()

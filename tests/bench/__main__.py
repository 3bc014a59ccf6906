"""
Run every benchmark, or those named: ``python -m tests.bench [ttl_monitor]``.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

LAMBDA_SRC = Path(__file__).resolve().parents[2] / "lambda_src"


def main(names: list[str]) -> int:
    """Run the benchmarks one after another: side by side they would measure each other."""
    sys.path.insert(0, str(LAMBDA_SRC))  # for those that run a handler in this process
    found = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    for name in [f"bench_{name}" for name in names] or found:
        import_module(f"tests.bench.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""
Serve an embedded cloud in the foreground until Ctrl-C, and print how to talk to it.

    python -m tests.cloud [ACCOUNT_ID]
"""

from __future__ import annotations

import shlex
import signal
import sys

from tests.cloud import Cloud


def main() -> None:
    """Run until a signal comes; the exports go to standard output, for a shell to read."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Cloud.start(clock=True) as cloud:
        account = cloud.account(*sys.argv[1:2])
        for name, value in account.env().items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        sys.stdout.flush()
        sys.stderr.write(f"The cloud runs at {cloud.endpoint_url}. Ctrl-C ends it.\n")
        try:
            signal.pause()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()

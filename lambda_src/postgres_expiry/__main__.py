"""
The same run as a command, for cron and systemd: ``python -m postgres_expiry --config FILE``.

The file is a JSON object of the Lambda's variables (``PG_DB_HOST``, ``TABLES`` …; a value may be an
object too). The password is in a file of its own. Standard output is one JSON line, the result;
logs go to standard error. Asked to stop, it ends its batch and says that it is not complete.

Exit codes: 0 done, 1 could not do its work, 2 wrong usage or settings, 75 incomplete: run again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expiry.budget import Budget
from expiry.errors import EventError, ExpiryError, SettingsError
from expiry.telemetry import logger_for
from postgres_expiry.access import connector
from postgres_expiry.request import Operation, Request
from postgres_expiry.run import Run
from postgres_expiry.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DONE, FAILED, WRONG, INCOMPLETE = 0, 1, 2, 75  # 75 is EX_TEMPFAIL
DAY_S = 86_400


def main(arguments: Sequence[str] | None = None) -> int:
    """Run once; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            answer = _run(options)
    except (SettingsError, EventError) as error:
        return _ended(WRONG, error)
    except ExpiryError as error:
        return _ended(FAILED, error)
    print(json.dumps(answer, sort_keys=True))  # noqa: T201 - the command's answer
    return DONE if answer["complete"] else INCOMPLETE


def _run(options: argparse.Namespace) -> dict[str, Any]:
    run_id = str(uuid.uuid4())
    settings = Settings.from_env(_variables(options))
    event = {
        "dryRun": options.dry_run,
        "operation": options.operation,
        "limit": options.limit,
        "tables": options.table,
    }
    return Run(
        run_id=run_id,
        settings=settings,
        request=Request.parse({key: value for key, value in event.items() if value is not None}),
        connect=connector(settings),
        budget=Budget.until(_remaining_ms(options.time_limit_s)),
        logger=logger_for("postgres_expiry", run_id),
        emits=False,
    ).execute()


def _variables(options: argparse.Namespace) -> dict[str, str]:
    path: Path = options.config
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError([f"{path}: {error}"]) from error
    if not isinstance(values, dict):
        raise SettingsError([f"{path} must be a JSON object of variables"])
    if options.password_file is not None:
        values["PG_PASSWORD_FILE"] = str(options.password_file)
    return {str(name): _text(value) for name, value in values.items() if value is not None}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _remaining_ms(time_limit_s: float) -> Callable[[], int]:
    """Count down, and to nothing at once when the service manager asks to stop."""
    ends_s = time.monotonic() + time_limit_s
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: asked.append(received))
    return lambda: 0 if asked else int((ends_s - time.monotonic()) * 1000)


def _ended(code: int, error: Exception) -> int:
    print(json.dumps({"error": type(error).__name__, "message": str(error)}))  # noqa: T201 - likewise
    return code


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number <= DAY_S:
        raise ValueError(text)
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="postgres_expiry",
        description="Delete expired rows from PostgreSQL.",
        epilog="Exit codes: 0 done, 1 could not do its work, 2 wrong usage or settings,"
        " 75 not complete: run again.",
    )
    parser.add_argument("--config", type=Path, required=True, help="JSON file of variables")
    parser.add_argument("--password-file", type=Path, help="as PG_PASSWORD_FILE")
    parser.add_argument("--dry-run", action="store_true", help="read and count only")
    parser.add_argument("--limit", type=int, help="deletions, at most")
    parser.add_argument("--table", action="append", help="a rule by name; again for more")
    parser.add_argument(
        "--operation", choices=[str(operation) for operation in Operation], help="default: clean"
    )
    parser.add_argument(
        "--time-limit-s", type=_positive, default=float(DAY_S), help="end within so many seconds"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

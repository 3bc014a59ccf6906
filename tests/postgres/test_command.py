"""
The command: one JSON line, logs apart from it, and an exit code that cron and systemd understand.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.postgres.expiry_runs import CREATE_ROWS, ROWS, fill, ids, variables
from tools.terraform import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres.database import Database

DONE, FAILED, WRONG, INCOMPLETE = 0, 1, 2, 75


class Command:
    """The command, with its files in a folder."""

    def __init__(self, folder: Path, database: Database, **more: Any) -> None:
        self.password = folder / "password"
        self.password.write_text(f"{database.password}\n", encoding="utf-8")
        self.config = folder / "config.json"
        values: dict[str, Any] = {**variables(database, self.password), "TABLES": ROWS, **more}
        del values["PG_PASSWORD_FILE"]
        self.config.write_text(json.dumps(values), encoding="utf-8")

    def line(self, *options: str) -> list[str]:
        """Return the command line."""
        given = ["--config", str(self.config), "--password-file", str(self.password)]
        return [sys.executable, "-m", "postgres_expiry", *given, *options]

    def run(self, *options: str) -> tuple[int, dict[str, Any], str]:
        """Run it; return the exit code, its one line and its logs."""
        ended = subprocess.run(
            self.line(*options),
            cwd=ROOT / "lambda_src",
            capture_output=True,
            text=True,
            check=False,
        )
        lines = ended.stdout.splitlines()
        assert len(lines) <= 1, lines
        return ended.returncode, json.loads(lines[0]) if lines else {}, ended.stderr


@pytest.fixture
def command(postgres: Database, tmp_path: Path) -> Command:
    """Return the command for a table of thirty expired rows."""
    postgres.run(CREATE_ROWS)
    fill(postgres, expired=30)
    return Command(tmp_path, postgres)


def test_command_says_what_it_did_in_one_line(command: Command, postgres: Database) -> None:
    """Standard output is the result alone; the log is on standard error, without the password."""
    dry, answer, _ = command.run("--dry-run")
    assert (dry, answer["outcomes"]["would_delete"]) == (DONE, 30)

    code, answer, log = command.run()

    assert (code, answer["body"]["deleted"], answer["complete"]) == (DONE, 30, True)
    assert ids(postgres) == set()
    assert [json.loads(line)["level"] for line in log.splitlines()] == ["INFO"]
    assert postgres.password not in log


def test_command_that_is_not_complete_asks_to_be_run_again(command: Command) -> None:
    """A limit that was reached is no failure: 75, and the next run goes on."""
    assert command.run("--limit", "20")[0] == INCOMPLETE
    code, answer, _ = command.run("--table", "rows")

    assert (code, answer["body"]["deleted"]) == (DONE, 10)


@pytest.mark.parametrize(
    ("options", "more"),
    [
        (["--unknown"], {}),
        (["--limit", "-1"], {}),
        (["--operation", "backfill"], {}),
        (["--table", "nobody"], {}),
        ([], {"PG_TLS": "prefer"}),
        ([], {"TABLES": {"rows": {"table": "rows"}}}),
        (["--config", "/nowhere"], {}),
    ],
)
def test_command_with_wrong_usage_or_settings_says_so(
    postgres: Database, tmp_path: Path, options: list[str], more: dict[str, Any]
) -> None:
    """Exit code 2, before the database is asked anything."""
    code, answer, log = Command(tmp_path, postgres, PG_DB_PORT=1, **more).run(*options)

    assert code == WRONG
    assert answer.get("message") or "usage:" in log


@pytest.mark.usefixtures("command")
def test_command_that_cannot_do_its_work_fails(postgres: Database, tmp_path: Path) -> None:
    """Exit code 1 and one clear line: no server, a wrong password, a table that is not there."""
    absent = Command(tmp_path, postgres, TABLES={"rows": ROWS["rows"] | {"table": "absent"}})
    code, answer, _ = absent.run()
    assert (code, answer["error"]) == (FAILED, "MismatchError")
    assert "there is no table public.absent" in answer["message"]

    absent.password.write_text("wrong\n", encoding="utf-8")
    code, answer, log = absent.run()
    assert (code, answer["error"]) == (FAILED, "LoginError")
    assert "wrong" not in log

    code, answer, _ = Command(tmp_path, postgres, PG_DB_PORT=1).run()
    assert (code, answer["error"]) == (FAILED, "ConnectError")
    assert len(ids(postgres)) == 30


@pytest.mark.usefixtures("command")
def test_command_that_is_asked_to_stop_ends_its_batch(postgres: Database, tmp_path: Path) -> None:
    """SIGTERM: what was deleted is committed and told, and the code says to run again."""
    slow = Command(tmp_path, postgres, MAX_ROWS_PER_SECOND=3)
    with subprocess.Popen(
        slow.line(), cwd=ROOT / "lambda_src", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        while len(ids(postgres)) == 30:
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
    answer = json.loads(output)

    assert (process.returncode, answer["stopped"]) == (INCOMPLETE, "time")
    assert 0 < answer["body"]["deleted"] < 30
    assert len(ids(postgres)) == 30 - answer["body"]["deleted"]

"""
The files that Terraform renders for systemd and cron: systemd itself reads them, and what they
start runs against a real server.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.modules.plan import plan_variants
from tests.modules.postgres_expiry_calls import DATABASE, EVERY_KIND
from tools.terraform import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres.database import Database

UNIT = "rows-expiry"
RULES = {"seconds": EVERY_KIND["seconds"]}
# Where the words of a unit are looked up: systemd.exec(5). Each keeps the program from something.
HARDENED = {
    "CapabilityBoundingSet": "",
    "DynamicUser": "yes",
    "MemoryDenyWriteExecute": "yes",
    "NoNewPrivileges": "yes",
    "PrivateTmp": "yes",
    "ProtectHome": "yes",
    "ProtectSystem": "strict",
    "RestrictNamespaces": "yes",
}


@pytest.fixture(scope="module")
def files() -> dict[str, dict[str, str]]:
    """Render the files for two calls: a user that systemd makes, and one of the machine's."""
    paths = {
        "python": "/bin/sh",
        "zip_path": "/srv/expiry.zip",
        "config_path": "/etc/x/config.json",
    }
    call: dict[str, Any] = {
        "name": UNIT,
        "run_by": ["systemd"],
        "database": {key: DATABASE[key] for key in ("host", "name", "user")},
        "tables": RULES,
        "systemd": paths,
    }
    named = {**call, "systemd": {**paths, "user": "daemon", "on_calendar": "hourly"}}
    local = {**call, "database": {**call["database"], "host": "127.0.0.1", "tls": "disable"}}
    calls = {"own-user": call, "named": named, "local": {**local, "systemd": {}}}
    planned = plan_variants("postgres-expiry", calls)
    return {case: module.outputs["systemd"]["files"] for case, module in planned.items()}


def settings(unit: str) -> dict[str, list[str]]:
    """Return the settings of a unit file, by name."""
    found: dict[str, list[str]] = {}
    for line in unit.splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def systemd_analyze() -> str:
    """Return systemd's verifier; where it is not, skip, or fail where CI should have it."""
    found = shutil.which("systemd-analyze")
    if found is None:
        missing = "systemd-analyze not found: apt-get install systemd"
        installed_by_ci = "systemd" in (ROOT / ".ci" / "run").read_text()
        if os.environ.get("CI") == "true" and installed_by_ci:
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@pytest.mark.parametrize("case", ["own-user", "named"])
def test_systemd_units_are_verified_by_systemd(
    case: str, files: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    """`systemd-analyze verify` has nothing to say of either unit."""
    analyze = systemd_analyze()
    units = [f"{UNIT}.service", f"{UNIT}.timer"]
    for unit in units:
        (tmp_path / unit).write_text(files[case][unit])
    done = subprocess.run(
        [analyze, "verify", *(str(tmp_path / unit) for unit in units)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "")
    assert [line for line in done.stderr.splitlines() if UNIT in line] == []


def test_systemd_unit_with_a_wrong_word_is_found(
    files: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    """The verification above can fail."""
    analyze = systemd_analyze()
    unit = tmp_path / f"{UNIT}.service"
    unit.write_text(files["own-user"][unit.name].replace("NoNewPrivileges=yes", "NoPrivileges=yes"))
    done = subprocess.run(
        [analyze, "verify", str(unit)], capture_output=True, text=True, check=False
    )

    assert "NoPrivileges" in done.stderr


def test_systemd_unit_is_hardened_and_has_its_password_from_a_credential(
    files: dict[str, dict[str, str]],
) -> None:
    """It can do little, and its password is in no command line and no environment."""
    unit = settings(files["own-user"][f"{UNIT}.service"])

    assert {name: unit[name][0] for name in HARDENED} == HARDENED
    assert unit["LoadCredential"] == [f"password:/etc/{UNIT}/password"]
    assert unit["Environment"] == ["PYTHONPATH=/srv/expiry.zip PYTHONDONTWRITEBYTECODE=1"]
    assert "--password-file ${CREDENTIALS_DIRECTORY}/password" in unit["ExecStart"][0]
    assert unit["SuccessExitStatus"] == ["75"]
    assert "DynamicUser" not in settings(files["named"][f"{UNIT}.service"])
    assert settings(files["named"][f"{UNIT}.service"])["User"] == ["daemon"]


def test_systemd_timer_runs_as_said_and_makes_up_for_what_it_missed(
    files: dict[str, dict[str, str]],
) -> None:
    """Daily at three by default; a machine that was off runs it when it is back."""
    timer = settings(files["own-user"][f"{UNIT}.timer"])

    assert timer["OnCalendar"] == ["*-*-* 03:00:00 UTC"]
    assert timer["Persistent"] == ["true"]
    assert settings(files["named"][f"{UNIT}.timer"])["OnCalendar"] == ["hourly"]


def command_of(line: str) -> tuple[dict[str, str], list[str]]:
    """Take a crontab's line apart: its variables and its command, without the pipe to the log."""
    words = shlex.split(line.partition(" 2>&1 |")[0])[6:]
    split = next(index for index, word in enumerate(words) if "=" not in word)
    return dict(word.split("=", 1) for word in words[:split]), words[split:]


@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["real", "dry"])
def test_crontab_line_and_config_delete_what_is_expired(
    dry: list[str], postgres: Database, files: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    """The rendered command with the rendered configuration runs as it stands, on other paths."""
    postgres.run("create table seconds (id bigint primary key, expires bigint)")
    postgres.run("create index on seconds (expires)")
    postgres.run("insert into seconds select n, n from generate_series(1, 30) n")
    postgres.run("insert into seconds values (31, null), (32, 9999999999)")
    config = json.loads(files["local"]["config.json"])
    written = {
        **config,
        "PG_DB_PORT": str(postgres.port),
        "PG_DB_NAME": postgres.name,
        "PG_DB_USER": postgres.user,
    }
    (tmp_path / "config.json").write_text(json.dumps(written))
    (tmp_path / "password").write_text(f"{postgres.password}\n")
    variables, command = command_of(files["local"]["crontab"].splitlines()[-1])
    moved = {
        "/usr/bin/python3": sys.executable,
        f"/etc/{UNIT}/config.json": str(tmp_path / "config.json"),
        f"/etc/{UNIT}/password": str(tmp_path / "password"),
    }

    done = subprocess.run(
        [*(moved.get(word, word) for word in command), *dry],
        env={**variables, "PYTHONPATH": str(ROOT / "lambda_src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    answer = json.loads(done.stdout)
    assert variables == {"PYTHONPATH": "/usr/local/lib/expiry/postgres_expiry.zip"}
    assert (answer["dryRun"], answer["body"]["deleted"]) == (bool(dry), 30)
    assert postgres.run("select count(*) from seconds") == [(32 if dry else 2,)]
    assert postgres.password not in done.stdout + done.stderr + json.dumps(command)

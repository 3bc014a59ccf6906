"""
The SQL that Terraform renders for pg_cron, installed in real servers and run there.

What needs no scheduler is proven on every version; that jobs run, on Debian's with pg_cron. A job
on `@reboot` runs as soon as the server has started, so nothing waits for a minute to pass.
"""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from postgres_expiry import tables
from postgres_expiry.predicates import doomed
from tests.modules.postgres_expiry_calls import EVERY_KIND
from tests.postgres.fixtures import every_version, require
from tests.postgres.pg_cron_scene import (
    EXPIRED,
    THERE,
    Rendered,
    counts,
    everything,
    fill,
    one,
    rendered_calls,
    run_script,
)
from tests.postgres.servers import Debian15

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres.database import Database

PATIENCE_S = 30.0
BATCH = 10  # of the rule `seconds`
TYPES = {
    "seconds": {"id": "bigint", "expires": "bigint"},
    "millis": {"id": "uuid", "Made At": "bigint", "state": "text", "weight": "numeric"}
    | {"held": "date"},
    "zoned": {"id": "integer", "part": "text", "expires": "timestamp with time zone"}
    | {"kept": "boolean"},
    "unzoned": {"id": "integer", "expires": "timestamp without time zone"},
}
# Tells in which transaction each statement deleted how many rows.
WITNESS = """
create table witness (xid bigint, deleted bigint);
create function note() returns trigger language plpgsql as $$
begin
    insert into witness select txid_current(), count(*) from old_rows;
    return null;
end $$;
create trigger note after delete on seconds referencing old table as old_rows
    for each statement execute function note();
"""


@pytest.fixture(scope="module")
def rendered() -> dict[str, Rendered]:
    """Render every call, once."""
    return rendered_calls()


@pytest.fixture
def filled(postgres: Database) -> Database:
    """Return a database with the tables and their rows."""
    fill(postgres)
    return postgres


# The same SQL as the handler's


@pytest.mark.parametrize("rule", sorted(EVERY_KIND))
@pytest.mark.parametrize("batch", ["first", "next"])
def test_pg_cron_batch_is_the_handlers_own(
    rule: str, batch: str, rendered: dict[str, Rendered]
) -> None:
    """Word by word, once the handler's parameters stand for the procedure's variables."""
    refused: list[str] = []
    parsed = tables.parse(json.dumps({rule: EVERY_KIND[rule]}), refused.append)[rule]
    written = doomed(parsed, parsed.key, TYPES[rule])
    expected = as_procedure(written.batch(first=batch == "first"), written.parameters)

    assert refused == []
    assert flat(expected) in flat(rendered["all"].files["install.sql"])


def as_procedure(statement: str, parameters: Any) -> str:
    """Put variables and literals where the handler has parameters; casts of text fall away."""
    replaced = re.sub(r"cast\(last\.(\"[^)]+\") as text\)", r"last.\1", statement)
    replaced = re.sub(r"cast\(:cutoff as bigint\)", "expiry_run.cutoff", replaced)
    replaced = re.sub(r"cast\(:batch_size as bigint\)", "expiry_run.rows_wanted", replaced)
    replaced = re.sub(r"cast\(:after_(\d) as [a-z ]+\)", r"expiry_rule.last_\1", replaced)
    for name, value in parameters.items():
        literal = "'" + value.replace("'", "''") + "'"
        replaced = re.sub(rf"cast\(:{name} as [a-z ]+\)", literal, replaced)
    return replaced


def flat(text: str) -> str:
    """Write a text with single spaces, so that only its words count."""
    return " ".join(text.split())


# What the procedure does


@every_version
def test_pg_cron_procedure_deletes_what_is_expired_and_nothing_else(
    filled: Database, rendered: dict[str, Rendered]
) -> None:
    """Every kind of column, names that need quoting, conditions, grace and lifetime."""
    run_script(filled, rendered["all"].files["install.sql"])
    run_script(filled, 'call "expiry"."expiry"()')

    assert counts(filled) == {rule: THERE[rule] - EXPIRED[rule] for rule in THERE}
    run_script(filled, 'call "expiry"."expiry"()')
    assert counts(filled) == {rule: THERE[rule] - EXPIRED[rule] for rule in THERE}


@every_version
def test_pg_cron_queries_and_views_tell_what_a_run_would_delete(
    filled: Database, rendered: dict[str, Rendered]
) -> None:
    """Backlog, size and the monitoring view agree with what then goes."""
    job = rendered["all"]
    run_script(filled, job.files["install.sql"])

    told = {rule: one(filled, job.queries[f"expired_count_{rule}"]) for rule in EXPIRED}
    ((permanent, active, expired, size),) = filled.run(job.queries["status_seconds"])
    assert told == EXPIRED
    assert (permanent, active, expired) == (10, 35, 35)
    assert re.fullmatch(r"\d+ (bytes|kB)", size)
    assert one(filled, job.queries["table_size_millis"]) > 0
    run_script(filled, 'call "expiry"."expiry"()')
    assert filled.run(job.queries["status_seconds"])[0][2] == 0


def test_pg_cron_procedure_commits_each_batch(
    filled: Database, rendered: dict[str, Rendered]
) -> None:
    """35 rows in batches of 10 are four transactions, none larger than a batch."""
    run_script(filled, WITNESS)
    run_script(filled, rendered["seconds"].files["install.sql"])
    run_script(filled, 'call "expiry"."sessions-cleanup"()')

    seen = filled.run("select count(distinct xid), count(*), max(deleted) from witness")
    assert seen == [(4, 4, BATCH)]
    assert one(filled, "select sum(deleted) from witness") == EXPIRED["seconds"]


def test_pg_cron_procedure_that_fails_keeps_the_batches_before(
    filled: Database, rendered: dict[str, Rendered]
) -> None:
    """What was committed stays gone; the next call goes on with the rest."""
    run_script(filled, WITNESS)
    run_script(filled, rendered["seconds"].files["install.sql"])
    run_script(
        filled,
        """
        create function fail() returns trigger language plpgsql as $$
        begin
            if (select count(*) from witness) > 2 then raise exception 'the third batch'; end if;
            return null;
        end $$;
        create trigger fail after insert on witness execute function fail();
        """,
    )
    with pytest.raises(psycopg.errors.RaiseException, match="the third batch"):
        run_script(filled, 'call "expiry"."sessions-cleanup"()')
    assert counts(filled)["seconds"] == THERE["seconds"] - 2 * BATCH

    run_script(filled, "drop function fail() cascade")
    run_script(filled, 'call "expiry"."sessions-cleanup"()')
    assert counts(filled)["seconds"] == THERE["seconds"] - EXPIRED["seconds"]


def test_pg_cron_procedure_stops_at_its_limit(
    filled: Database, rendered: dict[str, Rendered]
) -> None:
    """At most so many rows a run, to the row; a call may say fewer."""
    run_script(filled, rendered["limited"].files["install.sql"])

    run_script(filled, 'call "expiry"."limited"(max_deletes => 3)')
    assert counts(filled)["seconds"] == THERE["seconds"] - 3
    run_script(filled, 'call "expiry"."limited"()')
    assert counts(filled)["seconds"] == THERE["seconds"] - 3 - 25


@pytest.mark.parametrize(
    ("call", "statement"),
    [
        ("dry", 'call "expiry"."dry"()'),
        ("seconds", 'call "expiry"."sessions-cleanup"(dry_run => true)'),
    ],
)
def test_pg_cron_procedure_that_is_dry_deletes_nothing(
    call: str, statement: str, filled: Database, rendered: dict[str, Rendered]
) -> None:
    """It says how many rows there are to go, and leaves them."""
    run_script(filled, rendered[call].files["install.sql"])
    said: list[str] = []
    with filled.connect() as connection:
        connection.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        connection.execute(statement.encode())

    assert counts(filled) == THERE
    assert said == ["seconds: 35 rows are expired; this run is dry", "35 rows, complete: t"]


def test_pg_cron_procedure_skips_what_others_hold(
    filled: Database, rendered: dict[str, Rendered]
) -> None:
    """A locked row is left for the next run; nobody waits for it, and nobody loses a renewal."""
    run_script(filled, rendered["seconds"].files["install.sql"])
    with filled.connect(autocommit=False) as holder:
        holder.execute("select 1 from seconds where id = 5 for update")
        run_script(filled, 'call "expiry"."sessions-cleanup"()')
        assert counts(filled)["seconds"] == THERE["seconds"] - EXPIRED["seconds"] + 1
        holder.execute("update seconds set expires = expires + 100000 where id = 5")
        holder.commit()
    run_script(filled, 'call "expiry"."sessions-cleanup"()')

    assert one(filled, "select count(*) from seconds where id = 5") == 1


def test_pg_cron_procedure_leaves_no_setting_in_the_session(
    filled: Database, rendered: dict[str, Rendered]
) -> None:
    """Timeouts and plan mode are each transaction's own."""
    names = ("lock_timeout", "plan_cache_mode", "application_name")
    run_script(filled, rendered["seconds"].files["install.sql"])
    with filled.connect() as connection:
        before = [connection.execute(f"show {name}".encode()).fetchone() for name in names]
        connection.execute('call "expiry"."sessions-cleanup"()')
        after = [connection.execute(f"show {name}".encode()).fetchone() for name in names]

    assert after == before


def test_pg_cron_procedure_is_its_owners_only(
    filled: Database, rendered: dict[str, Rendered]
) -> None:
    """Nobody else may call it unless he is let."""
    run_script(filled, rendered["seconds"].files["install.sql"])
    stranger = filled.new_role("usage on schema expiry", "select, delete, update on seconds")

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run_script(stranger, 'call "expiry"."sessions-cleanup"()')
    open_to_all = """
        select p.proname
        from pg_proc p,
            lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as granted
        where p.pronamespace = 'expiry'::regnamespace and granted.grantee = 0
    """
    assert one(filled, "select count(*) from pg_proc where pronamespace = 'expiry'::regnamespace")
    assert filled.run(open_to_all) == []


# What it refuses


LARGE = "update pg_class set reltuples = 20000 where oid = 'seconds'::regclass"
REFUSED = {
    "missing": ("alter table seconds rename to gone", "there is no table public.seconds"),
    "view": (
        "alter table seconds rename to old; create view seconds as select * from old",
        "is a view or something else",
    ),
    "partitioned": (
        """
        drop table seconds;
        create table seconds (id bigint, expires bigint, primary key (id, expires))
            partition by range (expires)
        """,
        "drop partitions instead",
    ),
    "type": (
        "alter table seconds alter expires type text using expires::text",
        "no column expires of type smallint or",
    ),
    "key": (
        """
        delete from seconds where expires is null;
        alter table seconds drop constraint seconds_pkey, add primary key (id, expires)
        """,
        "the primary key of seconds is not (id)",
    ),
    "index": (
        "drop index seconds_expires_idx;" + LARGE,
        "no valid index of seconds begins with expires",
    ),
    "invalid-index": (
        "update pg_index set indisvalid = false where indexrelid = 'seconds_expires_idx'::regclass;"  # noqa: S608 - both are constants
        + LARGE,
        "no valid index of seconds begins with expires",
    ),
    "partial-index": (
        "drop index seconds_expires_idx; create index on seconds (expires) where id > 5;" + LARGE,
        "no valid index of seconds begins with expires",
    ),
    "unindexed-reference": (
        "create table part (of_id bigint references seconds on delete cascade)",
        "points at seconds without an index on its columns",
    ),
    "keeping-reference": (
        "create table part (of_id bigint primary key references seconds)",
        "keeps rows of seconds from going",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_pg_cron_install_refuses_a_table_that_is_not_as_said(
    case: str, filled: Database, rendered: dict[str, Rendered]
) -> None:
    """One clear error, and nothing is installed."""
    change, message = REFUSED[case]
    run_script(filled, change)
    before = everything(filled)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match=re.escape(message)):
        run_script(filled, rendered["seconds"].files["install.sql"])

    assert everything(filled) == before


def test_pg_cron_install_refuses_seconds_that_are_said_to_be_milliseconds(
    filled: Database, rendered: dict[str, Rendered]
) -> None:
    """All of them would look expired since 1970."""
    run_script(filled, """update "of ""quotes"" and $"."it's" set "Made At" = "Made At" / 1000""")

    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="holds seconds, not"):
        run_script(filled, rendered["all"].files["install.sql"])


def test_pg_cron_procedure_looks_again_before_each_run(
    filled: Database, rendered: dict[str, Rendered]
) -> None:
    """A table that has changed since the installation is refused then, untouched."""
    run_script(filled, rendered["seconds"].files["install.sql"])
    run_script(filled, "create table part (of_id bigint references seconds on delete cascade)")

    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="without an index"):
        run_script(filled, 'call "expiry"."sessions-cleanup"()')
    assert counts(filled) == THERE


def test_pg_cron_role_without_privileges_is_told_which(
    filled: Database, rendered: dict[str, Rendered]
) -> None:
    """A role that may not delete is refused at installation."""
    run_script(filled, "create schema expiry")
    poor = filled.new_role("create, usage on schema expiry", "select on seconds")
    run_script(filled, f"grant create on database {filled.name} to {poor.user}")

    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="may not select, delete"):
        run_script(poor, rendered["seconds"].files["install.sql"])


def test_pg_cron_uninstall_leaves_nothing(filled: Database, rendered: dict[str, Rendered]) -> None:
    """All is as it was before, but for another job's things, which stay until that goes."""
    before = everything(filled)
    for call in ("all", "seconds", "seconds"):
        run_script(filled, rendered[call].files["install.sql"])
    run_script(filled, rendered["all"].files["uninstall.sql"])
    assert one(filled, "select to_regprocedure('expiry.\"sessions-cleanup\"(boolean, bigint)')")

    run_script(filled, rendered["seconds"].files["uninstall.sql"])
    assert everything(filled) == before
    assert counts(filled) == THERE


# Inside pg_cron


@pytest.fixture(scope="module")
def cron() -> Iterator[Database]:
    """Serve Debian's PostgreSQL for this file alone: it is restarted."""
    require(Debian15)
    server = Debian15()
    with server as database:
        # pg_cron's other way to run a job is a connection to its own server.
        path = server.folder / ".pgpass"
        path.write_text(f"*:*:*:{database.user}:{database.password}\n")
        server._own(path)  # noqa: SLF001 - as the server's own files are
        database.run("create extension pg_cron")
        yield database


@pytest.mark.parametrize("workers", ["off", "on"])
@pytest.mark.parametrize("call", ["elsewhere", "beside"])
def test_pg_cron_job_runs_and_commits_each_batch(
    call: str, workers: str, cron: Database, rendered: dict[str, Rendered]
) -> None:
    """The scheduled job deletes in committed batches, whichever way pg_cron runs it."""
    job, target = rendered[call], database_of(call, cron)
    untouched = everything(cron), everything(target)
    run_script(target, job.files["install.sql"])
    run_script(cron, job.files["schedule.sql"])
    ((job_id, name, schedule, command, database, *_),) = cron.run(job.queries["verify_job"])

    cron.run("select cron.alter_job(%s, schedule := '@reboot')", job_id)
    cron.server.settings["cron.use_background_workers"] = workers
    cron.server.restart()
    ((_, status, said, *_),) = wait_for_history(cron, job.queries["run_history"])

    assert (name, schedule, command) == (call, "0 3 * * *", f'call "expiry"."{call}"()')
    assert database == target.name
    assert (status, said) == ("succeeded", "CALL")
    assert counts_of_seconds(target) == (THERE["seconds"] - EXPIRED["seconds"], 4)

    run_script(cron, job.files["unschedule.sql"])
    run_script(target, job.files["uninstall.sql"])
    assert one(cron, "select count(*) from cron.job") == 0
    assert one(cron, "select count(*) from cron.job_run_details") == 0
    assert (everything(cron), everything(target)) == untouched


def database_of(call: str, cron: Database) -> Database:
    """Return the database that the call names, with its table anew."""
    name = "app" if call == "elsewhere" else "postgres"
    if not cron.run("select from pg_database where datname = %s", name):
        cron.run(f"create database {name}")
    target = type(cron)(cron.server, cron.port, cron.user, cron.password, name, cron.ca_file)
    run_script(target, "drop table if exists seconds, witness; drop function if exists note()")
    run_script(target, "create table seconds (id bigint primary key, expires bigint)")
    run_script(
        target,
        "insert into seconds select n, case when n > 35 then null else n end"
        " from generate_series(1, 80) n",
    )
    run_script(target, WITNESS)
    return target


def counts_of_seconds(target: Database) -> tuple[int, int]:
    """Return how many rows are left, and in how many transactions the others went."""
    (found,) = target.run(
        "select (select count(*) from seconds), (select count(distinct xid) from witness)"
    )
    return found[0], found[1]


def wait_for_history(cron: Database, query: str) -> list[tuple[Any, ...]]:
    """Wait until the job has ended."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        history = cron.run(query)
        if history and all(status in {"succeeded", "failed"} for _, status, *_ in history):
            return history
        time.sleep(0.1)
    pytest.fail(
        f"the job did not end within {PATIENCE_S} s: {cron.run(query)}\n{cron.server.log()}"
    )


def test_pg_cron_history_of_its_own_jobs_alone_is_kept_short(
    cron: Database, rendered: dict[str, Rendered]
) -> None:
    """The second job purges what is old, of these two jobs; what others keep is theirs."""
    job = rendered["beside"]
    database_of("beside", cron)
    run_script(cron, job.files["install.sql"])
    run_script(cron, job.files["schedule.sql"])
    cron.run("select cron.schedule('another', '0 0 1 1 *', 'select 1')")
    cron.run(
        """
        insert into cron.job_run_details (jobid, runid, status, end_time)
        select jobid, jobid * 100 + days, 'succeeded', now() - days * interval '1 day'
        from cron.job cross join unnest(array[1, 13, 15, 400]) as days
        """
    )
    cron.run(one(cron, "select command from cron.job where jobname = 'beside-history'"))

    left = (
        "select jobname, count(*) from cron.job_run_details join cron.job using (jobid) group by 1"
    )
    assert dict(cron.run(left)) == {"beside": 2, "beside-history": 2, "another": 4}
    run_script(cron, job.files["unschedule.sql"])
    run_script(cron, job.files["uninstall.sql"])
    assert dict(cron.run(left)) == {"another": 4}
    cron.run("select cron.unschedule('another')")
    cron.run("truncate cron.job_run_details")


def test_pg_cron_scheduled_twice_is_one_job(cron: Database, rendered: dict[str, Rendered]) -> None:
    """Running the file again brings the job up to date."""
    job = rendered["elsewhere"]
    for _ in range(2):
        run_script(cron, job.files["schedule.sql"])

    assert len(cron.run("select from cron.job")) == 2
    run_script(cron, job.files["unschedule.sql"])
    assert cron.run("select from cron.job") == []


def test_pg_cron_missing_is_said(postgres: Database, rendered: dict[str, Rendered]) -> None:
    """A database without the extension is told what to do, and nothing is made."""
    with pytest.raises(psycopg.errors.RaiseException, match="pg_cron is not in the database"):
        run_script(postgres, rendered["seconds"].files["schedule.sql"])

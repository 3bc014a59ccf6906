"""
ActingWeb's preset inside the database: the same rows go as with the handler, by the same SQL.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from expiry.postgres.names import Relation
from postgres_expiry import actingweb
from postgres_expiry.lifetimes import Lifetimes
from postgres_expiry.predicates import rendered as filled_in
from tests.modules.plan import plan_variants
from tests.modules.postgres_expiry_calls import INSIDE
from tests.postgres.pg_cron_scene import Rendered, run_script
from tools.terraform import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres.database import Database

SCHEMA = """
create table attributes (
    id varchar(255), bucket_name varchar(255), bucket varchar(255) not null,
    name varchar(255) not null, data jsonb, timestamp timestamp, ttl_timestamp bigint,
    primary key (id, bucket_name)
);
create index idx_attributes_ttl on attributes (ttl_timestamp) where ttl_timestamp is not null;
create function put(id text, bucket text, name text, data jsonb, ttl_after bigint default null)
returns void language sql as $$
    insert into attributes values (
        id, bucket || ':' || name, bucket, name, data, now(),
        extract(epoch from now())::bigint + ttl_after
    )
$$;
create function ago(seconds bigint) returns bigint language sql as $$
    select extract(epoch from now())::bigint - seconds
$$;
"""
# In every bucket: alive, dead by its own proof, dead by storage, orphaned, unreadable. No proof
# comes within minutes of now: the two runs that are compared are seconds apart.
FILL = """
select put(actor, target, token, jsonb_build_object('expires_at', ago(-900)), 5000),
       put('_actingweb_oauth2', index, token, to_jsonb(actor))
from targets, generate_series(1, 40) n, lateral (select 'a' || n, 'alive' || n) _ (actor, token);
select put(actor, target, token,
           jsonb_build_object('expires_at', ago(900), 'google_token_key', 'g' || token), 5000),
       put('_actingweb_oauth2', index, token, to_jsonb(actor)),
       put(actor, 'mcp_google_tokens', 'g' || token, '{"secret": 1}')
from targets, generate_series(1, 400) n,
     lateral (select 'a' || n % 7, 'dead' || n || target) _ (actor, token)
where target <> 'mcp_refresh_tokens';
select put(actor, target, token, jsonb_build_object('expires_at', ago(-900)), -300),
       put('_actingweb_oauth2', index, token, to_jsonb(actor))
from targets, generate_series(1, 30) n, lateral (select 'a' || n, 'stale' || n) _ (actor, token);
select put('_actingweb_oauth2', index, 'orphan' || n, to_jsonb('a' || n))
from targets, generate_series(1, 350) n;
select put('_actingweb_oauth2', index, 'unreadable', '{"odd": true}'),
       put('_actingweb_oauth2', index, 'empty', null) from targets;
select put('a1', 'mcp_refresh_tokens', 'used-long-ago',
           jsonb_build_object('expires_at', ago(-9000), 'used', true, 'used_at', ago(200000))),
       put('_actingweb_oauth2', '_refresh_token_index', 'used-long-ago', '"a1"'),
       put('a1', 'mcp_refresh_tokens', 'used-just-now',
           jsonb_build_object('expires_at', ago(-9000), 'used', true, 'used_at', ago(100))),
       put('_actingweb_oauth2', '_refresh_token_index', 'used-just-now', '"a1"');
select put('_actingweb_oauth2', '_oauth_sessions', 's' || n,
           jsonb_build_object('created_at', ago((n - 15) * 1000 + 300)))
from generate_series(1, 30) n;
select put('_actingweb_oauth2', bucket, 't' || n,
           jsonb_build_object('expires_at', ago((n - 15) * 1000 + 300)))
from unnest(array['spa_access_tokens', 'spa_refresh_tokens']) bucket, generate_series(1, 30) n;
select put('_actingweb_oauth2', 'spa_access_tokens', 'odd', '{"expires_at": "tomorrow"}');
select put('b' || n, 'plain', 'x', '1', case when n % 3 > 0 then (n % 3 - 2) * 2000 + 1000 end)
from generate_series(1, 90) n;
"""
TARGETS = """
create table targets (index text, target text);
insert into targets values ('_access_token_index', 'mcp_tokens'),
    ('_refresh_token_index', 'mcp_refresh_tokens'), ('_auth_code_index', 'mcp_auth_codes');
"""
CALL: dict[str, Any] = {**INSIDE, "preset": "actingweb"}
PROCEDURE = 'call "expiry"."expiry"({})'


@pytest.fixture(scope="module")
def rendered() -> Rendered:
    """Render the preset, once."""
    planned = plan_variants("postgres-expiry", {"preset": CALL})
    return Rendered(**planned["preset"].outputs["pg_cron"])


def rows(database: Database) -> set[tuple[str, str]]:
    """Return the keys of all rows that are there."""
    return {(row[0], row[1]) for row in database.run("select id, bucket_name from attributes")}


def handled(database: Database, folder: Path) -> None:
    """Run the handler's program on the same preset."""
    config = {
        "PG_DB_HOST": database.host,
        "PG_DB_PORT": str(database.port),
        "PG_DB_NAME": database.name,
        "PG_DB_USER": database.user,
        "PG_TLS": "disable",
        "PRESET": "actingweb",
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "password").write_text(database.password)
    subprocess.run(
        [
            *(sys.executable, "-m", "postgres_expiry", "--config", str(folder / "config.json")),
            *("--password-file", str(folder / "password")),
        ],
        env={"PYTHONPATH": str(ROOT / "lambda_src")},
        check=True,
        capture_output=True,
    )


def flat(text: str) -> str:
    """Write a text with single spaces, so that only its words count."""
    return " ".join(text.split())


def as_procedure(statement: str) -> str:
    """Put variables where the handler has parameters."""
    replaced = statement.replace("cast(:cutoff as bigint)", "expiry_run.cutoff")
    replaced = replaced.replace("cast(:batch_size as bigint)", "expiry_run.rows_wanted")
    replaced = re.sub(r"cast\(last\.(\"[^)]+\") as text\)", r"last.\1", replaced)
    replaced = replaced.replace("cast(:after_0 as text)", "expiry_rule.last_key")
    return re.sub(
        r"cast\(:after_(\d) as character varying\)|expiry_rule\.last_key(?=, )",
        lambda found: f"expiry_rule.last_{found[1] or 0}",
        replaced,
    )


def test_pg_cron_preset_statements_are_the_handlers_own(rendered: Rendered) -> None:
    """Every statement of every rule of the preset, word by word."""
    columns = {name: SimpleNamespace(type="character varying") for name in actingweb.KEY}
    facts = SimpleNamespace(relation=Relation("public", "attributes"), columns=columns)
    target: Any = SimpleNamespace(facts=facts)
    cleanup = actingweb.Cleanup(target, Lifetimes(), dry_run=False)
    after = "and entry.bucket_name > cast(:after_0 as text)"
    statements = [
        filled_in(template, **cleanup.values(rule, after=cursor, limit=limit))
        for rule in actingweb.INDEX_RULES
        for template, cursor, limit in (
            ("count_index", "", ""),
            ("delete_index_batch", "", actingweb.LIMIT),
            ("delete_index_batch", after, actingweb.LIMIT),
        )
    ] + [
        cleanup.expired(rule).batch(first=first)
        for rule in actingweb.expired_rules(Lifetimes())
        for first in (True, False)
    ]
    install = flat(rendered.files["install.sql"])

    assert len(statements) == 15
    for statement in statements:
        assert flat(as_procedure(statement)) in install


def test_pg_cron_preset_deletes_the_rows_that_the_handler_deletes(
    postgres: Database, rendered: Rendered, tmp_path: Path
) -> None:
    """Two databases alike, one cleaned up by each: the same rows are left."""
    other = postgres.new_database()
    for database in (postgres, other):
        run_script(database, SCHEMA + TARGETS)
        run_script(database, FILL)
    before = rows(postgres)
    handled(other, tmp_path)
    run_script(postgres, rendered.files["install.sql"])
    run_script(postgres, PROCEDURE.format(""))

    assert rows(postgres) == rows(other)
    gone = before - rows(postgres)
    assert len(gone) > 3_000
    kinds = {re.sub(r"\d.*", "", key.partition(":")[2]) for _, key in gone}
    assert kinds >= {"dead", "gdead", "stale", "orphan", "used-long-ago", "s", "t", "x"}
    assert not kinds & {"alive", "unreadable", "empty", "used-just-now", "odd"}
    other.drop()


def test_pg_cron_preset_that_is_dry_deletes_nothing(postgres: Database, rendered: Rendered) -> None:
    """It says of each rule how much would go."""
    run_script(postgres, SCHEMA + TARGETS)
    run_script(postgres, FILL)
    before = rows(postgres)
    run_script(postgres, rendered.files["install.sql"])
    run_script(postgres, PROCEDURE.format("dry_run => true"))

    assert rows(postgres) == before


def test_pg_cron_preset_never_goes_over_its_limit(postgres: Database, rendered: Rendered) -> None:
    """A token's index row and the row that it owns count too; what goes together stays together."""
    run_script(postgres, SCHEMA + TARGETS)
    run_script(postgres, FILL)
    before = rows(postgres)
    run_script(postgres, rendered.files["install.sql"])
    run_script(postgres, PROCEDURE.format("max_deletes => 200"))

    assert 0 < len(before - rows(postgres)) <= 200


def test_pg_cron_preset_refuses_index_rows_of_which_none_has_a_target(
    postgres: Database, rendered: Rendered
) -> None:
    """It smells of a wrong table: they stay, everything else goes, and the job fails."""
    run_script(postgres, SCHEMA + TARGETS)
    run_script(postgres, FILL)
    run_script(postgres, "delete from attributes where bucket = 'mcp_auth_codes'")
    run_script(postgres, rendered.files["install.sql"])
    with pytest.raises(psycopg.errors.RaiseException, match="has a target: mcp_auth_codes"):
        run_script(postgres, PROCEDURE.format(""))

    left = "select bucket, count(*) from attributes where bucket ~ 'index' group by 1"
    assert dict(postgres.run(left)) == {
        "_access_token_index": 42,
        "_refresh_token_index": 43,
        "_auth_code_index": 822,
    }

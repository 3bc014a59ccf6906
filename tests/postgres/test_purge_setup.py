"""
The setup: once by an owner, again by anybody; afterwards the purge's role needs what is printed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from expiry.errors import MismatchError, PrivilegeError
from tests.postgres.purge_runs import POISON, World
from tests.postgres.purge_scene import CDN, image, moc

if TYPE_CHECKING:
    from tests.cloud import Account
    from tests.postgres.database import Database


@pytest.fixture
def world(postgres: Database, account: Account) -> World:
    """Return a world of which nothing is set up but the application's tables."""
    made = World(postgres, account)
    made.database.run("drop schema expiry cascade")
    return made


def of_role(world: World, role: Database) -> World:
    """Return the same world as *role* sees it; its own connections stay the owner's."""
    world.user = role
    return world


def test_setup_makes_the_tables_once(world: World) -> None:
    """Again does no harm: what is there stays, with all that it holds."""
    first = world.purge({"operation": "setup"})
    world.enqueue("mocs/a")
    second = world.purge({"operation": "setup"})

    assert (first["made"], second["made"]) == (True, False)
    assert (first["missing"], second["missing"]) == ([], [])
    assert [key for key, *_ in world.outbox()] == ["mocs/a"]
    assert first["sql"].count("CREATE TABLE IF NOT EXISTS") == 2


def test_setup_file_run_twice_by_hand_is_the_same(world: World) -> None:
    """An owner may run the SQL instead, as often as they like."""
    sql = world.purge({"operation": "setup", "dryRun": True})["sql"]
    for _ in range(2):
        world.database.run(sql)

    assert world.purge({"operation": "setup"})["made"] is False


def test_setup_in_a_dry_run_makes_nothing_and_tells_all(world: World) -> None:
    """What would be made and granted can be read before."""
    told = world.purge({"operation": "setup", "dryRun": True, "role": "purger"})

    assert told["missing"] == ["expiry.purge_outbox", "expiry.purge_failures"]
    assert 'GRANT SELECT, UPDATE, DELETE ON "public"."mocs" TO "purger";' in told["grants"]
    assert world.database.run("select to_regnamespace('expiry')::text") == [(None,)]


def test_setup_grants_are_all_that_a_purge_needs(world: World) -> None:
    """A role with these and no more purges, fails, retries, drains, and asks for the setup."""
    world.database.run(POISON)
    world.purge({"operation": "setup"})
    role = world.database.new_role()
    grants = world.purge({"operation": "setup", "role": role.user})["grants"]
    for grant in grants:
        world.database.run(grant)
    world.put("mocs/a")
    shared = image(world.database, f"{CDN}img/a")
    moc(world.database, files=["mocs/a"], images=[shared], parts=2)
    bad = moc(world.database)
    world.database.run("update mocs set title = 'poisoned' where id::text = %s", bad)
    of_role(world, role)

    answer = world.purge(queues=True)

    assert (answer["outcomes"]["deleted"], answer["failed"]) == (1, 1)
    assert (answer["s3Deleted"], answer["orphanedImages"], answer["bricksReturned"]) == (1, 1, 2)
    assert len(world.retry()) == 1
    assert world.purge({"operation": "redrive"})["redriven"] == 0
    assert world.purge({"operation": "setup"})["made"] is False
    assert world.mocs() == {bad}


def test_setup_grants_hold_no_ddl_and_nothing_on_other_tables(world: World) -> None:
    """DML only; what the plan does not change, the role may only read."""
    grants = "\n".join(world.purge({"operation": "setup", "role": 'a "b'})["grants"])

    words = {word for line in grants.splitlines() for word in line.split(" ON ")[0].split()[1:]}
    assert {word.strip(",") for word in words} == {"USAGE", "SELECT", "INSERT", "UPDATE", "DELETE"}
    assert 'GRANT SELECT ON "public"."links"' in grants
    assert "albums" not in grants
    assert grants.count('TO "a ""b";') == len(grants.splitlines())


def test_setup_for_a_role_of_iam_grants_it_its_login(world: World) -> None:
    """A token is taken only from a role that is in rds_iam."""
    with world.run({"operation": "setup", "dryRun": True, "role": "purger"}) as run:
        settings = replace(run.settings, password=replace(run.settings.password, iam=True))
        told = replace(run, settings=settings).execute()

    assert told["grants"][-1] == 'GRANT rds_iam TO "purger";'


def test_setup_by_a_role_that_may_not_is_refused(world: World) -> None:
    """The error names what is missing; nothing is half made."""
    of_role(world, world.database.new_role())

    with pytest.raises(PrivilegeError, match="permission denied"):
        world.purge({"operation": "setup"})
    assert world.database.run("select to_regnamespace('expiry')::text") == [(None,)]


def test_purge_by_a_role_that_may_not_write_the_tables_is_refused(world: World) -> None:
    """Before anything is touched: a file that could not be remembered would be lost."""
    world.purge({"operation": "setup"})
    key = moc(world.database)
    role = world.database.new_role(
        "usage on schema expiry", "select, insert on expiry.purge_outbox"
    )
    of_role(world, role)

    with pytest.raises(MismatchError, match=r"may not write to expiry\.purge_outbox: GRANT"):
        world.purge()
    assert world.mocs() == {key}


def test_dry_run_before_the_setup_works_and_says_what_is_missing(world: World) -> None:
    """The first thing that an operator does is to look."""
    moc(world.database)

    answer = world.purge({"dryRun": True})

    assert answer["outcomes"]["would_delete"] == 1
    assert answer["outboxPending"] is None
    assert any('operation "setup"' in warning for warning in answer["warnings"])

"""
Replicas: one is never written to, and one that falls behind stops the run.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from expiry.errors import MismatchError
from tests.postgres.expiry_runs import CREATE_ROWS, expire, fill, ids
from tests.postgres.fixtures import require
from tests.postgres.servers import Embedded18
from tests.postgres.standby import PATIENCE_S, Standby18

if TYPE_CHECKING:
    from tests.postgres.database import Database


def lag_s(primary: Database) -> float:
    """Write something, and return how far the replica is behind."""
    primary.run("insert into marks select")
    ((seconds,),) = primary.run(
        "select coalesce(max(extract(epoch from replay_lag)), 0)::float8 from pg_stat_replication"
    )
    return float(seconds)


def test_replica_is_refused_and_its_lag_stops_the_run() -> None:
    """A replica can be asked by a dry run; behind by more than is allowed, it ends a real one."""
    require(Embedded18)
    server = Embedded18()
    with server as primary, Standby18(server) as replica:
        primary.run(CREATE_ROWS)
        primary.run("create table marks ()")
        fill(primary, expired=20)
        replica.server.catch_up()  # type: ignore[attr-defined] # the standby's own
        with pytest.raises(MismatchError, match="read-only replica; name the primary"):
            expire(replica)
        assert expire(replica, {"dryRun": True})["outcomes"]["would_delete"] == 20

        replica.run("select pg_wal_replay_pause()")
        ends_s = time.monotonic() + PATIENCE_S
        while lag_s(primary) < 0.2 and time.monotonic() < ends_s:
            time.sleep(0.05)
        found = expire(primary, MAX_REPLICA_LAG_S="0.1")

        assert (found["stopped"], found["complete"]) == ("replica_lag", False)
        assert found["body"]["deleted"] == 0
        assert expire(primary, MAX_REPLICA_LAG_S="3600")["body"]["deleted"] == 20
        assert ids(primary) == set()

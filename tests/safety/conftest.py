"""One account and one database for each module: a stage's names never meet another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.safety.postgres_drive import Stage
from tests.safety.stage import Clients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cloud import Cloud
    from tests.postgres.database import Database

settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


@pytest.fixture(scope="module")
def clients(cloud: Cloud) -> Clients:
    """Return clients of a fresh account; each test makes stages of its own in it."""
    return Clients.of(cloud.account())


@pytest.fixture(scope="module")
def stage(embedded16: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return a database whose plans are those that a large table has; each proof fills it anew."""
    database = embedded16.new_database()
    database.run(f"alter database {database.name} set enable_seqscan = off")
    yield Stage(database, tmp_path_factory.mktemp("stage"))
    database.drop()

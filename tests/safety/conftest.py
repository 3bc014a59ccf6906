"""One account for each module: a stage's names never meet another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.safety.stage import Clients

if TYPE_CHECKING:
    from tests.cloud import Cloud

settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


@pytest.fixture(scope="module")
def clients(cloud: Cloud) -> Clients:
    """Return clients of a fresh account; each test makes stages of its own in it."""
    return Clients.of(cloud.account())

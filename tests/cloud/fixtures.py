"""Fixtures: one cloud for each pytest process, a fresh account for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cloud import Account, Cloud

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """Serve an embedded cloud whose clock stands, shared by all tests of this process."""
    with Cloud.start() as running:
        yield running


@pytest.fixture
def account(cloud: Cloud) -> Account:
    """Return an account that no other test has seen."""
    return cloud.account()

"""
Open sessions for a run, as its settings say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expiry.postgres import access

if TYPE_CHECKING:
    from collections.abc import Callable

    from expiry.postgres.session import Session
    from postgres_expiry.settings import Settings

APPLICATION_NAME = "postgres-expiry"


def connector(settings: Settings) -> Callable[[bool], Session]:
    """Return what opens a session; with True, one that the server lets only read."""
    return access.connector(settings.server, settings.password, APPLICATION_NAME)

"""
ActingWeb as its users run it, with a clock that can be set back.

Only ActingWeb's own clock is moved, while it stores: so its rows carry the stamps that they would
have got then. The machine's clock, the stores' and that of a cleanup show the time as it is.
"""

from __future__ import annotations

import logging
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actingweb.attribute import Attributes
from actingweb.config import Config
from actingweb.constants import OAUTH2_SYSTEM_ACTOR
from actingweb.oauth2_server.token_manager import ActingWebTokenManager
from actingweb.oauth_session import OAuth2SessionManager

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENT = "mcp_client"


@dataclass
class Clock:
    """What stands for the module ``time`` in ActingWeb's modules."""

    behind_s: float = 0

    def time(self) -> float:
        """Return the time that ActingWeb takes it to be."""
        return time.time() - self.behind_s

    def __getattr__(self, name: str) -> Any:
        """Answer everything else as the real module does."""
        return getattr(time, name)


CLOCK = Clock()


class Library:
    """ActingWeb on one kind of store; which one, its stores say by their ``use``."""

    def __init__(self, backend: str) -> None:
        """Load ActingWeb for "dynamodb" or "postgresql"."""
        self.config = Config(database=backend, logLevel="WARN")
        self.sessions = OAuth2SessionManager(self.config)
        self.tokens = ActingWebTokenManager(self.config)
        for name, module in list(sys.modules.items()):
            if name.startswith("actingweb.") and getattr(module, "time", None) is time:
                module.time = CLOCK  # type: ignore[attr-defined]  # its own name for the module
        for name in logging.root.manager.loggerDict:
            if name.startswith("actingweb"):
                logging.getLogger(name).setLevel(logging.CRITICAL)  # it tells every row it looks at

    @contextmanager
    def ago(self, seconds: float) -> Iterator[Library]:
        """Let it be so long ago."""
        CLOCK.behind_s = seconds
        try:
            yield self
        finally:
            CLOCK.behind_s = 0

    @staticmethod
    def now() -> float:
        """Return the time that ActingWeb takes it to be."""
        return CLOCK.time()

    def store(self, bucket: str, name: str, data: Any, *, actor: str = OAUTH2_SYSTEM_ACTOR) -> None:
        """Store an attribute, as any application may, without TTL."""
        Attributes(actor_id=actor, bucket=bucket, config=self.config).set_attr(name, data)

    def clean_up(self) -> dict[str, Any]:
        """Run ActingWeb's own cleanup, as its maintenance guide says."""
        return {
            "oauth_sessions": self.sessions.clear_expired_sessions(),
            "spa_tokens": self.sessions.cleanup_expired_tokens(),
            "mcp_tokens": self.tokens.cleanup_expired_tokens(),
        }

"""Reach into the emulator: the one place that knows how its modules are found and changed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = "1.5.33"  # the version that every correction was written against


def module(name: str) -> Any:
    """Return a module of the emulator, such as ``services.s3`` or ``core.iam_evaluator``."""
    return importlib.import_module(f"ministack.{name}")


def wrap(owner: Any, name: str, around: Callable[[Any], Any]) -> None:
    """Replace *owner*'s *name* by what *around* makes of it."""
    setattr(owner, name, around(getattr(owner, name)))


def scope(account: str, region: str) -> Any:
    """Return a context in which the emulator acts for *account* in *region*."""
    return module("core.responses").request_scope(account, region)


def current_scope() -> tuple[str, str]:
    """Return the account and region that the emulator acts for now."""
    responses = module("core.responses")
    return responses.get_account_id(), responses.get_region()

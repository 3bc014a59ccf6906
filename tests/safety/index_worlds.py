"""Every layout that index cleanup is proven on."""

from __future__ import annotations

from tests.safety.index_people import GENERIC
from tests.safety.index_tokens import ACTINGWEB

WORLDS = (ACTINGWEB, GENERIC)

"""Each correction does what its probe asks, and without it the defect shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cloud import Cloud, corrections
from tests.cloud.probes import PROBES, delivery, logs, monitoring, objects, queues, states, tables

if TYPE_CHECKING:
    from tests.cloud import Account

MODULES = (
    delivery,
    logs,
    monitoring,
    objects,
    queues,
    states,
    tables,
)  # importing one registers its probes


def test_probes_cover_every_correction_but_lambdas() -> None:
    """No correction is without a probe."""
    own = {name for name in corrections.names() if not name.startswith("lambda_")}

    assert own == set(PROBES)


@pytest.mark.parametrize("name", PROBES)
def test_correction_applied_behaves_as_aws(account: Account, name: str) -> None:
    """The cloud does what AWS documents."""
    PROBES[name](account)


@pytest.mark.parametrize("name", PROBES)
def test_correction_left_out_shows_its_defect(name: str) -> None:
    """The emulator by itself fails the probe: else the correction is not needed any more."""
    with Cloud.start(without=[name]) as cloud, pytest.raises(Exception):  # noqa: B017, PT011 - any failure is the defect
        PROBES[name](cloud.account())

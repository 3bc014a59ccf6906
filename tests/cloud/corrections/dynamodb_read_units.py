"""
A page that was read costs what it weighs.

AWS: half a read unit for each 4 KB that Scan or Query looked at, before any filter; twice that when
consistent. 1.5.33: half a unit a page, whatever its size. Upstream needs: to pass the page's bytes
to ``_add_consumed_capacity``.
"""

from __future__ import annotations

import math
import threading
from typing import Any

from tests.cloud import emulator

UNIT_BYTES = 4_096


def apply() -> None:
    """Weigh each page, and multiply what it is said to cost."""
    dynamodb = emulator.module("services.dynamodb")
    weighed = threading.local()

    def weighing(paginate: Any) -> Any:
        def paginate_evaluated_items(*arguments: Any) -> Any:
            page, more = paginate(*arguments)
            weighed.units = math.ceil(sum(map(dynamodb._item_size_bytes, page)) / UNIT_BYTES)
            return page, more

        return paginate_evaluated_items

    def charging(add: Any) -> Any:
        def add_consumed_capacity(result: Any, *arguments: Any, **keywords: Any) -> None:
            add(result, *arguments, **keywords)
            units = max(1, weighed.__dict__.pop("units", 1))
            multiply(result.get("ConsumedCapacity", {}), units)

        return add_consumed_capacity

    emulator.wrap(dynamodb, "_paginate_evaluated_items", weighing)
    emulator.wrap(dynamodb, "_add_consumed_capacity", charging)


def multiply(cost: dict[str, Any], times: int) -> None:
    """Multiply every capacity in *cost*, the table's and each index's."""
    for name, value in cost.items():
        if name == "CapacityUnits":
            cost[name] = value * times
        elif isinstance(value, dict):
            multiply(value, times)

"""
Refuse a plan that deletes more than is plausible; never delete "the first N" of it.

For plans by absence (orphans): a wrong table name or key pattern makes everything look orphaned.
Makes no call, and counts nothing itself: the plan must be complete before it is judged.
"""

from __future__ import annotations

from dataclasses import dataclass

from expiry.errors import CapExceededError

LEAST_LISTED = 100  # of fewer than this, a few orphans are a large share


@dataclass(frozen=True, slots=True)
class Gate:
    """The caps that a plan must pass as a whole."""

    max_deletes: int
    max_percent: float  # of what was listed
    least: int = LEAST_LISTED  # the share is judged once more than this are listed

    def judge(self, planned: int, listed: int, known: int) -> None:
        """
        Let a plan pass, or refuse it as a whole. A plan of nothing always passes.

        Args:
            planned: Deletions in the complete plan.
            listed: Everything that was looked at, kept things included.
            known: Of what was listed and is old enough to be judged: how many something refers to.

        Raises:
            CapExceededError: The plan is over a cap, or nothing at all was referred to.
        """
        if planned == 0:
            return
        if known == 0:
            reason = "nothing that was listed has a living owner; correct the table or the pattern"
            raise CapExceededError(planned, 0, reason)
        if planned > self.max_deletes:
            reason = "over the deletions allowed in one run; look at a dry run, then raise the cap"
            raise CapExceededError(planned, self.max_deletes, reason)
        cap = int(listed * self.max_percent / 100)
        if listed > self.least and planned > cap:
            reason = (
                f"over {self.max_percent:g} % of the {listed} listed;"
                " look at a dry run, then raise the percentage"
            )
            raise CapExceededError(planned, cap, reason)

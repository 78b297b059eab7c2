"""A plan: the ordered, immutable steps of one deployment, printable and storable before anything happens."""

from __future__ import annotations

from comporta.model.traffic import ReleaseRef, Slot
from comporta.model.values import Value
from comporta.steps.back_up_database import BackUpDatabase
from comporta.steps.check_health import CheckHealth
from comporta.steps.check_service import CheckService
from comporta.steps.configure_router import ConfigureRouter
from comporta.steps.confirm import Confirm
from comporta.steps.downgrade_database import DowngradeDatabase
from comporta.steps.drain_slot import DrainSlot
from comporta.steps.hold_slot import HoldSlot
from comporta.steps.judge_traffic import JudgeTraffic
from comporta.steps.keep_warm import KeepWarm
from comporta.steps.migrate_database import MigrateDatabase
from comporta.steps.prove_live import ProveLive
from comporta.steps.restore_database import RestoreDatabase
from comporta.steps.scale_instances import ScaleInstances
from comporta.steps.set_maintenance import SetMaintenance
from comporta.steps.shift_traffic import ShiftTraffic
from comporta.steps.smoke_test import SmokeTest
from comporta.steps.start_instances import StartInstances
from comporta.steps.stop_instances import StopInstances
from comporta.steps.validate_features import ValidateFeatures
from comporta.steps.validate_health import ValidateHealth
from comporta.steps.validate_load import ValidateLoad
from comporta.steps.validate_performance import ValidatePerformance
from comporta.steps.watch_traffic import WatchTraffic

AnyStep = (
    ConfigureRouter
    | BackUpDatabase
    | MigrateDatabase
    | DowngradeDatabase
    | RestoreDatabase
    | StartInstances
    | ScaleInstances
    | CheckHealth
    | SmokeTest
    | Confirm
    | HoldSlot
    | SetMaintenance
    | ShiftTraffic
    | WatchTraffic
    | JudgeTraffic
    | CheckService
    | ValidateHealth
    | ValidatePerformance
    | ValidateFeatures
    | ValidateLoad
    | DrainSlot
    | KeepWarm
    | StopInstances
    | ProveLive
)
"""All steps there are: a new one is a file in this room and a line here."""


class Plan(Value, frozen=True):
    """What will be done to bring `release` live in `slot`, in place of `replaces`.

    `no_way_back`: from this step on nothing is undone, though it could be; None: whatever can be undone is.
    """

    strategy: str
    environment: str
    release: ReleaseRef
    replaces: ReleaseRef | None
    slot: Slot
    steps: tuple[AnyStep, ...]
    no_way_back: int | None = None

    @property
    def point_of_no_return(self) -> int:
        """Index of the first step that cannot be, or will not be, undone; the number of steps if all are."""
        chosen = len(self.steps) if self.no_way_back is None else self.no_way_back
        return next((i for i, step in enumerate(self.steps) if not step.reversible or i >= chosen), len(self.steps))

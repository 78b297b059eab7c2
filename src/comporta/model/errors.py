"""What can go wrong, as types. A message reads "cannot …: cause"; `next` names the command or edit that helps."""

from __future__ import annotations

from collections.abc import Sequence

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INCIDENT = 3
EXIT_LOCKED = 4
EXIT_INTERRUPTED = 130


class ComportaError(Exception):
    """Base of all errors that are told to a person without a traceback.

    Args:
        message: "cannot …: cause", one or more lines.
        next: what to do now, as a command or an edit; empty where nothing helps.
        details: evidence below the message, such as the last log lines of an instance.
    """

    exit_code = EXIT_FAILED

    def __init__(self, message: str, *, next: str = "", details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.next = next
        self.details = tuple(details)


class ConfigError(ComportaError):
    """The config file (or what it refers to) is wrong. Nothing was changed."""

    exit_code = EXIT_USAGE


class UsageError(ComportaError):
    """The command cannot be carried out as it was given. Nothing was changed."""

    exit_code = EXIT_USAGE


class MissingTool(ComportaError):
    """A program that comporta needs is not installed; `next` is the install command for this system."""

    exit_code = EXIT_USAGE


class ArtifactMissing(ComportaError):
    """The artifact of a version is not there, or is not the one that was recorded."""

    exit_code = EXIT_USAGE


class StepFailed(ComportaError):
    """A step did not reach what it promises; the deployment is undone."""


class CheckFailed(StepFailed):
    """A health check or smoke test did not pass within its time."""


class ForeignChange(ComportaError):
    """Somebody else changed the world under a running deployment. comporta does not overwrite it."""

    exit_code = EXIT_INCIDENT


class RouterError(ComportaError):
    """The router refused a change, or its proof failed. What served before still serves."""


class RuntimeFailure(ComportaError):
    """Instances could not be started, stopped or observed."""


class MetricSourceFailure(ComportaError):
    """A source of metrics did not answer, or not with a number. Says nothing about the release."""


class MigrationFailed(ComportaError):
    """The schema could not be changed or read. What the database has applied, it says itself."""


class DatabaseUnreachable(MigrationFailed):
    """The database does not answer, or not any more: it may be restarting. Says nothing about a migration."""


class NotifyFailure(ComportaError):
    """A message did not reach its receiver. Says nothing about the deployment, which goes on."""


class OutboxError(ComportaError):
    """What is still to be told cannot be read or written. Deployments go on; messages wait."""


class BackupFailed(ComportaError):
    """A backup could not be made, read or restored. The database is what it was before."""


class BackupDamaged(BackupFailed):
    """What is stored is not what was backed up. Such a backup is never restored."""


class JournalError(ComportaError):
    """The journal cannot be read or written, or its chain of hashes is broken."""

    exit_code = EXIT_INCIDENT


class JournalDamaged(JournalError):
    """The journal is not as it was written: somebody changed it, or the disk did."""


class JournalBusy(JournalError):
    """Another process has been writing to the journal for so long that it may have stopped in the midst of it."""


class LeaseHeld(ComportaError):
    """Somebody else holds the right to change this environment."""

    exit_code = EXIT_LOCKED


class LeaseLost(ComportaError):
    """The lease was taken over while we believed to hold it. We stop at once and touch nothing more."""

    exit_code = EXIT_LOCKED


class RepositoryError(ComportaError):
    """The version control refused something, or its remote did. Nothing was released."""


class Refused(ComportaError):
    """A person said no, or no person could be asked. Not a failure of the release."""

"""Errors that name the cause and the remedy.

Everything this package raises on purpose is a `GvlmError`. A bug stays a bug: nothing here is caught as `Exception`.
"""

from __future__ import annotations


class GvlmError(Exception):
    """Something went wrong that the user can act on: what happened, and what to do about it."""

    def __init__(self, cause: str, *, remedy: str) -> None:
        super().__init__(f"{cause} — {remedy}")
        self.cause = cause
        self.remedy = remedy


class SourceError(GvlmError):
    """A video cannot be used. `code` is the outcome that the quarantine row carries.

    Codes: `missing`, `empty_file`, `not_a_video`, `no_video_stream`, `no_frames`, `truncated`, `corrupt`,
    `too_long`, `unsafe_url`, `download_failed`, `unsupported`, `changing`.
    """

    def __init__(self, code: str, cause: str, *, remedy: str) -> None:
        super().__init__(cause, remedy=remedy)
        self.code = code


class SettingsError(GvlmError):
    """A setting, profile or game file has a value that cannot be used."""


class MissingModelError(GvlmError):
    """Weights or the package that carries them are not on this machine."""


class LakeError(GvlmError):
    """A stored result is missing, damaged, or not what was asked for."""


class ServerError(GvlmError):
    """A model server did not answer, or answered with something that cannot be used."""


class QuestionError(GvlmError):
    """A question cannot be asked as it stands: empty, too long, or about a video that is not there."""


class ReleaseError(GvlmError):
    """A release cannot be made, read or exported as it was asked."""


class BudgetError(GvlmError):
    """Going on would cost more than the user allowed. What was paid for is stored."""

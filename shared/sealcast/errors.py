"""Every error of the core. PROTOCOL.md section 13.

Local errors (`SealcastError`) tell the caller what to do next; they carry a stable `code` and never a secret.
`Reject` is raised inside the core when a peer's bytes are bad and never leaves it: the frame is dropped and counted
under `reason`; nothing it says changes state.
"""


class SealcastError(Exception):
    """A local error. `code` is stable and may be shown, logged and tested."""

    code = "error"


class BadSettings(SealcastError):
    code = "bad_settings"


class NoRandomness(SealcastError):
    code = "no_randomness"


class BadState(SealcastError):
    code = "bad_state"


class NotReady(SealcastError):
    code = "not_ready"


class Offline(SealcastError):
    code = "offline"


class Mute(SealcastError):
    """The broker refuses what we publish, or acknowledges it and throws it away: sealcast doctor says why."""

    code = "mute"


class Unstored(SealcastError):
    """The storage fails. What was asked for is done when it works again."""

    code = "storage"


class OutboxFull(SealcastError):
    code = "outbox_full"


class TooLong(SealcastError):
    code = "too_long"


class NoConversation(SealcastError):
    code = "no_conversation"


class NoGroup(SealcastError):
    code = "no_group"


class TooWeak(SealcastError):
    """No mode that reaches every awake member is as strong as `min_secrecy`, or a message `to` one, asks for."""

    code = "too_weak"


class NoRoom(MemoryError):
    """No memory for a part of the code that an input needs. The input has done nothing: give it in again."""


class Reject(Exception):
    """A peer's bytes are not acceptable. `reason` is one of the drop reasons of PROTOCOL.md section 13."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason

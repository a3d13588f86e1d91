"""What a member of this computer keeps: its identity, its stored state, and the lock on both.

A member's state belongs to one process at a time: two that seal with the same counters would break the protocol's first
invariant, so its directory is locked while a session runs.
"""

import json
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sealcast import wire
from sealcast.crypto import best_suite
from sealcast.run import slots
from sealcast.run.filestore import FileStore
from sealcast_host.errors import UserError
from sealcast_host.member import channels, migration, system
from sealcast_host.member.aside import Files
from sealcast_host.member.privatefiles import (
    files_in,
    is_there,
    make_private_dir,
    read_private_json,
    reason,
    state_dir,
    write_private,
)  # fmt: skip


def _folder(name: str) -> str:
    """A name as one folder's name: "." and ".." lead nowhere."""
    return quote(name, safe="").replace(".", "%2E")


class MemberBusy(UserError):
    """This member runs in another process."""


class MemberState:
    """The directory of one member of one channel: its identity, its stored state, and the lock on both."""

    def __init__(self, channel: str, uid: str) -> None:
        self.path = state_dir() / _folder(channel) / _folder(uid)
        make_private_dir(self.path)
        try:
            self._lock = system.locked(self.path / "lock")
        except OSError as e:
            raise UserError(f"cannot write in {self.path}: {reason(e)}") from None
        if self._lock is None:
            raise MemberBusy(
                f'"{uid}" takes part from another process already, not through the agent: stop that one (both share it '
                "when sealcast agent --detach runs before them), or use another name with --uid"
            )

    def identity(self) -> bytes:
        """This member's 32-byte secret: made at the first call, then kept (mode 0600)."""
        path = self.path / "identity.json"
        if not is_there(path):
            if any(path.name.startswith("state.") for path in files_in(self.path)):
                raise UserError(
                    f"{path} is missing, and the state beside it needs it: restore it from a copy; or remove the files "
                    "state.* there to join anew, which the others see as a changed identity"
                )
            write_private(path, json.dumps({"identity": wire.b64(secrets.token_bytes(32))}) + "\n", replace=False)
        try:
            secret: bytes = wire.unb64(read_private_json(path)["identity"])
            if len(secret) != 32:
                raise ValueError
        except UserError:
            raise
        except Exception:  # whatever is wrong with it, it must not be shown
            raise UserError(
                f"{path} is damaged: restore it from a copy; without it the others see a changed identity"
            ) from None
        return secret

    def release(self) -> None:
        """Let another process use it."""
        if self._lock is not None:
            system.unlock(self._lock)
            self._lock = None


def state_folders(channel: str) -> list[Path]:
    """Of all members of a channel that ever ran here. Raises UserError."""
    return [path for path in files_in(state_dir() / _folder(channel)) if path.is_dir()]


def states_of(channel: str) -> list[MemberState]:
    """The states of all members of a channel that ever ran here, locked. Raises MemberBusy when one runs."""
    return [MemberState(channel, unquote(path.name)) for path in state_folders(channel)]


def restored(settings: dict[str, Any], state: MemberState) -> tuple[dict[str, Any], FileStore, Any]:
    """-> completed settings, the store of the state that is held, and the channel as it is stored there. Raises
    UserError, BadState."""
    config = channels.completed(settings)
    suite = best_suite()
    if config["key"] is None:
        config["key"] = channels.stretched(config["password"], config["channel"], config["stretch"])
    if config["identity"] is None:
        config["identity"] = state.identity()
    key = slots.key_for(suite, config["identity"], config["channel"].encode(), config["uid"].encode())
    store = FileStore(suite, key, str(state.path / "state"), Files())
    try:
        blob = store.load()
    except OSError as e:
        raise UserError(f"cannot read the state in {state.path}: {reason(e)}") from None
    if store.damaged:
        raise UserError(f"the state in {state.path} is damaged: remove the files state.* there to join anew")
    return config, store, migration.restored(suite, config, blob)

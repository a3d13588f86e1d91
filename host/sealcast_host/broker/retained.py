"""Retained messages on disk, so that a restarted broker still has every channel's history.

amqtt's own persistence plugin wants SQLAlchemy, writes after the acknowledgement and clears on a clean stop; a
note that was acknowledged must survive all three. SQLite from the standard library does: each message is committed
before the PUBACK.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sealcast_host.errors import UserError
from sealcast_host.member.privatefiles import make_private_dir

FILE = "retained.sqlite3"

_NOT_OURS = "{} is damaged or not a broker's file: move it away to start empty"


class NotKept(Exception):
    """The disk does not take it; the text says why."""


class RetainedStore:
    """One row a topic. Only one broker at a time may hold it."""

    def __init__(self, directory: Path) -> None:
        make_private_dir(directory)
        self.path = directory / FILE
        try:
            self.path.touch(mode=0o600)
            self._db = sqlite3.connect(self.path, isolation_level=None, timeout=0.2)
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS retained (topic TEXT PRIMARY KEY, payload BLOB NOT NULL, qos INTEGER NOT "
                "NULL)"
            )
            # Takes the exclusive lock now rather than at the first message.
            self._db.execute("BEGIN EXCLUSIVE")
            self._db.execute("COMMIT")
            self._db.execute("SELECT topic, payload, qos FROM retained LIMIT 1")
        except sqlite3.OperationalError as e:
            if "locked" in str(e):
                raise UserError(
                    f"{directory} is in use by another broker: stop it or choose another --persist directory"
                ) from None
            if "unable to open" in str(e) or "readonly" in str(e) or "disk" in str(e):
                raise UserError(f"cannot open {self.path}: {e}") from None
            raise UserError(_NOT_OURS.format(self.path)) from None
        except sqlite3.DatabaseError:
            raise UserError(_NOT_OURS.format(self.path)) from None
        except OSError as e:
            raise UserError(f"cannot open {self.path}: {e.strerror}") from None

    def load(self) -> Iterator[tuple[str, bytes, int]]:
        """(topic, payload, qos) in the order in which the topics first appeared."""
        yield from self._db.execute("SELECT topic, payload, qos FROM retained ORDER BY rowid")

    def put(self, topic: str, payload: bytes, qos: int) -> None:
        """Durable on return. An empty payload deletes the topic, as MQTT has it. Raises NotKept: nothing is changed."""
        try:
            if payload:
                self._db.execute(
                    "INSERT INTO retained VALUES (?, ?, ?) ON CONFLICT (topic) DO UPDATE SET payload=excluded.payload, "
                    "qos=excluded.qos",
                    (topic, payload, qos),
                )
            else:
                self._db.execute("DELETE FROM retained WHERE topic = ?", (topic,))
        except (sqlite3.OperationalError, OSError) as e:
            raise NotKept(f"cannot write {self.path} ({e})") from None

    def close(self) -> None:
        self._db.close()

"""Output `sqlite`: one table, `messages`, in a database of its own (write-ahead log: it can be read meanwhile). The
file may be moved away, together with its -wal: a new one is made.

SELECT datetime(at, 'unixepoch'), sender, json_extract(text, '$.temperature') FROM messages
WHERE json_valid(text) ORDER BY id DESC LIMIT 10
"""

import os
import sqlite3
import stat
from collections.abc import Sequence
from pathlib import Path

from sealcast_host.errors import UserError
from sealcast_host.gateway.output import Hub, Output, aside
from sealcast_host.gateway.paths import whole
from sealcast_host.gateway.record import Item, Message
from sealcast_host.member.system import CLOSED

OPTIONS: dict[str, type] = {"path": str, "keep_days": float}
MAIN = "path"
MOST_DAYS = 100_000
OLD_FOR_NEW = 10  # so many old rows go with each new one at most: this computer's clock may be years ahead for a while
TABLE = """\
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,        -- when it arrived, Unix seconds
    time INTEGER NOT NULL,   -- the sender's clock, Unix seconds; 0: it had none
    sender TEXT NOT NULL,
    secrecy TEXT NOT NULL,   -- note, conversation, ratchet
    origin TEXT NOT NULL,    -- member, group
    seq INTEGER NOT NULL,
    epoch TEXT,
    historic INTEGER NOT NULL, again INTEGER NOT NULL, private INTEGER NOT NULL,
    text TEXT,               -- NULL: it is not UTF-8, see body
    body BLOB NOT NULL
)"""
_COLUMNS = "at, time, sender, secrecy, origin, seq, epoch, historic, again, private, text, body"


class Sqlite(Output):
    """A database file, mode 0600."""

    keeps = True

    def __init__(self, hub: Hub, path: str, keep_days: float = 0) -> None:
        """keep_days: what is older is removed, as new messages come; 0: nothing is. Raises UserError."""
        super().__init__(hub)
        if not 0 <= keep_days <= MOST_DAYS:
            raise UserError(f"sqlite: keep_days is a number of days up to {MOST_DAYS}, or 0: nothing is removed")
        self._path = whole("sqlite: path", path)  # ":memory:" is a file's name, too
        self._keep_s = keep_days * 86400
        self._db: sqlite3.Connection | None = None
        self._file: os.stat_result

    async def open(self) -> None:
        """Open it, make the table where it is not there. Raises OSError, UserError."""
        await aside(self._connect)

    def _connect(self) -> None:
        self._db = connect(self._path)
        self._file = self._path.stat()

    async def take(self, items: Sequence[Item]) -> None:
        """All of them in one transaction."""
        rows = [_row(item) for item in items if isinstance(item, Message)]
        if rows:
            await aside(lambda: self._insert(rows))

    def _insert(self, rows: list[tuple[object, ...]]) -> None:
        assert self._db is not None
        if not self._path.exists() or not os.path.samestat(self._path.stat(), self._file):
            self._db.close()  # it was moved or removed
            self._connect()
        try:
            with self._db:
                self._db.executemany(f"INSERT INTO messages ({_COLUMNS}) VALUES ({','.join('?' * 12)})", rows)
                if self._keep_s:
                    last = max(float(str(row[0])) for row in rows)
                    old = "SELECT id FROM messages WHERE at < ? ORDER BY at LIMIT ?"
                    most = OLD_FOR_NEW * len(rows)
                    self._db.execute(f"DELETE FROM messages WHERE id IN ({old})", (last - self._keep_s, most))
        except sqlite3.Error as e:
            raise OSError(f"cannot write {self._path}: {e}") from None

    async def close(self) -> None:
        """Close the file."""
        db, self._db = self._db, None
        if db is not None:
            await aside(db.close)


def connect(path: Path) -> sqlite3.Connection:
    """The database with its table. Raises OSError, UserError."""
    if not path.exists() and Path(f"{path}-wal").exists():  # a new one would take its pages for its own
        raise UserError(f"{path} is gone, and {path.name}-wal is there: put it back, or move that away, too")
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | CLOSED, 0o600))  # sqlite3 would make it readable for all
    if not stat.S_ISREG(path.stat().st_mode):
        raise UserError(f"{path} is no file: give the path of one")
    try:
        db = sqlite3.connect(path, timeout=10, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(TABLE)
        db.execute("CREATE INDEX IF NOT EXISTS by_at ON messages (at)")
        db.commit()
    except sqlite3.DatabaseError as e:
        raise UserError(f"cannot use {path}: {e}; give another path") from None
    return db


def _row(m: Message) -> tuple[object, ...]:
    flags = (int(m.historic), int(m.again), int(m.private))
    return (m.at, m.time, m.sender, m.secrecy, m.origin, m.seq, m.epoch, *flags, m.text, m.body)


def recent(path: Path, count: int) -> list[Message]:
    """The last `count` messages kept there, the oldest first; [] when there is no such file. Raises OSError."""
    if not path.exists():
        return []
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        try:
            rows = db.execute(f"SELECT {_COLUMNS} FROM messages ORDER BY id DESC LIMIT ?", (count,)).fetchall()
        finally:
            db.close()
    except sqlite3.Error as e:
        raise OSError(f"cannot read {path}: {e}") from None
    return [
        Message(
            at=r[0], time=r[1], sender=r[2], secrecy=r[3], origin=r[4], seq=r[5], epoch=r[6], historic=bool(r[7]),
            again=bool(r[8]), private=bool(r[9]), body=r[11],
        )
        for r in reversed(rows)
    ]  # fmt: skip


make = Sqlite

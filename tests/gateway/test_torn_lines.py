"""Files that are appended to and whose last line a power cut has torn: what follows is not glued to it."""

import csv
import io
import subprocess
import sys

import pytest

from cli_users import User
from gateway_support import message
from host_support import environment
from sealcast_host.agent.log import Log
from sealcast_host.gateway import csv as output
from sealcast_host.gateway.record import Message

HEADER = output._line(list(output.COLUMNS)).encode()


def row(seq, body):
    return output._line(output._row(Message.of(message(body=body, seq=seq), 1.0))).encode()


FIRST, TORN, NEXT = (
    row(1, b"the first"), row(2, 'said "gr\u00fcn", and "\U0001f33f"'.encode()), row(3, b'the "next", whole'),
)  # fmt: skip


@pytest.mark.parametrize("zeros", [0, 3, 70_000])
def test_a_table_goes_on_behind_a_torn_line_wherever_it_was_torn(tmp_path, zeros):
    """Zeros: what some file systems leave where the data was still to be written."""
    path = tmp_path / "a.csv"
    table = output.Csv.__new__(output.Csv)
    table._path = path
    for cut in range(len(TORN)):
        path.write_bytes(HEADER + FIRST + TORN[:cut] + bytes(zeros))
        table._append(b"")  # as it is opened
        table._append(NEXT)
        text = path.read_bytes().decode()
        rows = list(csv.reader(io.StringIO(text), strict=True))
        assert text.encode().startswith(HEADER + FIRST) and text.encode().endswith(b"\n" + NEXT), cut
        assert len(rows) == 3 + (cut > 0) and rows[-1] == next(csv.reader([NEXT.decode()])), (cut, text)


@pytest.mark.parametrize("zeros", [0, 3])
def test_a_table_whose_head_was_torn_begins_anew(tmp_path, zeros):
    path = tmp_path / "a.csv"
    table = output.Csv.__new__(output.Csv)
    table._path = path
    for cut in range(len(HEADER) - zeros):
        path.write_bytes(HEADER[:cut] + bytes(zeros))
        table._append(NEXT)
        assert path.read_bytes() == HEADER + NEXT


def test_the_agents_log_goes_on_in_a_line_of_its_own(tmp_path):
    path = tmp_path / "log"
    for before, lines in (("", 1), ("2026-01-01 00:00:00 wh\u00f6".encode()[:-1], 2), (b"whole\n", 2)):
        path.write_bytes(before if isinstance(before, bytes) else before.encode())
        Log(path).say("the next")
        whole = path.read_bytes().split(b"\n")
        assert len(whole) == lines + 1 and whole[-2].endswith(b" the next") and whole[-2].startswith(b"20")


def appended(user, path, *command, how="ab"):
    with path.open(how) as out:
        argv = [sys.executable, "-m", "sealcast_host", *command]
        subprocess.run(argv, stdout=out, check=True, env=environment(**user.env), timeout=120)
    return path.read_bytes().split(b"\n")


def test_what_a_command_appends_to_a_file_begins_its_own_line(mosquitto, tmp_path):
    anna = User(tmp_path / "anna", mosquitto.port)
    anna.new()
    anna.ok("send", "g", "--mode", "note", "hello")
    path = tmp_path / "log"
    listening = ("listen", "g", "--count", "1", "--uid")
    for command, again in (
        (("channel", "list", "--json"), ()), ((*listening, "ear"), (*listening, "eve")),
        ((*listening, "ben", "--json"), ()), (("doctor", "--json", "--seconds", "1", "g"), ()),
    ):  # fmt: skip
        path.write_bytes(b'{"type": "mess')
        torn, *lines = appended(anna, path, *command)
        assert torn == b'{"type": "mess' and lines, command
        if again:
            path.write_bytes(b"whole\n")
            assert b"" not in appended(anna, path, *again)[:-1], command
    # A file that is written from its beginning is nobody's log, nor is a line that a script has begun
    path.write_bytes(b"torn")
    assert appended(anna, path, "channel", "list", "--json", how="r+b")[0].startswith(b'{"type": "channel"')
    path.write_bytes(b"channel: ")
    assert appended(anna, path, "channel", "list")[0] == b"channel: g"

"""What the host reads from a board over a port that is shared with the chip's own log, and that may go away."""

import pytest

from sealcast_host.boards.repl import Device, Failed


def test_a_file_that_does_not_arrive_whole_is_no_file(unix_board, monkeypatch):
    """A line of the chip's own log among those of the file: what stands there must not be taken for another thing."""
    device = Device(str(unix_board.port))
    device.put("/a", b"settings" * 20)
    assert device.get("/a") == b"settings" * 20 and device.get("/b") is None
    run, noise = device.run, []
    monkeypatch.setattr(device, "run", lambda program, *more: "".join(noise) + run(program, *more))
    for line in ("E (5012) wifi:\n", "c2V0\n"):
        noise[:] = [line]
        with pytest.raises(Failed, match="did not arrive whole"):
            device.get("/a")
    device.close()


def test_a_port_that_has_gone_is_closed(unix_board):
    """Else a board that is plugged in again gets another name."""
    device = Device(str(unix_board.port))
    serial = device._transport.serial
    unix_board.unplug()
    with pytest.raises(OSError):
        while True:
            serial.write(b"\x00")
    device.close()
    assert not serial.is_open

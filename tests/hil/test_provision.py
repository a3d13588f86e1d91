"""`sealcast provision`, `invite`, `join`, `doctor`: real boards get
settings and join a channel; what is wrong is found.
"""

import json
import os
import stat

import pytest

from host_support import free_port, start_broker, start_mosquitto
from sealcast import wire
from sealcast.channel import Channel
from sealcast.crypto import best_suite, keys
from sealcast.effects import FORMAT
from sealcast.run import slots
from sealcast.run.settings import complete
from sealcast.zpinc.identity import Identity
from sealcast.zpinc.joins import fingerprint
from sealcast_host.boards import models
from sealcast_host.boards.repl import Device
from sealcast_host.broker import examine
from sealcast_host.errors import UserError
from sealcast_host.member import invites
from sealcast_host.member.channels import ChannelFile

PHRASE = "a phrase for these tests that nobody would guess in a long time"


@pytest.fixture
def greenhouse(home):
    stretched = ("--stretch", "15", "--password-stdin")
    home.sealcast("channel", "new", "greenhouse", "--uid", "laptop", *stretched, "--force", text=PHRASE + "\n")
    return home


def kept(home, channel="greenhouse"):
    return json.loads((home.channels / f"{channel}.json").read_text())


def test_a_board_becomes_a_member_and_stays_it(greenhouse, installed):
    # what provision leaves there is looked at before the node works with it
    (installed.flash / "main.py").write_text("pass\n")
    done = greenhouse.sealcast("provision", "greenhouse", "--uid", "bench-1", "--port", installed.port)
    settings = json.loads((installed.flash / "sealcast.json").read_text())
    suite = best_suite()
    assert settings["key"] == kept(greenhouse)["key"] == wire.b64(keys.root_key(suite, PHRASE.encode(), b"greenhouse"))
    secret = wire.unb64(settings["identity"])
    public = Identity(suite, secret).public
    assert kept(greenhouse)["roster"] == {"bench-1": wire.b64(public)}
    assert kept(greenhouse).get("admin_secret") and "admin_secret" not in settings
    assert settings["transport"] == "serial" and settings["broker"] is None  # UNIX has no radio

    label = [line.strip("| ").split(None, 1) for line in done.stdout.splitlines() if line.startswith("| ")]
    assert dict(label) == {"uid": "bench-1", "channel": "greenhouse", "fingerprint": fingerprint(suite, public)}
    for secret_text in (settings["key"], settings["identity"]):
        assert secret_text not in done.stdout + done.stderr

    # The seed is a state that the board can begin with, though it has no randomness of its own.
    key = slots.key_for(suite, secret, b"greenhouse", b"bench-1")
    generation, blob = slots.unpack(suite, key, (installed.flash / "state.0").read_bytes())
    assert (generation, len(blob)) == (1, 33)
    Channel(suite, complete(settings), blob, None).start(0)

    # Again, with other wishes: the same member. Its state is its own by now.
    state = slots.pack(suite, key, 7, blob)
    (installed.flash / "state.0").write_bytes(state)
    again = greenhouse.sealcast(
        "provision", "greenhouse", "--uid", "bench-1", "--port", installed.port, "--sensor", "simulated", "--every", "5"
    )
    after = json.loads((installed.flash / "sealcast.json").read_text())
    sensor = {"kind": "simulated", "every": 5, "mode": "auto", "pin": None}
    assert after.pop("checked") != settings["checked"]  # it is of the whole text
    assert after == {name: settings[name] for name in settings if name != "checked"} | {"sensor": sensor}
    assert "no longer" not in again.stdout
    assert (installed.flash / "state.0").read_bytes() == state

    # What was set and is not given again is named: readings would end without a word.
    done = greenhouse.sealcast("provision", "greenhouse", "--uid", "bench-1", "--port", installed.port, "--data", "x")
    assert done.stdout.splitlines()[-1].startswith("no longer set: sensor (")
    done = greenhouse.sealcast("provision", "greenhouse", "--uid", "bench-1", "--port", installed.port, "--data", "x")
    assert "no longer" not in done.stdout

    # The same channel under another name of this computer's is no other channel.
    greenhouse.sealcast("channel", "rename", "greenhouse", "mine")
    greenhouse.sealcast("provision", "mine", "--uid", "bench-1", "--port", installed.port, "--sensor", "simulated")
    greenhouse.sealcast("channel", "rename", "mine", "greenhouse")
    assert (installed.flash / "state.0").read_bytes() == state

    # As somebody else: only when that is asked for, and then nothing of the first is left.
    refused = greenhouse.sealcast("provision", "greenhouse", "--uid", "bench-2", "--port", installed.port, code=2)
    assert "another member already (bench-1 in greenhouse)" in refused.stderr
    greenhouse.sealcast("provision", "greenhouse", "--uid", "bench-2", "--port", installed.port, "--replace")
    other = json.loads((installed.flash / "sealcast.json").read_text())
    assert other["identity"] != settings["identity"] and set(other["roster"]) == {"bench-1"}
    assert slots.unpack(suite, key, (installed.flash / "state.0").read_bytes()) is None
    assert set(kept(greenhouse)["roster"]) == {"bench-1", "bench-2"}
    # A new board under a known name would be a changed identity to everyone.
    refused = greenhouse.sealcast("provision", "greenhouse", "--uid", "bench-1", "--port", installed.port, "--replace")
    assert kept(greenhouse)["roster"]["bench-1"] != wire.b64(public)


def test_a_csv_of_boards(greenhouse, installed, tmp_path):
    table = tmp_path / "boards.csv"
    table.write_text(
        f"uid,port,wifi_ssid,wifi_password,sensor,every\ndoor,{installed.port},farm,a Wi-Fi password,simulated,9\n"
    )
    done = greenhouse.sealcast("provision", "greenhouse", "--csv", table)
    settings = json.loads((installed.flash / "sealcast.json").read_text())
    assert settings["wifi"] == {"ssid": "farm", "password": "a Wi-Fi password"}
    assert settings["sensor"] == {"kind": "simulated", "every": 9, "mode": "auto", "pin": None}
    assert "a Wi-Fi password" not in done.stdout + done.stderr and "door" in done.stdout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,port\nx,y\n", "column 1 is unknown"),
        ("port\ny\n", "uid is needed"),
        ("uid,port\n", "no row below"),
        ("uid,port\ndoor\n", "row 2: 1 cells, but there are 2 columns"),
        ("uid,port\ndoor,/p\n,/q\n", "row 3 (without a uid): settings: uid: is empty"),
        ("uid,port\nlaptop,/p\n", "row 2 (laptop): uid: this is this computer's own name"),
        ("uid,port\na,/p\na,/q\n", "a is there twice"),
        ("uid,port,every\na,/p,soon\n", "row 2 (a): every: must be a number"),
        ("uid,port,sensor\na,/p,thermometer\n", "row 2 (a): settings: sensor.kind"),
        ("uid,port,wifi_password\na,/p,hunter2hunter2\n", "row 2 (a): wifi_password: without a wifi_ssid"),
        (
            "uid,port,wifi_ssid,wifi_password\na,/p,farm," + "x" * 65 + "\n",
            "row 2 (a): settings: wifi.password: is 65 bytes long",
        ),
        ("uid,port,broker\na,/p,a:b:c\n", "row 2 (a): --broker must be"),
        ("uid,port\na,/p\nb,/p\n", "row 2 (a): /p: no such port"),
    ],
)
def test_a_wrong_row_is_named_before_any_board_is_touched(greenhouse, tmp_path, text, says):
    table = tmp_path / "boards.csv"
    table.write_text(text)
    done = greenhouse.start("provision", "greenhouse", "--csv", str(table)).communicate_with(None)
    assert done.returncode in (1, 2) and says in done.stderr and done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr and "xxx" not in done.stderr and "soon" not in done.stderr
    assert kept(greenhouse)["roster"] == {}


def test_what_a_board_needs_is_asked_for(greenhouse, unix_board):
    from sealcast_host.boards.provision import Wishes, settings_for

    known = ChannelFile("greenhouse", bytes(32), "laptop", broker={"host": "127.0.0.1"})
    esp = models.named("ESP32_GENERIC_C3")
    with pytest.raises(UserError, match="an address of this computer only"):
        settings_for(known, Wishes("a", wifi_ssid="farm"), esp)
    with pytest.raises(UserError, match="ESP32_GENERIC_C3 needs a network"):
        settings_for(known, Wishes("a", broker={"host": "192.168.1.10"}), esp)
    made = settings_for(known, Wishes("a", "farm", "password", {"host": "192.168.1.10"}, sensor="dht22"), esp)
    assert made["sensor"]["pin"] == esp.sensor and made["led"] == esp.led and made["broker"]["host"] == "192.168.1.10"
    assert (
        "not on this board yet"
        in greenhouse.sealcast("provision", "greenhouse", "--uid", "a", "--port", unix_board.port, code=2).stderr
    )
    assert (
        "no password of the Wi-Fi"
        in greenhouse.sealcast(
            "provision", "greenhouse", "--uid", "a", "--wifi-ssid", "farm", "--port", unix_board.port, code=2
        ).stderr
    )


def test_an_invitation_brings_another_computer_in(greenhouse, neighbour):
    assert "this computer only" in greenhouse.sealcast("invite", "greenhouse", code=2).stderr
    shown = greenhouse.sealcast("invite", "greenhouse", "--broker", "192.168.1.10:1884")
    url = shown.stdout.strip()
    assert url.startswith("sealcast://192.168.1.10:1884/greenhouse?key=") and "\n" not in url
    assert "Whoever sees this is in the channel" in shown.stderr
    neighbour.sealcast("join", "-", "--uid", "anna", text=url + "\n")
    theirs, ours = kept(neighbour), kept(greenhouse)
    assert {k: theirs[k] for k in ("channel", "key", "admin")} == {k: ours[k] for k in ("channel", "key", "admin")}
    assert (
        "admin_secret" not in theirs
        and theirs["broker"] == {"host": "192.168.1.10", "port": 1884}
        and theirs["uid"] == "anna"
    )
    assert stat.S_IMODE((neighbour.channels / "greenhouse.json").stat().st_mode) == 0o600
    # It adds, and never replaces.
    assert "is there already" in neighbour.sealcast("join", url, code=2).stderr
    assert "is there already" in greenhouse.sealcast("join", url, code=2).stderr
    assert kept(greenhouse) == ours
    for wrong in (
        url[:-1],
        url[:40] + ("A" if url[40] != "A" else "B") + url[41:],
        "https://example.org/",
        "sealcast://",
        "",
    ):
        done = neighbour.start("join", "-").communicate_with(wrong + "\n")
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and ours["key"] not in done.stderr


def test_a_board_too_many_is_refused_before_any_board_is_touched(greenhouse, tmp_path):
    """A channel has 32 members, and this computer is one: who comes later is heard by nobody."""
    table = tmp_path / "boards.csv"
    for boards, code, says in ((31, 1, "row 2 (b0): /p: no such port"), (32, 2, "a channel has at most 32 members")):
        table.write_text("uid,port\n" + "".join(f"b{i},/p\n" for i in range(boards)))
        assert says in greenhouse.sealcast("provision", "greenhouse", "--csv", table, code=code).stderr

    file = greenhouse.channels / "greenhouse.json"
    full = kept(greenhouse) | {"roster": {f"b{i}": wire.b64(bytes(64)) for i in range(31)}}
    file.write_text(json.dumps(full))
    for uid, code, says in (("b30", 1, "/p: no such port"), ("b31", 2, "this one has 32, this computer among them")):
        assert says in greenhouse.sealcast("provision", "greenhouse", "--uid", uid, "--port", "/p", code=code).stderr


def test_when_few_places_are_left_it_is_said_before_a_board_is_touched(greenhouse, tmp_path):
    """Every other computer needs one as well: 30 boards and 4 computers are too many."""
    table = tmp_path / "boards.csv"
    for boards, left in ((27, ""), (28, "29 of the channel's 32 places are taken"), (31, "none left")):
        table.write_text("uid,port\n" + "".join(f"b{i},/p\n" for i in range(boards)))
        said = greenhouse.sealcast("provision", "greenhouse", "--csv", table, code=1).stderr.splitlines()
        assert len(said) == 1 + bool(left) and "no such port" in said[-1] and left in said[0], said
    table.write_text("uid,port\n" + "".join(f"b{i},/p\n" for i in range(32)))
    said = greenhouse.sealcast("provision", "greenhouse", "--csv", table, code=2).stderr
    assert "every other computer takes a place, too" in said

    file = greenhouse.channels / "greenhouse.json"
    file.write_text(json.dumps(kept(greenhouse) | {"roster": {f"b{i}": wire.b64(bytes(64)) for i in range(29)}}))
    said = greenhouse.sealcast("provision", "greenhouse", "--uid", "b29", "--port", "/p", code=1).stderr
    assert said.splitlines()[0].endswith(
        "31 of the channel's 32 places are taken, boards that have not come yet among them: 1 left, and every other "
        "computer takes one, too"
    )
    said = greenhouse.sealcast("provision", "greenhouse", "--uid", "b28", "--port", "/p", code=1).stderr
    assert said.count("\n") == 1  # it has its place
    said = greenhouse.sealcast("invite", "greenhouse", "--broker", "10.0.0.1", code=0).stderr
    assert "30 of the channel's 32 places are taken" in said


@pytest.mark.parametrize(
    ("came", "provisioned", "verdict", "text"),
    [
        (19, 8, None, ""),
        (20, 9, examine.NOTE, "30 of the channel's 32 places are taken, boards that have not come yet among them: 2"),
        (20, 12, examine.WRONG, "33 members, boards that have not come yet among them, are too many for its 32 places"),
        (32, 0, examine.WRONG, "nobody would hear this member"),
    ],
)
def test_doctor_counts_boards_that_have_not_come_yet(came, provisioned, verdict, text):
    known = ChannelFile("greenhouse", bytes(32), "laptop", roster={f"b{i}": "" for i in range(provisioned)})
    found = list(examine._places(known, {f"c{i}" for i in range(came)}))
    assert [f.verdict for f in found] == ([verdict] if verdict else [])
    assert not found or found[0].text.startswith(text), found


def test_doctor_says_when_all_places_are_taken():
    known = ChannelFile("greenhouse", bytes(32), "laptop")
    (found,) = examine._places(known, {"laptop", *(f"c{i}" for i in range(31))})
    assert found.text.startswith("all 32 places are taken")


@pytest.mark.parametrize(
    "known",
    [
        ChannelFile("greenhouse", bytes(range(32)), "u", broker={"host": "10.0.0.1"}),
        ChannelFile(
            "Gewächshaus / 2 & 3 = ?#%",
            b"\xff" * 32,
            "u",
            admin=bytes(32),
            broker={"host": "fe80::1", "port": 8883, "tls": True},
        ),
        ChannelFile("c", bytes(32), "u", broker={"host": "b.example", "username": "a&b=c d", "port": 1}),
    ],
)
def test_an_invitation_is_read_in_exactly_the_form_it_is_written(known):
    url = invites.make(known)
    assert invites.read(url, "u") == known
    suite = best_suite()
    body = url[: url.index("&sum=")]
    for other in (
        body.replace("?key=", "?x=1&key="),
        body + "&x=1",
        body + "&tls=0",
        body.replace("key=", "key=A"),
        body.replace("?", "%3f?"),
        body + "&tls=1&tls=1",
    ):
        checked = other + "&sum=" + wire.b64(suite.h(6, b"", b"", b"sc/invite", other.encode()))
        with pytest.raises(UserError, match="not one that this version"):
            invites.read(checked, "u")


def test_doctor_on_a_healthy_board_and_on_a_sick_one(greenhouse, installed):
    greenhouse.sealcast("provision", "greenhouse", "--uid", "bench-1", "--port", installed.port)
    well = greenhouse.sealcast("doctor", "--port", installed.port)
    assert "all is well" in well.stdout and "WRONG" not in well.stdout
    for about in ("board", "files", "crypto", "heap", "settings", "channel", "state"):
        assert f"ok     {about:8} " in well.stdout, about

    settings = json.loads((installed.flash / "sealcast.json").read_text())
    with Device(str(installed.port)):  # the node has ended: nothing writes a state after us
        (installed.flash / "main.py").unlink()
    (installed.flash / "sealcast.json").write_text(json.dumps(settings | {"key": wire.b64(bytes(32))}))
    (installed.flash / "state.0").write_bytes(b"SCst" + bytes(60))
    (installed.flash / "state.1").unlink(missing_ok=True)  # either may have been the newer one
    (installed.flash / "lib/symcrypto.mpy").write_bytes(b"M\x06")
    sick = greenhouse.sealcast("doctor", "--port", installed.port, code=1)
    for text in (
        "an installation was cut short",
        "the node does not load",
        "key is not that of greenhouse",
        "stored state is damaged",
    ):
        assert text in sick.stdout, sick.stdout
    assert settings["identity"] not in sick.stdout and settings["key"] not in sick.stdout
    for text, says in (("{", "is damaged"), ('{"uid": 1}', "uid: is the number 1")):
        (installed.flash / "sealcast.json").write_text(text)
        assert says in greenhouse.sealcast("doctor", "--port", installed.port, code=1).stdout


def test_doctor_knows_a_renamed_channel_and_a_state_of_a_later_version(greenhouse, installed):
    (installed.flash / "main.py").write_text("pass\n")  # the node writes no state after us
    greenhouse.sealcast("provision", "greenhouse", "--uid", "bench-1", "--port", installed.port)
    greenhouse.sealcast("channel", "rename", "greenhouse", "mine")
    for more in (("mine",), ()):
        found = greenhouse.start("doctor", *more, "--port", installed.port).communicate_with(None)
        assert "ok     channel  the board has the channel's key" in found.stdout, found.stdout
    settings = json.loads((installed.flash / "sealcast.json").read_text())
    key = slots.key_for(best_suite(), wire.unb64(settings["identity"]), b"greenhouse", b"bench-1")
    (installed.flash / "state.0").write_bytes(slots.pack(best_suite(), key, 9, bytes((FORMAT + 1,)) + bytes(99)))
    found = greenhouse.sealcast("doctor", "--port", installed.port, code=1)
    assert "WRONG  state    the stored state is of a later version of Sealcast" in found.stdout


def test_doctor_on_what_this_computer_keeps(greenhouse, tmp_path):
    """What send refuses, doctor tells, too."""
    port = free_port()
    (greenhouse.channels / "greenhouse.json").write_text(
        json.dumps(kept(greenhouse) | {"broker": {"host": "127.0.0.1", "port": port}})
    )
    with start_broker("mosquitto", port, tmp_path):
        greenhouse.sealcast("send", "greenhouse", "hello")
        assert "all is well" in greenhouse.sealcast("doctor", "greenhouse", "--seconds", "2").stdout
        folder = greenhouse.folder / "state/sealcast/greenhouse/laptop"
        secret = wire.unb64(json.loads((folder / "identity.json").read_text())["identity"])
        key = slots.key_for(best_suite(), secret, b"greenhouse", b"laptop")
        for path in folder.glob("state.*"):
            path.unlink()
        later = slots.pack(best_suite(), key, 9, bytes((FORMAT + 1,)) + bytes(99))
        for data, says in ((b"SCst" + bytes(60), "is damaged: remove"), (later, "is of a later version of Sealcast")):
            (folder / "state.0").write_bytes(data)
            assert says in greenhouse.sealcast("send", "greenhouse", "hello", code=2).stderr
            found = greenhouse.sealcast("doctor", "greenhouse", "--seconds", "2", code=1).stdout
            assert "WRONG  state " in found and says in found


def test_doctor_on_brokers_and_channels(greenhouse, tmp_path):
    port = free_port()
    assert "nothing listens there" in greenhouse.sealcast("doctor", "greenhouse", code=1).stdout
    path = greenhouse.channels / "greenhouse.json"
    path.write_text(json.dumps(kept(greenhouse) | {"broker": {"host": "127.0.0.1", "port": port}}))
    with start_broker("mosquitto", port, tmp_path):
        alone = greenhouse.sealcast("doctor", "greenhouse", "--seconds", "2")
        assert (
            "keeps messages for those who come later" in alone.stdout
            and "nobody has been in this channel" in alone.stdout
        )
        greenhouse.sealcast("send", "greenhouse", "hello")
        assert "members that have been here: laptop" in greenhouse.sealcast("doctor", "--seconds", "2").stdout
    os.chmod(path, 0o644)
    assert "run chmod 600" in greenhouse.sealcast("doctor", "greenhouse", code=1).stdout
    os.chmod(path, 0o600)
    with start_mosquitto(port, tmp_path, "retain_available false"):
        assert "WRONG  broker" in greenhouse.sealcast("doctor", "greenhouse", "--seconds", "1", code=1).stdout
    assert "unknown channel" in greenhouse.sealcast("doctor", "nowhere", code=2).stderr


def test_the_emulated_board_is_provisioned_and_looked_at(greenhouse, qemu_board):
    greenhouse.sealcast("flash", "--port", qemu_board.port)
    greenhouse.sealcast("provision", "greenhouse", "--uid", "riscv", "--port", qemu_board.port)
    with Device(qemu_board.port) as board:
        settings = json.loads(board.get("/sealcast.json"))
        state = board.get("/state.0") or board.get("/state.1")  # the node may have stored one since
    assert (settings["uid"], settings["transport"], state[:4]) == ("riscv", "serial", b"SCst")
    looked = greenhouse.start("doctor", "--port", qemu_board.port).communicate_with(None)
    for line in ("ok     files", "ok     crypto", "ok     settings", "ok     state", "the board has the channel's key"):
        assert line in looked.stdout, looked.stdout

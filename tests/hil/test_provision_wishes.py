"""What `sealcast provision` is asked for: sleep, ratchet, transport,
open and closed Wi-Fi; tables as spreadsheets save them.
"""

import json
import unicodedata

import pytest

from sealcast.run.settings import complete
from sealcast_host.boards import models
from sealcast_host.boards.provision import Wishes, name_for, settings_for
from sealcast_host.cli import provision, table
from sealcast_host.cli.provision import COLUMNS
from sealcast_host.errors import UserError
from sealcast_host.member.channels import ChannelFile

NFC, NFD = (unicodedata.normalize(form, "Gewächshaus") for form in ("NFC", "NFD"))


def channel(**more):
    return ChannelFile("greenhouse", bytes(32), "laptop", broker={"host": "192.168.1.10"}, **more)


@pytest.fixture
def greenhouse(home):
    home.sealcast("channel", "new", "greenhouse", "--stretch", "15", "--uid", "laptop", "--broker", "192.168.1.10")
    return home


def rows(tmp_path, data):
    path = tmp_path / "boards.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return table.read(path, COLUMNS, needed="uid")


def test_the_options_become_settings(greenhouse, installed):
    (installed.flash / "main.py").write_text("pass\n")  # the node would go to sleep
    wishes = ["--duty", "900", "--no-ratchet", "--sensor", "simulated"]
    wishes += ["--wifi-ssid", " guests ", "--wifi-open", "--data", "on the roof"]
    greenhouse.sealcast("provision", "greenhouse", "--uid", "a", "--port", installed.port, *wishes)
    made = json.loads((installed.flash / "sealcast.json").read_text())
    assert (made["duty"], made["ratchet"], made["transport"]) == (900, False, "serial")  # UNIX has no radio
    assert made["wifi"] == {"ssid": " guests ", "password": None} and made["data"] == "on the roof"
    greenhouse.sealcast(
        "provision", "greenhouse", "--uid", "a", "--port", installed.port, "--ratchet", "--transport", "serial"
    )
    made = json.loads((installed.flash / "sealcast.json").read_text())
    assert made["ratchet"] is True and made["duty"] is None and made["wifi"] is None
    greenhouse.sealcast(
        "provision", "greenhouse", "--uid", "a", "--port", installed.port, "--modes", "note,conversation"
    )
    made = json.loads((installed.flash / "sealcast.json").read_text())
    assert made["modes"] == ["note", "conversation"] and made["ratchet"] is False


def test_modes_that_are_none_or_contradict_are_refused():
    esp = models.named("ESP32_GENERIC_C3")
    made = settings_for(channel(), Wishes("a", "farm", "a password", modes=["note", "ratchet"]), esp)
    assert complete(made)["modes"] == ["note", "ratchet"] and complete(made)["ratchet"] is True
    for wishes in ({"modes": ["conversation"]}, {"modes": ["note", "shout"]}, {"modes": ["note"], "ratchet": True}):
        with pytest.raises(UserError, match="modes"):
            settings_for(channel(), Wishes("a", "farm", "a password", **wishes), esp)


def test_a_voltage_is_read_at_a_pin_that_can():
    esp, pico = models.named("ESP32_GENERIC"), models.named("RPI_PICO_W")
    for board, pin in ((esp, 34), (pico, 26)):
        made = settings_for(channel(), Wishes("a", "farm", "a password", sensor="adc"), board)
        assert made["sensor"]["pin"] == pin
    assert settings_for(channel(), Wishes("a", "farm", "a password", sensor="adc", pin=39), esp)["sensor"]["pin"] == 39
    with pytest.raises(UserError, match="no voltage at 4 while its radio is on: give one of 32, 33"):
        settings_for(channel(), Wishes("a", "farm", "a password", sensor="adc", pin=4), esp)


def test_a_board_with_a_radio_can_be_at_a_serial_port():
    esp = models.named("ESP32_GENERIC_C3")
    made = settings_for(channel(), Wishes("a", transport="serial"), esp)
    assert complete(made)["transport"] == "serial" and "broker" not in made
    assert settings_for(channel(), Wishes("a", "farm", "a password", transport="mqtt"), esp)["transport"] == "mqtt"
    with pytest.raises(UserError, match="needs no Wi-Fi"):
        settings_for(channel(), Wishes("a", "farm", "a password", transport="serial"), esp)
    with pytest.raises(UserError, match="has no radio"):
        settings_for(channel(), Wishes("a", transport="mqtt"), models.named("UNIX"))


@pytest.mark.parametrize(
    ("password", "says"),
    [
        (None, "no password"),
        ("", "no password"),
        ("seven77", "has 7 characters"),
        ("g" * 64, "hexadecimal"),
        ("ü" * 3, "has 6 characters"),
        ("x" * 65, "is 65 bytes long"),
    ],
)
def test_a_wifi_password_that_no_network_has_is_refused(password, says):
    with pytest.raises(UserError, match=says) as error:
        settings_for(channel(), Wishes("a", "farm", password), None)
    assert not password or password not in str(error.value)


@pytest.mark.parametrize("password", ["eight888", "x" * 63, "0123456789abcdefABCDEF" + "0" * 42, "  two spaces  "])
def test_a_wifi_password_is_taken_as_it_is(password):
    assert settings_for(channel(), Wishes("a", "farm", password), None)["wifi"] == {
        "ssid": "farm",
        "password": password,
    }


def test_an_open_network_is_one_only_when_that_is_said(greenhouse, unix_board):
    with pytest.raises(UserError, match="leave out one"):
        settings_for(channel(), Wishes("a", "farm", "a password", wifi_open=True), None)
    assert settings_for(channel(), Wishes("a", "farm", wifi_open=True), None)["wifi"] == {"ssid": "farm"}
    common = "provision", "greenhouse", "--uid", "a", "--port", unix_board.port
    for wrong in (
        ["--wifi-open"],
        ["--duty", "0"],
        ["--duty", "soon"],
        ["--transport", "mesh"],
        ["--wifi-ssid", "x" * 33, "--wifi-open"],
    ):
        greenhouse.sealcast(*common, *wrong, code=2)
    short = greenhouse.sealcast(*common, "--wifi-ssid", "farm", code=2, SEALCAST_WIFI_PASSWORD="secret7")
    assert "has 7 characters" in short.stderr and "secret7" not in short.stderr


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("between", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_tables_are_read_as_spreadsheets_save_them(tmp_path, code, between, end):
    lines = ["uid,wifi_ssid,wifi_password", 'a , "  my net ","a ""quoted"" one,;"', "", "ü,  farm  ,", '" ",b,c']
    text = end.join(
        line.replace(",", between) if i != 1 else line.replace(",", between, 2) for i, line in enumerate(lines)
    )
    mark = "\ufeff" if code in ("utf-16-le", "utf-16-be") else ""
    found = rows(tmp_path, (mark + text).encode(code))
    assert [number for number, _ in found] == [2, 4, 5]
    cells = [[row[name] for name in ("uid", "wifi_ssid", "wifi_password")] for _, row in found]
    assert cells == [["a", "  my net ", 'a "quoted" one,;'], ["ü", "farm", ""], [" ", "b", "c"]]
    assert found[0][1]["port"] == ""


def test_a_quoted_cell_may_hold_lines(tmp_path):
    found = rows(tmp_path, 'uid,wifi_ssid\n"a\nb",x\nc,y')
    assert [(number, row["uid"]) for number, row in found] == [(2, "a\nb"), (4, "c")]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("uid,port;led\na,b;c\n", "divided in two ways"),
        ("uid,port\n" + 'a,"hunter2\n', "row 2: a quote is opened and never closed"),
        ("uid,port\n" + 'a,"hunter2" x\n', "row 2: something stands behind"),
        ("uid,port\n" + 'a,hun"ter2\n', "row 2: a quote inside"),
        ("uid,port\na,hunter2,\n", "row 2: 3 cells, but there are 2"),
        ("uid,port\nä,hunter2\n".encode("latin-1"), "neither UTF-8 nor UTF-16"),
        ("uid,port\na,hunter2\n".encode("utf-16-le"), "UTF-16 without its mark"),
        (b"\xff\xfea", "neither UTF-8 nor UTF-16"),
        (b"", "uid is needed"),
        (b"\x00\x01", "is no text"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_line(greenhouse, tmp_path, data, says):
    path = tmp_path / "boards.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    done = greenhouse.sealcast("provision", "greenhouse", "--csv", path, code=2)
    assert says in done.stderr and "hunter2" not in done.stderr and "hun" not in done.stderr.replace(str(path), "")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("a,farm,,,,,", "no password"),
        ("a,farm,seven77,,,,", "has 7 characters"),
        ("a,farm,a password,yes,,,", "leave out one"),
        ("a,,,yes,,,", "wifi_open: without a wifi_ssid"),
        ("a,farm,,perhaps,,,", "wifi_open: must be yes or no"),
        ("a,,,,0,,", "duty: must be a number of seconds"),
        ("a,,,,604801,,", "duty: is 604801"),
        ("a,,,,0000000900,,", "duty: must be a number of seconds"),
        ("a,,,,,maybe,", "ratchet: must be yes or no"),
        ("a,,,,,,mesh", "transport"),
        ("a,farm,a password,,,,serial", "serial needs no Wi-Fi"),
    ],
)
def test_a_row_that_cannot_be_meant_is_one_line(greenhouse, tmp_path, row, says):
    path = tmp_path / "boards.csv"
    path.write_text("uid,wifi_ssid,wifi_password,wifi_open,duty,ratchet,transport\n" + row + "\n")
    done = greenhouse.sealcast("provision", "greenhouse", "--csv", path, code=2)
    assert "row 2 (a): " in done.stderr and says in done.stderr and "seven77" not in done.stderr


def test_a_row_says_more_than_the_options(greenhouse, installed, tmp_path):
    (installed.flash / "main.py").write_text("pass\n")
    path = tmp_path / "boards.csv"
    columns = "uid;port;wifi_ssid;wifi_password;duty;modes;transport;data"
    path.write_text(f'{columns}\na;{installed.port};" my net ";"  eight  ";600;note ratchet;;in the well\n')
    common = "--duty", "60", "--no-ratchet", "--wifi-ssid", "other", "--wifi-open"
    greenhouse.sealcast("provision", "greenhouse", "--csv", path, *common)
    made = json.loads((installed.flash / "sealcast.json").read_text())
    assert made["wifi"] == {"ssid": " my net ", "password": "  eight  "}
    assert (made["duty"], made["ratchet"], made["data"]) == (600, True, "in the well")


def test_a_row_that_names_the_same_broker_keeps_what_is_known_of_it():
    known = {"host": "b.example", "tls": True, "username": "farm", "password": "secret"}
    row = dict.fromkeys(COLUMNS, "") | {"uid": "a"}
    for options, cell, broker in (
        (None, "", None), (None, "b.example", known), (known | {"port": 1}, "b.example", known),
        (None, "c.example", {"host": "c.example"}),
    ):  # fmt: skip
        assert provision._wishes(row | {"broker": cell}, Wishes(""), known, options, None).broker == broker


def test_names_that_look_alike_are_one_name_or_refused(greenhouse, tmp_path):
    assert name_for(channel(), NFD) == name_for(channel(), NFC) == NFC != NFD
    assert name_for(channel(roster={NFD: "x"}), NFD) == NFD  # a board of before: it stays who it is
    for known in (channel(roster={NFD: "x"}), ChannelFile("greenhouse", bytes(32), NFD)):
        with pytest.raises(UserError, match="another Unicode form"):
            name_for(known, NFC)
    path = tmp_path / "boards.csv"
    path.write_text(f"uid,port\n{NFC},/p\n{NFD},/q\n")
    assert "is there twice" in greenhouse.sealcast("provision", "greenhouse", "--csv", path, code=2).stderr
    greenhouse.sealcast("channel", "new", NFC, "--uid", "laptop")
    assert "another Unicode form" in greenhouse.sealcast("channel", "show", NFD, code=2).stderr

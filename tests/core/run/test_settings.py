"""Settings: every wrong field named in one line, nothing secret
repeated, defaults, and completing twice changes nothing.
"""

from check import raises
from sealcast.errors import BadSettings
from sealcast.run import settings
from sealcast.wire import b64

KEY = b64(bytes(range(32)))
PUBLIC = b64(bytes(range(64)))


def good(**more):
    d = {"uid": "bob", "channel": "greenhouse", "key": KEY, "broker": {"host": "192.0.2.1"}}
    d.update(more)
    return d


def only(d, start):
    """check(d) has exactly one error, one line, that begins with `start`; returns it."""
    errors = settings.check(d)
    assert len(errors) == 1, errors
    assert errors[0].startswith(start), errors[0]
    assert "\n" not in errors[0]
    return errors[0]


def test_the_least_that_works_and_its_defaults():
    assert settings.check(good()) == []
    c = settings.complete(good())
    assert c["key"] == bytes(range(32))
    assert c["broker"] == {
        "host": "192.0.2.1",
        "port": 1883,
        "username": None,
        "password": None,
        "tls": False,
        "ca": None,
    }
    assert (c["sign"], c["ring"], c["keepalive"], c["history"], c["log"]) == (True, 16, 30, "all", "lines")
    assert (c["rekey_seconds"], c["rekey_messages"]) == (3600, 1000)
    for name in ("password", "identity", "wifi", "roster", "admin", "sensor", "led"):
        assert c[name] is None


def test_tls_changes_the_default_port_and_a_given_port_stays():
    assert settings.complete(good(broker={"host": "h", "tls": True}))["broker"]["port"] == 8883
    assert settings.complete(good(broker={"host": "h", "tls": True, "port": 1}))["broker"]["port"] == 1


def test_completing_twice_is_completing_once():
    once = settings.complete(
        good(roster={"ann": PUBLIC}, identity=KEY, admin=KEY, sensor={"every": 5}, wifi={"ssid": "x"})
    )
    assert once["roster"] == {"ann": bytes(range(64))}
    assert once["sensor"] == {"kind": "auto", "pin": None, "every": 5, "mode": "auto"}
    assert settings.complete(once) == once


def test_completing_leaves_the_original_alone():
    d = good()
    settings.complete(d)
    assert d == good()


def test_every_wrong_field_is_named_once():
    errors = settings.check(
        {
            "uid": 5,
            "channel": "",
            "key": "short",
            "broker": {"host": "h", "port": 0, "tls": 1},
            "ring": 65,
            "keepalive": "30",
        }
    )
    assert sorted([e.split(":")[0] for e in errors]) == [
        "broker.port",
        "broker.tls",
        "channel",
        "keepalive",
        "key",
        "ring",
        "uid",
    ]


def test_limits():
    for field, low, high in (
        ("ring", 1, 64),
        ("keepalive", 5, 3600),
        ("rekey_seconds", 10, 604800),
        ("rekey_messages", 1, 1000000),
    ):
        assert settings.check(good(**{field: low})) == []
        assert settings.check(good(**{field: high})) == []
        assert str(low - 1) in only(good(**{field: low - 1}), field + ": is")
        only(good(**{field: high + 1}), field + ": is")
        only(good(**{field: True}), field + ": is true or false")
        only(good(**{field: 7.5}), field + ": is the number 7.5")
        only(good(**{field: 10**40}), field + ": is")


def test_names_are_1_to_48_bytes_of_text():
    for name in ("a", "x" * 48, "ü" * 24, "two words"):
        assert settings.check(good(uid=name, channel=name)) == []
    for name in ("", "x" * 49, "ü" * 24 + "x", "a\x00b", "line\nbreak", " padded ", "\x7f", chr(0xD800)):
        only(good(uid=name), "uid: ")
        only(good(channel=name), "channel: ")


def test_missing_fields():
    for field in ("uid", "channel", "broker"):
        d = good()
        del d[field]
        only(d, field + ": missing; add ")
    only(good(broker={}), "broker.host: missing")
    only(good(wifi={"password": "x"}), "wifi.ssid: missing")


def test_key_or_password_not_both_not_neither():
    only(good(password="x"), "key, password: give one")
    only({"uid": "a", "channel": "c", "broker": {"host": "h"}}, "key: missing")
    assert settings.check({"uid": "a", "channel": "c", "password": "x", "broker": {"host": "h"}}) == []


def test_null_is_as_good_as_absent():
    assert settings.check(good(password=None, wifi=None, sensor=None)) == []


def test_unknown_fields_and_the_help_for_typos():
    for typo, right in (
        ("chanel", "channel"),
        ("Ring", "ring"),
        ("paswsord", "password"),
        ("keepalvie", "keepalive"),
        ("sgin", "sign"),
    ):
        assert 'did you mean "%s"?' % right in only(good(**{typo: 1}), typo + ": unknown field")
    assert "did you mean" not in only(good(nonsense=1), "nonsense: unknown field; known here are ")
    assert 'did you mean "host"?' in only(good(broker={"host": "h", "hsot": "h"}), "broker.hsot: ")


def test_strange_field_names_cannot_forge_lines():
    error = only(good(**{"bad\n\x1b[31mname" + "x" * 100: 1}), "bad??[31mname")
    assert len(error) < 400


def test_base64url_is_strict():
    for bad in (KEY + "=", KEY[:-1], KEY[:-1] + "_", KEY.replace("A", "+", 1), KEY + "A", "", "ü" * 43, 5, [], {}):
        only(good(key=bad), "key: ")
        only(good(identity=bad), "identity: ")
    only(good(roster={"ann": KEY}), "roster: ")
    only(good(roster={"": PUBLIC}), "roster: ")
    only(good(roster=[PUBLIC]), "roster: ")


def test_objects_must_be_objects():
    for field in ("broker", "wifi", "sensor"):
        only(good(**{field: "text"}), field + ": must be an object with ")
    assert settings.check([])[0].startswith("settings: must be a JSON object")
    assert settings.check(None)[0].startswith("settings: must be a JSON object")


def test_sensors():
    for kind in ("dht22", "ds18b20", "adc"):
        only(good(sensor={"kind": kind}), "sensor.pin: missing")
        only(good(sensor={"kind": kind, "pin": None}), "sensor.pin: missing")  # as provisioned, and edited then
        assert settings.check(good(sensor={"kind": kind, "pin": 4})) == []
    only(good(sensor={"kind": "thermal"}), "sensor.kind: ")
    only(good(sensor={"every": 0}), "sensor.every: ")
    only(good(sensor={"mode": "ratchet"}), "sensor.mode: ")


def test_no_error_repeats_what_was_typed():
    secret = "correct-horse-battery"
    wrong = {}
    for field in (
        "ring",
        "keepalive",
        "sign",
        "key",
        "identity",
        "admin",
        "broker",
        "wifi",
        "roster",
        "history",
        "log",
        "sensor",
    ):
        wrong[field] = secret
    wrong["uid"] = wrong["channel"] = secret * 3
    wrong["password"] = [secret]
    text = "\n".join(settings.check(wrong))
    more = good(
        broker={"host": "h", "port": secret, "tls": secret}, wifi={"ssid": secret * 2, "password": {"x": secret}}
    )
    text += "\n".join(settings.check(more))
    assert len(text.split("\n")) >= 15
    assert secret not in text


def test_complete_raises_all_errors_at_once():
    e = raises(BadSettings, settings.complete, good(ring=0, keepalive=0))
    assert str(e).count("\n") == 1
    assert e.code == "bad_settings"


def test_a_board_on_a_serial_port_needs_no_broker():
    d = good(transport="serial")
    del d["broker"]
    assert settings.check(d) == []
    c = settings.complete(d)
    assert c["broker"] is None
    assert c["serial"] == {"uart": None, "baud": 115200, "tx": None, "rx": None, "window": 1}
    assert settings.complete(c) == c
    assert settings.complete(good())["serial"] is None
    assert settings.complete(good())["transport"] == "mqtt"


def test_every_other_board_needs_one():
    d = good()
    del d["broker"]
    assert only(d, "broker: missing").endswith("add an object with ca, host, password, port, tls, username")
    assert only(good(transport="pigeon"), "transport: is a text of 6 characters").endswith('give "mqtt" or "serial"')


def test_serial_and_duty_have_limits():
    d = good(transport="serial", serial={"uart": 10, "baud": 1, "window": 0, "speed": 1}, duty=0)
    assert sorted([e.split(":")[0] for e in settings.check(d)]) == [
        "duty",
        "serial.baud",
        "serial.speed",
        "serial.uart",
        "serial.window",
    ]
    assert (
        settings.check(good(transport="serial", serial={"uart": 1, "tx": 4, "rx": "GP5", "window": 8}, duty=600)) == []
    )


def test_modes_decide_about_the_ratchet_and_keep_notes():
    c = settings.complete(good(modes=["note", "conversation"]))
    assert c["ratchet"] is False and settings.complete(c) == c
    assert settings.complete(good(modes=["ratchet", "note"], duty=60))["ratchet"] is True
    only(good(modes=["conversation"]), 'modes: leaves out "note"')
    only(good(modes=["note", "letters"]), "modes: names another mode")
    only(good(modes="note"), "modes: is a text of 4 characters")
    only(good(modes=["note"], ratchet=True), "modes, ratchet: they contradict")

"""sealcast.json: every field, its limits and its default; one line an error. Docs: docs/SETTINGS.md.

`check(d)` says everything that is wrong at once, `complete(d)` fills in the defaults and decodes keys. What a user
typed as text is never repeated in an error (it may be a password in the wrong place): errors carry field names, lengths
and numbers only.
"""

from ..errors import BadSettings, Reject
from ..wire import MAX_NAME, unb64

_REQUIRED = ("required",)  # marks a field without a default


def check(settings):
    """dict -> list of one-line errors, each naming its field and what to do; an empty list when all is well."""
    if not isinstance(settings, dict):
        return ['settings: must be a JSON object like {"uid": ..., "channel": ...}, not ' + _kind(settings)]
    errors = []
    # the seal of what has been edited since
    settings = {name: settings[name] for name in settings if name != "checked"}
    _walk(settings, _FIELDS, "", errors)
    if settings.get("key") is not None and settings.get("password") is not None:
        errors.append("key, password: give one of them, not both; a provisioned board has the key")
    elif settings.get("key") is None and settings.get("password") is None:
        errors.append("key: missing; give the channel's key (from `sealcast provision`) or its password")
    if settings.get("broker") is None and settings.get("transport") != "serial":
        errors.append("broker: missing; add an object with " + _listing(_BROKER))
    modes, ratchet = settings.get("modes"), settings.get("ratchet")
    if isinstance(modes, (list, tuple)) and ratchet is not None and ratchet != ("ratchet" in modes):
        errors.append("modes, ratchet: they contradict each other; give modes alone")
    sensor = settings.get("sensor")
    if isinstance(sensor, dict) and sensor.get("kind") in ("dht22", "ds18b20", "adc") and sensor.get("pin") is None:
        errors.append("sensor.pin: missing; give the pin number that the sensor is connected to")
    return errors


def complete(settings):
    """dict -> a new dict with every field present: defaults filled (None for what is absent), base64url as bytes.

    Raises BadSettings with all errors, one a line. complete(complete(d)) == complete(d)."""
    errors = check(settings)
    if errors:
        raise BadSettings("\n".join(errors))
    out = _fill(settings, _FIELDS)
    if out["transport"] == "serial" and out["serial"] is None:
        out["serial"] = _fill({}, _SERIAL)
    if out["broker"] and out["broker"]["port"] is None:
        out["broker"]["port"] = 8883 if out["broker"]["tls"] else 1883
    if out["modes"]:
        out["ratchet"] = "ratchet" in out["modes"]
    if out["ratchet"] is None:
        out["ratchet"] = out["duty"] is None  # who sleeps most of the time does not follow an order of messages
    return out


def _walk(values, fields, where, errors):
    for name in sorted([str(k) for k in values]):
        if name not in fields:
            errors.append(_unknown(name, fields, where))
    for name in sorted(fields):  # MicroPython's dicts have no order
        default, rule = fields[name]
        value = values.get(name)
        if value is None:
            if default is _REQUIRED:
                what = "an object with " + _listing(rule) if isinstance(rule, dict) else rule[1]
                errors.append("{}{}: missing; add {}".format(where, name, what))
        elif isinstance(rule, dict) and isinstance(value, dict):
            _walk(value, rule, where + name + ".", errors)
        elif isinstance(rule, dict):
            errors.append("{}{}: must be an object with {}, not {}".format(where, name, _listing(rule), _kind(value)))
        else:
            wrong = rule[0](value)
            if wrong:
                errors.append("{}{}: {}; give {}".format(where, name, wrong, rule[1]))


def _fill(values, fields):
    out = {}
    for name in fields:
        default, rule = fields[name]
        value = values.get(name)
        if value is None:
            value = default
        elif isinstance(rule, dict):
            value = _fill(value, rule)
        elif len(rule) > 2:
            value = rule[2](value)
        out[name] = value
    return out


def _unknown(name, fields, where):
    best, near = min([(distance(name.lower(), known), known) for known in fields])
    if best <= (1 if len(near) < 5 else 2):
        return '{}{}: unknown field; did you mean "{}"?'.format(where, _short(name), near)
    return "{}{}: unknown field; known here are {}".format(where, _short(name), _listing(fields))


def _short(name):
    """A field name that can be shown: printable ASCII, 24 characters."""
    return "".join([c if " " < c < "\x7f" else "?" for c in name[:24]])


def _listing(fields):
    return ", ".join(sorted(fields))


def distance(a, b):
    """Edits (insert, delete, replace, swap neighbours) that turn a into b."""
    before, last = [], list(range(len(b) + 1))
    for i in range(len(a)):
        row = [i + 1]
        for j in range(len(b)):
            best = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] != b[j]))
            if i and j and a[i] == b[j - 1] and a[i - 1] == b[j]:
                best = min(best, before[j - 1] + 1)
            row.append(best)
        before, last = last, row
    return last[len(b)]


def _kind(value):
    """What a wrong value is, without showing text."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true or false"
    if isinstance(value, (int, float)):
        return "the number " + str(value)[:12]
    if isinstance(value, str):
        return "a text of {} characters".format(len(value))
    if isinstance(value, (bytes, bytearray)):
        return "{} bytes".format(len(value))
    return "a list" if isinstance(value, (list, tuple)) else "an object"


def _name(value):
    wrong = _text(value, MAX_NAME)
    if not wrong and value != value.strip():
        return "begins or ends with a space"
    return wrong


def _text(value, limit=256, control=False):
    """None, or what is wrong with a text of 1..limit bytes of UTF-8."""
    if not isinstance(value, str):
        return "is " + _kind(value)
    if not value:
        return "is empty"
    for c in value:
        if 0xD800 <= ord(c) <= 0xDFFF or ord(c) == 0 or (ord(c) < 32 or ord(c) == 127) and not control:
            return "holds a character that is not allowed (control character or half of a pair)"
    size = len(value.encode())
    return "is {} bytes long, the limit is {}".format(size, limit) if size > limit else None


def _number(value, low, high):
    if type(value) is not int:
        return "is " + _kind(value)
    return None if low <= value <= high else "is {}, not in {}..{}".format(str(value)[:12], low, high)


def _between(low, high, what):
    return (lambda v: _number(v, low, high), "{} from {} to {}".format(what, low, high))


def _switch(what):
    return (lambda v: None if v is True or v is False else "is " + _kind(v), "true or false: " + what)


def _choice(*names):
    quoted = " or ".join(['"{}"'.format(n) for n in names])
    return (lambda v: None if isinstance(v, str) and v in names else "is " + _kind(v), quoted)


def _blob(value, size):
    if isinstance(value, str):
        try:
            value = unb64(value)
        except Reject:
            return "is not base64url without padding"
    if not isinstance(value, (bytes, bytearray)):
        return "is " + _kind(value)
    return None if len(value) == size else "is {} bytes long, not {}".format(len(value), size)


def _unblob(value):
    return unb64(value) if isinstance(value, str) else bytes(value)


def _bytes(size, what):
    return (lambda v: _blob(v, size), "{} ({} bytes as base64url)".format(what, size), _unblob)


def _roster(value):
    if not isinstance(value, dict):
        return "is " + _kind(value)
    for uid in value:
        wrong = _name(uid)
        if wrong:
            return "a name " + wrong
        wrong = _blob(value[uid], 64)
        if wrong:
            return 'the identity of "{}" {}'.format(uid, wrong)
    return None


def _unroster(value):
    return {uid: _unblob(value[uid]) for uid in value}


def _modes(value):
    if not isinstance(value, (list, tuple)):
        return "is " + _kind(value)
    wrong = [v for v in value if not isinstance(v, str) or v not in ("note", "conversation", "ratchet")]
    return "names another mode" if wrong else None if "note" in value else 'leaves out "note"'


def _pin(value):
    return _text(value, 16) if isinstance(value, str) else _number(value, 0, 255)


_BROKER = {
    "host": (_REQUIRED, (_text, "the broker's name or address")),
    "port": (None, _between(1, 65535, "a port")),
    "username": (None, (_text, "the user name at the broker")),
    "password": (None, (lambda v: _text(v, 256, True), "the password at the broker")),
    "tls": (False, _switch("encrypt the connection, which hides the traffic's shape as well")),
    "ca": (None, (_text, "the path of the broker's CA certificate")),
}
_SERIAL = {
    "uart": (None, (lambda v: _number(v, 0, 9), "the number of a UART; without it, the console (USB)")),
    "baud": (115200, _between(1200, 3000000, "bits a second,")),
    "tx": (None, (_pin, "the pin's number or name")),
    "rx": (None, (_pin, "the pin's number or name")),
    "window": (1, _between(1, 32, "packets of 192 bytes that the port buffers while the board is busy,")),
}
_WIFI = {
    "ssid": (_REQUIRED, (lambda v: _text(v, 32, True), "the name of the Wi-Fi network")),
    "password": (None, (lambda v: _text(v, 64, True), "the password of the Wi-Fi network")),
}
_SENSOR = {
    "kind": ("auto", _choice("auto", "simulated", "internal", "dht22", "ds18b20", "adc")),
    "pin": (None, (_pin, "the pin's number or name")),
    "every": (60, _between(1, 86400, "seconds")),
    "mode": ("auto", _choice("auto", "note", "conversation")),
}
_FIELDS = {
    "uid": (_REQUIRED, (_name, 'this member\'s name, like "uid": "greenhouse-1" (1 to 48 bytes)')),
    "channel": (_REQUIRED, (_name, 'the channel\'s name, like "channel": "greenhouse" (1 to 48 bytes)')),
    "group": ("main", (_name, "the ratcheting group's name (1 to 48 bytes)")),
    "group_name": (None, (_name, "a name for that group (1 to 48 bytes)")),
    "data": (None, (lambda v: _text(v, 64), "a text of at most 64 bytes")),
    "key": (None, _bytes(32, "the channel's key")),
    "password": (None, (lambda v: _text(v, 1024), "the channel's password")),
    "stretch": (15, _between(15, 20, "a power of two")),
    "identity": (None, _bytes(32, "this member's secret")),
    "transport": ("mqtt", _choice("mqtt", "serial")),
    "broker": (None, _BROKER),
    "serial": (None, _SERIAL),
    "wifi": (None, _WIFI),
    "roster": (
        None,
        (_roster, 'an object like {"<name>": "<identity>"}, identities as `sealcast provision` writes them', _unroster),
    ),
    "admin": (None, _bytes(32, "the admin's public key")),
    "sign": (True, _switch("sign notes and conversation messages")),
    "ring": (16, _between(1, 64, "notes kept at the broker,")),
    "keepalive": (30, _between(5, 3600, "seconds")),
    "rekey_seconds": (3600, _between(10, 604800, "seconds")),
    "rekey_messages": (1000, _between(1, 1000000, "messages")),
    "history": ("all", _choice("all", "latest")),
    "sensor": (None, _SENSOR),
    "modes": (None, (_modes, 'a list of "note", "conversation" and "ratchet", "note" always among them')),
    "min_secrecy": ("note", _choice("note", "conversation", "ratchet")),
    "ratchet": (None, _switch("take part in the ratcheting group; it takes 6 KB of heap, a group of eight 14")),
    "duty": (None, _between(1, 604800, "seconds from one waking to the next,")),
    "led": (None, (_pin, "the pin's number or name")),
    "log": ("lines", _choice("lines", "json")),
}

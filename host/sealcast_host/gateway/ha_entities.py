"""What Home Assistant is told of a member: one device with its entities, as MQTT discovery wants them.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload has the form (`components` and all). Names
that members chose stand in JSON strings only; what stands in a topic or an id is made of them by `slug`.
"""

import hashlib
import re
from typing import Any

from sealcast_host import __version__
from sealcast_host.gateway.record import clean

# The last word of a quantity's name -> device class, unit, other units that the class allows.
_CLASSES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "temperature": ("temperature", "°C", ("°F", "K")),
    "temp": ("temperature", "°C", ("°F", "K")),
    "humidity": ("humidity", "%", ()),
    "moisture": ("moisture", "%", ()),
    "pressure": ("atmospheric_pressure", "hPa", ("Pa", "kPa", "mbar", "bar", "mmHg", "inHg", "psi")),
    "battery": ("battery", "%", ()),
    "voltage": ("voltage", "V", ("mV",)),
    "current": ("current", "A", ("mA",)),
    "power": ("power", "W", ("kW",)),
    "energy": ("energy", "kWh", ("Wh", "MWh")),
    "illuminance": ("illuminance", "lx", ()),
    "lux": ("illuminance", "lx", ()),
    "co2": ("carbon_dioxide", "ppm", ()),
    "pm25": ("pm25", "µg/m³", ()),
    "pm10": ("pm10", "µg/m³", ()),
    "rssi": ("signal_strength", "dBm", ("dB",)),
    "distance": ("distance", "m", ("mm", "cm", "km", "in", "ft")),
    "weight": ("weight", "kg", ("g", "mg", "lb", "oz")),
    "speed": ("speed", "m/s", ("km/h", "mph", "kn")),
}
MOST_ENTITIES = 64  # of one member


def slug(name: str) -> str:
    """A name as a part of a topic or an id: a-z, 0-9, - and _; two names never have the same.

    One that is in small letters, digits and hyphens stands as it is; any other gets a digest behind an underscore.
    """
    if re.fullmatch(r"[a-z0-9-]{1,32}", name):
        return name
    readable = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:24]
    return f"{readable}_{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


class Member:
    """A member as a device. entities: key -> its component in the discovery payload."""

    def __init__(self, channel: str, uid: str, prefix: str) -> None:
        """prefix: what its topics begin with, "sealcast/CHANNEL"."""
        self.uid = uid
        self.id = f"sealcast_{slug(channel)}_{slug(uid)}"
        self.base = f"{prefix}/{slug(uid)}"
        self.entities: dict[str, dict[str, Any]] = {}
        self._channel = channel
        self._gateway_status = f"{prefix}/status"

    def add(self, path: str, value: float | bool | str, unit: str | None) -> str | None:
        """See to it that a quantity of a reading has an entity. Returns its key; None when there are too many."""
        kind = "binary_sensor" if isinstance(value, bool) else "sensor"
        key = f"{slug(path)}_{kind[0]}"
        entity = self._component(kind, key, path.replace(".", " ").replace("_", " ").capitalize())
        if isinstance(value, float):
            entity |= measured(path, unit)
        elif isinstance(value, bool):
            entity |= {"payload_on": "ON", "payload_off": "OFF"}
        return self._put(key, entity)

    def add_text(self) -> str | None:
        """The entity of messages that are no readings."""
        return self._put("message", self._component("sensor", "message", "Message") | {"icon": "mdi:message-text"})

    def add_command(self, key: str, kind: str, name: str, options: dict[str, Any]) -> None:
        """A switch, number or button. options: what its kind has beside the usual."""
        entity = self._component(kind, key, name) | {"command_topic": f"{self.base}/{key}/set"} | options
        if kind == "button":
            del entity["state_topic"]
        self.entities[key] = entity  # configured by the user: no limit

    def _component(self, kind: str, key: str, name: str) -> dict[str, Any]:
        return {
            "platform": kind,
            "unique_id": f"{self.id}_{key}",
            "name": clean(name)[:64] or "?",
            "state_topic": f"{self.base}/{key}",
            "json_attributes_topic": f"{self.base}/attributes",
        }

    def _put(self, key: str, entity: dict[str, Any]) -> str | None:
        if key not in self.entities and len(self.entities) >= MOST_ENTITIES:
            return None
        self.entities[key] = entity
        return key

    def payload(self) -> dict[str, Any]:
        """The device's discovery payload."""
        return {
            "device": {
                "identifiers": [self.id],
                "name": clean(self.uid)[:64] or "?",
                "manufacturer": "Sealcast",
                "model": f"member of {clean(self._channel)[:64]}",
            },
            "origin": {"name": "sealcast", "sw_version": __version__},
            "availability": [{"topic": self._gateway_status}, {"topic": f"{self.base}/status"}],
            "availability_mode": "all",
            "qos": 1,
            "components": self.entities,
        }


def measured(path: str, unit: str | None) -> dict[str, Any]:
    """Unit, device class and state class of a number, by the last word of its name and the unit that its reading gives.

    Home Assistant refuses a unit that its device class does not have: then there is no class.
    """
    entity: dict[str, Any] = {"state_class": "measurement"}
    words = re.split(r"[^a-z0-9]+", path.lower())
    known = next((_CLASSES[word] for word in reversed(words) if word in _CLASSES), None)
    if unit is not None:
        unit = clean(unit)[:16].strip() or None
    if known is not None and unit in (None, known[1], *known[2]):
        entity |= {"device_class": known[0], "unit_of_measurement": unit or known[1]}
        if known[0] == "energy":
            entity["state_class"] = "total_increasing"
    elif unit is not None:
        entity["unit_of_measurement"] = unit
    return entity


def units(read: dict[str, Any]) -> dict[str, str]:
    """The object "units" of a reading: {"temperature": "°F"}; by paths, as the values are."""
    given = read.get("units")
    return {k: v for k, v in given.items() if isinstance(v, str)} if isinstance(given, dict) else {}

"""Judges discovery payloads by Home Assistant's own schemas; runs under a Python that has it (firmware/bootstrap).

    build/bin/homeassistant-python tests/support/ha_schema.py < payloads.json     a list of device payloads

Prints a JSON list: for each component a line "id: ok", or what the schema says. The form of a whole device is younger
than the version that runs on Python 3.11: as Home Assistant does, a device is taken apart into components, and each is
judged with what the device says for all.
"""

import importlib
import json
import sys

import voluptuous

SHARED = ("device", "origin", "availability", "availability_mode", "qos")


def judged(payload):
    lines = []
    shared = {key: payload[key] for key in SHARED}
    unknown = set(payload) - set(SHARED) - {"components"}
    for key, component in payload["components"].items():
        own = dict(component)
        platform = importlib.import_module("homeassistant.components.mqtt." + own.pop("platform"))
        try:
            if unknown:
                raise voluptuous.Invalid(f"unknown keys of the device: {unknown}")
            # DISCOVERY_SCHEMA removes what it does not know; a misspelt key is to be seen
            left = set(own) - set(platform.DISCOVERY_SCHEMA(shared | own))
            lines.append(f"{key}: ok" if not left else f"{key}: unknown {left}")
        except voluptuous.Invalid as e:
            lines.append(f"{key}: {e}")
    return lines


if __name__ == "__main__":
    print(json.dumps([judged(payload) for payload in json.load(sys.stdin)]))

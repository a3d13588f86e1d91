"""Sensors behind one interface: make(settings) -> object with `name` and `await read()` -> {quantity: value}.

A sensor that does not answer raises OSError. Drivers are imported when they are asked for: they differ by port.
"""

import os

from sealcast.errors import BadSettings
from sealcast.run.aio import sleep_ms

_DS18B20_MS = 750  # a conversion at full resolution


def make(settings):
    """settings: the "sensor" object of the completed settings. Raises
    BadSettings for a sensor this port cannot drive, or a pin that it has not.
    """
    kind = settings["kind"]
    if kind == "auto":
        kind = "internal" if _internal() else "simulated"
    try:
        if kind == "internal":
            read = _internal()
            if not read:
                raise ImportError
            return Simple("internal", "temperature", read)
        if kind == "simulated":
            return Simulated()
        return {"dht22": Dht22, "ds18b20": Ds18b20, "adc": Adc}[kind](settings["pin"])
    except ImportError:
        raise BadSettings("sensor.kind: this port has no driver for it; give auto")
    except (OSError, TypeError, ValueError):  # ports differ in how they say it
        raise BadSettings("sensor.pin: this board cannot read that sensor there; give another pin")


def _internal():
    """The chip's own thermometer: a function that returns degrees Celsius, or None."""
    try:
        import esp32

        if hasattr(esp32, "mcu_temperature"):
            return lambda: float(esp32.mcu_temperature())
        return lambda: round((esp32.raw_temperature() - 32) / 1.8, 1)
    except ImportError:
        pass
    try:
        import rp2  # noqa: F401  (only to tell the chip)
        from machine import ADC

        adc = ADC(4)
        return lambda: round(27 - (adc.read_u16() * 3.3 / 65535 - 0.706) / 0.001721, 1)  # RP2040 datasheet, 4.9.5
    except ImportError:
        return None


class Simple:
    """One quantity from one function."""

    def __init__(self, name, quantity, function):
        self.name = name
        self._quantity = quantity
        self._function = function

    async def read(self):
        return {self._quantity: self._function()}


class Simulated:
    """A temperature that wanders around 21 degrees, for machines without sensors; it says that it is none."""

    name = "simulated"

    def __init__(self):
        self._tenths = 210

    async def read(self):
        self._tenths = max(150, min(270, self._tenths + os.urandom(1)[0] % 5 - 2))
        return {"temperature": self._tenths / 10, "simulated": True}


class Dht22:
    name = "dht22"

    def __init__(self, pin):
        import dht
        from machine import Pin

        self._sensor = dht.DHT22(Pin(pin))

    async def read(self):
        try:
            self._sensor.measure()  # a few milliseconds
        except Exception:  # also how its driver says "checksum error"
            raise OSError("no reading of the DHT22: check the wiring and sensor.pin")
        return {"temperature": self._sensor.temperature(), "humidity": self._sensor.humidity()}


class Ds18b20:
    name = "ds18b20"

    def __init__(self, pin):
        import ds18x20
        import onewire
        from machine import Pin

        self._bus = ds18x20.DS18X20(onewire.OneWire(Pin(pin)))

    async def read(self):
        try:
            roms = self._bus.scan()
            self._bus.convert_temp()
            await sleep_ms(_DS18B20_MS)
            return {"temperature": round(self._bus.read_temp(roms[0]), 2)}
        except Exception:  # its drivers raise that itself, AssertionError, ValueError and a class of their own
            raise OSError("no reading of the DS18B20: check the wiring and sensor.pin")


class Adc:
    name = "adc"

    def __init__(self, pin):
        from machine import ADC, Pin

        # An ESP32's range is 0.95 V in some releases and 2.45 V in later ones: one for all
        self._adc = ADC(Pin(pin), atten=ADC.ATTN_11DB) if hasattr(ADC, "ATTN_11DB") else ADC(Pin(pin))

    async def read(self):
        return {"level": round(self._adc.read_u16() / 65535, 4)}

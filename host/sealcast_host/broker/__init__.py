"""The embedded MQTT broker, and a look at any broker."""

"""The host side of Sealcast: the command line, an embedded broker, and the members' API over aiomqtt."""

__version__ = "0.1.0"

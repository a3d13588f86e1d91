"""Boards on serial ports reach the broker through this computer."""

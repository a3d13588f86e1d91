"""Certificates that sign themselves, and a mosquitto that speaks TLS alone with one of them."""

import subprocess

from host_support import free_port, start_mosquitto


def certificate(folder, name, subject="localhost"):
    """A certificate signed by itself, name.pem, and its key."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "30", "-subj", f"/CN={subject}", "-addext", f"subjectAltName=DNS:{subject}",
         "-keyout", f"{name}.key", "-out", f"{name}.pem"],
        check=True, cwd=folder, capture_output=True,
    )  # fmt: skip
    return folder / f"{name}.pem"


def expired_certificate(folder, name):
    """The same, for a time that is over."""
    made = certificate(folder, name)
    again = ["openssl", "x509", "-in", made, "-signkey", f"{name}.key", "-days", "-1", "-out", made]
    subprocess.run(again, check=True, cwd=folder, capture_output=True)
    return made


def tls_broker(folder, name, address="localhost", *more):
    """(mosquitto with that certificate, its port). more: lines of mosquitto.conf"""
    port = free_port()
    files = (f"certfile {folder}/{name}.pem", f"keyfile {folder}/{name}.key")
    return start_mosquitto(port, folder, *files, *more, address=address), port

"""Firefox by its own Marionette protocol, for tests of pages in a second browser."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox") or ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Firefox:
    """A headless Firefox on this machine; messages are ``length:json``, as Marionette has them."""

    def __init__(self) -> None:
        self.port = free_port()
        self.profile = tempfile.TemporaryDirectory()
        settings = f'user_pref("marionette.port", {self.port});\n'
        (Path(self.profile.name) / "user.js").write_text(settings)
        arguments = ["--headless", "--marionette", "--no-remote", "--profile", self.profile.name]
        self.process = subprocess.Popen(
            [FIREFOX, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.buffer, self.number = b"", 0
        self.socket = self._connected()
        self._read()
        self.call("WebDriver:NewSession")

    def _connected(self) -> socket.socket:
        while True:
            if self.process.poll() is not None:
                raise RuntimeError("Firefox ended before it could be reached")
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=60)
            except ConnectionRefusedError:
                self.process.poll()

    def _read(self) -> Any:
        while b":" not in self.buffer:
            self.buffer += self.socket.recv(65536)
        length, self.buffer = self.buffer.split(b":", 1)
        while len(self.buffer) < int(length):
            self.buffer += self.socket.recv(65536)
        message, self.buffer = self.buffer[: int(length)], self.buffer[int(length) :]
        return json.loads(message)

    def call(self, command: str, **parameters: Any) -> Any:
        """Send a command and return its value; raises RuntimeError for what Firefox refuses."""
        self.number += 1
        message = json.dumps([0, self.number, command, parameters]).encode()
        self.socket.sendall(f"{len(message)}:".encode() + message)
        _, _, error, value = self._read()
        if error:
            raise RuntimeError(f"{command}: {error['message']}")
        return value

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page and return what it returns."""
        return self.call("WebDriver:ExecuteScript", script=script, args=list(arguments))["value"]

    def close(self) -> None:
        """End this Firefox and remove its profile."""
        self.socket.close()
        self.process.terminate()
        self.process.wait(30)
        self.profile.cleanup()

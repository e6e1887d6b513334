# SPDX-License-Identifier: GPL-3.0-or-later
"""
A client of the sockets "monitor" and "control" that says exactly what it is told: for what `ftpalg status` and its like
would never say.
"""

import json
import os
import pwd
import socket

from process import SLOWNESS, wait_until

TIMEOUT = 20 * SLOWNESS


class Asking:
    """One connection."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(TIMEOUT)
        # Python's sockets with a timeout don't wait for a place in the queue.
        wait_until(lambda: self._connects(path), f"a place at {path}", TIMEOUT)
        self._rest = b""

    def _connects(self, path):
        try:
            self.socket.connect(path)
        except BlockingIOError:
            return False
        return True

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        """The next line; None: the connection has ended."""
        while b"\n" not in self._rest:
            data = self.socket.recv(65536)
            if not data:
                return None
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        return line

    def object(self):
        """The next line, which is an object."""
        return json.loads(self.line())

    def answer(self):
        """All objects up to the empty line, or to the connection's end."""
        objects = []
        while line := self.line():
            objects.append(json.loads(line))
        return objects


def ask(path, request):
    """The objects of one answer."""
    with Asking(path) as asking:
        asking.send(request.encode() + b"\n")
        return asking.answer()


def ask_as(user, path, request):
    """The same by another user, in a process of its own; None: it may not."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setgroups([])
        os.setgid(pwd.getpwnam(user).pw_gid)
        os.setuid(pwd.getpwnam(user).pw_uid)
        try:
            text = json.dumps(ask(path, request))
        except OSError:
            text = "null"
        os.write(writer, text.encode())
        os._exit(0)  # pylint: disable=protected-access
    os.close(writer)
    with open(reader, encoding="utf-8") as pipe:
        answer = pipe.read()
    os.wait()
    return json.loads(answer)

# SPDX-License-Identifier: GPL-3.0-or-later
"""A name server for a lab's host, and the files by which the C library comes to it: those of one program, and of no
other."""

import contextlib
import ipaddress
import os
import shlex
import socket
import struct
import threading

QUERY_A, QUERY_AAAA = 1, 28
NAME_ERROR = 3


class NameServer:
    """Answers on 127.0.0.1 of namespace. records: {name: [addresses]}, which may change; it has heard of no other names."""

    def __init__(self, namespace, records):
        self.records = records
        with namespace.entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *exception):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                question, peer = self._socket.recvfrom(512)
                if len(question) > 12:
                    self._socket.sendto(self._answer(question), peer)

    def _answer(self, question):
        labels, position = [], 12
        while question[position]:
            end = position + 1 + question[position]
            labels.append(question[position + 1:end].decode("ascii"))
            position = end
        kind, = struct.unpack_from("!H", question, position + 1)
        known = self.records.get(".".join(labels).lower())
        answers = [ipaddress.ip_address(address).packed for address in known or ()
                   if (":" in address) == (kind == QUERY_AAAA) and kind in (QUERY_A, QUERY_AAAA)]
        head = question[:2] + struct.pack("!HHHHH", 0x8180 | (0 if known is not None else NAME_ERROR), 1, len(answers), 0, 0)
        return head + question[12:position + 5] + b"".join(
            struct.pack("!HHHIH", 0xc00c, kind, 1, 1, len(answer)) + answer for answer in answers)


class Resolving:
    """A program whose /etc/hosts, resolv.conf and nsswitch.conf are in directory: command is how it is started."""

    def __init__(self, directory, program):
        self.hosts = os.path.join(directory, "hosts")
        files = {"hosts": "127.0.0.1 localhost\n", "resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
                 "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n"}
        mounts = []
        for name, text in files.items():
            with open(os.path.join(directory, name), "w", encoding="ascii") as file:
                file.write(text)
            mounts.append(f"mount --bind {os.path.join(directory, name)} /etc/{name}")
        self.command = os.path.join(directory, "resolving")
        with open(self.command, "w", encoding="ascii") as file:
            inner = " && ".join([*mounts, f'exec {program} "$@"'])
            file.write(f'#!/bin/sh\nexec unshare --mount --propagation private sh -c {shlex.quote(inner)} sh "$@"\n')
        os.chmod(self.command, 0o755)

    def write_hosts(self, lines):
        """In place: the mount is of this very file."""
        with open(self.hosts, "w", encoding="ascii") as file:
            file.write("".join(f"{line}\n" for line in ["127.0.0.1 localhost", *lines]))

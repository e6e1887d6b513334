# SPDX-License-Identifier: GPL-3.0-or-later
"""
Many transfers of small files with one hash each: how much of that a run does, the files, and clients that differ from
ftplib's only in how they write their commands.
"""

import ftplib
import hashlib
import itertools
import os
import random

from process import SLOWNESS
from servers import Vsftpd
from tap import check_equal

# `make check` shows that it works; LAB_FULL=1 does what the figures in the statements promise.
FULL = os.environ.get("LAB_FULL", "") not in ("", "0")
SECONDS = 60 * SLOWNESS
# Nothing, a byte, less than a segment, and several segments.
SIZES = (0, 1, 700, 5000, 40000)


def amount(in_check, in_full):
    return in_full if FULL else in_check


class SmallServer(Vsftpd):
    """
    vsftpd left alone takes any port from 1024 up for passive data connections, so that in hundreds of transfers it
    comes upon one that the gateway's deny-ports names. This one takes the ports that the kernel itself would, and any
    number of connections from one address (without this, 50).
    """

    def _configuration(self, installed):
        return super()._configuration(installed) + "pasv_min_port=32768\npasv_max_port=60999\nmax_per_ip=0\n"


class Files:
    """One small file of each size in a server's public directory, and their digests."""

    def __init__(self, server, seed=1):
        self.server = server
        self.contents = {}
        source = random.Random(seed)
        for size in SIZES:
            name = f"small-{size}"
            self.contents[name] = source.randbytes(size)
            with open(server.path(name), "wb") as file:
                file.write(self.contents[name])

    def check_received(self, name, content):
        check_equal(hashlib.sha256(content).hexdigest(), hashlib.sha256(self.contents[name]).hexdigest(),
                    f"SHA-256 of {name} ({len(content)} bytes arrived)")

    def check_stored(self, name, stored):
        """What the client knows as pub/STORED must be the file called name; removes it."""
        with open(self.server.path(stored), "rb") as file:
            self.check_received(name, file.read())
        os.remove(self.server.path(stored))

    def endless(self):
        """(number, name of a file, upload, passive), all combinations in turn."""
        kinds = itertools.cycle(itertools.product((False, True), (False, True), self.contents))
        return ((number, name, upload, passive) for number, (upload, passive, name) in enumerate(kinds))


class Client(ftplib.FTP):
    """Believes the address in a 227, so that a wrong one shows. pieces(line): what is written at once, in order."""

    trust_server_pasv_ipv4_address = True

    def __init__(self, pieces=None, timeout=SECONDS):
        super().__init__(timeout=timeout)
        self._pieces = pieces

    def putline(self, line):
        if not self._pieces:
            super().putline(line)
            return
        for piece in self._pieces(line.encode(self.encoding) + ftplib.CRLF.encode()):
            self.sock.sendall(piece)

    def transfer(self, files, number, name, upload, passive):
        """One transfer, its content compared. number makes the uploaded file's name its own."""
        self.set_pasv(passive)
        if upload:
            with open(files.server.path(name), "rb") as file:
                self.storbinary(f"STOR pub/up-{number}", file)
            files.check_stored(name, f"up-{number}")
        else:
            content = bytearray()
            self.retrbinary(f"RETR pub/{name}", content.extend)
            files.check_received(name, content)

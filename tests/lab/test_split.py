#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Lines that do not come as lines: cut into segments at every place, several in one segment, written byte by byte with and
without Nagle's algorithm. What the server reads is the same.
"""

import fcntl
import functools
import socket
import sys
import termios

from lab import Lab
from process import SLOWNESS, Stopwatch, wait_until
from scripted import LISTING, ScriptedClient, ScriptedServer, naive_endpoint, offer_line
from tap import Plan, check_equal, check_in_time


class Dialogue:
    """A server and a client that has logged in; listings by offers that are sent in pieces."""

    def __init__(self, lab, family):
        self.lab, self.family = lab, family
        self.server = ScriptedServer(lab.server, lab.addresses[family].server)

    def __enter__(self):
        self.server.__enter__()
        self.client = ScriptedClient(self.lab.client, self.lab.server_seen(self.family))
        self.client.login()
        return self

    def __exit__(self, *exception):
        self.client.__exit__()
        self.server.__exit__()

    def list_in_pieces(self, cut, behind=b""):
        """cut: from a line with its end to pieces. behind: bytes that follow the line in its last segment."""
        with self.client.listen() as listener:
            line = offer_line(self.client.address, listener.getsockname()[1]) + b"\r\n"
            pieces = cut(line)
            check_equal(b"".join(pieces), line, "the pieces of the line")
            self.client.send(*pieces[:-1], pieces[-1] + behind)
            self.client.expect("200")
            if not behind:
                self.client.send(b"LIST\r\n")
            with listener.accept()[0] as data:
                data.settimeout(10 * SLOWNESS)
                check_equal(data.recv(4096), LISTING, "the listing")
            self.client.expect("150")
            self.client.expect("226")
        self.check_offers()

    def check_offers(self):
        for line in self.server.session().lines:
            verb, _, argument = line.decode().strip().partition(" ")
            if verb.upper() in ("PORT", "EPRT"):
                check_equal(naive_endpoint(verb.upper(), argument)[0], self.lab.client_seen(self.family),
                            f"the address in {line!r}")


def cut_at(position):
    return lambda line: [line[:position], line[position:]]


def bytewise(line):
    return [line[position:position + 1] for position in range(len(line))]


def every_place(lab, family):
    with Dialogue(lab, family) as dialogue:
        for position in range(1, len(offer_line(dialogue.client.address, 10000)) + 2):
            dialogue.list_in_pieces(cut_at(position))
    check_equal(lab.invalid_packets(family), 0, "packets that conntrack called INVALID")


def byte_by_byte(lab, family, nagle):
    with Dialogue(lab, family) as dialogue:
        dialogue.client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0 if nagle else 1)
        for _ in range(3):
            dialogue.list_in_pieces(bytewise)
    check_equal(lab.invalid_packets(family), 0, "packets that conntrack called INVALID")


def paused(lab, family):
    """
    The rest of the line comes late. The gateway acknowledges the first part in the server's name, soon enough that the
    client does not send it again (RFC 6298: Linux does so after 200 ms at the earliest).
    """
    def acknowledged():
        unsent = fcntl.ioctl(dialogue.client.socket, termios.TIOCOUTQ, b"\0" * 4)
        return int.from_bytes(unsent, sys.byteorder) == 0

    with Dialogue(lab, family) as dialogue, dialogue.client.listen() as listener:
        line = offer_line(dialogue.client.address, listener.getsockname()[1]) + b"\r\n"
        half = len(line) // 2
        with Stopwatch() as watch:
            dialogue.client.send(line[:half])
            wait_until(acknowledged, "an acknowledgement of the first part of the line", timeout=5, interval=0.002)
        check_equal(dialogue.server.session().lines[-1], b"PASS lab@\r\n", "the last command at the server")
        dialogue.client.send(line[half:])
        dialogue.client.expect("200")
        dialogue.check_offers()
        dialogue.client.command(b"NOOP", "200")
    check_in_time(watch.seconds(), 0.15 * SLOWNESS, "the acknowledgement")


def together(lab, family):
    """An offer and the command that uses it in one segment, and behind another command."""
    with Dialogue(lab, family) as dialogue:
        dialogue.list_in_pieces(lambda line: [line], behind=b"LIST\r\n")
        dialogue.client.send(b"NOOP\r\n" + offer_line(dialogue.client.address, 41001) + b"\r\nNOOP\r\n")
        for _ in range(3):
            dialogue.client.expect("200")
        dialogue.check_offers()
        check_equal(dialogue.client.list_active(), LISTING, "the next listing")
    check_equal(lab.invalid_packets(family), 0, "packets that conntrack called INVALID")


def reply_in_pieces(lab, family):
    """The server's own answer to PASV or EPSV, one byte a segment, through DNAT."""
    with Dialogue(lab, family) as dialogue:
        def dribble(_argument):
            def run(session):
                port = session.listen()
                own = lab.addresses[family].server.replace(".", ",")
                text = f"229 ok (|||{port}|)\r\n" if family == 6 else f"227 ok ({own},{port >> 8},{port & 255})\r\n"
                for byte in text.encode():
                    session.send(bytes([byte]))
            return run
        dialogue.server.handlers.update({"PASV": dribble, "EPSV": dribble})
        for _ in range(3):
            check_equal(dialogue.client.list_passive(), LISTING, "the listing")
    check_equal(lab.invalid_packets(family), 0, "packets that conntrack called INVALID")


def main():
    plan = Plan(__doc__)
    for lengths, direction in (("grow", "longer"), ("shrink", "shorter")):
        lab = functools.partial(Lab, mode="both", lengths=lengths)
        for family in (4, 6):
            where = f"(IPv{family}, {direction} public address)"
            for statement, function, *arguments in (
                    ("an offer cut in two at any place is translated", every_place),
                    ("an offer that is sent byte by byte is translated", byte_by_byte, False),
                    ("an offer that is written byte by byte under Nagle is translated", byte_by_byte, True),
                    ("an offer whose rest comes late is acknowledged in time, and translated", paused),
                    ("an offer among other commands in one segment is translated", together),
                    ("a reply that is sent byte by byte is translated", reply_in_pieces)):
                plan.add(f"{statement} {where}", function, family, *arguments, fixture=lab)
    plan.run()


if __name__ == "__main__":
    main()

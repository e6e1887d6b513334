#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Lines within lines, A143 and A145 of the catalogue, with a server that nobody here wrote: inetutils-ftpd reads a long line in
pieces of 511 bytes, takes Telnet codes out wherever they stand, and lists what it is asked for at the start of the lines of
a reply.

Each line is said twice: on the server's own host, where it has its effect, and through the gateway, where it has none.
"""

import contextlib
import os
import shutil

from lab import Lab
from peer_servers import USER, USER_ID, InetutilsFtpd
from scripted import ScriptedClient
from tap import Plan, check, check_equal

END, ANSWER = "211 a", "227 x (10,9,1,2,12,234)"
PIECE = b"NOOP ".ljust(511, b"a")
NOP, WILL = b"\xff\xf1", b"\xff\xfb"
SECRET = b"secret"

# What stands in the line, what it is in the event's words, and what the server says where it obeys.
LISTING = (
    ("names at the start of lines", b"STAT -C1 .", "raw-names"),
    ("an option after a Telnet code", b"STAT " + NOP + b"-C1 .", "raw-names"),
    ("a pattern that stands for directories", b"STAT 2*", "raw-names"),
    ("names, asked for in a long line", PIECE + b"STAT -C1 .", "hidden-line"),
)
DENIED = (
    ("a denied command in a long line", PIECE + b"DELE victim", "hidden-line"),
    ("in capitals or not", PIECE + b"dele victim", "hidden-line"),
    ("with a Telnet code in it", PIECE + b"D" + NOP + b"ELE victim", "hidden-line"),
    ("with an option in it", PIECE + b"D" + WILL + b"XELE victim", "hidden-line"),
)


@contextlib.contextmanager
def server(lab, family):
    work = lab.path(f"server-{family}")
    os.makedirs(work)
    try:
        with InetutilsFtpd(lab.server, lab.addresses[family].server, work) as peer:
            for name in (END, ANSWER):
                os.makedirs(os.path.join(peer.root, name))
            with open(os.path.join(peer.root, "victim"), "wb") as file:
                file.write(b"alive")
            if os.getuid() == 0:
                for path in (peer.root, os.path.join(peer.root, "victim")):
                    os.chown(path, USER_ID, USER_ID)
            yield peer
    finally:
        shutil.rmtree(work)


@contextlib.contextmanager
def logged_in(namespace, address):
    with ScriptedClient(namespace, address) as client:
        client.expect("220")
        client.command(b"USER " + USER.encode(), "331")
        client.command(b"PASS " + SECRET, "230")
        yield client


def everything_said(client, line):
    """All lines that the server says to it, and to what ends the session."""
    return client.until_quit(line + b"\r\n").split("\r\n")


def lists_nothing(lab, family, line, reason):
    with server(lab, family):
        with logged_in(lab.server, lab.addresses[family].server) as client:
            said = everything_said(client, line)
            check(any(text.startswith(ANSWER) for text in said), f"the server itself says {said!r}")
        since = lab.gateway.position()
        with logged_in(lab.client, lab.server_seen(family)) as client:
            said = everything_said(client, line)
        check(not any(text.startswith((ANSWER, END)) for text in said), f"through the gateway it says {said!r}")
        check_equal(lab.gateway.wait_event("refuse", since)["reason"], reason, "the reason")


def deletes_nothing(lab, family, line, reason):
    with server(lab, family) as peer:
        victim = os.path.join(peer.root, "victim")
        since = lab.gateway.position()
        with logged_in(lab.client, lab.server_seen(family)) as client:
            everything_said(client, line)
        check(os.path.exists(victim), "the file is gone")
        check_equal(lab.gateway.wait_event("refuse", since)["reason"], reason, "the reason")
        with logged_in(lab.server, lab.addresses[family].server) as client:
            everything_said(client, line)
        check(not os.path.exists(victim), "the server itself did not obey")


def main():
    plan = Plan(__doc__)

    @contextlib.contextmanager
    def lab():
        with Lab(mode="snat", settings={"policy": {"deny-verbs": "DELE"}}) as made:
            yield made

    for family in (4, 6):
        for name, line, reason in LISTING:
            plan.add(f"A145 {name}: nothing is listed (IPv{family})", lists_nothing, family, line, reason, fixture=lab)
        for name, line, reason in DENIED:
            plan.add(f"A143 {name}: nothing is deleted (IPv{family})", deletes_nothing, family, line, reason, fixture=lab)
    plan.run()


if __name__ == "__main__":
    main()

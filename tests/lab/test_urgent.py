#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Urgent data through the gateway, with real TCP stacks. Telnet's Synch around ABOR wakes a server as it does directly,
however its client cut it; and nobody has a server read a command without one of its bytes.
"""

import contextlib
import functools
import select
import socket

import rawtcp
from lab import Lab
from process import SLOWNESS, wait_until
from scripted import ScriptedClient, ScriptedServer
from tap import Plan, check, check_equal

LINE = b"\xff\xf4\xff\xf2ABOR\r\n"
# What is sent as urgent, of which TCP makes its last byte, and what follows in a segment of its own.
CLIENTS = {"Net::FTP and BSD's ftp": (LINE[:3], LINE[3:]), "lftp": (LINE[:1], LINE[1:]),
           "a data mark that is urgent": (LINE[:4], LINE[4:])}


class WakingServer(ScriptedServer):
    """
    Keeps urgent bytes in line, as those servers do that act on them. marks: for each time that it was woken, the bytes
    of the line before the urgent one and from it on; a read ends before such a byte.
    """

    def __init__(self, *words):
        super().__init__(*words, handlers={"WAIT": self._wait})
        self.marks = []

    def _wait(self, _argument):
        return self._watch

    def _watch(self, session):
        connection = session.connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        connection.sendall(b"150 transferring\r\n")
        poll = select.poll()
        poll.register(connection, select.POLLPRI | select.POLLIN)
        pieces, woken = [], False
        while not b"".join(pieces).endswith(b"\n"):
            woken |= any(events & select.POLLPRI for _, events in poll.poll(5000 * SLOWNESS))
            piece = connection.recv(4096)
            if not piece:
                break
            pieces.append(piece)
        self.marks.append((woken, pieces))
        return b"226 aborted\r\n"


def abort(client, server, urgent, rest):
    client.command(b"WAIT", "150")
    client.socket.send(urgent, socket.MSG_OOB)
    client.send(rest)
    client.expect("226")
    return server.marks[-1]


def wakes_as_directly(lab, family, urgent, rest):
    address = lab.addresses[family].server
    with WakingServer(lab.server, address) as server:
        with ScriptedClient(lab.server, address) as client:
            client.login()
            directly = abort(client, server, urgent, rest)
        check(directly[0], "directly the server is not woken either")
        with ScriptedClient(lab.client, lab.server_seen(family)) as client:
            client.login()
            for _ in range(3):
                # The offer grows or shrinks, so the server's numbers are others.
                client.list_active()
                woken, pieces = abort(client, server, urgent, rest)
                check(woken, "the server was not woken")
                check_equal(b"".join(pieces), LINE, "the line at the server")
                check_equal(len(pieces[0]) if len(pieces) > 1 else 0, len(urgent) - 1, "bytes before the urgent one")


@contextlib.contextmanager
def logged_in(lab, family):
    with ScriptedServer(lab.server, lab.addresses[family].server) as server, \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        yield server, client


def point_ahead(lab, client, pointer):
    """A packet without payload whose pointer leads to a byte that the client says later."""
    destination = client.socket.getpeername()[0]
    seq, ack = rawtcp.numbers(client.socket)
    rawtcp.send(lab.client, destination, rawtcp.packet((client.address, client.local_port), (destination, 21),
                                                       rawtcp.ACK | rawtcp.URG, seq, ack, urgent=pointer))


def read_whole(lab, family, older):
    """To a server that takes urgent bytes out of line, "NXOOP" with an urgent X would be NOOP."""
    with logged_in(lab, family) as (server, client):
        if older:
            client.list_active()
            lab.gateway.kill()
            lab.gateway.start()
        with rawtcp.Listener(lab.server, family) as arrived:
            point_ahead(lab, client, 2)
            wait_until(lambda: any(not payload for *_, payload in arrived.segments(21)), "the packet at the server")
        client.send(b"NXOOP\r\n")
        client.expect("500")
        check_equal(server.session().lines[-1], b"NXOOP\r\n", "what the server read")


def main():
    plan = Plan(__doc__)
    for mode in ("snat", "both"):
        lab = functools.partial(Lab, mode=mode)
        for family in (4, 6):
            for words, (urgent, rest) in CLIENTS.items():
                plan.add(f"A123 ABOR as sent by {words} wakes the server (IPv{family}, {mode})", wakes_as_directly, family,
                         urgent, rest, fixture=lab)
            for words, older in (("a session", False), ("a session that is older than the gateway", True)):
                plan.add(f"A124 no pointer of {words} leads to a byte that is yet to come (IPv{family}, {mode})", read_whole,
                         family, older, fixture=lab)
    plan.run()


if __name__ == "__main__":
    main()

#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Data connections that are cut (A92), at every phase, by either peer and by the network, with TLS and without, up and down, in
both modes. The server is the worst there is: it calls every transfer complete. Of a transfer of which the receiver lacks a
byte, the client never reads 226 while its own end of the data connection looks whole, but where the receiver has been shown
a FIN without close_notify, which a careful one does not take for an end; of a whole one it never reads anything else.

A receiver that goes away by itself when its host has acknowledged all is not cut; whether it has read that, a server says in
its reply, and a client knows. The library's ends: "clean" is close_notify, in clear FIN; "bare" is FIN without close_notify; "broken" is everything else.
"""

import contextlib
import itertools
import re
import socket
import ssl
import struct
import threading
import time

from process import SLOWNESS
from tap import Plan, check, check_equal
from test_relay import content
from test_tls import ScriptedCell, Talk, client_context
from transfers import amount

SECONDS = 20 * SLOWNESS
# More than the buffers of four kernels' sockets hold before they grow.
SIZE = 6_000_000
PHASES = {"before TLS": None, "at the first byte": 0, "at one byte": 1, "in the middle": SIZE // 2,
          "at the last byte": SIZE - 1}


def reset(connection):
    """Takes the descriptor away from TLS, which says nothing then, and closes it with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.socket(fileno=connection.detach()).close()


def leave(connection):
    """FIN, and no close_notify; what still comes is answered with a reset."""
    socket.socket(fileno=connection.detach()).close()


def half_close(connection):
    """FIN and no close_notify, and the socket stays open for a while."""
    raw = socket.socket(fileno=connection.detach())
    raw.shutdown(socket.SHUT_WR)
    threading.Timer(0.5, raw.close).start()


def finish(connection):
    with contextlib.suppress(OSError):
        if isinstance(connection, ssl.SSLSocket):
            connection = connection.unwrap()
        else:
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
    connection.close()


CUTS = {"a reset": reset, "FIN": leave, "FIN and a socket that stays": half_close}


def read(connection, limit=None):
    """What arrives, up to limit bytes, and which end it had; None at the limit."""
    received = bytearray()
    try:
        while limit is None or len(received) < limit:
            block = connection.recv(65536 if limit is None else min(65536, limit - len(received)))
            if not block:
                return bytes(received), "clean"
            received += block
    except OSError as error:
        # Python has SSLEOFError for a reset, too.
        bare = getattr(error, "reason", None) == "UNEXPECTED_EOF_WHILE_READING"
        return bytes(received), "bare" if bare else "broken"
    return bytes(received), None


class Peer:
    """One end of a data connection. at: after how many bytes it acts; None: before TLS begins; act None: never."""

    def __init__(self, sends, at=None, act=None):
        self.sends, self.at, self.act = sends, at, act
        self.received, self.end = b"", None

    def run(self, connection, secure):
        connection.settimeout(SECONDS)
        if not self.sends:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        try:
            if self.act and self.at is None:
                self.act(connection)
                return
            # A socket that has been reset by now would be wrapped without a handshake, and read as if it were in clear.
            connection.getpeername()
            connection = secure(connection)
            self._send(connection) if self.sends else self._receive(connection)
        except OSError:
            self.end = self.end or "broken"

    def _send(self, connection):
        connection.sendall(content(SIZE)[:self.at])
        if self.act:
            self.act(connection)
        else:
            finish(connection)
            self.end = "sent"

    def _receive(self, connection):
        self.received, self.end = read(connection, self.at)
        if self.act:
            self.act(connection)
        else:
            finish(connection)


class Dialogue:
    """A login through the proxy to a server that says 226 whatever happens."""

    def __init__(self, cell, private):
        self.cell, self.private = cell, private
        self.server_peer = None
        self.over = threading.Event()
        self.server = cell.tls_server()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*cell.certificate)
        self.client_context = client_context(cell)
        # By default, Python takes a bare end for a clean one.
        for context in (self.context, self.client_context):
            context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        for verb in ("RETR", "STOR"):
            self.server.handlers[verb] = lambda _argument: self._transfer

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.stack.enter_context(self.server)
        self.talk = self.stack.enter_context(Talk(self.cell))
        self.talk.socket.settimeout(SECONDS)
        self.talk.secure(self.client_context)
        for command in ("USER a", "PASS b", "PBSZ 0", f"PROT {'P' if self.private else 'C'}"):
            check(self.talk.command(command)[:1] in "23", f"{command} was refused")
        return self

    def __exit__(self, *exception):
        self.stack.close()

    def _transfer(self, session):
        session.send(b"150 go on\r\n")
        with contextlib.suppress(OSError):
            self.server_peer.run(session.data_connection(), self._secure_server)
        self.over.set()
        return b"226 all is well\r\n"

    def _secure_server(self, connection):
        if not self.private:
            return connection
        return self.context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False)

    def _secure_client(self, connection):
        if not self.private:
            return connection
        return self.talk.socket.context.wrap_socket(connection, session=self.talk.socket.session,
                                                    suppress_ragged_eofs=False)

    def connect(self, command, listener):
        """The data connection of a command, in clear yet; its preliminary reply has been read."""
        if listener:
            check(self.talk.command(self.talk.port(listener)).startswith("200"), "PORT was refused")
            self.talk.send(command)
            connection = listener.accept()[0]
        else:
            port = int(re.search(r"\|\|\|(\d+)\|", self.talk.command("EPSV"))[1])
            with self.cell.lab.client.entered():
                connection = socket.create_connection((self.cell.lab.addresses[4].server, port), SECONDS)
            self.talk.send(command)
        check_equal(self.talk.reply()[:3], "150", "the preliminary reply")
        return connection

    def transfer(self, client, server, listener=None):
        """Returns the code of the final reply, once both ends are through."""
        self.over.clear()
        self.server_peer = server
        connection = self.connect(b"STOR x\r\n" if client.sends else b"RETR x\r\n", listener)
        client.run(connection, self._secure_client)
        reply = self.talk.reply()
        check(self.over.wait(SECONDS), "the server's end stands still")
        return reply[:3]


def judge(what, upload, client, server, code):
    """The receiver lacks nothing, or somebody has been told."""
    receiver = server if upload else client
    whole = receiver.received == content(SIZE)
    if whole and not client.act and not server.act:
        check_equal(code, "226", f"the reply to a whole transfer, {what}")
        check_equal(receiver.end, "clean", f"the end of a whole transfer, {what}")
    elif not whole:
        told = code[:1] in "45" or (not receiver.act and receiver.end == "bare") or (
            not upload and not client.act and client.end == "broken")
        check(told, f"{what}: {len(receiver.received)} of {SIZE} bytes arrived, the client read {code}, end {client.end}")
        check(receiver.act or receiver.end != "clean", f"{what}: the receiver saw a clean end")


def cut_at_every_phase(cell, upload, private, active, times):
    with Dialogue(cell, private) as dialogue, contextlib.ExitStack() as stack:
        listener = stack.enter_context(dialogue.talk.listen()) if active else None
        for _ in range(times):
            for (phase, at), (name, act), by_client in itertools.product(PHASES.items(), CUTS.items(), (True, False)):
                sends = upload == by_client
                # In clear, FIN is the end of a file; and a receiver's host has more than the receiver.
                if (sends and not private and act is not reset) or (not sends and at == SIZE - 1):
                    continue
                client = Peer(upload, at if by_client else None, act if by_client else None)
                server = Peer(not upload, None if by_client else at, None if by_client else act)
                code = dialogue.transfer(client, server, listener)
                judge(f"{name} by the {'client' if by_client else 'server'} {phase}", upload, client, server, code)
            client, server = Peer(upload), Peer(not upload)
            judge("nobody cuts", upload, client, server, dialogue.transfer(client, server, listener))


def writes_and_reads_nothing(cell, size, times):
    """
    A client that sends its file and close_notify and closes, as many do, with whatever the proxy has sent to it unread:
    were that a ticket, the client's kernel would reset the connection and forget what it has yet to send.
    """
    with Dialogue(cell, True) as dialogue:
        for _ in range(times):
            server = Peer(False)
            dialogue.over.clear()
            dialogue.server_peer = server
            connection = dialogue.connect(b"STOR x\r\n", None)
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            library = dialogue.talk.socket.context.wrap_bio(incoming, outgoing, session=dialogue.talk.socket.session)
            while True:
                try:
                    library.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    connection.sendall(outgoing.read())
                    incoming.write(connection.recv(65536))
            time.sleep(0.01)
            library.write(content(SIZE)[:size])
            with contextlib.suppress(ssl.SSLWantReadError):
                library.unwrap()
            connection.sendall(outgoing.read())
            connection.close()
            check_equal(dialogue.talk.reply()[:3], "226", "the reply")
            check(dialogue.over.wait(SECONDS), "the server's end stands still")
            check_equal((len(server.received), server.end), (size, "clean"), "what the server received, and the end")


def tickets_are_replaced(cell):
    """A client that uses a ticket only once finds a new one on its control connection, before the reply."""
    with Dialogue(cell, True) as dialogue:
        sessions = []
        for _ in range(4):
            sessions.append(dialogue.talk.socket.session.id)
            client, server = Peer(True), Peer(False)
            check_equal(dialogue.transfer(client, server), "226", "the reply")
        check_equal(len(set(sessions)), 4, "different tickets on the control connection")


def network_goes_away(cell, upload, side):
    """Neither FIN nor reset: the packets of the data connection are dropped in the middle."""
    router = cell.lab.router
    router.run(["sysctl", "-qw", "net.ipv4.tcp_retries2=3"])
    address = cell.lab.addresses[4].client if side == "client" else cell.lab.addresses[4].server
    drops = [["iptables", action, chain, "-p", "tcp", flag, address, "-m", "multiport", "!", "--ports",
              "21,2100",
              "-j", "DROP"] for chain, flag in (("INPUT", "-s"), ("OUTPUT", "-d")) for action in ("-I", "-D")]

    def vanish(connection):
        for drop in drops[::2]:
            router.run(drop)
        with contextlib.suppress(OSError):
            while connection.recv(65536):
                pass
    with Dialogue(cell, True) as dialogue:
        dialogue.talk.socket.settimeout(3 * SECONDS)
        by_client = side == "client"
        client = Peer(upload, SIZE // 2 if by_client else None, vanish if by_client else None)
        server = Peer(not upload, None if by_client else SIZE // 2, None if by_client else vanish)
        try:
            code = dialogue.transfer(client, server)
        finally:
            for drop in drops[1::2]:
                router.run(drop)
        judge(f"the network to the {side}", upload, client, server, code)


def main():
    plan = Plan(__doc__)
    cell = ScriptedCell({})
    times = amount(1, 10)
    for upload, private, active in itertools.product((True, False), (True, False), (False, True)):
        plan.add(f"a92: {'uploads' if upload else 'downloads'} that are cut are told, PROT {'P' if private else 'C'}, "
                 f"{'active' if active else 'passive'}", cut_at_every_phase, upload, private, active, times, fixture=cell)
    for size in (0, 1, 100_000, SIZE):
        plan.add(f"a92: an upload of {size} bytes by a client that reads nothing arrives whole", writes_and_reads_nothing, size,
                 amount(5, 50), fixture=cell)
    plan.add("a ticket that a data connection uses is replaced on the control connection", tickets_are_replaced, fixture=cell)
    plan.add("a92: a download whose client's network is gone is told within the retransmissions", network_goes_away, False,
             "client", fixture=cell)
    plan.run()


if __name__ == "__main__":
    main()

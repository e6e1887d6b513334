#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
The level of protection of data connections, which client and server agree on and the proxy has to know. A server looks at it
when it is asked for a transfer, as vsftpd, ProFTPD and Pure-FTPd do; whatever it is then, files arrive whole, on both legs
alike, and nobody reads a ClientHello for a file.

    EPSV --> data connection --> PROT --> RETR or STOR        the connection is there before its level is (A406)
    implicit, no PROT at all --> RETR or STOR                 P to some servers, and C to others (A407)
"""

import contextlib
import itertools
import re
import socket
import ssl
import time

from process import SLOWNESS
from tap import Plan, check, check_equal
from test_relay import content
from test_tls import ScriptedCell, Talk

SECONDS = 20 * SLOWNESS
SIZE = 300_000
# A client of ours may be done before its server has read the last record.
MOMENT = 0.3


def finish(connection):
    if isinstance(connection, ssl.SSLSocket):
        connection = connection.unwrap()
    connection.close()


def send(connection, text):
    connection.sendall(text)
    finish(connection)


def receive(connection):
    received = b"".join(iter(lambda: connection.recv(65536), b""))
    finish(connection)
    return received


class Server:
    """PROT says what holds from the next transfer on. begins: what until then; refuses: a level that is none to it."""

    def __init__(self, cell, text=content(SIZE), begins="C", refuses="", implicit=False):
        self.text, self.level, self.refuses = text, begins, refuses
        self.received = self.failure = None
        self.server = cell.tls_server()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*cell.certificate)
        self.context.num_tickets = 0
        if implicit:
            self.server.port, self.server.implicit = 990, self.context
        self.in_clear = cell.options.get("tls") == "client"
        tls = self.server.handlers["AUTH"]
        self.server.handlers.update({"AUTH": lambda argument: self._auth(argument, tls), "PROT": self._prot,
                                     "RETR": lambda _argument: self._transfer, "STOR": lambda _argument: self._store})

    def _auth(self, argument, tls):
        self.level = "P" if argument == "TLS-P" else "C"
        return tls(argument)

    def _prot(self, argument):
        if argument == self.refuses:
            return b"534 not that\r\n"
        self.level = argument
        return b"200 level set\r\n"

    def _store(self, session):
        return self._transfer(session, True)

    def _transfer(self, session, upload=False):
        session.send(b"150 go on\r\n")
        try:
            data = session.data_connection()
            data.settimeout(SECONDS)
            if self.level == "P" and not self.in_clear:
                data = self.context.wrap_socket(data, server_side=True, suppress_ragged_eofs=False)
            if upload:
                self.received = receive(data)
            else:
                send(data, self.text)
        except OSError as error:
            self.failure = error
            return b"426 broken\r\n"
        return b"226 done\r\n"


def dial(talk, port):
    with talk.cell.lab.client.entered():
        data = socket.create_connection((talk.cell.lab.addresses[4].server, port), SECONDS)
    data.settimeout(SECONDS)
    return data


def passive(talk):
    return dial(talk, int(re.search(r"\|\|\|(\d+)\|", talk.command("EPSV"))[1]))


def transfer(talk, server, data, level, upload):
    """What has arrived at the one end is what left the other, the replies say so, and the event says that both legs had
    this level."""
    since = talk.cell.proxy.position()
    talk.send(b"STOR x\r\n" if upload else b"RETR x\r\n")
    received = error = None
    try:
        if level == "P":
            data = talk.socket.context.wrap_socket(data, session=talk.socket.session, suppress_ragged_eofs=False)
        received = send(data, server.text) if upload else receive(data)
    except OSError as caught:
        error = caught
    replies = [talk.reply()[:3], talk.reply()[:3]]
    check_equal((replies, error, server.failure), (["150", "226"], None, None), "the replies, and what failed")
    check((server.received if upload else received) == server.text, "the file is another one")
    relay = talk.cell.proxy.wait_event("relay", since, client=talk.endpoint)
    both = talk.cell.options.get("tls") != "client"
    check_equal((*(f"{leg}_tls_version" in relay for leg in ("client", "server")), "reason" in relay),
                (level == "P", level == "P" and both, False), "TLS on the legs, and a reason")


@contextlib.contextmanager
def logged_in(cell, server, port=21):
    with server.server, Talk(cell, port=port) as talk:
        talk.socket.settimeout(SECONDS)
        talk.secure(auth=None if port == 990 else "AUTH TLS")
        if port == 990:
            talk.reply()
        for command in ("USER a", "PASS b", "PBSZ 0"):
            check(talk.command(command)[:1] in "23", f"{command} was refused")
        yield talk


def level_changes(cell, before, after, upload, waits):
    """The client connects, and then says another level."""
    server = Server(cell)
    with logged_in(cell, server) as talk:
        check(talk.command(f"PROT {before}").startswith("200"), "the first PROT was refused")
        data = passive(talk)
        if waits:
            time.sleep(MOMENT)
        check(talk.command(f"PROT {after}").startswith("200"), "the second PROT was refused")
        transfer(talk, server, data, after, upload)
        transfer(talk, server, passive(talk), after, not upload)


def level_changes_and_back(cell):
    server = Server(cell)
    with logged_in(cell, server) as talk:
        data = passive(talk)
        for level in "PCPCP":
            time.sleep(MOMENT)
            check(talk.command(f"PROT {level}").startswith("200"), "PROT was refused")
        transfer(talk, server, data, "P", True)


def refused_level(cell, level, refused, upload):
    """PROT that the server refuses changes nothing."""
    server = Server(cell, refuses=refused)
    with logged_in(cell, server) as talk:
        if level == "P":
            talk.command("PROT P")
        data = passive(talk)
        check(talk.command(f"PROT {refused}").startswith("534"), "PROT was not refused")
        transfer(talk, server, data, level, upload)


def auth_with_a_level(cell):
    """AUTH TLS-P, when a data connection is there."""
    server = Server(cell)
    with server.server, Talk(cell) as talk:
        talk.socket.settimeout(SECONDS)
        talk.reply()
        for command in ("USER a", "PASS b"):
            check(talk.command(command)[:1] in "23", f"{command} was refused")
        data = passive(talk)
        time.sleep(MOMENT)
        check(talk.command("AUTH TLS-P").startswith("234"), "AUTH was refused")
        talk.secure(auth=None)
        for command in ("USER a", "PASS b"):
            check(talk.command(command)[:1] in "23", f"{command} was refused")
        transfer(talk, server, data, "P", True)


def begun_connection_keeps_its_level(cell):
    """A client that has begun TLS before PROT C goes on in it, and nothing of it leaves in clear."""
    since, server = cell.proxy.position(), Server(cell)
    with logged_in(cell, server) as talk:
        talk.command("PROT P")
        data = passive(talk)
        data.sendall(b"\x16\x03\x01\x02\x00\x01")
        time.sleep(MOMENT)
        check(talk.command("PROT C").startswith("200"), "PROT was refused")
        talk.send(b"STOR x\r\n")
        data.sendall(bytes(600))
        check_equal([talk.reply()[:3], talk.reply()[:3]], ["150", "426"], "the replies")
        data.close()
        check_equal(cell.proxy.wait_event("relay", since, client=talk.endpoint)["reason"], "handshake", "the reason")
        check(not server.received, f"the server has {server.received!r} for a file")


def nobody_says_a_level(cell, server_level, size, upload):
    """What the server takes it to be is what the client finds."""
    server = Server(cell, content(size), begins=server_level, implicit=True)
    with logged_in(cell, server, port=990) as talk:
        transfer(talk, server, passive(talk), server_level, upload)
        transfer(talk, server, passive(talk), server_level, not upload)


def level_is_said_later(cell, before, after):
    """PROT behind an implicit port, when a data connection is there, and after a transfer without it."""
    server = Server(cell, begins=before, implicit=True)
    with logged_in(cell, server, port=990) as talk:
        transfer(talk, server, passive(talk), before, False)
        data = passive(talk)
        time.sleep(MOMENT)
        check(talk.command(f"PROT {after}").startswith("200"), "PROT was refused")
        transfer(talk, server, data, after, True)


def hello_in_pieces(cell):
    """A ClientHello of which a byte comes alone is one."""
    server = Server(cell, begins="P", implicit=True)
    with logged_in(cell, server, port=990) as talk:
        data = passive(talk)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = talk.socket.context.wrap_bio(incoming, outgoing, session=talk.socket.session)
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        hello = outgoing.read()
        talk.send(b"RETR x\r\n")
        for piece in (hello[:1], hello[1:2], hello[2:]):
            data.sendall(piece)
            time.sleep(MOMENT)
        # Were it passed on, the certificate would be the server's, which this client does not trust.
        while not tls.version():
            incoming.write(data.recv(65536))
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
        data.close()


def said_level_is_demanded(cell):
    """Behind an implicit port too, bytes in clear go nowhere once PROT P has been said."""
    since, server = cell.proxy.position(), Server(cell, begins="P", implicit=True)
    with logged_in(cell, server, port=990) as talk:
        check(talk.command("PROT P").startswith("200"), "PROT was refused")
        data = passive(talk)
        talk.send(b"STOR x\r\n")
        data.sendall(b"in clear, although it was promised otherwise\r\n")
        check_equal([talk.reply()[:3], talk.reply()[:3]], ["150", "426"], "the replies")
        check_equal(cell.proxy.wait_event("relay", since, client=talk.endpoint)["reason"], "handshake", "the reason")
        data.close()


def main():
    plan = Plan(__doc__)
    both, client = ScriptedCell({}), ScriptedCell({"tls": "client"})
    for (before, after), upload, waits in itertools.product(("PC", "CP"), (False, True), (False, True)):
        plan.add(f"a406: PROT {after} after a data connection with PROT {before}{', which is awaited,' if waits else ''} holds for "
                 f"it, {'an upload' if upload else 'a download'}", level_changes, before, after, upload, waits, fixture=both)
    plan.add("a406: the last of several holds", level_changes_and_back, fixture=both)
    for level, refused in ("PC", "CP"):
        plan.add(f"a406: PROT {refused} that is refused leaves it at {level}", refused_level, level, refused, True, fixture=both)
    plan.add("a406: so does AUTH TLS-P", auth_with_a_level, fixture=both)
    plan.add("a406: TLS that has begun goes on", begun_connection_keeps_its_level, fixture=both)
    for level, upload, size in itertools.product("CP", (False, True), (SIZE, 0)):
        plan.add(f"a407: without PROT behind an implicit port, the server's level {level} holds, "
                 f"{'an upload' if upload else 'a download'} of {size} bytes", nobody_says_a_level, level, size, upload,
                 fixture=both)
    for before, after in ("PC", "CP"):
        plan.add(f"a407: PROT {after} after a transfer without PROT, which was {before}", level_is_said_later, before, after,
                 fixture=both)
    plan.add("a407: a ClientHello that comes in pieces is one", hello_in_pieces, fixture=both)
    plan.add("a407: PROT P that has been said is demanded", said_level_is_demanded, fixture=both)
    for before, after in ("PC", "CP"):
        plan.add(f"a406: where the server has no TLS, PROT {after} after a data connection with PROT {before} holds for it",
                 level_changes, before, after, True, True, fixture=client)
    plan.run()


if __name__ == "__main__":
    main()

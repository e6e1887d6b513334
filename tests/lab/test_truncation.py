#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Data connections that are cut (A92), at every phase, by either peer and by the network, with TLS and without, up and down, in
both modes. The server is the worst there is: it calls every transfer complete. Of a transfer of which the receiver lacks a
byte, the client never reads 226 while its own end of the data connection looks whole, but where the receiver has been shown
a FIN without close_notify, which a careful one does not take for an end; of a whole one it never reads anything else.

A receiver that goes away by itself when its host has acknowledged all is not cut; whether it has read that, a server says in
its reply, and a client knows. The library's ends: "clean" is close_notify, in clear FIN; "bare" is FIN without close_notify;
"broken" is everything else. """

import contextlib
import itertools
import os
import re
import socket
import ssl
import struct
import threading
import time

from process import SLOWNESS, wait_until
from tap import Plan, check, check_equal
from test_relay import content
from test_tls import ScriptedCell, Talk, clear_by_hand, client_context
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

    def __init__(self, cell, private, version=None):
        self.cell, self.private = cell, private
        self.server_peer = None
        self.over = threading.Event()
        self.server = cell.tls_server()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*cell.certificate)
        # OpenSSL passes over a reset that it meets while it sends a ticket, and what is read next looks like FIN.
        self.context.num_tickets = 0
        self.client_context = client_context(cell)
        # By default, Python takes a bare end for a clean one.
        for context in (self.context, self.client_context):
            context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
            if version:
                context.minimum_version = context.maximum_version = ssl.TLSVersion[f"TLSv{version.replace('.', '_')}"]
        for verb in ("RETR", "STOR"):
            self.server.handlers[verb] = lambda _argument: self._transfer

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.stack.enter_context(self.server)
        self.talk = self.stack.enter_context(Talk(self.cell))
        self.talk.socket.settimeout(SECONDS)
        self.talk.secure(self.client_context)
        self.login()
        return self

    def login(self):
        for command in ("USER a", "PASS b", "PBSZ 0", f"PROT {'P' if self.private else 'C'}"):
            check(self.talk.command(command)[:1] in "23", f"{command} was refused")

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
            connection = passive(self.cell, self.talk)
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


def culprit_is_told(cell, upload, private):
    """Of a transfer that is cut in the middle the event says by whom, and so does that of its data connection."""
    with Dialogue(cell, private) as dialogue:
        for (name, act), by_client in itertools.product(CUTS.items(), (True, False)):
            # A sender's FIN is for the receiver to judge.
            if upload == by_client and act is not reset:
                continue
            since, culprit = cell.proxy.position(), "client" if by_client else "server"
            client = Peer(upload, SIZE // 2 if by_client else None, act if by_client else None)
            server = Peer(not upload, None if by_client else SIZE // 2, None if by_client else act)
            check_equal(dialogue.transfer(client, server), "426", f"the reply after {name} by the {culprit}")
            told = [cell.proxy.wait_event(event, since, client=dialogue.talk.endpoint) for event in ("transfer", "relay")]
            check_equal((told[0]["outcome"], *(event.get("by") for event in told)), ("aborted", culprit, culprit),
                        f"what is told of {name} by the {culprit}")


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


def cut_upload(dialogue):
    """The server resets it in the middle, when the client has sent its last byte, and says 226."""
    return dialogue.transfer(Peer(True, SIZE, leave), Peer(False, SIZE // 2, reset))


def mode_is_the_servers_to_take(cell):
    """In the modes B and C a data connection's end says nothing about the file; what the client asked for is no mode yet."""
    with Dialogue(cell, True) as dialogue:
        for command, answer, reply in (("MODE B", "504", "426"), ("MODE C", "200", "226"), ("MODE S", "504", "226"),
                                       ("MODE S", "200", "426"), ("MODE B", "200", "226")):
            dialogue.server.handlers["MODE"] = lambda _argument, answer=answer: f"{answer} so be it\r\n".encode()
            check_equal(dialogue.talk.command(command)[:3], answer, f"the answer to {command}")
            check_equal(cut_upload(dialogue), reply, f"the reply to a cut upload after {command} and {answer}")
        check(dialogue.talk.command("REIN").startswith("220"), "REIN was refused")
        clear_by_hand(dialogue.talk)
        check(dialogue.talk.command("AUTH TLS").startswith("234"), "AUTH was refused after REIN")
        dialogue.talk.secure(dialogue.client_context, auth=None)
        dialogue.login()
        check_equal(cut_upload(dialogue), "426", "the reply to a cut upload after REIN, which brings MODE S back")


def reset_if(cut):
    """At its first byte."""
    return (1, reset) if cut else (None, None)


def offer_comes_before_the_reply(cell, command, cut):
    """
    A client that has sent its file goes on with PORT at once, as it may, before it has read what became of the file; then
    with a second file. One of the two is cut.
    """
    with Dialogue(cell, True) as dialogue, dialogue.talk.listen() as first, dialogue.talk.listen() as second:
        may_reply = threading.Event()

        def store(session):
            session.send(b"150 go on\r\n")
            Peer(False, *reset_if(cut == 1)).run(session.data_connection(), dialogue._secure_server)
            may_reply.wait(SECONDS)
            return b"226 all is well\r\n"
        dialogue.server.handlers[command] = lambda _argument: store
        since = cell.proxy.position()
        # More than the buffers take: else all may have arrived at the server's host before its reset.
        client = Peer(True, SIZE, leave) if cut == 1 else Peer(True)
        client.run(dialogue.connect(f"{command} x\r\n".encode(), first), dialogue._secure_client)
        cell.proxy.wait_event("relay", since, client=dialogue.talk.endpoint)
        dialogue.talk.send(dialogue.talk.port(second).encode() + b"\r\n")
        wait_until(lambda: len(cell.proxy.events("offer", since, client=dialogue.talk.endpoint)) == 2, "the second offer")
        may_reply.set()
        check_equal(dialogue.talk.reply()[:3], "426" if cut == 1 else "226", "the reply to the upload")
        check_equal(dialogue.talk.reply()[:3], "200", "the reply to PORT")
        # What became of the one is not told of the other.
        dialogue.server.handlers[command] = lambda _argument: dialogue._transfer
        dialogue.server_peer = Peer(False, *reset_if(cut == 2))
        dialogue.talk.send(f"{command} x\r\n".encode())
        Peer(True).run(second.accept()[0], dialogue._secure_client)
        check_equal([dialogue.talk.reply()[:3] for _ in range(2)], ["150", "426" if cut == 2 else "226"],
                    "the replies to the upload after it")


def server_offers_before_the_reply(cell, act, reply):
    """A server that answers EPSV in the middle of an upload, reads on or loses the rest, and calls it complete."""
    with Dialogue(cell, True) as dialogue:
        has_asked, may_reply = threading.Event(), threading.Event()

        def store(session):
            session.send(b"150 go on\r\n")
            data = dialogue._secure_server(session.data_connection())
            has_asked.wait(SECONDS)
            session.send(f"229 here (|||{session.listen()}|)\r\n".encode())
            may_reply.wait(SECONDS)
            act(data)
            return b"226 all is well\r\n"
        talk = dialogue.talk
        dialogue.server.handlers["STOR"] = lambda _argument: store
        connection = dialogue.connect(b"STOR x\r\n", None)
        dialogue.server.handlers["EPSV"] = lambda _argument: None
        client = threading.Thread(target=Peer(True).run, args=(connection, dialogue._secure_client))
        client.start()
        try:
            talk.send(b"EPSV\r\n")
            has_asked.set()
            check_equal(talk.reply()[:3], "229", "the reply to EPSV")
        finally:
            may_reply.set()
        check_equal(talk.reply()[:3], reply, "the reply to the upload")
        client.join()


def unknown_command_transfers(cell, private, times):
    """A server has commands of its own; a 1yz says that one transfers a file, and nothing says which way."""
    with Dialogue(cell, private) as dialogue:
        dialogue.server.handlers["XFER"] = lambda _argument: dialogue._transfer
        for upload, cuts in itertools.product((True, False), (True, False) * times):
            dialogue.over.clear()
            dialogue.server_peer = Peer(not upload, SIZE // 2 if cuts else None, reset if cuts else None)
            client = Peer(upload)
            client.run(dialogue.connect(b"XFER x\r\n", None), dialogue._secure_client)
            check_equal(dialogue.talk.reply()[:3], "426" if cuts else "226",
                        f"the reply to {'an upload' if upload else 'a download'} that is {'cut' if cuts else 'whole'}")
            check(dialogue.over.wait(SECONDS), "the server's end stands still")
            receiver = dialogue.server_peer if upload else client
            check(cuts or receiver.received == content(SIZE), "a transfer that is called whole is not")


def others_are_answered_meanwhile(cell, command, beside, answer, cuts):
    """A server that answers NOOP or STAT while it transfers: that is not the reply to the transfer."""
    with Dialogue(cell, True) as dialogue:
        has_asked = threading.Event()

        def store(session):
            session.send(b"150 go on\r\n")
            has_asked.wait(SECONDS)
            session.send(answer + b" ask again\r\n")
            Peer(False, *reset_if(cuts)).run(session.data_connection(), dialogue._secure_server)
            return b"226 all is well\r\n"
        dialogue.server.handlers[command.split()[0]] = lambda _argument: store
        dialogue.server.handlers[beside] = lambda _argument: None
        client = Peer(True)
        connection = dialogue.connect(f"{command}\r\n".encode(), None)
        dialogue.talk.send(beside.encode() + b"\r\n")
        since = cell.proxy.position()
        has_asked.set()
        client.run(connection, dialogue._secure_client)
        cell.proxy.wait_event("relay", since, client=dialogue.talk.endpoint)
        check_equal([dialogue.talk.reply()[:3] for _ in range(2)], [answer.decode(), "426" if cuts else "226"],
                    f"the replies to {beside} and {command}")


def next_one_has_the_connection(cell, upload, private, end):
    """A server that refuses a command of the other direction, and keeps the data connection that has come for it."""
    refused, taken = (b"RETR x\r\n", b"STOR x\r\n") if upload else (b"STOR x\r\n", b"RETR x\r\n")
    client, server, length, code = ENDS[end](upload)

    def refuse(session):
        data = session.data_connection()
        session.data_connection = lambda: data
        return b"550 not this one\r\n"
    with Dialogue(cell, private) as dialogue:
        dialogue.server.handlers[refused[:4].decode()] = lambda _argument: refuse
        dialogue.server_peer = server
        for at_once in (False, True):
            dialogue.over.clear()
            with passive(cell, dialogue.talk) as connection:
                dialogue.talk.send(refused + (taken if at_once else b""))
                check_equal(dialogue.talk.reply()[:3], "550", "the reply to the first")
                dialogue.talk.send(b"" if at_once else taken)
                check_equal(dialogue.talk.reply()[:3], "150", "the preliminary reply to the next")
                client.run(connection, dialogue._secure_client)
                check_equal(dialogue.talk.reply()[:3], code, "the final one")
            check(dialogue.over.wait(SECONDS), "the server's end stands still")
            receiver = server if upload else client
            check(code == "426" or receiver.received == content(SIZE)[:length], "a transfer that is called whole is not")
            del dialogue.server.session().data_connection


# The client, the server, how much the receiver has then, and the reply.
ENDS = {
    "is whole": lambda upload: (Peer(upload), Peer(not upload), SIZE, "226"),
    "is empty": lambda upload: (*(Peer(sends, 0, finish) if sends else Peer(sends) for sends in (upload, not upload)), 0, "226"),
    "is cut": lambda upload: (Peer(upload), Peer(not upload, SIZE // 2, reset), SIZE, "426"),
}


def receiver_says_no_more(cell, upload, private):
    """The receiver of a file ends its own direction at once, without close_notify, and reads on: that cuts nothing."""
    with Dialogue(cell, private) as dialogue:
        silent, sender = Silent(), Peer(True)
        code = dialogue.transfer(*((sender, silent) if upload else (silent, sender)))
        check_equal((silent.received == content(SIZE), silent.end, code), (True, "clean", "226"), "the file, its end, and the reply")


class Silent(Peer):
    """Its library doesn't know that the other direction has ended."""

    def __init__(self):
        super().__init__(False)

    def _receive(self, connection):
        with socket.socket(fileno=os.dup(connection.fileno())) as below:
            below.shutdown(socket.SHUT_WR)
        self.received, self.end = read(connection)
        connection.close()


def first_has_the_connection(cell):
    """
    Two commands at once, of which the second one would send its file the other way: what ends without close_notify and
    without a byte is the first one's file, and no receiver's leave.
    """
    def retrieve(session):
        session.send(b"150 go on\r\n")
        data = dialogue._secure_server(session.data_connection())
        stack.enter_context(socket.socket(fileno=data.detach())).shutdown(socket.SHUT_WR)
        return b"226 all is well\r\n"
    with Dialogue(cell, True) as dialogue, contextlib.ExitStack() as stack:
        dialogue.server.handlers["RETR"] = lambda _argument: retrieve
        dialogue.server.handlers["STOR"] = lambda _argument: b"425 use PORT or PASV first\r\n"
        port = int(re.search(r"\|\|\|(\d+)\|", dialogue.talk.command("EPSV"))[1])
        dialogue.talk.send(b"RETR x\r\nSTOR x\r\n")
        check_equal(dialogue.talk.reply()[:3], "150", "the preliminary reply")
        data = stack.enter_context(dialogue._secure_client(connect(cell, port)))
        # Its library would say that it misses close_notify.
        read(stack.enter_context(socket.socket(fileno=os.dup(data.fileno()))))
        check_equal([dialogue.talk.reply()[:3] for _ in range(2)], ["426", "425"], "the final replies")


def passive(cell, talk):
    """A data connection, without a command."""
    return connect(cell, int(re.search(r"\|\|\|(\d+)\|", talk.command("EPSV"))[1]))


def connect(cell, port):
    with cell.lab.client.entered():
        return socket.create_connection((cell.lab.addresses[4].server, port), SECONDS)


def offers_without_end(cell):
    """A client that waits for nothing: the third PORT comes when neither transfer before it has been answered."""
    with Dialogue(cell, True) as dialogue, contextlib.ExitStack() as stack:
        talk, sessions = dialogue.talk, []
        listeners = [stack.enter_context(talk.listen()) for _ in range(3)]

        def offer(argument):
            def act(session):
                session._offer("PORT", argument)
                sessions.append(session)
            return act

        def store(session):
            Peer(False, 1, reset).run(session.data_connection(), dialogue._secure_server)
        dialogue.server.handlers.update(PORT=offer, STOR=lambda _argument: store)
        since = cell.proxy.position()
        for number in (1, 2):
            talk.send(talk.port(listeners[number]).encode() + b"\r\nSTOR x\r\n")
            # More than the buffers take, as above.
            Peer(True, SIZE, leave).run(listeners[number].accept()[0], dialogue._secure_client)
            wait_until(lambda ends=number: len(cell.proxy.events("relay", since, client=talk.endpoint)) == ends, "its end")
        talk.send(talk.port(listeners[0]).encode() + b"\r\n")
        with Talk(cell) as other:
            check(other.reply().startswith("220"), "the next session is not served")
        sessions[0].send(b"200 taken\r\n150 go\r\n226 done\r\n" * 2 + b"200 taken\r\n")
        check_equal([talk.reply()[:3] for _ in range(7)], ["200", "150", "426", "200", "150", "426", "200"], "the replies")


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
    for upload, private in itertools.product((True, False), (True, False)):
        plan.add(f"a371: who cuts {'an upload' if upload else 'a download'} is told, PROT {'P' if private else 'C'}",
                 culprit_is_told, upload, private, fixture=cell)
    plan.add("a225: a mode that the server has not taken hides no cut", mode_is_the_servers_to_take, fixture=cell)
    for cut, which in ((1, "it"), (2, "the next")):
        plan.add(f"a226: an offer that comes before the reply hides no cut of {which}", offer_comes_before_the_reply, "STOR",
                 cut, fixture=cell)
        plan.add(f"a312: nor does an offer that comes before its reply hide a cut of {which}", offer_comes_before_the_reply,
                 "XFER", cut, fixture=cell)
    plan.add("a226: nor does a server's, in the middle of the transfer", server_offers_before_the_reply, reset, "426", fixture=cell)
    plan.add("a226: and a whole transfer stays one", server_offers_before_the_reply, lambda data: (read(data), finish(data)),
             "226", fixture=cell)
    for private in (True, False):
        plan.add(f"a312: a transfer by a command that nobody here knows is judged too, PROT {'P' if private else 'C'}",
                 unknown_command_transfers, private, amount(2, 50), fixture=cell)
    for command, beside, answer in (("STOR x", "NOOP", b"200"), ("XFER x", "NOOP", b"200"), ("XFER x", "STAT", b"213"),
                                    ("SITE XFER x", "STAT", b"211")):
        for cuts in (True, False):
            plan.add(f"a341: {beside} that is answered while {command} runs ends it not, {'cut' if cuts else 'whole'}",
                     others_are_answered_meanwhile, command, beside, answer, cuts, fixture=cell)
    for upload, private, end in itertools.product((True, False), (True, False), ENDS):
        plan.add(f"a92: the data connection of a command that was refused is the next one's, {'an upload' if upload else 'a download'}"
                 f" that {end}, PROT {'P' if private else 'C'}", next_one_has_the_connection, upload, private, end, fixture=cell)
    for upload, private in itertools.product((True, False), (True, False)):
        plan.add(f"a92: the receiver of {'an upload' if upload else 'a download'} that says no more and reads on cuts nothing, "
                 f"PROT {'P' if private else 'C'}", receiver_says_no_more, upload, private, fixture=cell)
    plan.add("a92: of two commands at once the first one's file is judged", first_has_the_connection,
             fixture=ScriptedCell({"close-notify": "strict"}))
    plan.add("a313: nor do offers by who waits for no reply at all hide one", offers_without_end, fixture=cell)
    plan.add("a ticket that a data connection uses is replaced on the control connection", tickets_are_replaced, fixture=cell)
    plan.add("a92: a download whose client's network is gone is told within the retransmissions", network_goes_away, False,
             "client", fixture=cell)
    plan.run()


if __name__ == "__main__":
    main()

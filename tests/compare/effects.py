# SPDX-License-Identifier: GPL-3.0-or-later
"""
What a client and a server get through a helper, whatever it does with their bytes: so proxies can be compared too,
which end the client's connection and answer in words of their own.

A scripted server, which obeys whatever reaches it, and a scripted client; SNAT between them, and a firewall that lets
control connections through and nothing else. Each effect is a function of the stage; it returns None where all is well,
or says what is wrong.
"""

import socket
import threading

import scripted
from process import SLOWNESS
from scripted import LISTING, ScriptedClient, ScriptedServer, offer_line, port_argument

# Long enough for a retransmission or two, and short, because most of what is asked of "no helper" never comes.
scripted.TIMEOUT = 4 * SLOWNESS
PINHOLE_SECONDS = 1.5 * SLOWNESS


class Stage:
    """A client that has logged in at a server, through the helper."""

    def __init__(self, helper, handlers=None, login=True):
        self.helper = helper
        lab = self.lab = helper.lab
        self.addresses = lab.addresses[4]
        self.server = ScriptedServer(lab.server, self.addresses.server, handlers=handlers, connect_timeout=2 * SLOWNESS)
        self._login = login

    def __enter__(self):
        self.server.__enter__()
        try:
            self.client = ScriptedClient(self.lab.client, *self.helper.target)
            if self._login:
                self.client.login()
            return self
        except BaseException:
            self.server.__exit__()
            raise

    def __exit__(self, *exception):
        self.client.__exit__()
        self.server.__exit__()
        self.lab.router.run(["conntrack", "-F", "expect"], check=False)

    def listen(self, port=0):
        with self.lab.client.entered():
            listener = socket.create_server((self.addresses.client, port))
        listener.settimeout(scripted.TIMEOUT)
        return listener

    def server_received(self):
        return b"".join(bytes(session.received) for session in self.server.sessions)


def arrives(source, target):
    """Does a TCP connection from a host to an endpoint come about?"""
    with source.entered():
        connection = socket.socket()
    with connection:
        connection.settimeout(PINHOLE_SECONDS)
        try:
            connection.connect(target)
            return True
        except OSError:
            return False


def listing_is(listing):
    return None if listing == LISTING else f"the listing is {listing!r}"


def active(helper):
    with Stage(helper) as stage:
        return listing_is(stage.client.list_active())


def active_extended(helper):
    with Stage(helper) as stage:
        return listing_is(stage.client.list_active(extended=True))


def passive(helper):
    with Stage(helper) as stage:
        return listing_is(stage.client.list_passive())


def passive_extended(helper):
    with Stage(helper) as stage:
        return listing_is(stage.client.list_passive(extended=True))


def list_with(stage, make_pieces, replies=1):
    """A listing in active mode, the offer sent as make_pieces(line) says."""
    with stage.listen() as listener:
        line = offer_line(stage.addresses.client, listener.getsockname()[1])
        stage.client.send(*make_pieces(line))
        for _ in range(replies):
            stage.client.expect("200")
        stage.client.send(b"LIST\r\n")
        with listener.accept()[0] as data:
            data.settimeout(scripted.TIMEOUT)
            return listing_is(b"".join(iter(lambda: data.recv(65536), b"")))


def active_lower_case(helper):
    with Stage(helper) as stage:
        return list_with(stage, lambda line: [b"port" + line[4:] + b"\r\n"])


def active_cut(helper):
    with Stage(helper) as stage:
        return list_with(stage, lambda line: [line[:2], line[2:12], line[12:] + b"\r\n"])


def active_pipelined(helper):
    with Stage(helper) as stage:
        return list_with(stage, lambda line: [b"NOOP\r\n" + line + b"\r\n"], replies=2)


def active_twice(helper):
    with Stage(helper) as stage:
        return listing_is(stage.client.list_active()) or listing_is(stage.client.list_active())


def restart_between(helper):
    with Stage(helper) as stage:
        wrong = listing_is(stage.client.list_active())
        helper.restart()
        return wrong or listing_is(stage.client.list_active())


def restart_within(helper):
    """The helper's program is killed while data flows."""
    killed = threading.Event()

    def transfer(_argument):
        def answer(session):
            session.send(b"150 here it comes\r\n")
            with session.data_connection() as data:
                data.sendall(LISTING)
                killed.wait(scripted.TIMEOUT)
                data.sendall(LISTING)
            return b"226 done\r\n"
        return answer
    with Stage(helper, handlers={"LIST": transfer}) as stage, stage.listen() as listener:
        stage.client.offer(listener.getsockname()[1])
        stage.client.send(b"LIST\r\n")
        with listener.accept()[0] as data:
            data.settimeout(scripted.TIMEOUT)
            received = data.recv(len(LISTING), socket.MSG_WAITALL)
            helper.restart()
            killed.set()
            received += b"".join(iter(lambda: data.recv(65536), b""))
        return None if received == 2 * LISTING else f"{len(received)} of {2 * len(LISTING)} bytes arrive"


def logout(helper):
    with Stage(helper, handlers={"QUIT": lambda _: b"227 Logout.\r\n"}) as stage:
        reply = stage.client.command(b"QUIT")
        return None if reply[:1] == b"2" else f"the client reads {reply!r}"


def bounce(helper):
    with Stage(helper) as stage:
        foreign = port_argument(stage.addresses.victim, 2525)
        reply = stage.client.command(f"PORT {foreign}".encode())
        if foreign.encode() in stage.server_received():
            return "the server is told to connect to a third host"
        return None if reply[:1] in (b"4", b"5") else f"the client reads {reply!r}"


def bounce_of_client(helper):
    with Stage(helper) as stage:
        foreign = port_argument(stage.addresses.neighbour, 8080)
        stage.server.handlers["PASV"] = lambda _: f"227 Entering Passive Mode ({foreign})\r\n".encode()
        reply = stage.client.command(b"PASV")
        return "the client is told to connect to a third host" if foreign.encode() in reply else None


def reaches_client(stage, port):
    with stage.listen(port):
        if arrives(stage.lab.server, (stage.lab.client_seen(4), port)):
            return f"the server reaches the client's port {port}"
    return None


def low_port(helper):
    with Stage(helper) as stage:
        stage.client.command(f"PORT {port_argument(stage.addresses.client, 22)}".encode())
        return reaches_client(stage, 22)


def wrapped_port(helper):
    with Stage(helper) as stage:
        stage.client.command(f"PORT {stage.addresses.client.replace('.', ',')},260,1".encode())
        return reaches_client(stage, 1025)


def before_login(helper):
    with Stage(helper, login=False) as stage:
        stage.client.expect("220")
        stage.client.command(b"NOOP")
        stage.client.command(f"PORT {port_argument(stage.addresses.client, 5000)}".encode())
        return reaches_client(stage, 5000)


def slipstream(helper):
    """A browser that is made to post to port 21; the offer begins a segment."""
    with Stage(helper, login=False) as stage:
        stage.client.send(b"POST / HTTP/1.1\r\nHost: example\r\n\r\n",
                          f"PORT {port_argument(stage.addresses.client, 5000)}\r\n".encode())
        try:
            while stage.client.reply():
                pass
        except OSError:
            pass  # it has come to an end, or nothing more comes
        return reaches_client(stage, 5000)


def forged_reply(helper):
    """An error that echoes what the client said; the echo begins a segment."""
    def echo(_argument):
        def answer(session):
            session.send(b"500 there is no command ")
            session.send(f"227 ({port_argument(session.server.address, 2139)}) here\r\n".encode())
        return answer
    with Stage(helper, handlers={"SITE": echo}) as stage:
        stage.client.command(b"SITE x", "5")
        return reaches_server(stage)


def unsolicited(helper):
    def reply(_argument):
        return lambda session: f"227 Entering Passive Mode ({port_argument(session.server.address, 2139)})\r\n".encode()
    with Stage(helper, handlers={"NOOP": reply}) as stage:
        stage.client.command(b"NOOP")
        return reaches_server(stage)


def reaches_server(stage):
    with stage.lab.server.entered():
        listener = socket.create_server((stage.addresses.server, 2139))
    with listener:
        if arrives(stage.lab.client, (stage.lab.server_seen(4), 2139)):
            return "the client reaches the server's port 2139, which was never offered"
    return None


def stolen(helper):
    """Somebody else than the server comes to the port that the client has announced."""
    with Stage(helper) as stage, stage.listen() as listener:
        port = listener.getsockname()[1]
        stage.client.offer(port)
        offered = offered_endpoint(stage)
        if not offered:
            return None
        with stage.lab.server.entered():
            stranger = socket.socket()
        with stranger:
            stranger.bind((stage.addresses.victim, 0))
            stranger.settimeout(PINHOLE_SECONDS)
            try:
                stranger.connect(offered)
            except OSError:
                return None
            listener.settimeout(PINHOLE_SECONDS)
            try:
                listener.accept()[0].close()
            except OSError:
                return None
            return "a third host reaches the port that was announced to the server"


def offered_endpoint(stage):
    """What the server has been told; None where a proxy keeps the offer to itself."""
    lines = [line for session in stage.server.sessions for line in session.lines if line.upper().startswith(b"PORT ")]
    return scripted.naive_endpoint("PORT", lines[-1].decode().split(" ", 1)[1].strip()) if lines else None


# What should work, and what should not be possible: (name, what it is, function).
WORKS = (
    ("active", "an active transfer, PORT", active),
    ("active-eprt", "an active transfer, EPRT", active_extended),
    ("passive", "a passive transfer, PASV", passive),
    ("passive-epsv", "a passive transfer, EPSV", passive_extended),
    ("active-twice", "two active transfers in one session", active_twice),
    ("active-lower-case", "port in lower case", active_lower_case),
    ("active-cut", "PORT cut into three segments", active_cut),
    ("active-pipelined", "PORT behind NOOP in one segment", active_pipelined),
    ("restart-between", "the helper's program is killed and started again between two transfers of a session",
     restart_between),
    ("restart-within", "the same while data flows", restart_within),
    ("logout", "a server that answers QUIT with 227 Logout", logout),
)
GUARDS = (
    ("bounce", "PORT that names a third host (FTP bounce)", bounce),
    ("bounce-of-client", "227 that names a third host", bounce_of_client),
    ("low-port", "PORT of the client's own port 22", low_port),
    ("wrapped-port", "PORT with a port byte of 260, which wraps to port 1025", wrapped_port),
    ("before-login", "PORT before the login", before_login),
    ("slipstream", "HTTP with PORT at the start of a segment", slipstream),
    ("forged-reply", "an echoed 227 at the start of a segment", forged_reply),
    ("unsolicited", "227 that nobody asked for", unsolicited),
    ("stolen", "a third host at the announced port", stolen),
)


def measure(helper):
    """All effects of the helper: {name: what is wrong, or None}."""
    seen = {}
    for works, rows in ((True, WORKS), (False, GUARDS)):
        for name, _, function in rows:
            try:
                seen[name] = function(helper)
            except TimeoutError:
                seen[name] = "nothing comes for some seconds" if works else None
            except (OSError, AssertionError) as error:
                # What should not be possible and ends in an error was not possible.
                seen[name] = str(error) if works else None
    return seen

# SPDX-License-Identifier: GPL-3.0-or-later
"""
A scripted FTP server, which obeys whatever reaches it, and a scripted client, which says exactly what it is told.

The server is as naive as servers once were: it connects to any host and port that PORT, EPRT or LPRT names, and it
reads numbers as C's atoi would. So whatever a gateway lets through has its full effect. It keeps every byte that it
received.
"""

import contextlib
import ipaddress
import re
import socket
import threading

from process import SLOWNESS, wait_until
from tap import check

TIMEOUT = 10 * SLOWNESS
LISTING = b"-rw-r--r--    1 0        0              42 Nov 20 00:00 file\r\n"


def is_ipv6(address):
    return ":" in address


def family_of(address):
    return socket.AF_INET6 if is_ipv6(address) else socket.AF_INET


def endpoint_text(address, port):
    """As events have it."""
    return f"[{address}]:{port}" if is_ipv6(address) else f"{address}:{port}"


def port_argument(address, port):
    return f"{address.replace('.', ',')},{port >> 8},{port & 255}"


def offer_line(address, port, extended=None):
    """The PORT or EPRT line (without its end) for an endpoint; EPRT for IPv6, and for IPv4 if extended."""
    if is_ipv6(address) or extended:
        return f"EPRT |{2 if is_ipv6(address) else 1}|{address}|{port}|".encode()
    return f"PORT {port_argument(address, port)}".encode()


def naive_endpoint(verb, argument):
    """The endpoint that a careless server reads from an offer's argument; None where even that server sees none."""
    try:
        if verb == "EPRT":
            _, _, address, port, *_ = argument.split(argument[0])
            return str(ipaddress.ip_address(address)), int(port) & 0xffff
        numbers = [int(number, 0) if number.lower().startswith("0x") else int(number) for number in argument.split(",")]
        if verb == "LPRT":
            length = numbers[1]
            address = ipaddress.ip_address(bytes(numbers[2:2 + length]))
            port = numbers[3 + length:3 + length + numbers[2 + length]]
            return str(address), int.from_bytes(bytes(port), "big")
        if len(numbers) < 6:
            return None
        value = 0
        for octet in numbers[:4]:
            value = (value << 8) + octet
        return str(ipaddress.IPv4Address(value & 0xffffffff)), ((numbers[4] << 8) + numbers[5]) & 0xffff
    except (ValueError, IndexError):
        return None


class ServerSession:
    """One control connection at the scripted server; a thread of its own."""

    def __init__(self, server, connection, peer):
        self.server = server
        self.peer = peer
        self.received = bytearray()
        self.lines = []
        self.ended = threading.Event()
        self.connection = connection
        self._target = None
        self._listener = None
        threading.Thread(target=self._run, daemon=True).start()

    def send(self, data):
        self.connection.sendall(data)

    def hang_up(self):
        """Ends the connection, which the thread will notice; handlers may call it."""
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the peer was first

    def close(self):
        """Ends the connection and waits for the thread."""
        self.hang_up()
        self.ended.wait(TIMEOUT)

    def _run(self):
        buffer = b""
        try:
            if self.server.implicit:
                self.connection = self.server.implicit.wrap_socket(self.connection, server_side=True)
            self.send(self.server.greeting)
            while data := self.connection.recv(65536):
                self.received += data
                buffer += data
                *lines, buffer = buffer.split(b"\n")
                for line in lines:
                    self.lines.append(line + b"\n")
                    self._obey(line.rstrip(b"\r").decode("latin-1"))
        except OSError:
            pass  # a reset ends a session as well as a FIN does
        finally:
            self._forget()
            self.connection.close()
            self.ended.set()

    def _obey(self, line):
        verb, _, argument = line.partition(" ")
        verb = verb.upper()
        handler = self.server.handlers.get(verb) or getattr(self, f"_do_{verb.lower()}", None)
        answer = handler(argument) if handler else f"500 {verb[:40]!r} not understood\r\n".encode()
        if callable(answer):  # a handler of the test that wants the session
            answer = answer(self)
        if answer:
            self.send(answer)

    def _forget(self):
        self._target = None
        if self._listener:
            self._listener.close()
            self._listener = None

    def _do_user(self, _argument):
        return b"331 any password\r\n"

    def _do_pass(self, _argument):
        return b"230 logged in\r\n"

    def _do_noop(self, _argument):
        return b"200 nothing done\r\n"

    def _do_type(self, _argument):
        return b"200 type set\r\n"

    def _do_quit(self, _argument):
        self.send(b"221 bye\r\n")
        self.connection.shutdown(socket.SHUT_WR)

    def _offer(self, verb, argument):
        self._forget()
        self._target = naive_endpoint(verb, argument)
        return b"200 offer taken\r\n" if self._target else b"501 offer not understood\r\n"

    def _do_port(self, argument):
        return self._offer("PORT", argument)

    def _do_eprt(self, argument):
        return self._offer("EPRT", argument)

    def _do_lprt(self, argument):
        return self._offer("LPRT", argument)

    def listen(self):
        """A listener for a passive data connection; returns its port."""
        self._forget()
        with self.server.namespace.entered():
            self._listener = socket.create_server((self.server.address, 0), family=family_of(self.server.address))
        self._listener.settimeout(TIMEOUT)
        return self._listener.getsockname()[1]

    def _do_pasv(self, _argument):
        if is_ipv6(self.server.address):
            return b"425 not with IPv6\r\n"
        return f"227 Entering Passive Mode ({port_argument(self.server.address, self.listen())}).\r\n".encode()

    def _do_epsv(self, _argument):
        return f"229 Entering Extended Passive Mode (|||{self.listen()}|)\r\n".encode()

    def data_connection(self):
        """The data connection for the latest offer or passive request."""
        if self._listener:
            return self._listener.accept()[0]
        with self.server.namespace.entered():
            data = socket.socket(family_of(self._target[0]), socket.SOCK_STREAM)
        data.settimeout(self.server.connect_timeout)
        data.connect(self._target)
        return data

    def _do_list(self, _argument):
        if not self._listener and not self._target:
            return b"425 use PORT or PASV first\r\n"
        self.send(b"150 here it comes\r\n")
        try:
            with self.data_connection() as data:
                data.sendall(LISTING)
        except OSError as error:
            return f"425 no data connection: {error}\r\n".encode()
        finally:
            self._forget()
        return b"226 done\r\n"


class ScriptedServer:
    """
    Listens from __enter__ to __exit__. handlers: {verb: function(argument)} before the built-in ones; a function
    answers the reply's bytes, or None for silence, or a function of the session. implicit: the context of TLS that comes
    first.
    """

    def __init__(self, namespace, address, port=21, greeting=b"220 scripted\r\n", handlers=None, connect_timeout=2.0,
                 implicit=None):
        self.namespace = namespace
        self.address = address
        self.port = port
        self.greeting = greeting
        self.handlers = handlers or {}
        self.connect_timeout = connect_timeout
        self.implicit = implicit
        self.sessions = []
        self._listener = None

    def __enter__(self):
        with self.namespace.entered():
            self._listener = socket.create_server((self.address, self.port), family=family_of(self.address), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for session in self.sessions:
            session.close()

    def _accept(self):
        try:
            while True:
                connection, peer = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.sessions.append(ServerSession(self, connection, peer))
        except OSError:
            pass  # __exit__ shut the listener down

    def session(self, number=-1):
        """A session by its number (the newest by default), once it is there."""
        wait_until(lambda: len(self.sessions) > (number if number >= 0 else 0), "a session at the scripted server")
        return self.sessions[number]


class ScriptedClient:
    """A control connection that says what it is told. source: the address to connect from; local_port: the port."""

    def __init__(self, namespace, address, port=21, source=None, local_port=0):
        self.namespace = namespace
        with namespace.entered():
            self.socket = socket.socket(family_of(address), socket.SOCK_STREAM)
        self.socket.settimeout(TIMEOUT)
        if source or local_port:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind((source or "", local_port))
        self.socket.connect((address, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address = self.socket.getsockname()[0]
        self.local_port = self.socket.getsockname()[1]
        self.endpoint = endpoint_text(self.address, self.local_port)
        self.received = bytearray()
        self._position = 0

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def send(self, *pieces):
        """Sends each piece as a segment of its own."""
        for piece in pieces:
            self.socket.sendall(piece)

    def _line(self):
        while (end := self.received.find(b"\n", self._position)) < 0:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("the control connection was closed")
            self.received += data
        line = bytes(self.received[self._position:end + 1])
        self._position = end + 1
        return line

    def reply(self):
        """One whole reply, multi-line ones included, as bytes."""
        first = text = self._line()
        if re.match(rb"\d\d\d-", first):
            while not text.startswith(first[:3] + b" "):
                text = self._line()
                first += text
        return first

    def expect(self, *codes):
        """One reply, which must begin with one of codes (text, of any length); returns it."""
        reply = self.reply()
        check(reply.decode("latin-1").startswith(codes), f"expected a reply {' or '.join(codes)}, saw {reply!r}")
        return reply

    def command(self, line, *codes):
        """Sends line and its end; the reply must begin with one of codes if any are given."""
        self.send(line + b"\r\n")
        return self.expect(*codes) if codes else self.reply()

    def until_quit(self, lines):
        """Sends lines, with their ends, and QUIT; all that the server has said in this session, as text."""
        self.send(lines + b"QUIT\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                self.reply()
        return bytes(self.received).decode("latin-1")

    def login(self):
        self.expect("220")
        self.command(b"USER anonymous", "331", "230")
        if self.received[:self._position].splitlines()[-1].startswith(b"331"):
            self.command(b"PASS lab@", "230")

    def listen(self):
        """A listener for an active data connection."""
        with self.namespace.entered():
            listener = socket.create_server((self.address, 0), family=family_of(self.address))
        listener.settimeout(TIMEOUT)
        return listener

    def offer(self, port, extended=None):
        """Announces a port of ours and returns the line."""
        line = offer_line(self.address, port, extended)
        self.command(line, "200")
        return line

    def list_active(self, extended=None):
        """A whole listing in active mode; returns its bytes."""
        with self.listen() as listener:
            self.offer(listener.getsockname()[1], extended)
            self.send(b"LIST\r\n")
            with listener.accept()[0] as data:
                data.settimeout(TIMEOUT)
                listing = b"".join(iter(lambda: data.recv(65536), b""))
        self.expect("150", "125")
        self.expect("226")
        return listing

    def connect_passive(self, extended=None):
        """The data connection to where the server waits for it, from the address of the control connection."""
        if is_ipv6(self.address) or extended:
            reply = self.command(b"EPSV", "229").decode()
            endpoint = (self.socket.getpeername()[0], int(re.search(r"\(\|\|\|(\d+)\|\)", reply)[1]))
        else:
            numbers = re.search(r"(\d+,){5}\d+", self.command(b"PASV", "227").decode())[0].split(",")
            endpoint = (".".join(numbers[:4]), int(numbers[4]) * 256 + int(numbers[5]))
        with self.namespace.entered():
            data = socket.socket(self.socket.family, socket.SOCK_STREAM)
        data.settimeout(TIMEOUT)
        data.bind((self.address, 0))
        data.connect(endpoint)
        return data

    def list_passive(self, extended=None):
        """A whole listing in passive mode; returns its bytes."""
        with self.connect_passive(extended) as data:
            self.send(b"LIST\r\n")
            listing = b"".join(iter(lambda: data.recv(65536), b""))
        self.expect("150", "125")
        self.expect("226")
        return listing

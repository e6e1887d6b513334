#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What the proxy makes of peers that say nothing, the wrong thing, or too little, that reset at any step, and of a disk that
is full. Each statement says which reason the event gives, and that the next session is served.
"""

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
from scripted import ScriptedServer
from tap import Plan, Skip, check, check_equal
from test_tls import ScriptedCell, Talk
from transfers import FULL

# The proxy's own deadline for greetings and handshakes is 30 s.
PATIENCE = 45 * SLOWNESS


def reset(session):
    """The server's end of a control connection goes away by a reset."""
    session.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    session.connection.close()


def next_is_served(cell, server):
    with server, Talk(cell) as talk:
        talk.secure()
        check(talk.command("USER a").startswith("331"), "the next session is not served")


def closed_within(cell, talk, reason, since, seconds):
    """The session of this client ended for reason."""
    wait_until(lambda: cell.proxy.events("session-close", since, client=talk.endpoint, reason=reason),
               f"session-close {reason}", seconds / SLOWNESS)


def silent_server(cell, results):
    with ScriptedServer(cell.lab.server, cell.lab.addresses[4].server, port=2121, greeting=b""), \
            Talk(cell, port=2121) as talk:
        talk.socket.settimeout(PATIENCE)
        results["silent server"] = talk.line()


def silent_client(cell, results):
    with cell.server(), Talk(cell) as talk:
        talk.socket.settimeout(PATIENCE)
        talk.reply()
        talk.command("AUTH TLS")
        results["silent client"] = talk.line()


def silences(cell):
    """Two at a time, because each takes its 30 s."""
    since = cell.proxy.position()
    results = {}
    threads = [threading.Thread(target=act, args=(cell, results)) for act in (silent_server, silent_client)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(results.get("silent server", "").startswith("421") and "timeout" in results["silent server"],
          f"behind a silent server the client read {results}")
    check_equal(results.get("silent client"), "", "what a client that began no TLS was told in clear")
    wait_until(lambda: [event["reason"] for event in cell.proxy.events("session-close", since)].count("timeout") == 2,
               "two sessions to end by timeout")


def silence_behind(cell, verb):
    """The server says 234 and no more, or not even that."""
    since = cell.proxy.position()
    client_tls = cell.options.get("tls") != "server"

    def mute(session):
        if client_tls:
            session.send(b"234 go\r\n")
        while session.connection.recv(4096):
            pass
    server = cell.server()
    server.handlers[verb] = lambda _argument: mute
    with server, Talk(cell) as talk:
        talk.socket.settimeout(PATIENCE)
        with contextlib.suppress(OSError):
            talk.secure() if client_tls else talk.line()
        closed_within(cell, talk, "timeout", since, PATIENCE)


def first_words(cell, greeting, reason, told):
    """A server that begins with something else than a greeting."""
    since = cell.proxy.position()
    server = ScriptedServer(cell.lab.server, cell.lab.addresses[4].server, greeting=greeting)
    with server, Talk(cell) as talk:
        answer = talk.line()
        check(answer.startswith(told), f"the client read {answer!r}")
        if reason:
            closed_within(cell, talk, reason, since, 10 * SLOWNESS)
    check(not cell.proxy.events("login", since, client=talk.endpoint), "somebody was logged in")


def greeting_needs_no_login(cell):
    """230 as a greeting: what was promised holds all the same."""
    with ScriptedServer(cell.lab.server, cell.lab.addresses[4].server, greeting=b"230 come in\r\n",
                        handlers=cell.tls_server().handlers) as server, Talk(cell) as talk:
        check(talk.reply().startswith("230"), "the greeting did not arrive")
        check(talk.command("NOOP").startswith("200"), "the session did not begin")
        check_equal([line.strip() for line in server.session().lines][:3], [b"AUTH TLS", b"PBSZ 0", b"PROT P"],
                    "what the server heard first")


def greeting_is_a_refusal(cell):
    """421 as a greeting is told, and nothing is said to that server in clear."""
    server = ScriptedServer(cell.lab.server, cell.lab.addresses[4].server, greeting=b"421 too many\r\n")
    with server, Talk(cell) as talk:
        talk.send(b"USER secret\r\n")
        check_equal(talk.line(), "421 too many", "the first line")
        check_equal(talk.line(), "", "the second line")
        check_equal(server.session().lines, [], "what the server heard")


def server_resets(cell, step):
    since = cell.proxy.position()
    server = cell.tls_server()

    def on_234(session):
        session.send(b"234 go\r\n")
        reset(session)

    def on_hello(session):
        session.send(b"234 go\r\n")
        session.connection.recv(100)
        reset(session)
    verb = {"234": "AUTH", "ClientHello": "AUTH"}.get(step, step)
    server.handlers[verb] = lambda _argument: {"234": on_234, "ClientHello": on_hello}.get(step, reset)
    with server, Talk(cell) as talk:
        with contextlib.suppress(OSError, AssertionError):
            talk.secure()
            for command in ("USER a", "PASS b", "PBSZ 0", "PROT P", "EPSV"):
                if not talk.command(command):
                    break
        event = cell.proxy.wait_event("session-close", since, client=talk.endpoint)
    check(event["reason"] in ("reset", "handshake", "connection-ended"), f"the reason is {event['reason']}")
    check_equal(cell.lab.expectations(), [], "expectations that were left behind")
    next_is_served(cell, cell.tls_server())


def instead_of_hello(cell, data, finish):
    """The client's first bytes behind 234 are no ClientHello, or half of one."""
    since = cell.proxy.position()
    with cell.server() as server, Talk(cell) as talk:
        talk.reply()
        talk.command("AUTH TLS")
        talk.send(data)
        if finish:
            talk.socket.shutdown(socket.SHUT_WR)
        closed_within(cell, talk, "handshake", since, 10 * SLOWNESS)
        check_equal(server.session().lines, [], "what the server heard")
    next_is_served(cell, cell.server())


def garbage_on_data_connection(cell):
    """Bytes in clear where PROT P was agreed go nowhere."""
    since = cell.proxy.position()
    received = []

    def store(_argument):
        def act(session):
            session.send(b"150 go on\r\n")
            with session.data_connection() as data:
                with contextlib.suppress(OSError):
                    received.append(data.recv(100))
            return b"426 broken\r\n"
        return act
    server = cell.server()
    server.handlers["STOR"] = store
    with server, Talk(cell) as talk:
        talk.secure()
        for command in ("USER a", "PASS b", "PBSZ 0", "PROT P"):
            talk.command(command)
        port = int(re.search(r"\|\|\|(\d+)\|", talk.command("EPSV"))[1])
        with cell.lab.client.entered():
            data = socket.create_connection((cell.lab.addresses[4].server, port), 10)
        talk.send(b"STOR x\r\n")
        data.sendall(b"in clear, although it was promised otherwise\r\n")
        check_equal(cell.proxy.wait_event("relay", since, client=talk.endpoint)["reason"], "handshake", "the reason")
        check_equal([talk.reply()[:3], talk.reply()[:3]], ["150", "426"], "replies")
        check(talk.command("NOOP").startswith("200"), "the session did not go on")
        data.close()
    check(received in ([], [b""]), f"the server received {received}")


def garbage_within_tls(cell):
    """Bytes in clear in the middle of a session in TLS end it, and are told in the library's words; a mere reset is not."""
    for spoil, told in ((lambda raw: raw.sendall(b"NOOP\r\n" * 20), True),
                        (lambda raw: raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)), False)):
        since = cell.proxy.position()
        with cell.server(), Talk(cell) as talk:
            talk.secure()
            check(talk.command("USER a").startswith("331"), "USER was refused")
            with socket.socket(fileno=talk.socket.detach()) as raw:
                spoil(raw)
                raw.settimeout(10 * SLOWNESS)
                if told:
                    with contextlib.suppress(ConnectionError):
                        while raw.recv(4096):
                            pass
            cell.proxy.wait_event("session-close", since, client=talk.endpoint, reason="reset")
        anomalies = cell.proxy.events("anomaly", since, client=talk.endpoint)
        check_equal([event["reason"] for event in anomalies], ["reset"] if told else [], "anomalies")
        check(all("wrong version number" in event["line"] for event in anomalies), f"what is told: {anomalies}")


def a_byte_at_a_time(cell):
    """Whoever is never idle and never finishes a line has as long for it as anybody."""
    since = cell.proxy.position()
    stop = threading.Event()
    with cell.server(), Talk(cell) as talk:
        talk.secure()
        talk.command("USER a")

        def drip():
            with contextlib.suppress(OSError):
                while not stop.is_set():
                    talk.socket.sendall(b"x")
                    time.sleep(0.2)
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            closed_within(cell, talk, "line-timeout", since, 20 * SLOWNESS)
        finally:
            stop.set()
            thread.join()
    next_is_served(cell, cell.server())


def lines_without_a_verb(cell):
    """They are answered by some servers and not by others, so no server hears them, and AUTH is answered by its own
    reply."""
    server = cell.tls_server()
    server.handlers[""] = server.handlers["\xff\xf1"] = lambda _argument: b"500 what\r\n"
    with server, Talk(cell) as talk:
        talk.reply()
        talk.send(b"\r\n\r\r\n\n\xff\xf1\r\n")
        check_equal(talk.command("AUTH TLS")[:3], "234", "the reply to AUTH")
        talk.secure(auth=None)
        talk.send(b"\r\nPBSZ 0\r\n\r\nPROT P\r\n\r\n")
        check_equal([talk.reply()[:3], talk.reply()[:3]], ["200", "200"], "the replies to PBSZ and PROT")
        check_equal(talk.command("USER a")[:3], "331", "the reply to USER")
        lines = server.session().lines
    check_equal([line.split()[0] for line in lines if line.strip()], [b"AUTH", b"PBSZ", b"PROT", b"USER"], "the verbs")
    check_equal(len(lines), 4, "lines that the server heard")


def long_token(cell, size, spoilt, reason):
    """A line with a token may be as long as in packet mode; it is refused like a short one."""
    token = b"QUJD" * (size // 4)
    if spoilt:
        token = token[:size // 2] + b"\r" + token[:size // 2]
    since = cell.proxy.position()
    with cell.server() as server, Talk(cell) as talk:
        talk.reply()
        talk.send(b"ADAT " + token + b"\r\n")
        if reason:
            check_equal(talk.line()[:3], "421", "the answer")
            closed_within(cell, talk, reason, since, 10 * SLOWNESS)
        else:
            check_equal(talk.reply()[:3], "502", "the answer")
            check_equal(talk.command("USER a")[:3], "331", "the next answer")
            check_equal(server.session().lines, [b"USER a\r\n"], "what the server heard")


HEADERS = {"version 1": b"PROXY TCP4 10.7.1.2 10.9.1.2 4000 21\r\n",
           "version 2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\x07\x01\x02\x0a\x09\x01\x02\x0f\xa0\0\x15"}


class BalancedServer:
    """Expects a header, byte for byte, before anything else, then TLS where it is implicit; greets, and says 200."""

    def __init__(self, cell, port, header):
        self.header, self.implicit = header, port == 990
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*cell.proxy.server_certificate())
        with cell.lab.server.entered():
            self.listener = socket.create_server((cell.lab.addresses[4].server, port))
        self.heard = b""

    def __enter__(self):
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.listener.close()
        self.thread.join()

    def _run(self):
        with contextlib.suppress(OSError):
            connection = self.listener.accept()[0]
            connection.settimeout(PATIENCE)
            while len(self.heard) < len(self.header):
                self.heard += connection.recv(len(self.header) - len(self.heard))
            if self.implicit:
                connection = self.context.wrap_socket(connection, server_side=True)
            connection.sendall(b"220 ready\r\n")
            while connection.recv(1000):
                connection.sendall(b"200 ok\r\n")
            connection.close()


def header_before_all(cell, port, version, pieces):
    """A load balancer's header, in one piece or byte by byte, and at once behind it what the client says."""
    header = HEADERS[version]
    with BalancedServer(cell, port, header) as server, Talk(cell, port=port) as talk:
        for piece in [header[i:i + 1] for i in range(len(header))] if pieces else [header]:
            talk.send(piece)
        if server.implicit:
            talk.secure(auth=None)
        check_equal(talk.reply()[:3], "220", "the greeting")
        check_equal(talk.command("NOOP")[:3], "200", "the answer")
        talk.socket.close()
    check_equal(server.heard, header, "what the server heard first")


class FullDiskCell(ScriptedCell):
    """The events go to a file system of 64 KiB."""

    @contextlib.contextmanager
    def __call__(self):
        self.disk = "/run/lab/small"
        os.makedirs(self.disk, exist_ok=True)
        self.mounted = os.system(f"mount -t tmpfs -o size=64k,mode=0777 ftpalg-small {self.disk}") == 0
        if not self.mounted:
            raise Skip("no small file system could be mounted")
        self.gateway = {"events": f"{self.disk}/events"}
        try:
            with super().__call__():
                yield self
        finally:
            os.system(f"umount {self.disk}")


def full_disk(cell):
    """Sessions go on without events, the log says why, and what is written when there is room again can be read."""
    path = f"{cell.disk}/events"
    filler = f"{cell.disk}/filler"
    with cell.server(), Talk(cell) as talk:
        talk.secure()
        with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 512)
        for number in range(60):
            check(talk.command(f"PORT 10,9,1,77,200,{number}")[:1] == "5", "a foreign PORT passed")
        cell.proxy.process.wait_for_output("could not be written")
        os.remove(filler)
        check(talk.command("PORT 10,9,1,77,200,99")[:1] == "5", "a foreign PORT passed")
        check(talk.command("USER a").startswith("331"), "the session did not go on")
        check(talk.command("PORT 10,9,1,77,201,1")[:1] == "5", "a foreign PORT passed")
    wait_until(lambda: "200,99" in open(path, encoding="utf-8").read() and "connection-ended" in
               open(path, encoding="utf-8").read().rsplit("200,99", 1)[1], "events behind the gap")
    lines = open(path, encoding="utf-8").read().split("\n")
    torn = [line for line in lines if line and not (line.startswith("{") and line.endswith("}"))]
    check_equal(torn, [], "lines that are no events")
    check(any("200,99" in line and line.startswith("{") and line.endswith("}") for line in lines),
          "the first event behind the gap can't be read")


def header_before_all_absent(cell):
    with BalancedServer(cell, 990, b""), Talk(cell, port=990) as talk:
        talk.secure(auth=None)
        check_equal(talk.reply()[:3], "220", "the greeting")
        talk.socket.close()


def speaks_before_tls(cell, port):
    """The server has time between 234, or the beginning, and the ClientHello, and says something in clear."""
    since = cell.proxy.position()
    with ScriptedServer(cell.lab.server, cell.lab.addresses[4].server, port=port, handlers={"AUTH": lambda _: b"234 go\r\n"}) \
            as server, Talk(cell, port=port) as talk:
        if port == 21:
            talk.reply()
            check_equal(talk.command("AUTH TLS")[:3], "234", "the answer to AUTH")
            server.session().send(b"230 logged in\r\n")
        cell.proxy.wait_event("session-close", since, client=talk.endpoint, reason="behind-auth")
    next_is_served(cell, cell.tls_server())


def log_in(talk):
    talk.secure()
    for command, code in (("USER a", "331"), ("PASS b", "230")):
        check_equal(talk.command(command)[:3], code, f"the answer to {command}")


def nothing_in_clear(server, line):
    check(not any(line in heard for heard in server.session().lines), f"the server heard {line!r} in clear")


def bytes_behind_rein(cell, server_tls, rest):
    """They came in TLS, before the reply to REIN."""
    since = cell.proxy.position()
    with (cell.tls_server() if server_tls else cell.server(REIN=b"220 anew\r\n")) as server, Talk(cell) as talk:
        log_in(talk)
        talk.send(b"REIN\r\n" + rest)
        cell.proxy.wait_event("session-close", since, client=talk.endpoint, reason="behind-rein")
        nothing_in_clear(server, b"again")


def client_stays_in_tls(cell, server_tls):
    """It has read the reply to REIN, and does not care."""
    since = cell.proxy.position()
    with (cell.tls_server() if server_tls else cell.server(REIN=b"220 anew\r\n")) as server, Talk(cell) as talk:
        log_in(talk)
        check_equal(talk.command("REIN")[:3], "220", "the answer to REIN")
        talk.send(b"USER again\r\n")
        cell.proxy.wait_event("session-close", since, client=talk.endpoint, reason="behind-rein")
        nothing_in_clear(server, b"again")


def server_says_more(cell, secure):
    """A second reply in TLS behind the one that ends it."""
    since = cell.proxy.position()
    with cell.tls_server(REIN=b"220 anew\r\n331 password?\r\n"), Talk(cell) as talk:
        if secure:
            log_in(talk)
        else:
            talk.reply()
        talk.send(b"REIN\r\n")
        cell.proxy.wait_event("session-close", since, client=talk.endpoint, reason="behind-rein")


def commands_behind_refused_rein(cell):
    with cell.tls_server(REIN=b"502 no\r\n"), Talk(cell) as talk:
        log_in(talk)
        talk.send(b"REIN\r\nNOOP\r\n")
        check_equal([talk.reply()[:3] for _ in range(2)], ["502", "200"], "the answers")


def commands_behind_rein_in_clear(cell):
    """A client that has no TLS may say USER at once: it reaches the server in the TLS that began anew."""
    with cell.tls_server() as server, Talk(cell) as talk:
        talk.reply()
        talk.send(b"REIN\r\nUSER again\r\n")
        check_equal([talk.reply()[:3] for _ in range(2)], ["220", "331"], "the answers")
        check(isinstance(server.session().connection, ssl.SSLSocket), "the server's leg is in clear")


def main():
    plan = Plan(__doc__)
    both = ScriptedCell({})
    plain = ScriptedCell({"tls": "client", "control-ports": "21, 2121"})
    # Text before a greeting is what some servers begin with; it begins no session.
    for greeting, reason, told in ((b"SSH-2.0-OpenSSH_9.2\r\n", None, "SSH-2.0"),
                                   (b"HTTP/1.1 400 Bad Request\r\n", None, "HTTP/1.1"),
                                   (b"227 x (10,9,1,2,200,1)\r\n", "not-ftp", "421"),
                                   (b"331 password?\r\n", "not-ftp", "421"),
                                   (b"x" * 10000, "line-too-long", "421"),
                                   (b"554 no\r\n", None, "554 no")):
        plan.add(f"a server that begins with {greeting[:30]!r}: {reason or 'is heard'}", first_words, greeting, reason,
                 told, fixture=plain)
    for name, data, finish in (("garbage", b"\x00" * 50, False),
                               ("half a ClientHello and the end", b"\x16\x03\x01\x02\x00\x01", True),
                               ("an end", b"", True),
                               ("a ClientHello of SSL 2", b"\x80\x2e\x01\x00\x02" + b"\x00" * 50, False)):
        plan.add(f"{name} behind 234 ends the session: handshake", instead_of_hello, data, finish, fixture=plain)
    plan.add("bytes in clear on a data connection with PROT P go nowhere: handshake", garbage_on_data_connection,
             fixture=plain)
    plan.add("a372: bytes in clear within TLS are told as what they are", garbage_within_tls, fixture=plain)
    plan.add("a server that never greets and a client that never begins TLS: timeout", silences, fixture=plain)
    plan.add("a byte at a time, without the end of a line: line-timeout", a_byte_at_a_time,
             fixture=ScriptedCell({"tls": "client"}, gateway={"line-timeout": "1"}))
    plan.add("a138: a line without a verb is not passed on, and no answer takes another's place", lines_without_a_verb,
             fixture=both)
    for size, spoilt, reason in ((60000, False, None), (60000, True, "line-too-long"), (70000, False, "line-too-long")):
        plan.add(f"a138: a token of {size} bytes{', with a CR in it,' if spoilt else ''} {reason or 'is refused in order'}",
                 long_token, size, spoilt, reason, fixture=plain)
    balanced = ScriptedCell({}, policy={"proxy-header": "yes"})
    for version, port, pieces in itertools.product(HEADERS, (21, 990), (False, True)):
        plan.add(f"a142: a balancer's header of {version} {'in pieces ' if pieces else ''}reaches the server before all else, "
                 f"port {port}", header_before_all, port, version, pieces, fixture=balanced)
    plan.add("a142: behind an implicit port it may be left out", header_before_all_absent, fixture=balanced)
    plan.add("a full disk costs events, and no session", full_disk, fixture=FullDiskCell({"tls": "client"}))
    for step in ("AUTH", "234", "ClientHello", "USER", "PASS", "PROT", "EPSV"):
        plan.add(f"a server may reset at {step}", server_resets, step, fixture=both)
    promised = ScriptedCell({"tls": "server"})
    plan.add("a greeting that needs no login changes no promise", greeting_needs_no_login, fixture=promised)
    plan.add("a greeting that refuses is told, and its server hears nothing", greeting_is_a_refusal, fixture=promised)
    for port in (21, 990):
        plan.add(f"a168: a server that speaks in clear where TLS is to begin: behind-auth, port {port}", speaks_before_tls, port,
                 fixture=both)
    for cell, server_tls, legs in ((both, True, "both legs"), (plain, False, "the client's leg")):
        for rest in (b"USER again\r\nPASS again\r\n", b"USER aga"):
            plan.add(f"a168: {rest!r} in TLS behind REIN goes nowhere: behind-rein, TLS on {legs}", bytes_behind_rein, server_tls,
                     rest, fixture=cell)
        plan.add(f"a168: a client that stays in TLS behind REIN: behind-rein, TLS on {legs}", client_stays_in_tls, server_tls,
                 fixture=cell)
    for cell, secure, legs in ((both, True, "both legs"), (promised, False, "the server's leg")):
        plan.add(f"a168: a server that says more in TLS behind the reply to REIN: behind-rein, TLS on {legs}", server_says_more,
                 secure, fixture=cell)
    plan.add("a168: REIN that is refused holds back what follows it, and ends nothing", commands_behind_refused_rein,
             fixture=both)
    plan.add("a168: a client in clear may say more behind REIN", commands_behind_rein_in_clear, fixture=promised)
    if FULL:
        plan.add("a server that begins no TLS behind 234: timeout", silence_behind, "AUTH", fixture=both)
        plan.add("a server that answers no AUTH: timeout", silence_behind, "AUTH", fixture=promised)
    plan.run()


if __name__ == "__main__":
    main()

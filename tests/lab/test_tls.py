#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
FTPS through the proxy: real servers that demand session resumption, real clients, both modes, both protection levels,
TLS 1.2 and 1.3; then what must be refused, with the reasons that the events give.
"""

import contextlib
import itertools
import os
import re
import signal
import socket
import ssl
import struct
import time

from clients import TLS_CLIENTS, TlsSession, file_digest, random_file
from gateway import binary
from lab import Lab
from process import titled
from proxy import Authority, Proxy, without_sockets
from scripted import ScriptedServer, endpoint_text
from servers import TlsProftpd, TlsPureftpd, TlsVsftpd
from tap import Plan, check, check_equal
from transfers import FULL

MEGABYTES = 3
# The matrix of servers, clients and modes takes ten minutes, so a check has a part of it, and LAB_FULL=1 the whole.
SERVERS = {"vsftpd": TlsVsftpd, "ProFTPD": TlsProftpd, "Pure-FTPd": TlsPureftpd}


class Cell:
    """A lab with a proxy, and one kind of server for explicit and, where it can, implicit FTPS."""

    def __init__(self, kind, options=None, days=30, alternatives=None, policy=None, families=(4, 6)):
        self.kind = kind
        self.options = options
        self.days = days
        self.alternatives = alternatives
        self.policy = policy
        self.families = families

    @contextlib.contextmanager
    def __call__(self):
        with contextlib.ExitStack() as stack:
            self.lab = stack.enter_context(Lab(mode="routed", gateway_rules=False, daemon=False))
            self.proxy = Proxy(self.lab, self.options, self.policy)
            certificate = self.proxy.server_certificate(days=self.days, alternatives=self.alternatives,
                                                        rsa=self.kind != "ProFTPD")
            make = SERVERS[self.kind]
            self.servers = {}
            for family in self.families:
                address = self.lab.addresses[family].server
                self.servers[family, False] = stack.enter_context(
                    make(self.lab.server, address, self.lab.directory, certificate))
                if self.kind != "Pure-FTPd" and family == 4:
                    self.servers[family, True] = stack.enter_context(
                        make(self.lab.server, address, self.lab.directory, certificate, port=990, implicit=True))
            stack.enter_context(self.proxy)
            self.source = self.lab.path("source")
            self.digest = random_file(self.source, MEGABYTES)
            yield self


def check_relays(cell, since, private):
    """Three data connections, and on each both legs as promised."""
    relays = cell.proxy.wait_events(3, "relay", since)
    check_equal(len(relays), 3, "data connections")
    for relay in relays:
        check("reason" not in relay, f"a data connection ended badly: {relay}")
        for leg in ("client", "server"):
            version = relay.get(f"{leg}_tls_version")
            if private:
                check(version, f"the {leg}'s leg in clear: {relay}")
                # Pure-FTPd gives no tickets in TLS 1.3, so nobody can resume there.
                if not (leg == "server" and cell.kind == "Pure-FTPd" and version == "TLSv1.3"):
                    check(relay[f"{leg}_tls_resumed"] is True, f"the {leg}'s leg was not resumed: {relay}")
            else:
                check_equal(version, None, f"TLS on the {leg}'s leg of a data connection in clear")


def transfer(cell, client, family, implicit, passive, private, version):
    lab, server = cell.lab, cell.servers[family, implicit]
    session = TlsSession(namespace=lab.client, address=lab.addresses[family].server, port=990 if implicit else 21,
                         passive=passive, extended=family == 6, source=cell.source, name=f"{client}-{time.monotonic_ns()}",
                         directory=lab.directory, implicit=implicit, private=private, version=version,
                         anchors=cell.proxy.local)
    since = cell.proxy.position()
    try:
        listing = TLS_CLIENTS[client](session)
    except RuntimeError:
        print(f"# {[event for event in cell.proxy.events(since=since)][-6:]}")
        raise
    try:
        check_equal(file_digest(server.path(session.name)), cell.digest, "SHA-256 of the uploaded file")
        check_equal(file_digest(session.destination), cell.digest, "SHA-256 of the downloaded file")
        check(re.search(rf"\b{MEGABYTES}000000\b.*\b{session.name}\b", listing), f"the listing lacks the file: {listing!r}")
        check_relays(cell, since, private)
        control = [event for event in cell.proxy.events("tls", since) if event["tls"] == "client leg"]
        check_equal({event["client_tls_version"] for event in control}, {f"TLSv{version}"}, "version of the client's leg")
    finally:
        for path in (server.path(session.name), session.destination):
            if os.path.exists(path):
                os.remove(path)


def curl_begins_no_tls():
    """
    Where the server opens the data connection, curl 7.88 takes it, says nothing on it, and gives up in the end. There is
    neither proxy nor router here: client and server are one host. A curl that does better belongs into the matrix.
    """
    with Lab(mode="routed", gateway_rules=False, daemon=False) as lab:
        address = lab.addresses[4].server
        authority = Authority(lab.directory, "servers")
        certificate = authority.issue("server", f"IP:{address}", rsa=True)
        with TlsVsftpd(lab.server, address, lab.directory, certificate) as server:
            with open(server.path("file"), "wb") as file:
                file.write(b"x" * 1000)
            options = ["--disable", "-sS", "--max-time", "5", "--ssl-reqd", "--cacert", authority.certificate]
            url = f"ftp://{address}/pub/file"
            check_equal(lab.server.run(["curl", *options, url], check=False).returncode, 0, "curl's exit status, passive")
            check_equal(lab.server.run(["curl", *options, "--ftp-port", "-", url], check=False).returncode, 28,
                        "curl's exit status, active (28: its time was up)")


def client_context(cell):
    context = ssl.create_default_context(cafile=cell.proxy.local)
    context.check_hostname = False
    return context


class Talk:
    """A client by hand: what it says and when is the test's to choose."""

    def __init__(self, cell, port=21, address=None, source=None):
        self.cell = cell
        with cell.lab.client.entered():
            self.socket = socket.create_connection((address or cell.lab.addresses[4].server, port), 10,
                                                   (source, 0) if source else None)
        self.endpoint = endpoint_text(*self.socket.getsockname()[:2])

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        """The next line, or what came before the end."""
        data = b""
        while not data.endswith(b"\n"):
            try:
                byte = self.socket.recv(1)
            except (ConnectionResetError, ssl.SSLError):
                byte = b""
            if not byte:
                break
            data += byte
        return data.decode("latin-1").rstrip("\r\n")

    def reply(self):
        line = self.line()
        while line and not re.match(r"\d{3}( |$)", line):
            line = self.line()
        return line

    def command(self, command):
        self.send(command.encode() + b"\r\n")
        return self.reply()

    def secure(self, context=None, name=None, auth="AUTH TLS"):
        if auth:
            self.reply()
            answer = self.command(auth)
            check(answer.startswith("234"), f"AUTH was answered with {answer!r}")
        self.socket = (context or client_context(self.cell)).wrap_socket(self.socket, server_hostname=name)

    def listen(self):
        """For a data connection in active mode."""
        with self.cell.lab.client.entered():
            listener = socket.create_server((self.socket.getsockname()[0], 0))
        listener.settimeout(10)
        return listener

    @staticmethod
    def port(listener):
        """The PORT command for a listener."""
        address, port = listener.getsockname()
        return f"PORT {address.replace('.', ',')},{port // 256},{port % 256}"

    def login(self):
        self.secure()
        self.command("USER anonymous")


def refused_inside_tls(cell, command, reason):
    """The decisions of packet mode, and their reasons, in a session that packet mode could not read."""
    since = cell.proxy.position()
    with Talk(cell) as talk:
        talk.login()
        answer = talk.command(command)
        check(answer[:1] == "5", f"{command} was answered with {answer!r}")
        event = cell.proxy.wait_event("refuse", since, client=talk.endpoint)
        check_equal(event["reason"], reason, "the reason of the refusal")
        check(talk.command("NOOP").startswith("200"), "the session did not go on")


class ScriptedCell(Cell):
    """A lab with a proxy and no server: each statement has a scripted one."""

    def __init__(self, options, policy=None, gateway=None, sections=None):
        super().__init__("scripted", options, policy=policy)
        self.gateway = gateway
        self.sections = sections
        self.certificate = None

    @contextlib.contextmanager
    def __call__(self):
        with Lab(mode="routed", gateway_rules=False, daemon=False) as self.lab:
            self.certificate = None
            self.proxy = Proxy(self.lab, self.options, self.policy, self.gateway, self.sections)
            with self.proxy:
                yield self

    def tls_server(self, **handlers):
        """One that has AUTH, PBSZ, PROT and REIN, and clears TLS behind REIN."""
        if not self.certificate:
            self.certificate = self.proxy.server_certificate()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate)

        def auth(session):
            session.send(b"234 go\r\n")
            session.connection = context.wrap_socket(session.connection, server_side=True)

        def rein(session):
            session.send(b"220 anew\r\n")
            if isinstance(session.connection, ssl.SSLSocket):
                session.connection = session.connection.unwrap()

        server = self.server(**{"PBSZ": b"200 PBSZ=0\r\n", "PROT": b"200 level set\r\n", **handlers})
        server.handlers.setdefault("AUTH", lambda _argument: auth)
        server.handlers.setdefault("REIN", lambda _argument: rein)
        return server

    def server(self, **handlers):
        handlers = {verb: (lambda _argument, answer=answer: answer) for verb, answer in handlers.items()}
        return ScriptedServer(self.lab.server, self.lab.addresses[4].server, handlers=handlers)


def reply_refused_inside_tls(cell, verb, answer, reason):
    since = cell.proxy.position()
    with cell.server(**{verb: answer}), Talk(cell) as talk:
        talk.secure()
        check(talk.command("USER a").startswith("331"), "USER was refused")
        check(talk.command("PASS b").startswith("230"), "PASS was refused")
        reply = talk.command(verb)
        check(reply.startswith("425"), f"{answer!r} became {reply!r}")
        check_equal(cell.proxy.wait_event("refuse", since, client=talk.endpoint)["reason"], reason, "the reason")
    check(not cell.proxy.events("pinhole-open", since, client=talk.endpoint), "a data connection was expected")


def server_speaks_behind_234(cell):
    since = cell.proxy.position()
    with cell.server(AUTH=b"234 go\r\n230 logged in\r\n"), Talk(cell) as talk:
        talk.reply()
        talk.send(b"AUTH TLS\r\n")
        cell.proxy.wait_event("session-close", since, client=talk.endpoint, reason="behind-auth")
        check_equal(cell.proxy.events("login", since, client=talk.endpoint), [], "logins by the reply in clear")


def server_does_not_begin_tls(cell):
    since = cell.proxy.position()

    def plaintext(_argument):
        def later(session):
            session.send(b"234 go\r\n")
            time.sleep(0.3)
            return b"220 in clear\r\n"
        return later
    server = cell.server()
    server.handlers["AUTH"] = plaintext
    with server, Talk(cell) as talk:
        talk.secure()
        answer = talk.line()
        check(answer.startswith("421") and "handshake" in answer, f"the client read {answer!r}")
        cell.proxy.wait_event("session-close", since, client=talk.endpoint, reason="handshake")


def refused_auth_stays_readable(cell):
    since = cell.proxy.position()
    with cell.server(AUTH=b"534 no\r\n"), Talk(cell) as talk:
        talk.reply()
        check(talk.command("AUTH TLS").startswith("534"), "the refusal was not passed on")
        talk.command("USER a")
        talk.command("PASS b")
        check(talk.command("PORT 10,9,1,77,200,1").startswith("5"), "a foreign PORT passed")
        check_equal(cell.proxy.wait_event("refuse", since, client=talk.endpoint)["reason"], "foreign-address", "the reason")


def unreachable_server(cell):
    since = cell.proxy.position()
    with Talk(cell) as talk:
        answer = talk.line()
        check(answer.startswith("421") and "unreachable" in answer, f"the client read {answer!r}")
    cell.proxy.wait_event("session-close", since, client=talk.endpoint, reason="unreachable")


def server_without_tls(cell):
    """The configuration promises TLS to the server, and this one has none: nothing is said to it in clear."""
    since = cell.proxy.position()
    server = cell.server(AUTH=b"502 no\r\n")
    with server, Talk(cell) as talk:
        answer = talk.line()
        check(answer.startswith("421") and "tls-required" in answer, f"the client read {answer!r}")
        cell.proxy.wait_event("session-close", since, client=talk.endpoint, reason="tls-required")
        check_equal([line.strip() for line in server.session().lines], [b"AUTH TLS"], "what the server heard")


def over_before_it_is_seen(cell):
    """While the proxy stands still, the server says 226, calls, sends its listing and closes: all is seen at once."""
    since = cell.proxy.position()

    def hasty(_argument):
        def act(session):
            os.kill(cell.proxy.pid, signal.SIGSTOP)
            try:
                session.send(b"150 here it comes\r\n226 done\r\n")
                session.data_connection().close()
            finally:
                os.kill(cell.proxy.pid, signal.SIGCONT)
        return act
    server = cell.server()
    server.handlers["LIST"] = hasty
    with server, Talk(cell) as talk, talk.listen() as listener:
        talk.secure()
        for command in ("USER a", "PASS b"):
            talk.command(command)
        check(talk.command(talk.port(listener)).startswith("200"), "PORT was refused")
        talk.send(b"LIST\r\n")
        with listener.accept()[0] as data:
            data.settimeout(10)
            check_equal(data.recv(1), b"", "the end of an empty listing")
        cell.proxy.wait_event("relay", since, client=talk.endpoint)
        check_equal([talk.reply()[:3], talk.reply()[:3]], ["150", "226"], "replies")
    check_equal(cell.lab.expectations(), [], "expectations that were left behind")


def resets_at_every_step(cell):
    """The client goes away, by a reset, after each number of steps; the next session is served as if nothing was."""
    steps = [lambda talk: talk.reply(), lambda talk: talk.command("AUTH TLS"), lambda talk: talk.secure(auth=None),
             lambda talk: talk.command("USER a"), lambda talk: talk.command("PASS b"), lambda talk: talk.command("PASV")]
    with cell.server():
        for count in range(1, len(steps) + 1):
            since = cell.proxy.position()
            with Talk(cell) as talk:
                for step in steps[:count]:
                    step(talk)
                talk.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            cell.proxy.wait_event("session-close", since, client=talk.endpoint)
        with Talk(cell) as talk:
            talk.secure()
            check(talk.command("USER a").startswith("331"), "the proxy serves nobody any more")
        check_equal(cell.lab.expectations(), [], "expectations that were left behind")


def closed_with(cell, reason, act, port=21):
    since = cell.proxy.position()
    with Talk(cell, port=port) as talk:
        act(talk)
        cell.proxy.wait_event("session-close", since, client=talk.endpoint, reason=reason)
        with contextlib.suppress(OSError):  # a failed handshake has closed it already
            talk.socket.settimeout(10)
            while talk.socket.recv(4096):
                pass
    # Nothing was taken over into TLS.
    check(not cell.proxy.events("login", since, client=talk.endpoint), "somebody was logged in")


def bytes_behind_auth(talk):
    talk.reply()
    talk.send(b"AUTH TLS\r\nUSER anonymous\r\n")


def part_of_a_line_behind_auth(talk):
    talk.reply()
    talk.send(b"AUTH TLS\r\nUS")


def plaintext_behind_234(talk):
    talk.reply()
    talk.command("AUTH TLS")
    talk.send(b"USER anonymous\r\nPASS x\r\n")


def http_inside_tls(talk):
    talk.secure()
    talk.send(b"POST / HTTP/1.1\r\nHost: ftp.lab.test\r\n\r\n")


def wrong_protocol_in_alpn(talk):
    context = client_context(talk.cell)
    context.set_alpn_protocols(["http/1.1"])
    try:
        talk.secure(context)
    except ssl.SSLError:
        return
    check(False, "a client that speaks HTTP was let in")


def login_in_clear(talk):
    talk.reply()
    talk.send(b"USER anonymous\r\n")


def security_commands(cell):
    with Talk(cell) as talk:
        talk.reply()
        for command, code in (("PROT P", "503"), ("PBSZ 0", "503"), ("CCC", "533"), ("AUTH GSSAPI", "504")):
            check(talk.command(command).startswith(code), f"{command} before AUTH was not answered with {code}")
        check(talk.command("AUTH TLS-C").startswith("234"), "AUTH TLS-C was refused")
        talk.secure(auth=None)
        for command, code in (("PROT P", "200"), ("PBSZ x", "501"), ("USER anonymous", "2"), ("PBSZ 0", "200"),
                              ("PROT S", "536"), ("PROT E", "536"), ("PROT X", "504"), ("PROT P", "200"), ("CCC", "533"),
                              ("REIN", "502"), ("AUTH TLS", "503"), ("MIC x", "502"), ("NOOP", "200")):
            answer = talk.command(command)
            check(answer.startswith(code), f"{command} was answered with {answer!r} instead of {code}")


def clear_by_hand(talk):
    """The client's part of ending TLS: both say close_notify, and the connection goes on."""
    talk.socket = talk.socket.unwrap()


def ccc_by_curl(cell, mode):
    """curl waits for the proxy's close_notify and sends none (passive), or sends its own first (active)."""
    since = cell.proxy.position()
    path = cell.lab.path("down")
    with open(cell.servers[4, False].path("ccc"), "wb") as file:
        file.write(b"x" * 100000)
    cell.lab.client.run(["curl", "--disable", "-sS", "--max-time", "20", "--ssl-reqd", "--cacert", cell.proxy.local,
                         "--ftp-ssl-ccc", "--ftp-ssl-ccc-mode", mode, "-o", path,
                         f"ftp://{cell.lab.addresses[4].server}/pub/ccc"])
    check_equal(os.path.getsize(path), 100000, "bytes of the file")
    cell.proxy.wait_event("tls", since, tls="cleared")
    relay = cell.proxy.wait_event("relay", since)
    check("client_tls_version" in relay and "server_tls_version" in relay, f"the data connection is in clear: {relay}")


def ccc_keeps_judging(cell):
    since = cell.proxy.position()
    with Talk(cell) as talk:
        talk.login()
        for command in ("PBSZ 0", "PROT P"):
            talk.command(command)
        check(talk.command("CCC").startswith("200"), "CCC was refused")
        clear_by_hand(talk)
        check(talk.command("NOOP").startswith("200"), "the session did not go on in clear")
        check(talk.command("PORT 10,9,1,77,200,1")[:1] == "5", "a foreign PORT passed in clear")
        check_equal(cell.proxy.wait_event("refuse", since, client=talk.endpoint)["reason"], "foreign-address", "the reason")
        for command in ("AUTH TLS", "PBSZ 0", "PROT C"):
            check(talk.command(command).startswith("503"), f"{command} was taken after CCC")


def ccc_is_refused(cell):
    with Talk(cell) as talk:
        talk.secure()
        check(talk.command("CCC").startswith("533"), "CCC was not refused")
        check(talk.command("PBSZ 0").startswith("200"), "the session did not stay in TLS")


def rein_ends_tls(cell, server_tls):
    """REIN ends TLS on the client's leg and, where it has it, the server's; then all can begin anew."""
    since = cell.proxy.position()
    with (cell.tls_server() if server_tls else cell.server(REIN=b"220 anew\r\n")) as server, Talk(cell) as talk:
        talk.secure()
        for command, code in (("USER a", "331"), ("PASS b", "230"), ("PBSZ 0", "200"), ("PROT P", "200"), ("REIN", "220")):
            check(talk.command(command).startswith(code), f"{command} was not answered with {code}")
        clear_by_hand(talk)
        cell.proxy.wait_event("tls", since, client=talk.endpoint, tls="cleared")
        check(talk.command("PROT P").startswith("503"), "the level of protection was not forgotten")
        check(talk.command("PORT 10,7,1,2,200,1")[:1] == "5", "an offer passed before the new login")
        check_equal(cell.proxy.wait_event("refuse", since, client=talk.endpoint)["reason"], "not-logged-in", "the reason")
        check(talk.command("AUTH TLS").startswith("234"), "AUTH was refused after REIN")
        talk.secure(auth=None)
        for command, code in (("USER a", "331"), ("PASS b", "230"), ("PBSZ 0", "200"), ("NOOP", "200")):
            check(talk.command(command).startswith(code), f"{command} was not answered with {code} after REIN and AUTH")
        lines = [line.split()[0] for line in server.session().lines]
        check_equal(lines.count(b"AUTH"), 2 if server_tls else 0, "AUTH that the server heard")


def rein_prepares_the_server_anew(cell):
    """A client in clear hears that REIN succeeded when the server's leg is in TLS again."""
    with cell.tls_server() as server, Talk(cell) as talk:
        check(talk.reply().startswith("220"), "there was no greeting")
        for command, code in (("USER a", "331"), ("PASS b", "230"), ("REIN", "220"), ("USER a", "331"), ("NOOP", "200")):
            answer = talk.command(command)
            check(answer.startswith(code), f"{command} was answered with {answer!r} instead of {code}")
        check_equal([line.split()[0].decode() for line in server.session().lines],
                    ["AUTH", "PBSZ", "PROT", "USER", "PASS", "REIN", "AUTH", "PBSZ", "PROT", "USER", "NOOP"],
                    "what the server heard")
        check(isinstance(server.session().connection, ssl.SSLSocket), "the server's leg is in clear")


def rein_that_fails_changes_nothing(cell):
    with cell.tls_server(REIN=b"502 no\r\n"), Talk(cell) as talk:
        talk.secure()
        for command, code in (("USER a", "331"), ("PASS b", "230"), ("REIN", "502"), ("PBSZ 0", "200"), ("PROT P", "200"),
                              ("NOOP", "200")):
            check(talk.command(command).startswith(code), f"{command} was not answered with {code}")


def rein_behind_an_implicit_port(cell):
    with Talk(cell, port=990) as talk:
        talk.secure(auth=None)
        talk.reply()
        check(talk.command("REIN").startswith("502"), "REIN was passed on")
        check(talk.command("PBSZ 0").startswith("200"), "the session did not stay in TLS")


def listed_features(cell):
    with Talk(cell) as talk:
        talk.secure()
        talk.command("USER anonymous")
        talk.send(b"FEAT\r\n")
        lines = [talk.line()]
        while not lines[-1].startswith("211 "):
            lines.append(talk.line())
        return [line.strip() for line in lines[1:-1]]


def features_of_the_leg(cell, wanted=("AUTH TLS", "PBSZ", "PROT")):
    features = listed_features(cell)
    for feature in wanted:
        check(any(line.startswith(feature) for line in features), f"{feature} is missing in {features}")


def bad_certificate(cell, text):
    """The client can read why, in TLS, and no command of it reaches the server."""
    since = cell.proxy.position()
    with Talk(cell) as talk:
        talk.secure(name="ftp.lab.test")
        answer = talk.line()
        check(answer.startswith("421") and "bad-certificate" in answer, f"the client read {answer!r}")
    event = cell.proxy.wait_event("anomaly", since, client=talk.endpoint, reason="bad-certificate")
    check(text in event["line"], f"the event says {event['line']!r}")


def passed_on_untrusted(cell):
    since = cell.proxy.position()
    with Talk(cell) as talk:
        try:
            talk.secure()
        except ssl.SSLCertVerificationError:
            pass
        else:
            check(False, "the client found a certificate that it trusts in place of a bad one")
    cell.proxy.wait_event("anomaly", since, client=talk.endpoint, reason="bad-certificate")
    context = ssl._create_unverified_context()
    with Talk(cell) as talk:
        talk.secure(context)
        check(talk.command("USER anonymous").startswith("2"), "a client that takes any certificate was refused")


def local_authority_decides(cell):
    url = f"ftp://{cell.lab.addresses[4].server}/"
    base = ["curl", "--disable", "-sS", "--max-time", "20", "--ssl-reqd"]
    check_equal(cell.lab.client.run([*base, "--cacert", cell.proxy.local, url], check=False).returncode, 0,
                "curl's exit status with the local authority")
    check_equal(cell.lab.client.run([*base, url], check=False).returncode, 60, "curl's exit status without it")


def name_is_forwarded(cell):
    """The server's certificate is for ftp.lab.test alone: right under this name, wrong under another."""
    context = ssl.create_default_context(cafile=cell.proxy.local)
    with Talk(cell) as talk:
        talk.secure(context, name="ftp.lab.test")
        check(talk.command("USER anonymous").startswith("2"), "the session did not begin")
    with Talk(cell) as talk:
        talk.secure(name="ftp.lab.test.")
        check(talk.command("USER anonymous").startswith("2"), "a dot at the end made another name of it")
    with Talk(cell) as talk:
        talk.secure(name="other.lab.test")
        check("bad-certificate" in talk.line(), "a certificate for another name was accepted")


def tls_to_one_side(cell, client_tls):
    address = cell.lab.addresses[4].server
    options = ["--ssl-reqd", "--cacert", cell.proxy.local] if client_tls else []
    since = cell.proxy.position()
    path = cell.lab.path("down")
    with open(cell.servers[4, False].path("one-side"), "wb") as file:
        file.write(b"x" * 100000)
    cell.lab.client.run(["curl", "--disable", "-sS", "--max-time", "20", *options, "-o", path,
                         f"ftp://{address}/pub/one-side"])
    check_equal(os.path.getsize(path), 100000, "bytes of the file")
    relay = cell.proxy.wait_event("relay", since)
    check_equal("client_tls_version" in relay, client_tls, "TLS on the client's leg")
    check_equal("server_tls_version" in relay, not client_tls, "TLS on the server's leg")
    if not client_tls:
        check(relay["server_tls_resumed"], "the server's leg was not resumed")


class OwnServersCell(ScriptedCell):
    """Two servers of one's own behind one proxy, in clear, each with a certificate that its clients know already."""

    HOSTS = ("files.lab.test", "archive.lab.test")

    def __init__(self):
        super().__init__({"tls": "client", "ca-certificate": None, "ca-key": None})

    @contextlib.contextmanager
    def __call__(self):
        with Lab(mode="routed", gateway_rules=False, daemon=False) as self.lab:
            self.addresses = (self.lab.addresses[4].server, "10.9.1.3")
            self.lab.server.ip(f"address add {self.addresses[1]}/24 dev eth0")
            self.owner = Authority(self.lab.directory, "owner")
            self.anchors = self.owner.certificate
            pairs = [self.owner.issue(host, f"DNS:{host}") for host in (*self.HOSTS, "third.lab.test")]
            named = [{"certificate": certificate, "key": key} for certificate, key in pairs]
            self.proxy = Proxy(self.lab, self.options, sections={
                "server third": {"names": "third.lab.test", **named[2]},
                "server files": {"addresses": self.addresses[0], **named[0]},
                "server archive": {"addresses": self.addresses[1], "names": "archive.lab.test, other.lab.test",
                                   **named[1]}})
            with self.proxy:
                yield self

    def shown(self, number, host):
        """Connects to a server by its number, asks for host, and returns the name in the certificate; "" for none."""
        context = ssl.create_default_context(cafile=self.anchors)
        context.check_hostname = False
        server = ScriptedServer(self.lab.server, self.addresses[number])
        with server, Talk(self, address=self.addresses[number]) as talk:
            try:
                talk.secure(context, name=host)
            except (ssl.SSLError, ConnectionError):
                return ""
            check(talk.command("USER a").startswith("331"), "the session did not begin")
            return talk.socket.getpeercert()["subjectAltName"][0][1]


def each_server_has_its_own(cell):
    for number, host, expected in ((0, "files.lab.test", "files.lab.test"), (0, None, "files.lab.test"),
                                   (0, "archive.lab.test", "files.lab.test"), (1, "archive.lab.test", "archive.lab.test"),
                                   (1, "OTHER.lab.test", "archive.lab.test"), (0, "third.lab.test", "third.lab.test"),
                                   (1, "third.lab.test", "third.lab.test")):
        check_equal(cell.shown(number, host), expected, f"the certificate of server {number} for {host}")


def no_certificate_is_no_session(cell):
    since = cell.proxy.position()
    check_equal(cell.shown(1, "files.lab.test"), "", "the certificate for a name that is not configured")
    event = cell.proxy.wait_event("anomaly", since, reason="handshake")
    check("no certificate to show" in event["line"], f"the event says {event['line']!r}")
    cell.proxy.wait_event("session-close", since, reason="handshake")


def bad_files(cell, spoil, text):
    """The proxy does not start, says why, and writes an event; ftpalg check says the same."""
    path = cell.lab.path("spoilt.conf")
    with open(cell.proxy.configuration, encoding="ascii") as file:
        configuration = file.read()
    with open(path, "w", encoding="ascii") as file:
        file.write(without_sockets(spoil(cell, configuration)))
    since = cell.proxy.position()
    result = cell.lab.router.run([binary(), "proxy", "-c", path], check=False, timeout=20)
    check_equal(result.returncode, 1, "exit status of the proxy")
    check(text in result.stderr, f"the message is {result.stderr!r}")
    check(text in cell.proxy.wait_event("anomaly", since, reason="shutdown")["line"], "the event says something else")
    result = cell.lab.router.run([binary(), "check", "-c", path], check=False, timeout=30)
    check_equal(result.returncode, 1, "exit status of check")
    found = [line for line in result.stdout.splitlines() if line.startswith("MISSING") and text in line]
    check(found, f"ftpalg check says {result.stdout!r}")


def missing_key(cell, configuration):
    return configuration.replace(cell.lab.path("files.lab.test.key"), cell.lab.path("nothing.key"))


def crossed_keys(cell, configuration):
    return configuration.replace(cell.lab.path("files.lab.test.key"), cell.lab.path("archive.lab.test.key"))


def no_key(cell, configuration):
    return configuration.replace(cell.lab.path("files.lab.test.key"), cell.lab.path("files.lab.test.pem"))


def expired_authority(cell, configuration):
    certificate, key = cell.owner.issue("expired", "DNS:expired", days=-1)
    return configuration.replace("[proxy]\n", f"[proxy]\nca-certificate = {certificate}\nca-key = {key}\n")


def client_sees_the_server(cell):
    """In active mode the data connection comes from the server's address."""
    with Talk(cell) as talk, cell.lab.client.entered(), socket.create_server((cell.lab.addresses[4].client, 0)) as listener:
        talk.secure()
        talk.command("USER anonymous")
        talk.command("PBSZ 0")
        talk.command("PROT C")
        port = listener.getsockname()[1]
        address = cell.lab.addresses[4].client
        answer = talk.command(f"PORT {address.replace('.', ',')},{port // 256},{port % 256}")
        check(answer.startswith("200"), f"PORT was answered with {answer!r}")
        talk.send(b"NLST\r\n")
        listener.settimeout(10)
        connection, peer = listener.accept()
        connection.close()
        check_equal(peer[0], cell.lab.addresses[4].server, "the peer of the data connection")


def truncated_upload(cell):
    """TCP's end without TLS's close_notify: the server must not take the part for the whole."""
    since = cell.proxy.position()
    with Talk(cell) as talk:
        talk.secure()
        for command in ("USER anonymous", "PBSZ 0", "PROT P", "TYPE I"):
            talk.command(command)
        port = int(re.search(r"\|\|\|(\d+)\|", talk.command("EPSV"))[1])
        with cell.lab.client.entered():
            data = socket.create_connection((cell.lab.addresses[4].server, port), 10)
        talk.send(b"STOR pub/truncated\r\n")
        check(talk.reply().startswith("150"), "the upload did not begin")
        secured = talk.socket.context.wrap_socket(data, session=talk.socket.session)
        secured.sendall(b"x" * 50000)
        raw = socket.socket(fileno=secured.detach())
        raw.shutdown(socket.SHUT_WR)
        answer = talk.reply()
        raw.close()
        cell.proxy.wait_event("anomaly", since, client=talk.endpoint, reason="no-close-notify")
        check(answer[:1] in "45", f"the server answered {answer!r} to a part of a file")


def foreign_ticket(cell):
    """A ticket of one control connection resumes nothing of another's."""
    with Talk(cell) as first, Talk(cell) as second:
        first.secure()
        first.command("USER anonymous")
        second.reply()
        second.command("AUTH TLS")
        context = first.socket.context
        with cell.lab.client.entered():
            second.socket = context.wrap_socket(second.socket, session=first.socket.session)
        check(second.command("USER anonymous").startswith("2"), "the second session did not begin")
        check(not second.socket.session_reused, "a foreign ticket was resumed")


def resumption_is_demanded(cell):
    since = cell.proxy.position()
    with Talk(cell) as talk:
        talk.secure()
        for command in ("USER anonymous", "PBSZ 0", "PROT P"):
            talk.command(command)
        port = int(re.search(r"\|\|\|(\d+)\|", talk.command("EPSV"))[1])
        with cell.lab.client.entered():
            data = socket.create_connection((cell.lab.addresses[4].server, port), 10)
        talk.send(b"NLST pub\r\n")
        talk.reply()
        with contextlib.suppress(OSError):
            secured = client_context(cell).wrap_socket(data)
            check_equal(secured.recv(1), b"", "bytes on a data connection that was not resumed")
        data.close()
    check_equal(cell.proxy.wait_event("relay", since, client=talk.endpoint)["reason"], "not-resumed", "the reason")


def is_sanitized():
    with open(binary(), "rb") as program:
        return b"__asan_init" in program.read()


def processes_are_confined(cell):
    """Who speaks to peers keeps CAP_NET_ADMIN, who has the authority's key nothing."""
    with cell.tls_server(), Talk(cell) as talk:
        talk.secure()
        check(talk.command("USER a").startswith("331"), "a session behind the filters was refused")
    for title, capabilities in (("ftpalg-proxy", "1000"), ("ftpalg-keys", "")):
        pid = titled(cell.proxy.process.pid, title)[-1]
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            status = file.read()
        check(re.search(rf"^CapEff:\s*0*{capabilities}$", status, re.M), f"capabilities of {title}: {status}")
        if os.getuid() == 0 and "user" not in (cell.options or {}):
            check(re.search(r"^Uid:\s*65534\s", status, re.M), f"{title} has not become nobody")
        check(re.search(r"^NoNewPrivs:\s*1$", status, re.M), f"{title} may get new privileges")
        # Sanitizers make system calls of their own; `make check` says this of the release build as well.
        if not is_sanitized():
            check(re.search(r"^Seccomp:\s*2$", status, re.M), f"{title} has no filter of system calls")


def direct_connections_are_refused(cell):
    # Past the filter, which admits none either.
    cell.lab.router.run(["iptables", "-I", "INPUT", "-p", "tcp", "--dport", "2100", "-j", "ACCEPT"])
    with Talk(cell, port=2100, address=cell.lab.addresses[4].inside_router) as talk:
        talk.socket.settimeout(5)
        check_equal(talk.line(), "", "an answer to a connection that was not redirected")


def key_must_be_private(cell):
    key, path = cell.lab.path("local.key"), cell.lab.path("open.conf")
    with open(cell.proxy.configuration, encoding="ascii") as served, open(path, "w", encoding="ascii") as file:
        file.write(without_sockets(served.read()))
    os.chmod(key, 0o644)
    try:
        result = cell.lab.router.run([binary(), "proxy", "-c", path], check=False, timeout=10)
    finally:
        os.chmod(key, 0o600)
    check_equal(result.returncode, 1, "exit status")
    check("can be read by others" in result.stderr, f"the message is {result.stderr!r}")


def reload_changes_open_sessions(cell):
    path = cell.proxy.configuration
    with open(path, encoding="ascii") as file:
        text = file.read()
    with Talk(cell) as talk:
        talk.login()
        check(talk.command("MKD x")[0] in "25", "MKD was not answered")
        with open(path, "w", encoding="ascii") as file:
            file.write(text.replace("deny-verbs = SITE", "deny-verbs = SITE, MKD"))
        try:
            os.kill(cell.proxy.process.pid, signal.SIGHUP)
            cell.proxy.process.wait_for_output("reloaded")
            since = cell.proxy.position()
            talk.command("MKD y")
            check_equal(cell.proxy.wait_event("refuse", since, client=talk.endpoint)["reason"], "verb-denied", "the reason")
        finally:
            with open(path, "w", encoding="ascii") as file:
                file.write(text)


def whole_matrix(kind):
    """Every client, mode, level and version, explicit and implicit, and each client once over IPv6."""
    for implicit in (False, True) if kind != "Pure-FTPd" else (False,):
        for row in itertools.product(TLS_CLIENTS, (True, False), (True, False), ("1.3", "1.2")):
            client, passive, private, version = row
            # See curl_begins_no_tls.
            if client != "curl" or passive or not private:
                yield client, 4, implicit, passive, private, version
    for client in TLS_CLIENTS:
        yield client, 6, False, True, True, "1.3"


def short_matrix(kind):
    """Every client in both modes once, with levels, versions and ports in turn."""
    turn = list(SERVERS).index(kind)
    for client, passive in itertools.product(TLS_CLIENTS, (True, False)):
        turn += 1
        private = turn % 3 != 0 and (client != "curl" or passive)
        yield client, 4, kind != "Pure-FTPd" and turn % 4 == 1, passive, private, ("1.3", "1.2")[turn % 2]
    yield list(TLS_CLIENTS)[turn % 3], 6, False, True, True, "1.3"


def add_matrix(plan):
    for kind in SERVERS:
        cell = Cell(kind)
        for row in whole_matrix(kind) if FULL else short_matrix(kind):
            client, family, implicit, passive, private, version = row
            plan.add(f"{client} and {kind}{' over IPv6' if family == 6 else ''}, "
                     f"{'implicit' if implicit else 'explicit'}, {'passive' if passive else 'active'}, "
                     f"PROT {'P' if private else 'C'}, TLS {version}",
                     transfer, *row, fixture=cell)


def add_refusals(plan):
    cell = Cell("vsftpd", policy={"deny-verbs": "SITE"}, families=(4,))
    for command, reason in (("PORT 10,9,1,77,200,1", "foreign-address"), ("EPRT |1|10.9.1.77|51201|", "foreign-address"),
                            ("SPOR 10,9,1,77,200,1", "foreign-address"), ("GET path=/x;port=10,9,1,77,200,1;", "malformed"),
                            ("PORT 10,7,1,2,0,22", "low-port"), ("PORT 10,7,1,2,23,112", "denied-port"),
                            ("PORT 10,7,1,2,260,1", "overflow"), ("PORT 127,0,0,1,200,1", "martian-address"),
                            ("SITE CHMOD 777 x", "verb-denied")):
        plan.add(f"inside TLS, {command} is refused: {reason}", refused_inside_tls, command, reason, fixture=cell)
    for name, reason, act in (("a command in clear behind AUTH", "behind-auth", bytes_behind_auth),
                              ("a part of a line in clear behind AUTH", "behind-auth", part_of_a_line_behind_auth),
                              ("a line in clear behind 234", "handshake", plaintext_behind_234),
                              ("HTTP inside TLS", "not-ftp", http_inside_tls),
                              ("ALPN other than ftp", "handshake", wrong_protocol_in_alpn)):
        plan.add(f"{name} ends the session: {reason}", closed_with, reason, act, fixture=cell)
    plan.add("AUTH, PBSZ, PROT, CCC and REIN are answered as RFC 4217 has them", security_commands, fixture=cell)
    plan.add("FEAT lists AUTH TLS, PBSZ and PROT", features_of_the_leg, fixture=cell)
    plan.add("REIN is refused behind an implicit port", rein_behind_an_implicit_port, fixture=cell)
    plan.add("curl trusts a minted certificate with the local authority, and only with it", local_authority_decides,
             fixture=cell)
    plan.add("in active mode the client sees the server's address as its peer", client_sees_the_server, fixture=cell)
    plan.add("an upload without close_notify does not arrive as a whole one", truncated_upload, fixture=cell)
    plan.add("a ticket of one control connection resumes no other", foreign_ticket, fixture=cell)
    plan.add("a connection to the proxy's own port is closed", direct_connections_are_refused, fixture=cell)
    plan.add("a reload changes what open sessions may do", reload_changes_open_sessions, fixture=cell)
    plan.add("a key that others can read is refused", key_must_be_private, fixture=cell)


def main():
    plan = Plan(__doc__)
    add_matrix(plan)
    add_refusals(plan)
    if FULL:
        plan.add("without a proxy too, curl begins no TLS on a data connection that the server opened", curl_begins_no_tls)
    plan.add("Pure-FTPd resumes in TLS 1.2", transfer, "lftp", 4, False, True, True, "1.2",
             fixture=Cell("Pure-FTPd", {"tls-versions": "1.2"}, families=(4,)))
    only = (4,)
    required = Cell("vsftpd", policy={"tls": "require"}, families=only)
    plan.add("where TLS is required, a login in clear ends the session", closed_with, "tls-required", login_in_clear,
             fixture=required)
    plan.add("where TLS is required, sessions in TLS log in and transfer", transfer, "curl", 4, False, True, True, "1.3",
             fixture=required)
    plan.add("where resumption is required, a data connection without it is cut", resumption_is_demanded,
             fixture=Cell("vsftpd", {"resumption": "require"}, families=only))
    plan.add("an expired certificate is refused in words", bad_certificate, "expired",
             fixture=Cell("vsftpd", days=-1, families=only))
    plan.add("a certificate for another address is refused in words", bad_certificate, "mismatch",
             fixture=Cell("vsftpd", alternatives="IP:10.9.1.77", families=only))
    plan.add("a certificate from nobody who is trusted is refused in words", bad_certificate, "issuer",
             fixture=Cell("vsftpd", {"anchors": None}, families=only))
    plan.add("a bad certificate can be passed on, and stays a bad one", passed_on_untrusted,
             fixture=Cell("vsftpd", {"bad-certificate": "untrusted"}, days=-1, families=only))
    plan.add("a408: the server has to prove the name that the client asks for, a dot at its end or not", name_is_forwarded,
             fixture=Cell("vsftpd", alternatives="DNS:ftp.lab.test", families=only))
    plan.add("TLS to the client and none to the server", tls_to_one_side, True,
             fixture=Cell("vsftpd", {"tls": "client", "implicit-ports": "none"}, families=only))
    plan.add("FEAT of a server in clear lists what the proxy adds", features_of_the_leg,
             fixture=Cell("vsftpd", {"tls": "client", "implicit-ports": "none"}, families=only))
    plan.add("no TLS to the client and TLS to the server", tls_to_one_side, False,
             fixture=Cell("vsftpd", {"tls": "server", "implicit-ports": "none"}, families=only))
    clearing = Cell("vsftpd", {"ccc": "allow"}, families=only)
    for mode in ("passive", "active"):
        plan.add(f"CCC by curl, which {'waits for' if mode == 'passive' else 'begins'} the end of TLS", ccc_by_curl, mode,
                 fixture=clearing)
    plan.add("behind CCC lines are judged as before, and the protection is settled", ccc_keeps_judging, fixture=clearing)
    plan.add("FEAT lists CCC where it is allowed", features_of_the_leg, ("AUTH TLS", "CCC", "PBSZ", "PROT"),
             fixture=clearing)
    plan.add("where TLS is required, CCC is refused although it is allowed", ccc_is_refused,
             fixture=Cell("vsftpd", {"ccc": "allow"}, policy={"tls": "require"}, families=only))
    scripted = ScriptedCell({"tls": "client"})
    plan.add("REIN ends TLS on the client's leg, and AUTH begins it anew", rein_ends_tls, False, fixture=scripted)
    for verb, answer, reason in (("PASV", b"227 Entering Passive Mode (198,51,100,77,200,1)\r\n", "foreign-address"),
                                 ("PASV", b"227 Entering Passive Mode (10,9,1,2,0,22)\r\n", "low-port"),
                                 ("EPSV", b"229 ok (|||65558|)\r\n", "overflow"),
                                 ("SPAS", b"229 (10,9,1,77,200,1)\r\n", "malformed"),
                                 ("RETR", b"129 Entering Passive Mode (10,9,1,77,200,1)\r\n", "unsolicited"),
                                 ("NOOP", b"227 Entering Passive Mode (10,9,1,2,200,1)\r\n", "unsolicited")):
        plan.add(f"inside TLS, {answer.decode().strip()} as the answer to {verb} is refused: {reason}",
                 reply_refused_inside_tls, verb, answer, reason, fixture=scripted)
    plan.add("a transfer in active mode that is over before the proxy sees it begin arrives whole", over_before_it_is_seen,
             fixture=scripted)
    plan.add("a client may reset at every step", resets_at_every_step, fixture=scripted)
    plan.add("a server that is not there is told to the client", unreachable_server, fixture=scripted)
    both = ScriptedCell({})
    plan.add("the proxy keeps CAP_NET_ADMIN, who has the key nothing, and both a filter", processes_are_confined,
             fixture=both)
    plan.add("REIN ends TLS on both legs, and AUTH begins it anew", rein_ends_tls, True, fixture=both)
    plan.add("REIN that the server refuses leaves both legs in TLS", rein_that_fails_changes_nothing, fixture=both)
    plan.add("a server's bytes in clear behind 234 end the session", server_speaks_behind_234, fixture=both)
    plan.add("a server that does not begin TLS is told to the client, in TLS", server_does_not_begin_tls, fixture=both)
    plan.add("a session whose AUTH is refused stays inspected", refused_auth_stays_readable, fixture=both)
    own = OwnServersCell()
    plan.add("each of one's own servers has its own certificate, by address and by name", each_server_has_its_own,
             fixture=own)
    plan.add("where no certificate is configured there is no session, and an event says so", no_certificate_is_no_session,
             fixture=own)
    for name, spoil, text in (("a key that is not there", missing_key, "can't read the key"),
                              ("a key of another certificate", crossed_keys, "belongs to another key"),
                              ("a key file that others can read", no_key, "can be read by others"),
                              ("an authority that has expired", expired_authority, "has expired")):
        plan.add(f"{name} is told at the start, by check and in an event", bad_files, spoil, text, fixture=own)
    promised = ScriptedCell({"tls": "server"})
    plan.add("a server that refuses TLS where it is promised hears no more", server_without_tls, fixture=promised)
    plan.add("REIN of a client in clear puts the server's leg into TLS again", rein_prepares_the_server_anew,
             fixture=promised)
    plan.run()


if __name__ == "__main__":
    main()

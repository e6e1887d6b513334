#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
How connections reach the proxy: by REDIRECT and by TPROXY, with servers dialled from the router's address and from the
client's own; by the rules that `ftpalg rules` prints, loaded as they are, of both kinds.
"""

import contextlib
import ftplib
import os
import re
import signal
import socket
import ssl
import subprocess
import time

import rules
from clients import TLS_CLIENTS, TlsSession, file_digest, random_file
from lab import Lab
from process import SLOWNESS, children, is_gone, titled, wait_until
from gateway import READY, binary
from proxy import PORT, Proxy
from scripted import ScriptedServer
from servers import TOP, TlsVsftpd
from tap import Plan, Skip, check, check_equal

# What the manual says ends sessions that are open; an address comes behind it.
END_SESSIONS = ("ss", "-K", "dst")
# More than is on its way while that command begins.
LONG = 64 << 20


def has_nft_queue():
    """Not every kernel has a queue in nft; the queue itself is there, by iptables."""
    text = "table inet probe {\nchain forward {\ntype filter hook forward priority 0\nqueue num 22\n}\n}\n"
    return subprocess.run(["nft", "-c", "-f", "-"], input=text, text=True, check=False,
                          stderr=subprocess.DEVNULL).returncode == 0


FLAVOURS = ("iptables", "nft") if has_nft_queue() else ("iptables",)


class Cell:
    """
    A lab with a proxy and a TLS server that demands resumption, for each family. flavour: of all rules in it.
    mode: what the router itself translates.
    """

    def __init__(self, flavour, interception, source="router", mode="routed", forward=False, families=(4, 6)):
        self.flavour = flavour
        self.options = {"interception": interception, "source": source, "implicit-ports": "none"}
        self.mode = mode
        self.forward = forward
        self.families = families

    @contextlib.contextmanager
    def __call__(self):
        usual, rules.FLAVOUR = rules.FLAVOUR, self.flavour
        try:
            with contextlib.ExitStack() as stack:
                self.lab = stack.enter_context(Lab(mode=self.mode, gateway_rules=False, daemon=False))
                self.proxy = Proxy(self.lab, self.proxy_options())
                # The server proves the address that its clients dial, which is not its own behind DNAT.
                certificate = self.proxy.server_certificate(rsa=True, alternatives=",".join(
                    f"IP:{self.lab.server_seen(family)}" for family in (4, 6)))
                self.servers = {family: stack.enter_context(TlsVsftpd(
                    self.lab.server, self.lab.addresses[family].server, self.lab.directory, certificate))
                    for family in self.families}
                stack.enter_context(self.proxy)
                self.source = self.lab.path("source")
                self.digest = random_file(self.source, 1)
                yield self
        finally:
            rules.FLAVOUR = usual

    def proxy_options(self):
        options = dict(self.options)
        if self.forward:
            options["forward"] = ", ".join(f"{addresses.server_public}->{addresses.server}"
                                           for addresses in self.lab.addresses.values())
        return options


def transfer(cell, family, passive, private):
    """An upload, a download and a listing, and on both legs of each data connection what was promised."""
    lab, server = cell.lab, cell.servers[family]
    since = cell.proxy.position()
    session = TlsSession(namespace=lab.client, address=lab.server_seen(family), port=21, passive=passive,
                         extended=family == 6, source=cell.source, name=f"file-{time.monotonic_ns()}",
                         directory=lab.directory, implicit=False, private=private, version="1.3",
                         anchors=cell.proxy.local)
    try:
        listing = TLS_CLIENTS["ftplib"](session)
    except Exception:
        print(f"# {cell.proxy.events(since=since)[-6:]}\n# {cell.proxy.process.output()[-1000:]!r}")
        raise
    check_equal(file_digest(server.path(session.name)), cell.digest, "SHA-256 of the uploaded file")
    check_equal(file_digest(session.destination), cell.digest, "SHA-256 of the downloaded file")
    check(session.name in listing, f"the listing lacks the file: {listing!r}")
    for path in (server.path(session.name), session.destination):
        os.remove(path)
    relays = cell.proxy.wait_events(3, "relay", since)
    for relay in relays:
        check("reason" not in relay, f"a data connection ended badly: {relay}")
        for leg in ("client", "server"):
            check_equal(f"{leg}_tls_version" in relay, private, f"TLS on the {leg}'s leg")
            check_equal(relay.get(f"{leg}_tls_resumed", False), private, f"resumption on the {leg}'s leg")


def add_transfers(plan, cell, name, families=(4, 6), levels=(True, False)):
    for family in families:
        for passive in (True, False):
            for private in levels:
                plan.add(f"{name}: IPv{family}, {'passive' if passive else 'active'}, PROT {'P' if private else 'C'}",
                         transfer, family, passive, private, fixture=cell)


class Supervised(Proxy):
    """One client terminates TLS, all others don't: `ftpalg run` and the whole rule set, as it is printed."""

    def __init__(self, lab, options=None, gateway=None):
        super().__init__(lab, options, gateway=gateway)
        clients = ", ".join(addresses.client for addresses in lab.addresses.values())
        with open(self.configuration, "a", encoding="ascii") as file:
            file.write(f"[rule office]\nclients = {clients}\ntls = terminate\n")

    def load_whole_rules(self):
        path = f"{self.configuration}.rules"
        if rules.FLAVOUR == "nft":
            rules.load(self.router, path, self.printed_rules(), ["nft", "-f", "-"])
            rules.load(self.router, path, self.printed_rules(kind="route"), ["sh", "-s"])
            for chain, options in (("forward", ["--forward"]), ("input", ["--proxy", "--forward"])):
                for line in self.printed_rules(*options).splitlines():
                    if not line.startswith("#"):
                        self.router.run(["nft", "insert", "rule", "inet", "lab", chain, line])
        else:
            for options in ([], ["--forward"]):
                rules.load(self.router, path, self.printed_rules(*options), ["sh", "-s"])

    def __enter__(self):
        self.load_whole_rules()
        self.start()
        return self

    def start(self):
        self.process = self.router.spawn([binary(), "run", "-c", self.configuration])
        self.wait_ready(2)

    def wait_ready(self, count):
        wait_until(lambda: self.starts() >= count, f"{count} processes that are ready", 30)

    def starts(self):
        return self.process.output().count(READY)

    def children(self):
        """The process of each name below the supervisor."""
        pids = children(self.process.pid)
        named = {name: titled(self.process.pid, f"ftpalg-{name}") for name in ("worker", "broker", "keys", "proxy", "control")}
        check_equal(sorted(pids), sorted(pid for found in named.values() for pid in found), "processes, and those known")
        return {name: found[0] for name, found in named.items()}


class SupervisedCell(Cell):
    """flavour None: the one of this run, since not every kernel has a queue in nft."""

    def __init__(self, interception, gateway=None, mode="snat"):
        super().__init__(None, interception, mode=mode)
        self.gateway = gateway

    @contextlib.contextmanager
    def __call__(self):
        with contextlib.ExitStack() as stack:
            self.lab = stack.enter_context(Lab(mode=self.mode, gateway_rules=False, daemon=False))
            self.proxy = Supervised(self.lab, self.proxy_options(), self.gateway)
            certificate = self.proxy.server_certificate(rsa=True)
            self.servers = {family: stack.enter_context(TlsVsftpd(
                self.lab.server, self.lab.addresses[family].server, self.lab.directory, certificate))
                for family in self.families}
            stack.enter_context(self.proxy)
            self.source = self.lab.path("source")
            self.digest = random_file(self.source, 1)
            yield self


def process_of(event):
    """Each process has numbers of its own for its sessions: their high half."""
    return int(event["session"], 16) >> 32


def is_of_proxy(cell, event):
    """Only the proxy tells of its legs."""
    return process_of(event) in {process_of(tls) for tls in cell.proxy.events("tls") if "client_tls_version" in tls}


def others_session(cell, family, kind=ftplib.FTP, **options):
    """A client that nothing is terminated for."""
    client = kind(timeout=20 * SLOWNESS, source_address=(cell.lab.addresses[family].second_client, 0), **options)
    client.trust_server_pasv_ipv4_address = True
    client.connect(cell.lab.server_seen(family), 21)
    return client


def sessions(cell, since, count):
    """The clients whose control connections were opened since, by process."""
    opened = cell.proxy.wait_events(count, "session-open", since)
    check_equal(len(opened), count, "sessions")
    return [(event["client_ip"], is_of_proxy(cell, event)) for event in opened]


def each_goes_its_way(cell, family):
    since = cell.proxy.position()
    for passive in (True, False):
        transfer(cell, family, passive, True)
    with cell.lab.client.entered(), others_session(cell, family) as client:
        client.login()
        for passive in (True, False):
            client.set_pasv(passive)
            listing = []
            client.retrlines("LIST", listing.append)
            check(any("pub" in line for line in listing), f"the listing is {listing}")
        client.quit()
    addresses = cell.lab.addresses[family]
    check_equal(sessions(cell, since, 3), [(addresses.client, True)] * 2 + [(addresses.second_client, False)],
                "sessions, and whether they were the proxy's")


def not_terminated_is_opaque(cell):
    """FTPS of a network that does not terminate passes the queue, as it does without a proxy."""
    since = cell.proxy.position()
    context = ssl.create_default_context(cafile=cell.proxy.servers.certificate)
    with cell.lab.client.entered(), others_session(cell, 4, ftplib.FTP_TLS, context=context) as client:
        client.auth()
        issuer = dict(item for part in client.sock.getpeercert()["issuer"] for item in part)
        check_equal(issuer["commonName"], "servers", "who has signed the certificate that the client sees")
        client.login()
        client.quit()
    event = cell.proxy.wait_event("tls", since)
    check_equal((event["tls"], is_of_proxy(cell, event)), ("opaque", False), "what the event says, and of whom it is")


def logins_inside_tls_are_no_logins_in_clear(cell):
    """The rule is terminate; where it is terminate-require, what comes in TLS has to pass, and nothing else."""
    path = cell.proxy.configuration
    with open(path, encoding="ascii") as file:
        text = file.read()
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text.replace("tls = terminate\n", "tls = terminate-require\n"))
        os.kill(cell.proxy.process.pid, signal.SIGHUP)
        wait_until(lambda: cell.proxy.process.output().count("reloaded") >= 2, "both processes to have reloaded")
        transfer(cell, 4, True, True)
        since = cell.proxy.position()
        with cell.lab.client.entered(), ftplib.FTP(cell.lab.server_seen(4), timeout=20 * SLOWNESS) as client:
            with contextlib.suppress(ftplib.Error, EOFError, OSError):
                client.login()
        cell.proxy.wait_event("session-close", since, reason="tls-required")
    finally:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)


def replaced_after(cell, name, number):
    """number ends one of the two; it is replaced, a worker with its broker, and the other one stays."""
    before, began = cell.proxy.children(), cell.proxy.starts()
    os.kill(before[name], number)
    cell.proxy.wait_ready(began + 1)
    after = cell.proxy.children()
    other = {"worker": "proxy", "proxy": "worker"}[name]
    check(is_gone(before[name]) and after[name] != before[name], f"the {name} was not replaced")
    check_equal(after[other], before[other], f"the process of the {other}")
    check_equal(after["broker"] == before["broker"], name == "proxy", "the broker is as old as its worker")
    transfer(cell, 4, True, True)


def end_together(cell, number):
    """A polite end ends both; neither outlives a supervisor that is killed."""
    pids = cell.proxy.children()
    process = cell.proxy.process
    if number == signal.SIGKILL:
        os.kill(process.pid, number)
        process.wait()
    else:
        cell.proxy.stop()
    for name, pid in pids.items():
        wait_until(lambda pid=pid: is_gone(pid), f"the end of the {name}")
    cell.proxy.start()


def private_key(path):
    """The secret number of an EC key, as OpenSSL has it in memory: least significant byte first."""
    text = subprocess.run(["openssl", "ec", "-in", path, "-text", "-noout"], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    digits = re.search(r"priv:\s*([0-9a-f:\s]+?)pub:", text)[1]
    return bytes.fromhex(re.sub(r"[:\s]", "", digits))[-32:][::-1]


def memory_contains(pid, wanted):
    """Writable memory of a process; of a sanitizer's huge maps only what is not their shadow."""
    found = False
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            first, last = (int(number, 16) for number in line.split()[0].split("-"))
            if "rw" not in line.split()[1] or last - first > 1 << 28:
                continue
            memory.seek(first)
            with contextlib.suppress(OSError):
                found = found or wanted in memory.read(last - first)
    return found


def a133_the_authoritys_key_is_in_one_process(cell):
    if os.environ.get("FTPALG_LAB_UID", "0") != "0":
        raise Skip("needs root, who may read other processes' memory")
    key = private_key(cell.lab.path("local.key"))
    pids = cell.proxy.children()
    transfer(cell, 4, True, True)
    check(memory_contains(pids["keys"], key), "this search does not find the key where it is")
    for name, pid in (*((name, pids[name]) for name in ("worker", "broker", "proxy")), ("supervisor", cell.proxy.process.pid)):
        check(not memory_contains(pid, key), f"the key is in the memory of the {name}")


def unreadable_key_keeps_both_from_starting(cell):
    key = cell.lab.path("local.key")
    cell.proxy.stop()
    os.chmod(key, 0o644)
    try:
        result = cell.lab.router.run([binary(), "run", "-c", cell.proxy.configuration], check=False, timeout=60)
        check_equal(result.returncode, 1, "exit status")
        check("can be read by others" in result.stderr, f"the messages are {result.stderr!r}")
    finally:
        os.chmod(key, 0o600)
        cell.proxy.start()


def server_log_names(cell, client):
    """What vsftpd writes about who has connected."""
    transfer(cell, 4, True, True)
    with open(cell.servers[4].log, encoding="utf-8", errors="replace") as file:
        seen = set(re.findall(r'Client "(?:::ffff:)?([0-9.]+)"', file.read()))
    check_equal(seen, {getattr(cell.lab.addresses[4], client)}, "clients in the server's log")


def connect(cell, port, source=None, timeout=3):
    with cell.lab.client.entered():
        return socket.create_connection((cell.lab.server_seen(4), port), timeout * SLOWNESS,
                                        (source, 0) if source else None)


def says_nothing(connection):
    try:
        return connection.recv(100) == b""
    except OSError:
        return True


def nothing_passes_without_a_proxy(cell):
    """Neither a new connection nor the rest of an open one is forwarded to the server when the proxy has died."""
    with connect(cell, 21) as open_one, cell.lab.server.entered():
        check(open_one.recv(100).startswith(b"220"), "there was no greeting")
        cell.proxy.kill()
        watch = cell.lab.server.spawn(["tcpdump", "-nlUi", "eth0", "tcp", "dst", "port", "21", "and", "src", "host",
                                       cell.lab.addresses[4].client])
        watch.wait_for_output("listening on")
        with contextlib.suppress(OSError):
            open_one.sendall(b"USER anonymous\r\nPASS secret\r\n")
        try:
            with connect(cell, 21) as new_one:
                check(says_nothing(new_one), "a new connection was answered")
        except OSError:
            pass
        watch.stop(signal.SIGINT)
        check("0 packets captured" in watch.output(), f"packets reached the server: {watch.output()}")
    cell.proxy.process = cell.lab.router.spawn([binary(), "proxy", "-c", cell.proxy.configuration])
    cell.proxy.process.wait_for_output(READY)
    transfer(cell, 4, True, True)


def only_the_expected_client_gets_in(cell):
    """INPUT stays closed: the listener of an offer is there for the client alone, and once."""
    context = ssl.create_default_context(cafile=cell.proxy.local)
    with cell.lab.client.entered(), ftplib.FTP_TLS(context=context, timeout=20 * SLOWNESS) as client:
        client.connect(cell.lab.server_seen(4), 21)
        client.login()
        client.prot_p()
        port = ftplib.parse229(client.sendcmd("EPSV"), client.sock.getpeername())[1]
        for source in (cell.lab.addresses[4].second_client, None):
            try:
                with connect(cell, port, source, 1) as stranger:
                    check(source is None, "another host was let in")
            except OSError:
                check(source is not None, "the client itself was not let in")
        with contextlib.suppress(ftplib.Error):
            client.voidcmd("NOOP")


def findings(cell):
    """What `ftpalg check` says on the router, and whether that was all well."""
    result = cell.lab.router.run([binary(), "check", "-c", cell.proxy.configuration], check=False)
    return result.returncode, [line for line in result.stdout.splitlines() if line.startswith("MISSING")]


def nothing_is_missing(cell):
    check_equal(findings(cell), (0, []), "check's exit status and what it misses")


def check_finds(cell, words, disturb, mend):
    """All is well; then something is taken away, and check names it; then all is well again."""
    check_equal(findings(cell), (0, []), "check's exit status and what it misses")
    cell.lab.router.run(["sh", "-c", disturb])
    try:
        status, missing = findings(cell)
        check_equal(status, 1, "check's exit status")
        check(any(words in line for line in missing), f"{words!r} is not in {missing}")
    finally:
        if mend:
            cell.lab.router.run(["sh", "-c", mend])
        else:
            cell.proxy.load_whole_rules()
    check_equal(findings(cell), (0, []), "check's exit status and what it misses in the end")


def late_chains_are_told(cell):
    nft = "nft add table inet late; nft add chain inet late forward '{ type filter hook forward priority security + 101; }'"
    words = "a chain at forward has a priority after security"
    command = [binary(), "check", "-c", cell.proxy.configuration]
    check(words not in cell.lab.router.run(command, check=False).stdout, "a late chain is told of where there is none")
    cell.lab.router.run(["sh", "-c", nft])
    try:
        check(words in cell.lab.router.run(command, check=False).stdout, "a late chain is not told of")
    finally:
        cell.lab.router.run(["nft", "delete", "table", "inet", "late"])


def nothing_sent_anew_leaves(cell, family):
    """Without the entry that leads it back, it would be the client's own SYN to the server, past the proxy."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(ScriptedServer(cell.lab.server, cell.lab.addresses[family].server, port=2222))
        for mark, expected in ((0x1, True), (0x66747001, False)):
            with cell.lab.router.entered():
                stray = stack.enter_context(socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6))
            stray.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
            stray.settimeout((10 if expected else 0.6) * SLOWNESS)
            try:
                stray.connect((server.address, server.port))
                came = True
            except OSError:
                came = False
            check_equal(came, expected, f"whether a connection with the mark {mark:#x} reached the server")


def add_findings(plan, cell):
    plan.add("check tells of chains that come too late", late_chains_are_told, fixture=cell)
    for what, words, disturb, mend in (
            ("an ip rule that is missing", "route, IPv4: no ip rule", "ip -4 rule flush protocol 212", None),
            ("a route that is missing", "route, IPv6: table 2100", "ip -6 route flush table all protocol 212", None),
            ("rules that don't intercept", "no rule takes connections to port 2100",
             "iptables -t mangle -F FTPALG_PROXY_INTERCEPT", None),
            ("rules that ask no forward chain", "no rule gives what the forward chains let pass to queue 22",
             "ip6tables -t security -F FTPALG_PROXY_QUEUE", None),
            ("a rule of an earlier version that passes by the forward chains", "a rule redirects to port 2100",
             "iptables -t nat -A FTPALG_PROXY_INTERCEPT -p tcp -j REDIRECT --to-ports 2100", None),
            ("an INPUT that does not let in what was intercepted", "input, IPv6: it drops by default",
             "ip6tables -F FTPALG_PROXY_ACCEPT", None),
            ("marks that answers would take over", "net.ipv4.tcp_fwmark_accept is set",
             "echo 1 >/proc/sys/net/ipv4/tcp_fwmark_accept", "echo 0 >/proc/sys/net/ipv4/tcp_fwmark_accept")):
        plan.add(f"check names {what}", check_finds, words, disturb, mend, fixture=cell)


class FirewallCell(Cell):
    """FTP services that nobody may reach: on the client's host, and on the router itself; and one beside the server's."""

    @contextlib.contextmanager
    def __call__(self):
        with super().__call__(), contextlib.ExitStack() as stack:
            for host, name in ((self.lab.client, "client"), (self.lab.router, "inside_router")):
                for addresses in self.lab.addresses.values():
                    stack.enter_context(ScriptedServer(host, getattr(addresses, name)))
            yield self

    def rule(self, action, family, *words):
        """A rule of the operator's, first in FORWARD."""
        if rules.FLAVOUR == "nft":
            raise Skip("these rules are written for iptables")
        self.lab.router.run([rules.iptables(family), action, "FORWARD", *words])


def answers(host, address, source=None, patience=10):
    """Does an FTP server greet from there?"""
    with host.entered():
        try:
            with socket.create_connection((address, 21), patience * SLOWNESS, (source, 0) if source else None) as connection:
                connection.settimeout(10 * SLOWNESS)
                return connection.recv(100).startswith(b"220")
        except OSError:
            return False


def is_silent(host, address, source=None):
    """Nobody answers there, for longer than an answer takes."""
    return not answers(host, address, source, patience=0.6)


def outside_reaches_nothing_inside(cell, family):
    since = cell.proxy.position()
    addresses = cell.lab.addresses[family]
    check(answers(cell.lab.client, addresses.server), "the inside does not reach the server: this test tests nothing")
    check(answers(cell.lab.client, addresses.client), "the inside server does not answer: this test tests nothing")
    check(is_silent(cell.lab.server, addresses.client), "the outside reaches a server inside that FORWARD closes")
    cell.proxy.wait_event("session-open", since)
    reached = [event for event in cell.proxy.events("session-open", since) if event["server_ip"] == addresses.client]
    check_equal(reached, [], "sessions with the server inside")


def routers_own_server_stays_closed(cell, family):
    """INPUT drops it, from both sides, under both of the router's addresses."""
    addresses = cell.lab.addresses[family]
    check(answers(cell.lab.router, addresses.inside_router), "the router's server does not answer: this tests nothing")
    for host in (cell.lab.client, cell.lab.server):
        for address in (addresses.inside_router, addresses.outside_router):
            check(is_silent(host, address), f"the router's own server was opened, at {address}")


def routers_own_server_is_its_own(cell, family):
    """Where INPUT opens it, the client talks to it and not to the proxy."""
    since = cell.proxy.position()
    addresses = cell.lab.addresses[family]
    program = rules.iptables(family)
    cell.lab.router.run([program, "-I", "INPUT", "-p", "tcp", "--dport", "21", "-j", "ACCEPT"])
    try:
        check(answers(cell.lab.client, addresses.inside_router), "the router's own server can't be reached")
    finally:
        cell.lab.router.run([program, "-D", "INPUT", "-p", "tcp", "--dport", "21", "-j", "ACCEPT"])
    reached = [event for event in cell.proxy.events("session-open", since) if event["server_ip"] == addresses.inside_router]
    check_equal(reached, [], "sessions of the proxy with the router's own server")


def bans_hold(cell, family):
    """What FORWARD forbids a client, a server or both, by interface, address or for a time, and from one moment on."""
    addresses = cell.lab.addresses[family]
    for words in (("-s", addresses.client), ("-d", addresses.server),
                  ("-i", "inside", "-o", "outside", "-s", addresses.client, "-d", addresses.server),
                  ("-p", "tcp", "--dport", "21", "-m", "conntrack", "--ctstate", "NEW")):
        check(answers(cell.lab.client, addresses.server, addresses.client), "there is no answer without the ban")
        cell.rule("-I", family, *words, "-j", "DROP")
        try:
            check(is_silent(cell.lab.client, addresses.server, addresses.client), f"{words} was passed by")
        finally:
            cell.rule("-D", family, *words, "-j", "DROP")
    cell.rule("-I", family, "-s", addresses.second_client, "-j", "REJECT")
    try:
        check(is_silent(cell.lab.client, addresses.server, addresses.second_client), "a ban was passed by")
        check(answers(cell.lab.client, addresses.server, addresses.client), "a ban of one client hit another one")
    finally:
        cell.rule("-D", family, "-s", addresses.second_client, "-j", "REJECT")


def what_comes(connection):
    """
    How much comes until a connection's end, or until nothing comes any more: a reset that is dropped where a queue is full
    is not sent again, and a client that waits for its server never learns of it.
    """
    received = bytearray()
    connection.settimeout(3 * SLOWNESS)
    with contextlib.suppress(ConnectionError, TimeoutError):
        while block := connection.recv(65536):
            received += block
    return bytes(received)


def wait_no_sockets(router, address):
    """Nothing on the router is connected with it any more."""
    wait_until(lambda: router.output(["ss", "-Htn", "state", "connected", "exclude", "time-wait", "dst", address]) == "",
               f"the end of all that is connected with {address}")


def ban_ends_what_is_open(cell, family):
    """The command that the manual names for that, with a ban: by the client's address, and by the server's."""
    addresses = cell.lab.addresses[family]
    with open(os.path.join(TOP, "doc/ftpalg.8"), encoding="utf-8") as manual:
        check(f".Dq {' '.join(END_SESSIONS)} ADDRESS" in manual.read(), "the manual names another command")
    with open(cell.servers[family].path("long"), "wb") as file:
        file.truncate(LONG)
    for address in (addresses.client, addresses.server):
        with cell.lab.client.entered():
            session = ftplib.FTP(timeout=20 * SLOWNESS)
            session.connect(addresses.server)
            session.login()
            download = session.transfercmd("RETR pub/long")
        with contextlib.closing(session), download:
            check(download.recv(1), "the download did not begin")
            cell.rule("-I", family, "-s", addresses.client, "-j", "DROP")
            try:
                written = f"[{address}]" if family == 6 else address
                cell.lab.router.run([*END_SESSIONS, written])
                wait_no_sockets(cell.lab.router, written)
                check(len(what_comes(download)) < LONG - 1, f"the data connection goes on, with {address}")
                with contextlib.suppress(OSError):
                    session.sock.sendall(b"NOOP\r\n")
                check(b"200 " not in what_comes(session.sock), f"the session goes on, with {address}")
            finally:
                cell.rule("-D", family, "-s", addresses.client, "-j", "DROP")


def port_of_the_proxy_is_closed(cell, family):
    """The listener of intercepted connections is for these: neither side can dial it, nor with an INPUT that is open."""
    addresses = cell.lab.addresses[family]
    program = rules.iptables(family)
    for opened in (False, True):
        if opened:
            cell.lab.router.run([program, "-I", "INPUT", "-j", "ACCEPT"])
        for host, address in ((cell.lab.client, addresses.inside_router), (cell.lab.server, addresses.outside_router)):
            with host.entered(), contextlib.suppress(OSError):
                with socket.create_connection((address, PORT), 1 * SLOWNESS) as connection:
                    check(opened, "the port of the proxy is open")
                    check(says_nothing(connection), "the proxy serves who dials it")
    cell.lab.router.run([program, "-D", "INPUT", "-j", "ACCEPT"])


def admission_costs_no_second(cell, family):
    """The first packet is passed on: the client never has to send it again."""
    began = cell.lab.client.counters()["TcpExtTCPSynRetrans"]
    times = []
    for _ in range(20):
        start = time.monotonic()
        check(answers(cell.lab.client, cell.lab.server_seen(family)), "there is no answer")
        times.append(time.monotonic() - start)
    print(f"# a connection and its greeting: median {sorted(times)[10] * 1000:.1f} ms")
    check_equal(cell.lab.client.counters()["TcpExtTCPSynRetrans"] - began, 0, "first packets that were sent again")


def add_firewall(plan):
    for interception in ("redirect", "tproxy"):
        for source in ("router", "client"):
            cell = FirewallCell("iptables", interception, source)
            for family in (4, 6):
                for name, test in (("outside reaches nothing inside that FORWARD closes", outside_reaches_nothing_inside),
                                   ("the router's own server stays closed", routers_own_server_stays_closed),
                                   ("the router's own server is not taken away", routers_own_server_is_its_own),
                                   ("bans in FORWARD hold", bans_hold),
                                   ("(a310) a ban ends what is open, by the manual's command", ban_ends_what_is_open),
                                   ("what is sent anew does not leave", nothing_sent_anew_leaves),
                                   ("nobody dials the proxy itself", port_of_the_proxy_is_closed),
                                   ("a connection is made at once", admission_costs_no_second)):
                    plan.add(f"a91 {interception}, source = {source}, IPv{family}: {name}", test, family, fixture=cell)


def one_port_reaches_two_servers(family):
    """As a client's own NAT has it: one source port, two servers at a time, and both are led to one port of the proxy's."""
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(Lab(mode="routed", gateway_rules=False, daemon=False))
        stack.enter_context(Proxy(lab, {"tls": "client", "control-ports": "21, 2121"}))
        for port in (21, 2121):
            stack.enter_context(ScriptedServer(lab.server, lab.addresses[family].server, port))
        own = None
        for port in (21, 2121):
            with lab.client.entered():
                connection = stack.enter_context(socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            connection.bind(own or ("", 0))
            own = connection.getsockname()
            connection.settimeout(5 * SLOWNESS)
            connection.connect((lab.server_seen(family), port))
            check(connection.recv(100).startswith(b"220"), f"the server at port {port} does not answer")
            for command, answer in ((b"USER u", b"331"), (b"PASS p", b"230"), (b"EPSV", b"229")):
                connection.sendall(command + b"\r\n")
                said = connection.recv(200)
                check(said.startswith(answer), f"the answer to {command} at port {port}: {said}")
            with lab.client.entered():
                data = (lab.server_seen(family), int(said.split(b"|")[3]))
                stack.enter_context(socket.create_connection(data, 5 * SLOWNESS))


def add_supervised(plan):
    for interception in ("redirect", "tproxy"):
        cell = SupervisedCell(interception, {"watchdog": str(round(2 * SLOWNESS))})
        for family in (4, 6):
            plan.add(f"{interception}: who terminates goes to the proxy and nobody else, and each once, IPv{family}",
                     each_goes_its_way, family, fixture=cell)
        plan.add(f"{interception}: check finds that nothing is missing", nothing_is_missing, fixture=cell)
        plan.add(f"{interception}: FTPS of a network that does not terminate stays opaque", not_terminated_is_opaque,
                 fixture=cell)
    if rules.FLAVOUR == "iptables":
        add_findings(plan, cell)
    plan.add("terminate-require: a login in TLS is let in, one in clear is not",
             logins_inside_tls_are_no_logins_in_clear, fixture=cell)
    for name in ("proxy", "worker"):
        plan.add(f"run replaces a {name} that was killed, and leaves the other one alone", replaced_after, name,
                 signal.SIGKILL, fixture=cell)
    plan.add("run replaces a proxy that hangs", replaced_after, "proxy", signal.SIGSTOP, fixture=cell)
    plan.add("a133: the authority's key is in the memory of its own process, and of no other", a133_the_authoritys_key_is_in_one_process,
             fixture=cell)
    plan.add("SIGTERM ends the worker and the proxy", end_together, signal.SIGTERM, fixture=cell)
    plan.add("neither of them outlives the supervisor", end_together, signal.SIGKILL, fixture=cell)
    plan.add("a key that others can read keeps run from starting", unreadable_key_keeps_both_from_starting, fixture=cell)


def main():
    plan = Plan(__doc__)
    for flavour in FLAVOURS:
        for interception in ("tproxy", "redirect"):
            for source in ("router", "client"):
                cell = Cell(flavour, interception, source)
                add_transfers(plan, cell, f"{flavour}, {interception}, servers dialled from the {source}'s address",
                              levels=(True, False) if interception == "tproxy" else (True,))
    for flavour in FLAVOURS:
        for interception in ("tproxy", "redirect"):
            add_transfers(plan, Cell(flavour, interception, mode="dnat", forward=True),
                          f"{flavour}, {interception}, a server behind the router's own DNAT", levels=(True,))
    add_transfers(plan, Cell("iptables", "tproxy", "client", mode="dnat", forward=True),
                  "a server behind the router's own DNAT that sees its clients", levels=(True,))
    plan.add("a server that is dialled from the client's address logs the client", server_log_names, "client",
             fixture=Cell("iptables", "tproxy", "client", families=(4,)))
    for flavour in FLAVOURS:
        cell = Cell(flavour, "tproxy", families=(4,))
        plan.add(f"{flavour}: a server that is dialled from the router's address logs the router", server_log_names,
                 "outside_router", fixture=cell)
        plan.add(f"{flavour}: only the client that is expected gets to the listener", only_the_expected_client_gets_in,
                 fixture=cell)
        plan.add(f"{flavour}: nothing passes to the server where the proxy has died", nothing_passes_without_a_proxy,
                 fixture=cell)
    add_firewall(plan)
    for family in (4, 6):
        plan.add(f"a342 redirect, IPv{family}: one port of a client's reaches two servers at a time",
                 one_port_reaches_two_servers, family)
    add_supervised(plan)
    plan.run()


if __name__ == "__main__":
    main()

#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What becomes of sessions and of running transfers when the proxy is replaced: by a reload that brings other certificates,
by another program, and by its death. Transfers are half with TLS on both legs, of control and data connection, and half in
clear; each must arrive whole, or be told as lost.

    client ---- proxy, the old generation ---- server        begun before
    client ---- proxy, the new generation ---- server        begun after
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import threading
import time

from gateway import READY, Gateway, binary
from lab import Lab
from process import SLOWNESS, children, is_gone, named_children, titled, wait_until
from proxy import Authority, Proxy
from scripted import LISTING
from tap import Plan, check, check_equal, check_in_time
from test_relay import content, fast_read
from test_supervisor import pair_of, session
from test_tls import ScriptedCell, Talk

TRANSFERS = 50
SIZE = 200000
# What a client that begins at the worst moment may wait: a SYN that was lost comes again after a second.
PATIENCE = 2
SECONDS = 60 * SLOWNESS
GENERATIONS = 8  # ftpalg(8), SIGNALS
# Seconds after which a reload whose processes don't start is given up.
GIVEN_UP = 30


class Cell(ScriptedCell):
    """A lab with a proxy that runs from a file of its own, and shows a certificate that statements can change."""

    def __init__(self, options=None, members=1):
        super().__init__({"workers": str(members), **(options or {})}, gateway={"source-sessions": "200"},
                         policy={"unknown-verbs": "yes"})
        self.members = members  # processes of a generation of the proxy

    @contextlib.contextmanager
    def __call__(self):
        with Lab(mode="routed", gateway_rules=False, daemon=False) as self.lab:
            self.owner = Authority(self.lab.directory, "owner")
            self.proxy = Proxy(self.lab, {**self.source(), **self.options}, self.policy, self.gateway)
            self.certificate = self.proxy.server_certificate()
            with open(self.proxy.configuration, encoding="ascii") as file:
                self.text = file.read()
            self.renew("first.lab.test")
            self.proxy.program = self.lab.path("ftpalg")
            self.install(binary())
            with self.proxy:
                yield self

    def source(self):
        """Where the certificates come from that are shown."""
        return {"ca-certificate": None, "ca-key": None, "certificate": self.lab.path("shown.pem"),
                "key": self.lab.path("shown.key")}

    @contextlib.contextmanager
    def as_at_first(self):
        """For a statement: one generation before, and no other configuration behind it."""
        self.settle()
        try:
            yield self
        except BaseException:
            print(f"# the proxy wrote: {self.proxy.process.output()[-2000:]!r}")
            raise
        finally:
            self.configure(self.text)

    def settle(self):
        """A reload that comes during another is done after it: in between there is one generation, for a moment."""
        def at_rest():
            return len(self.proxies()) == self.members and len(self.minters()) == 1 and \
                not titled(self.proxy.process.pid, "ftpalg-trial")

        def stays_at_rest():
            if not at_rest():
                return False
            time.sleep(0.3 * SLOWNESS)
            return at_rest()
        wait_until(stays_at_rest, "one generation")

    def configure(self, text):
        with open(self.proxy.configuration, "w", encoding="ascii") as file:
            file.write(text)

    def renew(self, name):
        """Another certificate and key in the same files."""
        self.show(self.owner.issue(name, f"DNS:{name}"))

    def show(self, pair):
        for new, path in zip(pair, ("shown.pem", "shown.key")):
            os.replace(new, self.lab.path(path))

    def install(self, program, more=b""):
        """Another file by the program's name, as a package does it."""
        path = self.proxy.program + ".new"
        shutil.copy(program, path)
        with open(path, "ab") as file:
            file.write(more)
        os.replace(path, self.proxy.program)

    def send(self, number):
        os.kill(self.proxy.process.pid, number)

    def proxies(self):
        return titled(self.proxy.process.pid, "ftpalg-proxy")

    def minters(self):
        return titled(self.proxy.process.pid, "ftpalg-keys")

    def told(self, text):
        return self.proxy.process.output().count(text)

    def wait_told(self, text, times):
        wait_until(lambda: self.told(text) >= times, f"{text!r}, {times} times")

    def reload(self, number=signal.SIGHUP):
        """Returns when another generation serves."""
        before = self.told("reloaded: a new proxy")
        self.send(number)
        self.wait_told("reloaded: a new proxy", before + 1)

    def refused(self, number=signal.SIGHUP, text=" all stays as it was"):
        """Returns the reason when a reload has been refused."""
        before, since = self.told(text), self.proxy.position()
        self.send(number)
        self.wait_told(text, before + 1)
        return self.proxy.wait_event("reload", since, reason="unusable")["why"]

    def context(self, anchors=None):
        context = ssl.create_default_context(cafile=anchors or self.owner.certificate)
        context.check_hostname = False
        return context

    def shown(self, talk):
        """Whom the certificate names that a session is shown."""
        talk.secure(self.context())
        return talk.socket.getpeercert()["subjectAltName"][0][1]

    def shown_to_next(self):
        with Talk(self) as talk:
            return self.shown(talk)

    def serve(self):
        """A server whose files come in two halves: the second when its gate is open."""
        server = self.tls_server()
        server.gate = threading.Event()
        server.halves = threading.Semaphore(0)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate)
        tls = server.handlers["AUTH"]

        def auth(argument):
            def begin(at):
                at.context = context
                tls(argument)(at)
            return begin

        def retrieve(argument):
            def act(at):
                text = content(int(argument))
                at.send(b"150 here it comes\r\n")
                data = at.data_connection()
                data.settimeout(SECONDS)
                if hasattr(at, "context"):
                    data = at.connection.context.wrap_socket(data, server_side=True)
                data.sendall(text[:len(text) // 2])
                server.halves.release()
                server.gate.wait(SECONDS)
                data.sendall(text[len(text) // 2:])
                if isinstance(data, ssl.SSLSocket):
                    data = data.unwrap()
                data.close()
                return b"226 done\r\n"
            return act
        server.handlers.update({"AUTH": auth, "RETR": retrieve})
        return server


class MintingCell(Cell):
    """The same where the proxy mints."""

    def source(self):
        return {}


class Transfer:
    """One download, with its session."""

    def __init__(self, cell, private):
        self.talk = Talk(cell)
        self.private = private
        if private:
            self.talk.secure(cell.context())
        else:
            self.talk.reply()
        for command in ("USER a", "PASS b", *(("PBSZ 0", "PROT P") if private else ())):
            check(self.talk.command(command)[:1] in "23", f"{command} was refused")
        self.begin()

    def begin(self):
        talk = self.talk
        port = int(re.search(r"\|\|\|(\d+)\|", talk.command("EPSV"))[1])
        with talk.cell.lab.client.entered():
            self.data = socket.create_connection((talk.cell.lab.addresses[4].server, port), SECONDS)
        talk.send(f"RETR {SIZE}\r\n".encode())
        self.data.settimeout(SECONDS)
        if self.private:
            self.data = talk.socket.context.wrap_socket(self.data, session=talk.socket.session, suppress_ragged_eofs=False)

    def outcome(self):
        """True: it has arrived whole, and the server's word for it. False: it is known to be lost."""
        text = b""
        with contextlib.suppress(OSError):
            text = fast_read(self.data)
            if self.private:
                self.data = self.data.unwrap()
        self.data.close()
        replies = [self.talk.reply()[:3], self.talk.reply()[:3]]
        if replies == ["150", "226"]:
            check(text == content(SIZE), f"{len(text)} bytes of {SIZE} are said to be all")
        return replies == ["150", "226"]

    def close(self):
        self.data.close()
        self.talk.socket.close()


@contextlib.contextmanager
def running(cell, server, count=TRANSFERS):
    """So many transfers, each of which waits for the second half of its file."""
    transfers = []
    try:
        for number in range(count):
            transfers.append(Transfer(cell, number % 2 == 0))
        for _ in transfers:
            check(server.halves.acquire(timeout=SECONDS), "a transfer did not begin")
        yield transfers
    finally:
        server.gate.set()
        for transfer in transfers:
            transfer.close()


def check_all_whole(server, transfers):
    server.gate.set()
    outcomes = [transfer.outcome() for transfer in transfers]
    check_equal(outcomes.count(True), len(transfers), "transfers that arrived whole")


def renewed(cell):
    """New sessions are shown the new certificate while the transfers go on; the old proxy ends with the last of them."""
    with cell.as_at_first(), cell.serve() as server:
        cell.renew("before.lab.test")
        cell.reload()
        cell.settle()
        with running(cell, server) as transfers:
            old, since = cell.proxies(), cell.proxy.position()
            cell.renew("after.lab.test")
            check_equal(cell.shown_to_next(), "before.lab.test", "the certificate before the reload")
            cell.reload()
            check_equal(cell.shown_to_next(), "after.lab.test", "the certificate behind the reload")
            check("reason" not in cell.proxy.wait_event("reload", since), "the event tells of a failure")
            check_equal(cell.proxies()[:-cell.members], old, "the proxies before the last one")
            check_all_whole(server, transfers)
            for transfer in transfers:
                transfer.begin()
            check_all_whole(server, transfers)
        cell.settle()
        check(all(is_gone(pid) for pid in old), "the proxy that was replaced does not end with its last session")


def upgraded(cell):
    """Another file in the program's place: the supervisor becomes it, with the same number, and its next proxy is of it."""
    since = cell.proxy.position()
    with cell.as_at_first(), cell.serve() as server, running(cell, server) as transfers:
        old, supervisor = cell.proxies(), cell.proxy.process.pid
        before = os.stat(f"/proc/{supervisor}/exe").st_ino
        cell.install(binary(), b"of another day")
        after = os.stat(cell.proxy.program).st_ino
        cell.renew("upgraded.lab.test")
        cell.reload(signal.SIGUSR2)
        check_equal([os.stat(f"/proc/{pid}/exe").st_ino for pid in (supervisor, *cell.proxies())],
                    [after, *[before] * cell.members, *[after] * cell.members],
                    "the files of the supervisor, of the proxy that was replaced, and of the new one")
        check_equal(cell.shown_to_next(), "upgraded.lab.test", "the certificate that is shown")
        check_all_whole(server, transfers)
        for transfer in transfers:
            transfer.talk.socket.close()
        cell.settle()
        check(all(is_gone(pid) for pid in old), "the proxy that was replaced does not end")
    # What a proxy of the program before tells is told by the next program.
    check(len(cell.proxy.wait_ended(since)) > TRANSFERS, "sessions whose end is told")
    with cell.serve():
        cell.renew("reloaded.lab.test")
        cell.reload()
        check_equal(cell.shown_to_next(), "reloaded.lab.test", "the certificate after a reload of the new program")


def upgrades_one_after_the_other(cell):
    """Proxies that drain are left from program to program, and are known to the last one."""
    with cell.as_at_first(), cell.serve() as server, running(cell, server, 2) as transfers:
        old = cell.proxies()[0]
        for _ in range(3):
            cell.install(binary(), b"of another day")
            cell.reload(signal.SIGUSR2)
        check(old in cell.proxies(), "the first proxy has ended before its sessions")
        check_all_whole(server, transfers)
    cell.settle()
    with cell.serve() as server, running(cell, server, 2):
        since = cell.proxy.position()
        cell.install(binary(), b"of another day")
        cell.reload(signal.SIGUSR2)
        for pid in cell.proxies()[:cell.members]:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: sum(event["count"] for event in cell.proxy.events("sessions-lost", since)) == 2,
                   "sessions of a proxy of another program, told as lost")


def killed(cell):
    """What was lost is told to the clients, in an event and in a message, and the next proxy is there at once."""
    with cell.as_at_first(), cell.serve() as server, running(cell, server) as transfers:
        since = cell.proxy.position()
        os.kill(cell.proxies()[0], signal.SIGKILL)
        began = time.monotonic()
        with Talk(cell) as talk:
            talk.secure(cell.context())
            waited = time.monotonic() - began
        print(f"# a session that began when the proxy died took {waited:.2f} s")
        check_in_time(waited, PATIENCE * SLOWNESS, "a new session")
        check_equal(cell.proxy.wait_event("sessions-lost", since)["count"], TRANSFERS, "sessions that the event counts")
        check(f"{TRANSFERS} sessions were lost" in cell.proxy.process.output(), "no message tells how many")
        server.gate.set()
        check_equal([transfer.outcome() for transfer in transfers], [False] * TRANSFERS, "transfers that were told as whole")


def connections_wait_for_the_next_proxy(cell):
    """A proxy that hangs, and is killed: who came meanwhile is served by the next, without having to come again."""
    with cell.as_at_first(), cell.serve():
        pid = cell.proxies()[0]
        os.kill(pid, signal.SIGSTOP)
        talks = []
        lock = threading.Lock()

        def come():
            with contextlib.suppress(OSError), Talk(cell) as talk:
                talk.socket.settimeout(SECONDS)
                greeting = talk.reply()
                with lock:
                    talks.append(greeting)
        threads = [threading.Thread(target=come) for _ in range(5)]
        for thread in threads:
            thread.start()
        time.sleep(0.3 * SLOWNESS)
        os.kill(pid, signal.SIGKILL)
        for thread in threads:
            thread.join(SECONDS)
        check_equal([talk[:3] for talk in talks], ["220"] * 5, "greetings")


def policy_is_that_of_all(cell, number):
    """What a reload, or another program, denies is denied in sessions of the generation before, too."""
    with cell.as_at_first(), cell.serve(), contextlib.ExitStack() as stack:
        cell.renew("allowed.lab.test")
        cell.reload()
        talk = stack.enter_context(Talk(cell))
        talk.secure(cell.context())
        check(talk.command("NOOP").startswith("200"), "NOOP before")
        cell.renew("policy.lab.test")
        cell.configure(cell.text.replace("[policy]\n", "[policy]\ndeny-verbs = NOOP\n"))
        cell.install(binary())
        cell.reload(number)
        with Talk(cell) as after:
            after.secure(cell.context())
            check(after.command("NOOP").startswith("5"), "NOOP in a new session")
        wait_until(lambda: talk.command("NOOP").startswith("5"), "the policy in the old session")


def policy_alone_replaces_nobody(cell):
    with cell.as_at_first(), cell.serve(), Talk(cell) as talk:
        talk.secure(cell.context())
        proxies, before = cell.proxies(), cell.told("reloaded: the policy")
        cell.configure(cell.text.replace("[policy]\n", "[policy]\ndeny-verbs = NOOP\n"))
        cell.send(signal.SIGHUP)
        cell.wait_told("reloaded: the policy", before + 1)
        check(talk.command("NOOP").startswith("5"), "the policy does not hold")
        check_equal(cell.proxies(), proxies, "the proxies")


def sessions_have_numbers_of_their_own(cell):
    """One number is one session, in all the events of all generations."""
    with cell.as_at_first(), cell.serve():
        since = cell.proxy.position()
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                cell.renew("number.lab.test")
                cell.reload()
                for _ in range(2):
                    stack.enter_context(Talk(cell)).reply()
        opened = wait_until(lambda: (found := cell.proxy.events("session-open", since)) and len(found) >= 6 and found,
                            "six sessions")
        check_equal(len({event["session"] for event in opened}), 6, "numbers of sessions")


def faults(cell):
    """(what, how it comes to be, what is said of it)"""
    text, lab = cell.text, cell.lab

    def replace(setting, path):
        return lambda: cell.configure(re.sub(rf"(?m)^{setting} = .*$", f"{setting} = {path}", text))

    def add(lines):
        return lambda: cell.configure(text.replace("[proxy]\n", f"[proxy]\n{lines}\n"))
    yield "a key that is not there", replace("key", lab.path("nothing.key")), "nothing.key"
    _, other = cell.owner.issue("other", "DNS:other")
    yield "a key of another certificate", replace("key", other), "belongs to another key"
    with open(lab.path("empty.pem"), "w", encoding="ascii"):
        yield "anchors that are none", replace("anchors", lab.path("empty.pem")), "empty.pem"
    yield "anchors that are not there", replace("anchors", lab.path("nothing.pem")), "nothing.pem"
    expired = cell.owner.issue("expired", "DNS:expired", days=-1)
    yield "an authority that may not sign", add(f"ca-certificate = {cell.certificate[0]}\nca-key = {cell.certificate[1]}"), \
        os.path.basename(cell.certificate[0])
    yield "an authority that has expired", add(f"ca-certificate = {expired[0]}\nca-key = {expired[1]}"), "expired"
    yield "a setting that is none", add("nonsense = yes"), "nonsense"
    yield "no section of the proxy", lambda: cell.configure(text.replace("[proxy]", "[server x]")), ""
    yield "a port that another has", replace("port", "2199"), "can't listen on port 2199"


def bad_inputs(cell):
    """Named at the reload, in a message and an event; no process ends, no session, no transfer, and the next reload goes
    on."""
    with cell.as_at_first(), cell.serve() as server, running(cell, server, 4) as transfers, \
            cell.lab.router.entered(), contextlib.ExitStack() as stack:
        for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            taken = stack.enter_context(socket.socket(family))
            if family == socket.AF_INET6:
                taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            taken.bind((address, 2199))
            taken.listen()
        cell.renew("good.lab.test")
        cell.reload()
        cell.install(binary())
        pids = [cell.proxy.process.pid, *cell.minters(), *cell.proxies()]
        for what, make, said in faults(cell):
            make()
            fault = cell.refused()
            check(said in fault, f"of {what} is told {fault!r}")
            check_equal([cell.proxy.process.pid, *cell.minters(), *cell.proxies()], pids,
                        f"the processes after {what}")
            check_equal(cell.shown_to_next(), "good.lab.test", f"the certificate after {what}")
        cell.configure(cell.text)
        cell.renew("mended.lab.test")
        cell.reload()
        check_equal(cell.shown_to_next(), "mended.lab.test", "the certificate of a reload that is good again")
        check_all_whole(server, transfers)


def bad_programs(cell):
    """A file that is no program, and one that does not take the configuration, are not become."""
    with cell.as_at_first(), cell.serve() as server, running(cell, server, 2) as transfers:
        pids = cell.proxies()
        exe = os.stat(f"/proc/{cell.proxy.process.pid}/exe").st_ino
        for script in ("", "#!/bin/false\n"):
            path = cell.lab.path("program")
            with open(path, "w", encoding="ascii") as file:
                file.write(script)
            os.chmod(path, 0o755)
            os.replace(path, cell.proxy.program)
            cell.refused(signal.SIGUSR2)
        cell.install(binary())
        cell.configure(cell.text + "[nonsense]\n")
        cell.refused(signal.SIGUSR2)
        check_equal(cell.proxies(), pids, "the proxies")
        check_equal(os.stat(f"/proc/{cell.proxy.process.pid}/exe").st_ino, exe, "the supervisor's program")
        check_all_whole(server, transfers)


def is_pending(pid, number):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        pending = next(int(line.split()[1], 16) for line in file if line.startswith("ShdPnd"))
    return bool(pending >> (number - 1) & 1)


@contextlib.contextmanager
def reload_that_goes_on(cell, pair):
    """Until this is over: its process is stopped while it starts. Reloads may go on that were asked for before."""
    known, deadline = set(cell.proxies()), time.monotonic() + GIVEN_UP
    caught = None
    cell.show(pair)
    cell.send(signal.SIGHUP)
    while not caught and time.monotonic() < deadline:
        before = cell.told("reloaded: a new proxy")
        caught = next((pid for pid in cell.proxies() if pid not in known), None)
        if caught:
            known.add(caught)
            with contextlib.suppress(ProcessLookupError):
                os.kill(caught, signal.SIGSTOP)
            if cell.told("reloaded: a new proxy") != before:
                os.kill(caught, signal.SIGCONT)
                caught = None
    check(caught, "no process of a reload was caught before that was done")
    try:
        yield
    finally:
        os.kill(caught, signal.SIGCONT)


def many_reloads_at_once(cell):
    """The last one's configuration is in force in the end, whatever became of those before it."""
    with cell.as_at_first(), cell.serve(), Talk(cell) as talk:
        talk.secure(cell.context())
        names = [f"number-{number}.lab.test" for number in range(20)]
        *pairs, last_but_one, last = [cell.owner.issue(name, f"DNS:{name}") for name in names]
        for pair in pairs:
            cell.show(pair)
            cell.send(signal.SIGHUP)
            time.sleep(0.002)
        with reload_that_goes_on(cell, last_but_one):
            cell.show(last)
            cell.send(signal.SIGHUP)
            wait_until(lambda: not is_pending(cell.proxy.process.pid, signal.SIGHUP), "the supervisor to take the last one")
        wait_until(lambda: cell.shown_to_next() == names[-1], "the last certificate", 30)
        check(talk.command("NOOP").startswith("200"), "a session did not outlive them")


def generations_are_bounded(cell, last):
    """With one more than there may be, which a reload or another program begins, the oldest ends, and all others go on."""
    with cell.as_at_first(), cell.serve(), contextlib.ExitStack() as stack:
        talks = []
        for number in range(GENERATIONS + 1):
            before = cell.told("the oldest is ended")
            talks.append(stack.enter_context(Talk(cell)))
            talks[-1].secure(cell.context())
            cell.renew(f"number-{number}.lab.test")
            cell.install(binary())
            cell.reload(last if number == GENERATIONS else signal.SIGHUP)
            check(len(cell.proxies()) <= GENERATIONS, f"proxies: {cell.proxies()}")
        alive = [talk.command("NOOP").startswith("200") for talk in talks[2:]]
        check_equal(alive, [True] * (GENERATIONS - 1), "the sessions of the generations that there may be")
        check_equal([talk.line() for talk in talks[:2]], ["", ""], "what the oldest sessions read")
        check_equal(cell.told("the oldest is ended"), before + 1, f"messages that tell of it, in {cell.proxy.process.output()}")


def drain_time_is_the_end(cell):
    """Who is there still is told so in FTP's words, and the process ends."""
    with cell.as_at_first(), cell.serve() as server, running(cell, server, 2) as transfers, Talk(cell) as talk:
        talk.secure(cell.context())
        since, old = cell.proxy.position(), cell.proxies()[0]
        cell.renew("drained.lab.test")
        cell.reload()
        check(talk.line().startswith("421 Refused: drain-time"), "the session was not told")
        cell.proxy.wait_event("session-close", since, reason="drain-time")
        server.gate.set()
        check_equal([transfer.outcome() for transfer in transfers], [False, False], "transfers that were told as whole")
        wait_until(lambda: is_gone(old), "the end of the proxy", 30)


def the_authority_of_a_generation(cell):
    """A session that asks for TLS behind the reload is shown what its own generation mints; a new one, what the new one
    does."""
    with cell.as_at_first(), cell.serve(), Talk(cell) as talk:
        talk.reply()
        old = os.path.join(cell.lab.directory, "local.pem")
        new = Authority(cell.lab.directory, "renewed")
        cell.configure(cell.text.replace(old, new.certificate).replace(f"{cell.lab.directory}/local.key", new.key))
        os.chmod(new.key, 0o600)
        cell.reload()
        check(talk.command("AUTH TLS").startswith("234"), "AUTH behind the reload")
        talk.secure(cell.context(old), auth=None)
        with Talk(cell) as after:
            after.secure(cell.context(new.certificate))
        check_equal(len(cell.minters()), 2, "keys processes")
    cell.settle()
    wait_until(lambda: len(cell.minters()) == 1, "the end of the old keys process")


def who_drains_is_not_replaced(cell):
    """A proxy that drains and is killed: its sessions are told as lost, the others don't notice."""
    with cell.as_at_first(), cell.serve(), Talk(cell) as talk, Talk(cell) as other:
        for each in (talk, other):
            each.secure(cell.context())
        since, old = cell.proxy.position(), cell.proxies()[0]
        cell.renew("not-replaced.lab.test")
        cell.reload()
        serving = cell.proxies()[-1]
        with Talk(cell) as after:
            after.secure(cell.context())
            os.kill(old, signal.SIGKILL)
            check_equal(cell.proxy.wait_event("sessions-lost", since)["count"], 2, "sessions that the event counts")
            check_equal(talk.line(), "", "what the session reads")
            check(after.command("NOOP").startswith("200"), "the session of another generation ended")
            cell.settle()
            check_equal(cell.proxies(), [serving], "the proxies")


def nothing_is_left_over(cell):
    """A supervisor has as many files after ten generations as after one, and who mints has no way to peers."""
    with cell.as_at_first():
        def files(pid):
            return [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
        count = len(files(cell.proxy.process.pid))
        for number in range(10):
            cell.renew(f"left-{number}.lab.test")
            cell.reload()
        cell.settle()
        # Fewer, where what ended before was not yet let go of when they were counted.
        wait_until(lambda: len(files(cell.proxy.process.pid)) <= count, f"the supervisor to have {count} files again")
        keys = {name for name in files(cell.minters()[-1]) if name.startswith("socket:")}
        proxy = {name for name in files(cell.proxies()[-1]) if name.startswith("socket:")}
        check_equal(keys & proxy, set(), "sockets that both have")


def the_end_is_the_end_of_all(cell):
    """SIGTERM while proxies drain and while one begins."""
    with cell.as_at_first(), cell.serve(), contextlib.ExitStack() as stack:
        for number in range(3):
            stack.enter_context(Talk(cell)).secure(cell.context())
            cell.renew(f"end-{number}.lab.test")
            cell.reload()
        pids = [*cell.proxies(), *cell.minters()]
        check_equal(len(pids), 8, "processes")
        cell.renew("end.lab.test")
        cell.send(signal.SIGHUP)
        began = time.monotonic()
        cell.send(signal.SIGTERM)
        check_equal(cell.proxy.process.wait(10 * SLOWNESS), 0, "the exit status")
        check_in_time(time.monotonic() - began, 5 * SLOWNESS, "the end")
        check(all(is_gone(pid) for pid in pids), "a process is left")
    cell.proxy.process = cell.lab.router.spawn([cell.proxy.program, "proxy", "-c", cell.proxy.configuration])
    wait_until(lambda: cell.told(READY) > 0, "the next start")


def gateway_upgraded():
    """Of `run`: the worker is replaced, and a session in the queue goes on."""
    with Lab(mode="snat", daemon=False) as lab:
        program = lab.path("ftpalg")
        shutil.copy(binary(), program)
        lab.gateway.process = lab.router.spawn([program, "run", "-c", lab.gateway.configuration])
        lab.gateway.process.wait_for_output(READY)
        with session(lab, 4) as client:
            check_equal(client.list_active(), LISTING, "the listing before")
            old = pair_of(lab.gateway)
            shutil.copy(binary(), program + ".new")
            os.replace(program + ".new", program)
            os.kill(lab.gateway.process.pid, signal.SIGUSR2)
            wait_until(lambda: lab.gateway.process.output().count(READY) == 2, "the next worker")
            check(all(is_gone(pid) for pid in old), "the old worker or its broker is still there")
            check_equal(os.stat(f"/proc/{pair_of(lab.gateway)[0]}/exe").st_ino, os.stat(program).st_ino,
                        "the worker's program")
            check_equal(client.list_active(), LISTING, "the listing with the next worker")
            check_equal(client.list_passive(), LISTING, "a passive listing with the next worker")


def slow_program(lab, real):
    """One that has read the configuration, and needs a second to say that it takes it."""
    path = lab.path("slow")
    with open(path, "w", encoding="ascii") as file:
        file.write(f'#!/bin/sh\ncase "$*" in *-t) {real} "$@" && sleep 1; exit ;; esac\nexec {real} "$@"\n')
    os.chmod(path, 0o755)
    return path


def a_reload_during_an_upgrade_waits():
    """Its file can't be read to its end: had both begun, there would be no worker until the reload is given up."""
    with Lab(mode="snat", daemon=False) as lab:
        proxy = Proxy(lab, policy={"tls": "terminate"})
        program = lab.path("ftpalg")
        shutil.copy(binary(), program)
        proxy.process = lab.router.spawn([program, "run", "-c", proxy.configuration])
        wait_until(lambda: proxy.process.output().count(READY) == 2, "the worker and the proxy")
        old = pair_of(proxy)[0]
        os.replace(slow_program(lab, binary()), program)
        os.kill(proxy.process.pid, signal.SIGUSR2)
        wait_until(lambda: any(titled(pid, "sleep") for pid, _ in named_children(proxy.process.pid)), "the end of the trial's work")
        fifo = lab.path("fifo")
        os.mkfifo(fifo)
        with open(proxy.configuration, encoding="ascii") as file:
            text = file.read()
        with open(proxy.configuration, "w", encoding="ascii") as file:
            file.write(text.replace(proxy.servers.certificate, fifo))
        os.kill(proxy.process.pid, signal.SIGHUP)
        wait_until(lambda: is_gone(old), "the end of the old worker")
        wait_until(lambda: proxy.process.output().count("ready: queue") == 2, "the next worker", GIVEN_UP / 2)
        proxy.stop()


def an_upgrade_during_the_start():
    """A worker that waits for its queue is ended for the next program's, and that is no failure to start."""
    with Lab(mode="snat") as lab:
        program = lab.path("ftpalg")
        shutil.copy(binary(), program)
        # With sockets of its own: whose are taken is refused at once.
        successor = Gateway(lab.router, lab.directory, "second")
        second = lab.router.spawn([program, "run", "-c", successor.configuration])
        wait_until(lambda: titled(second.pid, "ftpalg-worker") and titled(second.pid, "ftpalg-broker"),
                   "the second worker and its broker")
        first = children(second.pid)
        os.kill(second.pid, signal.SIGUSR2)
        wait_until(lambda: all(is_gone(pid) for pid in first), "the end of the worker that was told to")
        lab.gateway.stop()
        second.wait_for_output(READY)
        lab.gateway.process = second


def main():
    plan = Plan(__doc__)
    cell = Cell()
    for text, statement, *arguments in (
            ("a148: certificates renewed during 50 transfers: none is lost, and the new ones are shown", renewed),
            ("a148: the program replaced during 50 transfers: none is lost", upgraded),
            ("a148: programs replaced one after the other know what drains", upgrades_one_after_the_other),
            ("a149: the proxy killed during 50 transfers: all are told as lost, and a new session begins at once", killed),
            ("a149: who came while no proxy was there is served by the next", connections_wait_for_the_next_proxy),
            ("a149: a proxy that drains and is killed is told, and not replaced", who_drains_is_not_replaced),
            ("a148: the policy is that of all generations", policy_is_that_of_all, signal.SIGHUP),
            ("a148: the policy of another program is that of the generations before it", policy_is_that_of_all,
             signal.SIGUSR2),
            ("a148: a policy alone replaces no process", policy_alone_replaces_nobody),
            ("a148: sessions of all generations have numbers of their own", sessions_have_numbers_of_their_own),
            ("a150: what a reload can't use is named, and nothing ends", bad_inputs),
            ("a150: a program that can't go on is not become", bad_programs),
            ("a148: of many reloads at once the last one is in force", many_reloads_at_once),
            ("a148: there are eight generations at most", generations_are_bounded, signal.SIGHUP),
            ("a148: there are eight generations at most, with those of the program before", generations_are_bounded,
             signal.SIGUSR2),
            ("a148: a generation keeps no file of those before it", nothing_is_left_over),
            ("a148: SIGTERM ends all generations", the_end_is_the_end_of_all)):
        plan.add(text, statement, *arguments, fixture=cell)
    plan.add("a148: drain-time bounds how long a proxy serves that was replaced", drain_time_is_the_end,
             fixture=Cell({"drain-time": "1"}))
    plan.add("a148: a session is shown what its own generation mints", the_authority_of_a_generation,
             fixture=MintingCell({"tls": "client"}))
    plan.add("a148: a gateway's program replaced: its session goes on", gateway_upgraded)
    plan.add("a148: a gateway's program replaced while its worker begins", an_upgrade_during_the_start)
    plan.add("a148: a reload that comes while a program is tried waits", a_reload_during_an_upgrade_waits)
    plan.run()


if __name__ == "__main__":
    main()

#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Two workers, each with a queue of its own: sessions are spread over them and stay where they are, one that dies or hangs
costs the other's nothing, and what one source may have, it may have of both together.

    many addresses of the client ---- rules: a queue for each pair of addresses ---- server
                                            |                 |
                                      queue 21, worker   queue 22, worker
"""

import contextlib
import ipaddress
import itertools
import os
import re
import signal
import threading

from asking import ask
import rules
from gateway import READY, binary
from lab import Lab
from process import TimedOut, titled, wait_until
from scripted import LISTING, ScriptedClient, ScriptedServer
from tap import Failed, Plan, Skip, check, check_equal
from transfers import Client, Files, SmallServer, amount

WATCHDOG = 2
# That all of them go to one queue happens once in as many as two to that power.
ADDRESSES = 40
SESSIONS = 20
QUEUES = (21, 22)


def worker_number(event):
    """Sessions of one process have numbers that begin with the same digits."""
    return int(event["session"], 16) >> 32


class Office:
    """A lab with two workers, and a client with many addresses."""

    def __init__(self, settings=None):
        self._settings = settings or {}
        self.lab = None
        self._sources = {}

    @contextlib.contextmanager
    def __call__(self):
        with Lab(mode="snat", settings={"gateway": {"workers": "2", "watchdog": str(WATCHDOG), **self._settings}}) as self.lab:
            self._sources = {}
            self.wait_served(1)
            for family in (4, 6):
                for address in self.addresses(family):
                    length = self.lab.addresses[family].prefix
                    self.lab.client.ip(f"address add {address}/{length} dev eth0" +
                                       (" nodad preferred_lft 0" if family == 6 else ""))
            yield self

    @property
    def gateway(self):
        return self.lab.gateway

    def addresses(self, family):
        first = ipaddress.ip_address(self.lab.addresses[family].client) + 20
        return [str(first + number) for number in range(ADDRESSES)]

    def starts(self):
        return self.gateway.process.output().count(READY)

    def wait_served(self, rounds):
        wait_until(lambda: self.starts() == 2 * rounds, "both workers")

    def workers(self):
        return wait_until(lambda: (found := titled(self.gateway.process.pid, "ftpalg-worker")) and len(found) == 2 and found,
                          "two workers")

    def session(self, family, source):
        """A client that has logged in from source."""
        client = ScriptedClient(self.lab.client, self.lab.server_seen(family), source=source)
        client.login()
        return client

    def where(self, client):
        """The number of the worker that has taken the session."""
        return worker_number(self.gateway.wait_event("session-open", client=client.endpoint))

    def taken_over(self, clients, since):
        """The numbers of the workers that have taken these over since then, once all of them were."""
        wait_until(lambda: all(self.opened(client, since) for client in clients), "sessions that were taken over")
        return {worker_number(self.gateway.events("session-open", since, client=client.endpoint)[-1]) for client in clients}

    def sources(self, family):
        """Two addresses of the client, whose sessions are in different queues."""
        if rules.FLAVOUR == "nft":
            raise Skip("nft divides by ports, and no address has one queue")
        if family not in self._sources:
            found = {}
            for address in self.addresses(family):
                with self.session(family, address) as client:
                    found.setdefault(self.where(client), address)
                self.gateway.wait_event("session-close", client=client.endpoint)
                if len(found) == 2:
                    break
            self._sources[family] = list(found.values())
        check_equal(len(self._sources[family]), 2, "queues that have sessions")
        return self._sources[family]

    def opened(self, client, since=0):
        """How often a session of this client was begun, or taken over."""
        return len(self.gateway.events("session-open", since, client=client.endpoint))


@contextlib.contextmanager
def two_sessions(office, family):
    """Two clients that have logged in, one at each worker."""
    lab = office.lab
    with ScriptedServer(lab.server, lab.addresses[family].server), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(office.session(family, source)) for source in office.sources(family)]
        check(office.where(clients[0]) != office.where(clients[1]), "both sessions are one worker's")
        yield clients


def list_both(clients, when):
    for client in clients:
        check_equal(client.list_active(), LISTING, f"an active listing {when}")
        check_equal(client.list_passive(), LISTING, f"a passive listing {when}")


def transfers_of_both(office, family):
    """Files in both directions and both modes, at the same time."""
    lab, faults = office.lab, []

    def work(files, number, source):
        try:
            with lab.client.entered():
                client = Client()
                client.connect(lab.server_seen(family), source_address=(source, 0))
            client.login()
            for count, name, upload, passive in itertools.islice(files.endless(), amount(20, 200)):
                with lab.client.entered():
                    client.transfer(files, f"{number}-{count}", name, upload, passive)
            client.quit()
        except Exception as error:  # pylint: disable=broad-except
            faults.append(error)

    with ScriptedServer(lab.server, lab.addresses[family].server):
        sources = office.sources(family)
    since = office.gateway.position()
    with SmallServer(lab.server, lab.addresses[family].server, lab.directory) as server:
        files = Files(server)
        threads = [threading.Thread(target=work, args=(files, number, source)) for number, source in enumerate(sources)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    check(not faults, f"a transfer failed: {faults}")
    opened = [office.gateway.wait_event("session-open", since, client_ip=source) for source in sources]
    check(worker_number(opened[0]) != worker_number(opened[1]), "both sessions were one worker's")
    check_equal([len(office.gateway.events("session-open", since, client_ip=source)) for source in sources], [1, 1],
                "sessions of each, none of them taken over")


def spread_by_ports(office, family):
    """Sessions of one client with one server are both workers', and all that belongs to one comes to the same."""
    if rules.FLAVOUR != "nft":
        raise Skip("iptables knows a connection by its addresses alone")
    lab, gateway = office.lab, office.gateway
    source = lab.addresses[family].client
    with ScriptedServer(lab.server, lab.addresses[family].server), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(office.session(family, source)) for _ in range(SESSIONS)]
        check_equal(len({office.where(client) for client in clients}), 2, "workers that have sessions")
        list_both(clients, "of one client")
        check_equal([office.opened(client) for client in clients], [1] * SESSIONS, "sessions, of each connection")
        check(not gateway.events("session-open", adopted=True), "a session was taken over")


class Busy:
    """A thread that lists over and over in a session, from __enter__ to __exit__."""

    def __init__(self, client):
        self._client = client
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.fault = None
        self.rounds = 0

    def _run(self):
        try:
            while not self._over.is_set():
                check_equal(self._client.list_active(), LISTING, "an active listing")
                check_equal(self._client.list_passive(), LISTING, "a passive listing")
                self.rounds += 1
        except Exception as error:  # pylint: disable=broad-except
            self.fault = error

    def moves(self):
        """Waits until it has done something that it began from now on."""
        now = self.rounds
        wait_until(lambda: self.fault or self.rounds > now + 1, "a listing", 30)
        check(not self.fault, f"a listing failed: {self.fault}")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        self._thread.join()


def one_ends(office, family, number):
    """
    number, sent to one of the workers: of the two sessions, which are both busy, the other's goes on all the time, in the
    worker that it has; and this one's with the next worker.
    """
    with two_sessions(office, family) as clients, Busy(clients[0]) as first, Busy(clients[1]) as second:
        began, victim = office.starts(), office.workers()[0]
        before = [office.opened(client) for client in clients]
        first.moves()
        second.moves()
        os.kill(victim, number)
        if number == signal.SIGSTOP:
            # Until the watchdog looks, one of the two stands still.
            wait_until(lambda: [busy for busy in (first, second) if moves_on(busy)], "the other session")
        wait_until(lambda: office.starts() == began + 1, "the next worker", WATCHDOG + 10)
        first.moves()
        second.moves()

        def again():
            return sorted(office.opened(client) - then for client, then in zip(clients, before))
        wait_until(lambda: sum(again()), "a session that was taken over")
        check_equal(again(), [0, 1], "sessions that were taken over by another worker")
    check_equal(office.starts(), began + 1, "starts of a worker")


def moves_on(busy):
    now = busy.rounds
    with contextlib.suppress(TimedOut):
        wait_until(lambda: busy.rounds > now, "a listing", 1)
    return busy.rounds > now


def no_more(office, family):
    """Whoever has the queue that it comes to, one more session is reset."""
    for source in office.sources(family):
        try:
            office.session(family, source).socket.close()
        except ConnectionError:
            continue
        raise Failed(f"one more session from {source} was possible")


def limit_of_both(office, family, reason):
    """
    Four sessions may be open, of the source or in all, and the two workers have two each. One dies: nothing of what it had
    is lost or counted twice, and the limit is what it was.
    """
    lab, gateway = office.lab, office.gateway
    with ScriptedServer(lab.server, lab.addresses[family].server), contextlib.ExitStack() as stack:
        sources = office.sources(family)
        gateway.wait_ended(0)
        since = gateway.position()
        clients = [stack.enter_context(office.session(family, source)) for source in sources * 2]
        check_equal(len({office.where(client) for client in clients}), 2, "workers that have sessions")
        no_more(office, family)
        gateway.wait_event("anomaly", since, reason=reason)
        began = office.starts()
        os.kill(office.workers()[0], signal.SIGKILL)
        wait_until(lambda: office.starts() == began + 1, "the next worker")
        list_both(clients, "after a death")
        no_more(office, family)
        since = gateway.position()
        clients[0].command(b"QUIT", "221")
        clients[0].socket.close()
        gateway.wait_event("session-close", since, client=clients[0].endpoint)
        stack.enter_context(office.session(family, sources[1]))
        no_more(office, family)


def write_setting(office, key, value, section="gateway"):
    """Sets a key of the configuration, in place of what it was; None: it is left out."""
    path = office.gateway.configuration
    with open(path, encoding="ascii") as file:
        lines = [line for line in file.read().splitlines() if not line.startswith(f"{key} =")]
    if f"[{section}]" not in lines:
        lines.append(f"[{section}]")
    if value is not None:
        lines.insert(lines.index(f"[{section}]") + 1, f"{key} = {value}")
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


def a_reload_reaches_both(office):
    process = office.gateway.process
    with two_sessions(office, 4) as clients:
        for allowed in (False, True):
            write_setting(office, "passive", None if allowed else "no", "policy")
            before = process.output().count("reloaded: ")
            os.kill(process.pid, signal.SIGHUP)
            wait_until(lambda before=before: process.output().count("reloaded: ") == before + 2, "the policy in both")
            for client in clients:
                if allowed:
                    check_equal(client.list_passive(), LISTING, "a passive listing")
                else:
                    client.command(b"PASV", "5")


def numbers_of_both(office):
    """What is asked of control is about both, and each order reaches the worker that it is for."""
    gateway = office.gateway
    with two_sessions(office, 4) as clients:
        list_both(clients, "for the record")
        status = ask(gateway.monitor, "status")[0]
        check_equal([(worker["queue"], worker["up"]) for worker in status["workers"]], [(queue, True) for queue in QUEUES], "workers")
        check(all(worker["packets"] > 0 for worker in status["workers"]), f"a queue without packets: {status['workers']}")
        metrics = office.lab.router.run([binary(), "metrics", "--socket", gateway.monitor]).stdout
        check_equal(re.findall(r'ftpalg_worker_up\{queue="(\d+)"\} 1', metrics), [str(queue) for queue in QUEUES], "workers measured")
        for client in clients:
            event = gateway.wait_event("session-open", client=client.endpoint)
            found = [row for row in ask(gateway.monitor, "sessions") if row.get("session") == event["session"]]
            check_equal(len(found), 1, f"sessions of {client.endpoint}")
            ask(gateway.control, f"kill {event['session']}")
            gateway.wait_event("session-close", client=client.endpoint, session=event["session"])


def renewed(office):
    """Another program takes over: both workers end, and what goes on is taken over by the next ones."""
    with two_sessions(office, 4) as clients:
        list_both(clients, "before")
        began, since = office.starts(), office.gateway.position()
        os.kill(office.gateway.process.pid, signal.SIGUSR2)
        wait_until(lambda: office.starts() == began + 2, "both workers of the next program")
        list_both(clients, "with the next program")
        check_equal(len(office.taken_over(clients, since)), 2, "workers that have taken them over")


def findings(office):
    """What check says of rules and daemon."""
    done = office.lab.router.run([binary(), "check", "-c", office.gateway.configuration], check=False)
    return [line for line in done.stdout.splitlines() if re.match(r"\w+ +(rules|daemon)\b", line)]


def check_found(office, *texts):
    lines = findings(office)
    for text in texts:
        check(any(text in line for line in lines), f"no finding says {text!r}: {lines}")


def another_number(office):
    """
    Fewer workers, and more again: the rules come first, or last, so that no queue is fed that nobody serves; all workers end
    before the next ones begin, and sessions that move are taken over. Until both are done, check tells.
    """
    with two_sessions(office, 4) as clients:
        check_found(office, "the carrier is attached and queues 21 to 22 are fed", "one listens on queue 21", "one listens on queue 22")
        write_setting(office, "workers", "1")
        check_found(office, "one listens on queue 21")
        office.gateway.load_rules()
        began, since = office.starts(), office.gateway.position()
        os.kill(office.gateway.process.pid, signal.SIGUSR2)
        wait_until(lambda: office.starts() == began + 1, "the only worker")
        list_both(clients, "with one worker")
        check_equal(len(office.taken_over(clients, since)), 1, "workers that have taken them over")
        write_setting(office, "workers", "2")
        check_found(office, "those that feed queues 21 to 21 leave workers of 21 to 22 without any", "none listens on queue 22")
        began, since = office.starts(), office.gateway.position()
        os.kill(office.gateway.process.pid, signal.SIGUSR2)
        wait_until(lambda: office.starts() == began + 2, "two workers")
        office.gateway.load_rules()
        list_both(clients, "with two workers again")
        check_equal(len(office.taken_over(clients, since)), 2, "workers that have taken them over")


def main():
    plan = Plan(__doc__)
    office = Office()
    for family in (4, 6):
        plan.add(f"a213: by their ports, sessions of one client are both workers' (IPv{family})", spread_by_ports, family,
                 fixture=office)
    for family in (4, 6):
        plan.add(f"each of two workers has its sessions, and their transfers (IPv{family})", transfers_of_both, family,
                 fixture=office)
        plan.add(f"a211: a worker that is killed costs the other's sessions nothing (IPv{family})", one_ends, family, signal.SIGKILL,
                 fixture=office)
    plan.add("a211: a worker that hangs costs the other's sessions nothing", one_ends, 4, signal.SIGSTOP, fixture=office)
    plan.add("a reload reaches both workers", a_reload_reaches_both, fixture=office)
    plan.add("status, metrics and kill are about both workers", numbers_of_both, fixture=office)
    plan.add("another program renews both workers, and sessions go on", renewed, fixture=office)
    plan.add("another number of workers, and sessions that move go on", another_number, fixture=office)
    plan.add("a210: a source has no more sessions than it may, of both workers together", limit_of_both, 6, "quota-sessions",
             fixture=Office({"source-sessions": "4"}))
    plan.add("a210: there are no more sessions than there may be, of both workers together", limit_of_both, 4, "table-full",
             fixture=Office({"sessions": "4"}))
    plan.run()


if __name__ == "__main__":
    main()

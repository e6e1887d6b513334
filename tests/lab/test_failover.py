#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Two routers with conntrackd and keepalived, as contrib/ha sets them up. The master dies: sessions whose offers were made
longer three times go on through the other one, a transfer that runs is completed, an offer that waits is used, and the next
one is translated as well. It comes back and takes over while both live, and nothing has to be restarted.

LAB_FULL=1 has the master die five times in a row.
"""

import contextlib
import hashlib
import os
import threading
import time

from gateway import binary
from process import wait_until
from scripted import LISTING, ScriptedClient, ScriptedServer
from tap import Plan, Skip, check, check_equal
from transfers import amount
from twins import Twins

DEATHS = amount(2, 5)
SIZE, BLOCK, PAUSE = 3_000_000, 50_000, 0.05
SECONDS = 60


class BigFile:
    """A RETR that takes its time."""

    def __init__(self):
        self.content = os.urandom(SIZE)
        self.sent = 0

    def __call__(self, _argument):
        return self._answer

    def _answer(self, session):
        session.send(b"150 here it comes\r\n")
        with session.data_connection() as data:
            data.settimeout(SECONDS)
            for start in range(0, SIZE, BLOCK):
                data.sendall(self.content[start:start + BLOCK])
                self.sent = start + BLOCK
                time.sleep(PAUSE)
        return b"226 all of it\r\n"


class Visit:
    """Two sessions of one family: a transfer runs in the one, an offer waits in the other."""

    def __init__(self, twins, family, stack):
        self.twins, self.family = twins, family
        self.file = BigFile()
        addresses = twins.addresses[family]
        stack.enter_context(ScriptedServer(twins.server, addresses.server, handlers={"RETR": self.file},
                                           connect_timeout=SECONDS))
        self.busy, self.waiting = (stack.enter_context(ScriptedClient(twins.client, addresses.server)) for _ in range(2))
        for client in (self.busy, self.waiting):
            client.socket.settimeout(SECONDS)
            client.login()
        self.digest = hashlib.sha256()
        self.listener = stack.enter_context(self.waiting.listen())
        self.listener.settimeout(SECONDS)
        self.receiver = None

    def begin(self):
        for _ in range(2):
            check_equal(self.busy.list_active(), LISTING, "a listing before")
        listener = self.busy.listen()
        self.busy.offer(listener.getsockname()[1])
        self.busy.send(b"RETR big\r\n")
        self.busy.expect("150")
        data = listener.accept()[0]
        listener.close()
        self.receiver = threading.Thread(target=self._receive, args=(data,), daemon=True)
        self.receiver.start()
        self.waiting.offer(self.listener.getsockname()[1])

    def _receive(self, data):
        with data:
            data.settimeout(SECONDS)
            while block := data.recv(1 << 16):
                self.digest.update(block)

    def is_carried_over(self, router):
        return len(router.connections(self.family, 21)) >= 2 and router.expectations(self.family)

    def end(self):
        self.waiting.send(b"LIST\r\n")
        with self.listener.accept()[0] as data:
            data.settimeout(SECONDS)
            check_equal(data.recv(4096), LISTING, f"IPv{self.family}: the listing that was announced before")
        self.waiting.expect("150")
        self.waiting.expect("226")
        self.receiver.join(SECONDS)
        check_equal(self.digest.hexdigest(), hashlib.sha256(self.file.content).hexdigest(),
                    f"IPv{self.family}: SHA-256 of what arrived")
        self.busy.expect("226")
        for client in (self.busy, self.waiting):
            check_equal(client.list_active(), LISTING, f"IPv{self.family}: the next listing")
            check_equal(client.list_passive(), LISTING, f"IPv{self.family}: a passive listing")
            client.command(b"QUIT", "221")


def master_dies(twins):
    for number in range(DEATHS):
        master = twins.master()
        successor = twins.other(master)
        with contextlib.ExitStack() as stack:
            visits = [Visit(twins, family, stack) for family in (4, 6)]
            for visit in visits:
                visit.begin()
            for visit in visits:
                wait_until(lambda visit=visit: visit.is_carried_over(successor), "connections and pinholes at the other router")
                wait_until(lambda visit=visit: visit.file.sent > SIZE // 4, "a quarter of the transfer", 30)
            before = len(successor.notified())
            began = time.monotonic()
            master.die()
            wait_until(successor.is_master, "the other router to take over", 20)
            print(f"# death {number + 1}: {master.name} to {successor.name} in {time.monotonic() - began:.2f} s", flush=True)
            wait_until(lambda: "mended" in successor.notified()[before:], "ftpalg takeover")
            for visit in visits:
                visit.end()
            check("2 pinholes mended" in successor.notified()[before:], f"takeover said {successor.notified()[before:]!r}")
        master.boot()
        wait_until(lambda: not master.is_master() and successor.is_master(), "the dead router to be a backup")


def backup_keeps_idle_sessions(twins):
    """Nothing refreshes an entry there, so it lives as long as it was told with the edit."""
    master = twins.master()
    backup = twins.other(master)
    for family in (4, 6):
        addresses = twins.addresses[family]
        with ScriptedServer(twins.server, addresses.server), ScriptedClient(twins.client, addresses.server) as client:
            client.login()
            client.list_active()

            def entry(client=client, family=family):
                return [one for one in backup.connections(family, 21) if one.original_source_port == client.local_port]
            wait_until(entry, "the entry at the backup")
            wait_until(lambda: entry()[0].timeout > 400000, f"a long life of {entry()}", 5)
            client.command(b"QUIT", "221")


def lives_and_moves(twins):
    """A session goes to the other router, where it says more, and back to the first, which still has its row."""
    for family in (4, 6):
        addresses = twins.addresses[family]
        with ScriptedServer(twins.server, addresses.server), ScriptedClient(twins.client, addresses.server) as client:
            client.socket.settimeout(SECONDS)
            client.login()
            client.list_active()
            for _ in range(3):
                master = twins.master()
                successor = twins.other(master)
                since = successor.gateway.position()
                master.step_down()
                wait_until(successor.is_master, "the other router to take over", 20)
                check_equal(client.list_active(), LISTING, f"IPv{family}: a listing after the move")
                check_equal(client.list_passive(), LISTING, f"IPv{family}: a passive listing after the move")
                check_equal(client.list_active(), LISTING, f"IPv{family}: another listing")
                check(successor.gateway.wait_event("session-open", since, client=client.endpoint).get("adopted"), "adopted")
                master.start_keepalived()
                wait_until(lambda master=master: not master.is_master(), "a backup")
            client.command(b"QUIT", "221")


def both_are_checked(twins):
    for router in twins.routers:
        told = router.namespace.run([binary(), "check", "-c", router.gateway.configuration], check=False).stdout
        check("MISSING" not in told, f"{router.name}: {told}")


def main():
    if os.environ.get("FTPALG_RULES", "iptables") != "iptables":
        raise Skip("this lab has its rules in iptables alone")
    plan = Plan(__doc__)
    for statement, function in (
            ("ftpalg check has nothing against either router", both_are_checked),
            ("the backup keeps a session that was rewritten and idles", backup_keeps_idle_sessions),
            (f"the master dies {DEATHS} times: transfers, offers that wait, and sessions go on", master_dies),
            ("sessions go to and fro between routers that live", lives_and_moves)):
        plan.add(f"{statement} (IPv4, IPv6)", function, fixture=Twins)
    plan.run()


if __name__ == "__main__":
    main()

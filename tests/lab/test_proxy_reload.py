#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What sessions notice when the proxy's processes change: one that dies takes its own sessions along and nobody else's
time; the next one is there within two seconds. Who has the authority's key is a process of its own, which may be slow or
die without any session that doesn't need it noticing.
"""

import contextlib
import functools
import os
import signal
import ssl
import threading
import time

from process import SLOWNESS, Stopwatch, is_gone, titled, wait_until
from tap import Plan, check, check_equal, check_in_time
from test_relay import Store
from test_tls import ScriptedCell, Talk

# What a client that begins at the worst moment may wait: a SYN that was lost comes again after a second.
PATIENCE = 2


def serving(cell):
    """A scripted server with TLS that has files."""
    server = cell.tls_server()
    server.handlers.update(Store().handlers())
    return server


def greeted_within(cell, seconds):
    """Connects at once, and demands that a session inside TLS is there in time."""
    with Stopwatch() as watch, Talk(cell) as talk:
        talk.secure()
        check(talk.command("USER a").startswith("331"), "the new session was refused")
    check_in_time(watch.seconds(), seconds, "a new session")
    return watch.seconds()


def the_next_proxy_is_there_at_once(cell, number):
    with serving(cell), Talk(cell) as talk:
        talk.login()
        died = cell.proxy.pid
        os.kill(died, number)
        waited = greeted_within(cell, PATIENCE * SLOWNESS)
        print(f"# a session that began when the proxy died took {waited:.2f} s")
        check(is_gone(died) and cell.proxy.pid != died, "it is the same proxy")
        check(talk.line() == "", "a session of the proxy that died goes on")
    wait_until(lambda: "the proxy was ended by signal 9" in cell.proxy.process.output(), "a message that it died")


def keys_of(cell):
    """The process that has the authority's key."""
    return wait_until(lambda: titled(cell.proxy.process.pid, "ftpalg-keys"), "the keys process")[-1]


class Handshake(threading.Thread):
    """A session that waits for its certificate while the test does other things."""

    def __init__(self, cell, name, source=None):
        super().__init__(daemon=True)
        self.cell = cell
        self.name_asked = name
        self.source = source
        self.answer = None
        self.start()

    def run(self):
        with contextlib.suppress(OSError, ssl.SSLError), Talk(self.cell, source=self.source) as talk:
            talk.socket.settimeout(30)
            talk.secure(name=self.name_asked)
            self.answer = talk.command("USER a")

    def check(self):
        self.join(40)
        check(self.answer and self.answer.startswith("331"), f"the session that waited heard {self.answer!r}")


def a135_a_slow_mint_stalls_nobody(cell):
    """While nobody signs, sessions in clear, and those whose certificate is there, go on; the one that waits does after."""
    with cell.server(), Talk(cell) as talk, Talk(cell) as clear:
        talk.secure(name="known.lab.test")
        clear.reply()
        pid = keys_of(cell)
        os.kill(pid, signal.SIGSTOP)
        try:
            waiting = Handshake(cell, "slow.lab.test")
            time.sleep(0.5 * SLOWNESS)
            with Stopwatch() as watch:
                for other in (talk, clear):
                    check(other.command("NOOP").startswith("200"), "a session stands still")
                with Talk(cell) as again:
                    again.secure(name="known.lab.test")
                    check(again.command("USER a").startswith("331"), "a session whose certificate is there was refused")
            check_in_time(watch.seconds(), 2 * SLOWNESS, "what needs nobody's signature")
            check(waiting.is_alive(), "the handshake did not wait")
        finally:
            os.kill(pid, signal.SIGCONT)
        waiting.check()


def a135_who_waits_for_a_process_that_dies_is_served_by_the_next(cell):
    with cell.server():
        pid, proxy = keys_of(cell), cell.proxy.pid
        os.kill(pid, signal.SIGSTOP)
        waiting = Handshake(cell, "patient.lab.test")
        time.sleep(0.5 * SLOWNESS)
        with Stopwatch() as watch:
            os.kill(pid, signal.SIGKILL)
            waiting.check()
        print(f"# served {watch.seconds():.2f} s after the death")
        check_in_time(watch.seconds(), 5 * SLOWNESS, "the one that waited")
        check(keys_of(cell) != pid, "it is the same process")
        check_equal(cell.proxy.pid, proxy, "the process that speaks to peers")
    check("the keys process was ended by signal 9" in cell.proxy.process.output(), "nobody tells that it died")


def a134_every_certificate_is_told_and_counted(cell):
    """What was signed stands in the events; beyond mint-rate nothing is, and what is there is shown none the less."""
    since = cell.proxy.position()
    with cell.server():
        for name in ("one.lab.test", "two.lab.test", "one.lab.test"):
            waiting = Handshake(cell, name)
            waiting.check()
        waiting = Handshake(cell, "three.lab.test")
        cell.proxy.wait_event("mint", since, names="three.lab.test", reason="mint-rate")
        names = [event["names"] for event in cell.proxy.events("mint", since) if "reason" not in event]
        check_equal(names, ["one.lab.test", "two.lab.test"], "certificates that were signed")
        anomaly = cell.proxy.wait_event("anomaly", since, reason="handshake")
        check("mint-rate" in anomaly["line"], f"the reason was not told: {anomaly}")
        waiting.join(20)
        check_equal(waiting.answer, None, "what a client heard that got no certificate")
        Handshake(cell, "one.lab.test").check()


def a163_a_source_has_a_share_of_the_minute(cell):
    """An eighth of 16: two names. What is there it is shown all the same, and another client has a share of its own."""
    since = cell.proxy.position()
    with cell.server():
        for name in ("one.lab.test", "two.lab.test", "one.lab.test"):
            Handshake(cell, name).check()
        refused = Handshake(cell, "three.lab.test")
        cell.proxy.wait_event("anomaly", since, reason="mint-rate")
        refused.join(20)
        check_equal(refused.answer, None, "what a client heard that had had its share")
        Handshake(cell, "two.lab.test").check()
        Handshake(cell, "three.lab.test", source=cell.lab.addresses[4].second_client).check()
    names = [event["names"] for event in cell.proxy.wait_events(3, "mint", since)]
    check_equal(names, ["one.lab.test", "two.lab.test", "three.lab.test"], "certificates that were ordered")


def main():
    plan = Plan(__doc__)
    cell = functools.partial(ScriptedCell, {})
    plan.add("a proxy that is killed is replaced, and a client that comes meanwhile waits two seconds at most",
             the_next_proxy_is_there_at_once, signal.SIGKILL, fixture=cell())
    client = functools.partial(ScriptedCell, {"tls": "client"})
    minting = client()
    plan.add("a135: while nobody signs, only who needs a new certificate waits", a135_a_slow_mint_stalls_nobody,
             fixture=minting)
    plan.add("a135: who waits for the keys process while that dies is served by the next one",
             a135_who_waits_for_a_process_that_dies_is_served_by_the_next, fixture=minting)
    plan.add("a134: each certificate is told in an event, and a minute has no more than mint-rate",
             a134_every_certificate_is_told_and_counted, fixture=ScriptedCell({"tls": "client", "mint-rate": "2"}))
    plan.add("a163: one source has a share of mint-rate, and leaves others theirs", a163_a_source_has_a_share_of_the_minute,
             fixture=ScriptedCell({"tls": "client", "mint-rate": "16"}))
    plan.run()


if __name__ == "__main__":
    main()

#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
A proxy of two processes: sessions are spread over them, each has its data connections, one that dies or hangs costs the
other's nothing, what one source may have, it may have of both together, and a reload, another program and questions reach
both.

                     +---- proxy, process 1 ----+
    clients ---------+                          +---- server
                     +---- proxy, process 2 ----+
"""

import contextlib
import os
import re
import signal
import time
import types

from asking import ask
from gateway import READY, binary
from process import SLOWNESS, is_gone, titled, wait_until
from tap import Plan, check, check_equal, check_in_time
import test_handover
import test_interception
import test_relay_limits
from test_handover import running
from test_interception import FLAVOURS, transfer
from test_relay_limits import PatientServer, fetch, logged_in
from test_tls import ScriptedCell, Talk
from test_workers import worker_number, write_setting

WORKERS = 2
MANY = 3
WATCHDOG = 2
# The other process may be busy for longer than the one that has more sessions waits for it.
TRIES = 100
PATIENCE = 2
SHORTEST_OF = 30
# Seconds; ten times what it waits for.
BRIEFLY = 0.002


class Reached(test_interception.Cell):
    """However connections come: a server for each family, and the proxy's two processes."""

    def proxy_options(self):
        return {**super().proxy_options(), "workers": str(WORKERS)}


class Beside(test_interception.SupervisedCell):
    """Three workers and three processes of the proxy in one service."""

    def __init__(self):
        super().__init__("redirect", gateway={"workers": str(MANY)})

    def proxy_options(self):
        return {**super().proxy_options(), "workers": str(MANY), "queue": "40"}


def proxies(cell):
    return titled(cell.proxy.process.pid, "ftpalg-proxy")


def wait_serving(cell):
    """The supervisor has seen all of them serve: one that dies before is a start that fails, and ends the service."""
    wait_until(lambda: ask(f"{cell.proxy.monitor}-proxy", "status")[0]["proxy"]["up"], "all processes to serve")


def number_of(cell, talk, since):
    """Of the process that has the session."""
    return worker_number(cell.proxy.wait_event("session-open", since, client=talk.endpoint))


@contextlib.contextmanager
def one_at_each(cell, open_one):
    """Sessions, one at each process: {number of the process: session}."""
    with contextlib.ExitStack() as stack:
        found = {}
        for _ in range(TRIES):
            since = cell.proxy.position()
            talk = stack.enter_context(open_one())
            found.setdefault(number_of(cell, talk, since), talk)
            if len(found) == WORKERS:
                break
        check_equal(len(found), WORKERS, "processes that have sessions")
        yield found


def both_transfer(cell, family, passive, private):
    """Each process in its turn has fewer sessions than the other, and so the next one."""
    address = cell.lab.server_seen(family)
    with one_at_each(cell, lambda: Talk(cell, address=address)) as talks:
        for number in list(talks):
            since = cell.proxy.position()
            talks[number].socket.close()
            cell.proxy.wait_event("session-close", since, client=talks[number].endpoint)
            for _ in range(TRIES):
                since = cell.proxy.position()
                transfer(cell, family, passive, private)
                if worker_number(cell.proxy.wait_event("session-open", since)) == number:
                    break
            else:
                check(False, "the process with fewer sessions got none")
            talks[number] = Talk(cell, address=address)
        for talk in talks.values():
            talk.socket.close()


def by_process(cell, transfers, since):
    """Which transfers are each process's."""
    found = {}
    for number, one in enumerate(transfers):
        found.setdefault(number_of(cell, one.talk, since), []).append(number)
    return found


def one_dies(cell, number):
    """
    Killed, or hung until the watchdog kills it: its sessions end and are counted, the other's arrive, new ones are served at
    once, and there are two processes again.
    """
    before = cell.proxy.position()
    with cell.as_at_first(), cell.serve() as server, running(cell, server) as transfers:
        parts = by_process(cell, transfers, before)
        check_equal(len(parts), WORKERS, "processes that have transfers")
        wait_serving(cell)
        since, starts = cell.proxy.position(), cell.told(READY)
        victim = cell.proxies()[0]
        os.kill(victim, number)
        began = time.monotonic()
        # Open together: the process that is left has more than the other, and takes them nevertheless.
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(Talk(cell)).secure(cell.context())
        waited = time.monotonic() - began
        check_in_time(waited, PATIENCE * SLOWNESS, "three new sessions")
        wait_until(lambda: is_gone(victim), "its end", WATCHDOG + 10)
        died = time.monotonic()
        wait_until(lambda: cell.told(READY) == starts + 1 and len(cell.proxies()) == WORKERS, "the next process")
        replaced = time.monotonic() - died
        print(f"# three sessions took {waited:.2f} s, the next process {replaced:.2f} s; transfers of each: "
              f"{[len(part) for part in parts.values()]}")
        check(replaced < PATIENCE * SLOWNESS, f"the next process took {replaced:.2f} s")
        lost = cell.proxy.wait_event("sessions-lost", since)["count"]
        server.gate.set()
        whole = [one.outcome() for one in transfers]
        outcomes = {part: {whole[index] for index in indices} for part, indices in parts.items()}
        check_equal(sorted(map(list, outcomes.values())), [[False], [True]], "what became of the transfers of each process")
        # One of the three may have been its, and hung.
        check(lost - whole.count(False) in range(4 if number == signal.SIGSTOP else 1),
              f"{lost} sessions are told as lost, {whole.count(False)} were")


def shortest_wait(cell, stack):
    """For the greeting, of some sessions that stay open: what else the machine does is in none, or not in all of them."""
    waits = []
    for _ in range(SHORTEST_OF):
        began = time.monotonic()
        check_equal(stack.enter_context(Talk(cell)).reply()[:3], "220", "the greeting")
        waits.append(time.monotonic() - began)
    return min(waits)


def who_has_more_waits_briefly(cell):
    """
    While the one that has fewer sessions can't take them, new ones come to the other as fast as to one that has fewer. Two
    processes that wait for each other would do less than one.
    """
    with cell.server(), contextlib.ExitStack() as stack:
        wait_serving(cell)
        stack.enter_context(one_at_each(cell, lambda: Talk(cell)))
        usual = shortest_wait(cell, stack)
        victim = proxies(cell)[0]
        os.kill(victim, signal.SIGSTOP)
        try:
            # These make the other one lead.
            shortest_wait(cell, stack)
            leading = shortest_wait(cell, stack)
        finally:
            os.kill(victim, signal.SIGCONT)
        print(f"# {usual * 1000:.2f} ms, where one has more {leading * 1000:.2f} ms")
        check(leading - usual < BRIEFLY, f"it waits for {(leading - usual) * 1000:.2f} ms")


def each_goes_its_way(cell, family):
    """Sessions that are terminated are the proxy's, the others the workers', however many of both there are."""
    cell.proxy.wait_ready(2 * MANY)
    check_equal([len(titled(cell.proxy.process.pid, f"ftpalg-{name}")) for name in ("worker", "proxy", "keys")], [MANY, MANY, 1],
                "workers, processes of the proxy, and of the keys")
    test_interception.each_goes_its_way(cell, family)


def killed_each(cell):
    """All of them, one after the other and at once: the limit and the counts are as before, and sessions are served."""
    with cell.as_at_first(), cell.serve():
        for victims in ([0], [1], [0, 1]):
            wait_serving(cell)
            starts, pids = cell.told(READY), cell.proxies()
            for victim in victims:
                os.kill(pids[victim], signal.SIGKILL)
            wait_until(lambda starts=starts, victims=victims: cell.told(READY) == starts + len(victims), "the next processes", 10)
            with Talk(cell) as talk:
                talk.secure(cell.context())
                check(talk.command("NOOP").startswith("2"), "a new session is not served")


def nobody_waits_for_the_minter(cell):
    """While the keys process stands still, sessions that need nothing of it go on, and begin, at both processes."""
    with cell.as_at_first(), cell.serve(), one_at_each(cell, lambda: Talk(cell)) as talks:
        for talk in talks.values():
            talk.secure(cell.context(cell.proxy.local))
        minter = cell.minters()[0]
        os.kill(minter, signal.SIGSTOP)
        try:
            with contextlib.ExitStack() as stack:
                began = time.monotonic()
                for talk in talks.values():
                    check(talk.command("NOOP").startswith("2"), "a session stands still")
                for _ in range(2 * WORKERS):
                    talk = stack.enter_context(Talk(cell))
                    talk.secure(cell.context(cell.proxy.local))
                    check(talk.command("NOOP").startswith("2"), "a new session stands still")
                check_in_time(time.monotonic() - began, PATIENCE * SLOWNESS, "sessions meanwhile")
        finally:
            os.kill(minter, signal.SIGCONT)


def both_mint(cell):
    """A certificate that neither has yet comes to the one that has ordered it."""
    with cell.as_at_first(), cell.serve(), one_at_each(cell, lambda: Talk(cell)) as talks:
        since = cell.proxy.position()
        for talk in talks.values():
            talk.secure(cell.context(cell.proxy.local))
            check(talk.command("NOOP").startswith("2"), "a session with a certificate that was minted")
        cell.proxy.wait_events(WORKERS, "mint", since)


def policy_reaches_both(cell):
    with cell.as_at_first(), cell.serve(), one_at_each(cell, lambda: Talk(cell)) as talks:
        for talk in talks.values():
            talk.secure(cell.context())
        before = cell.told("reloaded: the policy")
        cell.configure(cell.text.replace("[policy]\n", "[policy]\ndeny-verbs = NOOP\n"))
        cell.send(signal.SIGHUP)
        cell.wait_told("reloaded: the policy", before + WORKERS)
        for talk in talks.values():
            check(talk.command("NOOP").startswith("5"), "the policy does not hold")


def another_number(cell):
    """A reload brings more processes, and fewer; sessions of those before go on."""
    try:
        with cell.as_at_first(), cell.serve() as server, running(cell, server, 4) as transfers:
            first = cell.proxies()
            for members in (3, 1):
                write_setting(types.SimpleNamespace(gateway=cell.proxy), "workers", str(members), "proxy")
                cell.reload()
                wait_until(lambda members=members: len(set(cell.proxies()) - set(first)) == members, "the processes")
                with Talk(cell) as talk:
                    talk.secure(cell.context())
            test_handover.check_all_whole(server, transfers)
    finally:
        cell.reload()


def told_of_both(cell):
    """status, metrics and sessions say which process it is, and kill reaches it."""
    proxy = cell.proxy
    # A proxy that is a service of its own has sockets of its own.
    monitor, control = f"{proxy.monitor}-proxy", f"{proxy.control}-proxy"
    with cell.as_at_first(), cell.serve(), one_at_each(cell, lambda: Talk(cell)) as talks:
        processes = wait_until(lambda: (found := ask(monitor, "status")[0]["proxy"]["processes"]) and
                               all(one["sessions"] for one in found) and found, "sessions of both")
        check_equal([(one["process"], one["up"]) for one in processes], [(1, True), (2, True)], "the processes")
        check_equal({int(one["sessions_from"], 16) >> 32 for one in processes}, set(talks), "whose sessions these are")
        metrics = cell.lab.router.run([binary(), "metrics", "--socket", monitor]).stdout
        check_equal(re.findall(r'ftpalg_proxy_process_up\{process="(\d)"\} 1', metrics), ["1", "2"], "processes measured")
        told = cell.lab.router.run([binary(), "status", "--socket", monitor], check=False).stdout
        check_equal(re.findall(r"process (\d)", told), ["1", "2"], "processes in the words of status")
        for talk in talks.values():
            event = proxy.wait_event("session-open", client=talk.endpoint)
            # The event is the proxy's own; who answers is another process, which hears of it a moment later.
            wait_until(lambda number=event["session"]: any(row.get("session") == number for row in ask(monitor, "sessions")),
                       "the session among sessions")
            ask(control, f"kill {event['session']}")
            proxy.wait_event("session-close", session=event["session"])


def at_both(cell, stack, make, count):
    """
    So many sessions, of which each process has some. Who takes a connection is who is free, so on a busy machine one of them
    may have taken all: then once more.
    """
    for _ in range(20):
        since = cell.proxy.position()
        with contextlib.ExitStack() as attempt:
            talks = [attempt.enter_context(make()) for _ in range(count)]
            if len({number_of(cell, talk, since) for talk in talks}) == WORKERS:
                stack.enter_context(attempt.pop_all())
                return talks
        for talk in talks:
            cell.proxy.wait_event("session-close", since, client=talk.endpoint)
    check(False, f"one process has taken all of {count} sessions twenty times")
    return []


def limit_of_both(cell, reason):
    """Four sessions, whichever process has them; one dies, and what it had is nobody's."""
    with cell.server(), contextlib.ExitStack() as stack:
        since = cell.proxy.position()
        talks = at_both(cell, stack, lambda: Talk(cell), 4)
        check_equal([talk.reply()[:3] for talk in talks], ["220"] * 4, "greetings")
        for _ in range(4):
            with Talk(cell) as talk:
                check_equal(talk.reply(), "", "what one more reads")
        cell.proxy.wait_event("anomaly", since, reason=reason)
        wait_serving(cell)
        lost_since, starts = cell.proxy.position(), cell.proxy.process.output().count(READY)
        os.kill(proxies(cell)[0], signal.SIGKILL)
        count = cell.proxy.wait_event("sessions-lost", lost_since)["count"]
        wait_until(lambda: cell.proxy.process.output().count(READY) == starts + 1, "the next process")
        again = [stack.enter_context(Talk(cell)) for _ in range(count)]
        check_equal([talk.reply()[:3] for talk in again], ["220"] * count, "greetings in place of those that were lost")
        with Talk(cell) as talk:
            check_equal(talk.reply(), "", "what one more reads after a death")


def relays_of_both(cell):
    """The bound of a source, where its sessions are both processes'."""
    since = cell.proxy.position()
    with PatientServer(cell) as server, contextlib.ExitStack() as stack:
        taken = {}
        talks = at_both(cell, stack, lambda: logged_in(cell), test_relay_limits.SOURCE_RELAYS)
        for talk in talks:
            taken[talk.endpoint] = test_relay_limits.take(cell, talk, stack, test_relay_limits.SESSION_RELAYS)
        check_equal(sum(taken.values()), test_relay_limits.SOURCE_RELAYS, "data connections that one source got")
        test_relay_limits.other_source_is_served(cell)
        stack.close()
        server.hang_up()
        for client, count in ((client, count) for client, count in taken.items() if count):
            cell.proxy.wait_events(count, "relay", since, client=client)


def others_session_is_no_proof(cell):
    """A ticket of a session at the one process opens no data connection at the other, nor does it make a login anew fail."""
    with PatientServer(cell), one_at_each(cell, lambda: logged_in(cell, "P")) as talks:
        first, second = talks.values()
        for mine, other in ((first, second), (second, first)):
            since = cell.proxy.position()
            check_equal(fetch(cell, mine, mine.socket.session), b"secret", "what the client gets with its own")
            check_equal(stolen(cell, mine, other), b"", "what it gets with another's")
            relays = cell.proxy.wait_events(2, "relay", since, client=mine.endpoint)
            check_equal(relays[1]["reason"], "not-resumed", "how that ended")
            with Talk(cell) as talk:
                talk.reply()
                talk.command("AUTH TLS")
                talk.socket = mine.socket.context.wrap_socket(talk.socket, session=mine.socket.session)
                check_equal(talk.socket.session_reused, False, "a login resumed another one")
                check(talk.command("USER a")[:1] in "23", "a login that offers a ticket of another one fails")


def stolen(cell, mine, other):
    """A download of the one, by a data connection that offers the other's ticket."""
    with test_relay_limits.connect(cell, test_relay_limits.ask(mine)) as data:
        mine.send(b"RETR file\r\n")
        mine.reply()
        try:
            with other.socket.context.wrap_socket(data, session=other.socket.session) as secured:
                received = secured.recv(100)
        except OSError:
            received = b""
    mine.reply()
    return received


def main():
    plan = Plan(__doc__)
    for flavour in FLAVOURS:
        for interception, source in (("redirect", "router"), ("tproxy", "client")):
            cell = Reached(flavour, interception, source)
            for family in (4, 6):
                for passive in (True, False):
                    plan.add(f"a282 {flavour}, {interception}: both processes relay, IPv{family}, {'passive' if passive else 'active'}",
                             both_transfer, family, passive, True, fixture=cell)
    beside = Beside()
    for family in (4, 6):
        plan.add(f"three workers and three processes of the proxy in one service, IPv{family}", each_goes_its_way, family,
                 fixture=beside)
    cell = test_handover.Cell(members=WORKERS)
    plan.add("a281 one of two that is killed loses its own sessions only", one_dies, signal.SIGKILL,
             fixture=Guarded())
    plan.add("a282 one of two that hangs keeps nobody else", one_dies, signal.SIGSTOP, fixture=Guarded())
    plan.add("a282 who has more sessions waits briefly for the other", who_has_more_waits_briefly,
             fixture=ScriptedCell({"workers": WORKERS}, gateway={"watchdog": "60", "source-sessions": "0"}))
    plan.add("each is replaced, and both at once", killed_each, fixture=cell)
    plan.add("certificates that are renewed cost none of 50 transfers of both", test_handover.renewed, fixture=cell)
    plan.add("another program costs none of 50 transfers of both", test_handover.upgraded, fixture=cell)
    plan.add("programs one after the other leave all processes that drain", test_handover.upgrades_one_after_the_other,
             fixture=cell)
    plan.add("a policy reaches both", policy_reaches_both, fixture=cell)
    plan.add("another number of processes", another_number, fixture=cell)
    plan.add("status, metrics, sessions and kill are about both", told_of_both, fixture=cell)
    plan.add("a282 a minter that stands still keeps nobody who needs it not", nobody_waits_for_the_minter,
             fixture=Minting())
    plan.add("a282 both mint, each for its own sessions", both_mint, fixture=Minting())
    plan.add("a280 a source has no more sessions than it may of both together", limit_of_both, "quota-sessions",
             fixture=ScriptedCell({"workers": WORKERS}, gateway={"source-sessions": "4"}))
    plan.add("a280 there are no more sessions than there may be of both together", limit_of_both, "table-full",
             fixture=ScriptedCell({"workers": WORKERS}, gateway={"sessions": "4", "source-sessions": "0"}))
    relays = ScriptedCell({"tls": "client", "source-relays": test_relay_limits.SOURCE_RELAYS, "workers": WORKERS,
                           "data-timeout": test_relay_limits.DATA_TIMEOUT})
    plan.add("a280 a source has no more data connections than it may of both together", relays_of_both, fixture=relays)
    plan.add("a280 a login that asks for 20,000 descriptors' worth leaves others alone",
             test_relay_limits.one_login_asks_for_all, fixture=relays)
    plan.add("a283 the session of another control connection is no proof, whichever process has it", others_session_is_no_proof,
             fixture=relays)
    plan.run()


class Guarded(test_handover.Cell):
    """With a watchdog that is soon there."""

    def __init__(self):
        super().__init__(members=WORKERS)
        self.gateway = {**self.gateway, "watchdog": str(WATCHDOG)}


class Minting(test_handover.MintingCell):
    def __init__(self):
        super().__init__(members=WORKERS)


if __name__ == "__main__":
    main()

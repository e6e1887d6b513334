#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
The gateway is killed, started, stopped and continued at random under fifty parallel transfers. None fails, none is
corrupted; control connections stand still while nobody judges them and go on afterwards; and at no moment does a line
reach the server that nobody has judged.

The schedule is random with a fixed seed (LAB_SEED). LAB_FULL=1 makes it two minutes instead of half of one.

The outages: the worker alone is killed, and its supervisor starts another; all of the gateway is killed, and started by
us some time later; the worker, or all of the gateway, is stopped (SIGSTOP) for ten seconds, which is how a hung machine
or a debugger looks. The supervisor's watchdog may end a stopped worker before that.
"""

import contextlib
import functools
import hashlib
import os
import random
import signal
import socket
import threading
import time

from capture import ACK, FIN, RST, Capture, streams
from lab import Lab
from process import titled, wait_until
from scripted import naive_endpoint
from tap import Plan, check, check_equal
from transfers import Client, SmallServer, amount

SECONDS = amount(30, 120)
WORKERS = amount(30, 50)
STOP_SECONDS = 10
SIZE = 200_000
# A transfer takes its time, so that at each moment nearly all workers are in one.
BLOCK, PAUSE = 20_000, 0.1
# What TCP needs after an outage: its retransmissions come at intervals that double, so they resume late.
PATIENCE = 90


def worker_pid(gateway):
    """The process that holds the queue. None: none does now."""
    return next(iter(titled(gateway.process.pid, "ftpalg-worker")), None)


def send_signal(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


class Transfers(threading.Thread):
    """One client: sessions of several transfers each, all four kinds in turn, until it is told to end."""

    def __init__(self, lab, family, server, name, content, ending):
        super().__init__(daemon=True)
        self.lab, self.family, self.server, self.content, self.ending = lab, family, server, content, ending
        self.label = name
        self.digest = hashlib.sha256(content).hexdigest()
        self.random = random.Random(name)
        self.done = []  # (beginning, end, session) of each transfer
        self.sessions = 0
        self.failure = None
        self.doing = "nothing yet"

    def run(self):
        try:
            while not self.ending.is_set():
                self._session()
        except Exception as error:  # reported by the statement
            self.failure = f"{self.label}, {self.doing}, session {self.sessions}: {type(error).__name__}: {error}"

    def _session(self):
        with self.lab.client.entered(), Client(timeout=PATIENCE) as client:
            self.doing = "connecting"
            client.connect(self.lab.server_seen(self.family))
            client.login()
            self.sessions += 1
            for _ in range(self.random.randint(4, 12)):
                upload, passive = self.random.random() < 0.5, self.random.random() < 0.3
                self.doing = f"{'passive' if passive else 'active'} {'upload' if upload else 'download'}"
                began = time.monotonic()
                client.set_pasv(passive)
                self._upload(client) if upload else self._download(client)
                self.done.append((began, time.monotonic(), self.sessions))
                if self.ending.is_set():
                    break
            self.doing = "the end of a session"
            client.quit()

    def _download(self, client):
        received = hashlib.sha256()

        def take(block):
            received.update(block)
            time.sleep(PAUSE)
        client.retrbinary("RETR pub/file", take, BLOCK)
        check_equal(received.hexdigest(), self.digest, "SHA-256 of what arrived")

    def _upload(self, client):
        def blocks():
            for start in range(0, len(self.content), BLOCK):
                time.sleep(PAUSE)
                yield self.content[start:start + BLOCK]
            yield b""
        source = blocks()

        class File:
            @staticmethod
            def read(_size):
                return next(source)
        client.storbinary(f"STOR pub/{self.label}", File)
        path = self.server.path(self.label)
        with open(path, "rb") as file:
            check_equal(hashlib.sha256(file.read()).hexdigest(), self.digest, "SHA-256 of the uploaded file")
        os.remove(path)


class Newcomer:
    """A connection that is tried while nobody judges: it must not be greeted before somebody does."""

    def __init__(self, lab, family):
        with lab.client.entered():
            self.socket = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
        self.socket.setblocking(False)
        self.socket.connect_ex((lab.server_seen(family), 21))

    def greeting(self, timeout):
        """What arrived within timeout."""
        self.socket.settimeout(timeout)
        try:
            return self.socket.recv(100)
        except (TimeoutError, BlockingIOError):
            return b""
        except OSError as error:
            return str(error).encode()

    def check_waits(self):
        check_equal(self.greeting(0.01), b"", "what a new connection was told while nobody judged")

    def check_greeted(self):
        """The kernel repeats SYN and SYN-ACK after 1, 2, 4 and 8 seconds."""
        def greeted():
            text = self.greeting(0.5)
            check(text == b"" or text.startswith(b"220"), f"a connection made during an outage was told {text!r}")
            return text
        wait_until(greeted, "the greeting of a connection that was made during an outage", timeout=40)
        self.socket.close()


class Outages:
    """What is done to the gateway, and what is seen of it."""

    def __init__(self, lab, family, seed):
        self.lab, self.family = lab, family
        self.random = random.Random(seed)
        self.newcomers = []
        self.log = []

    def _note(self, what):
        self.log.append((time.monotonic(), what))

    def _nobody_judges(self, seconds):
        newcomer = Newcomer(self.lab, self.family)
        self.newcomers.append(newcomer)
        time.sleep(seconds)
        newcomer.check_waits()

    def kill_worker(self):
        gateway, pid = self.lab.gateway, worker_pid(self.lab.gateway)
        if pid is None:
            self.kill_all()
            return
        self._note("worker killed")
        ready = gateway.process.output().count("ftpalg: ready")
        send_signal(pid, signal.SIGKILL)
        wait_until(lambda: gateway.process.output().count("ftpalg: ready") > ready, "another worker")

    def kill_all(self):
        self._note("all killed")
        self.lab.gateway.kill()
        self._nobody_judges(self.random.uniform(0.2, 2))
        self.lab.gateway.start()

    def stop_worker(self):
        pid = worker_pid(self.lab.gateway) or self.lab.gateway.process.pid
        self._note("worker stopped")
        send_signal(pid, signal.SIGSTOP)
        self._nobody_judges(STOP_SECONDS / 2)
        time.sleep(STOP_SECONDS / 2)
        send_signal(pid, signal.SIGCONT)

    def stop_all(self):
        pids = [pid for pid in (self.lab.gateway.process.pid, worker_pid(self.lab.gateway)) if pid]
        self._note("all stopped")
        for pid in pids:
            send_signal(pid, signal.SIGSTOP)
        self._nobody_judges(STOP_SECONDS)
        for pid in reversed(pids):
            send_signal(pid, signal.SIGCONT)

    def run(self, seconds):
        """The rare and long ones once in each half-minute, kills in between."""
        ends = time.monotonic() + seconds
        long_ones = []
        while time.monotonic() < ends:
            if not long_ones:
                long_ones = [self.stop_all, self.stop_worker] if seconds > 60 else [self.stop_all]
                self.random.shuffle(long_ones)
            for _ in range(self.random.randint(2, 4)):
                time.sleep(self.random.uniform(0.1, 2.5))
                self.random.choice((self.kill_worker, self.kill_all))()
            if ends - time.monotonic() > STOP_SECONDS / 2:
                time.sleep(self.random.uniform(0.1, 2.5))
                long_ones.pop()()
        self._note("the last outage is over")


def resets(control):
    """
    Of connections that somebody wanted still. A host that has said FIN and closed answers whatever comes late with a reset
    of its own, which has no ACK (RFC 9293 3.10.7.1); the gateway's have one.
    """
    ended, found = set(), []
    for segment in control:
        port = (segment.source, segment.source_port)
        if segment.flags & FIN:
            ended.add(port)
        if segment.flags & RST and (segment.flags & ACK or port not in ended):
            found.append(segment)
    return found


def check_far_side(capture, lab, family):
    """Every offer that reached the server names the client's public address, and no connection was reset."""
    control = [segment for segment in capture.segments() if segment.is_control()]
    check(all(segment.ip_valid and segment.tcp_valid for segment in control), "bad checksums")
    own = lab.addresses[family].client
    for text in (own.encode(), own.replace(".", ",").encode()):
        leaks = [segment.payload for segment in control if text in segment.payload]
        check_equal(leaks, [], "segments with the untranslated address that reached the server")
    check_equal(resets(control), [], "resets")
    # A gateway that adopted a connection does not know bytes from before its time. Where the sender repeats such bytes
    # and the receiver has acknowledged them, it sends one octet of garbage, as a keep-alive (RFC 9293 3.8.4): nobody
    # reads it. Were it ever new to the receiver, what follows would be out of order, and streams() would say so.
    known = [segment for segment in control if segment.payload != b"\0"]
    offers = [line.split() for key, content in streams(known).items() if key[3] == 21
              for line in content.decode().splitlines() if line[:4] in ("PORT", "EPRT")]
    check_equal({naive_endpoint(*offer)[0] for offer in offers}, {lab.client_seen(family)}, "addresses in offers")
    return len(offers)


def transfers_outlive_outages(lab, family):
    content = random.Random(1).randbytes(SIZE)
    seed = int(os.environ.get("LAB_SEED", "21"))
    ending = threading.Event()
    since = lab.gateway.position()
    outages = Outages(lab, family, seed)
    with SmallServer(lab.server, lab.addresses[family].server, lab.directory) as server, \
            Capture(lab.server, lab.directory, "tcp port 21") as far:
        with open(server.path("file"), "wb") as file:
            file.write(content)
        workers = [Transfers(lab, family, server, f"worker-{number}", content, ending) for number in range(WORKERS)]
        for worker in workers:
            worker.start()
            # The server's queue of connections that it has yet to accept is shorter than the number of clients.
            time.sleep(0.05)
        wait_until(lambda: all(worker.done or worker.failure for worker in workers), "a first transfer of each",
                   timeout=30)
        began = time.monotonic()
        try:
            outages.run(SECONDS)
            for newcomer in outages.newcomers:
                newcomer.check_greeted()
        finally:
            ending.set()
        for worker in workers:
            worker.join(max(0.1, began + SECONDS + STOP_SECONDS + PATIENCE - time.monotonic()))
    settled = time.monotonic() - began
    failures = [worker.failure for worker in workers if worker.failure]
    stuck = [f"{worker.label}: {worker.doing}" for worker in workers if worker.is_alive()]
    report(lab, workers, outages, settled, since)
    check_equal(failures, [], "transfers that failed")
    check_equal(stuck, [], "transfers that never ended")
    check_far_side(far, lab, family)
    check_equal([event for event in lab.gateway.events("refuse", since)], [], "lines that were refused")
    kills = [when for when, what in outages.log if "killed" in what]
    survived = sum(1 for worker in workers for began_at, _, number in worker.done
                   if any(end <= kill < began_at for kill in kills
                          for _, end, other in worker.done if other == number))
    print(f"# {survived} transfers began in sessions that had seen the gateway killed", flush=True)
    check(survived >= WORKERS, "hardly a session went on after a kill")


def report(lab, workers, outages, settled, since):
    done = [transfer for worker in workers for transfer in worker.done]
    adopted = sum(1 for event in lab.gateway.events("session-open", since) if event.get("adopted"))
    during = sum(1 for began, end, _ in done if any(began <= when <= end for when, _ in outages.log))
    kinds = {what: sum(1 for _, other in outages.log if other == what) for _, what in outages.log[:-1]}
    sessions = sum(worker.sessions for worker in workers)
    print(f"# {len(done)} transfers in {sessions} sessions of {len(workers)} clients; {during} saw an "
          f"outage begin; the longest took {max(end - began for began, end, _ in done):.1f} s; {adopted} sessions "
          f"adopted; all over after {settled:.1f} s", flush=True)
    print(f"# the last outages: {', '.join(what for _, what in outages.log[-4:])}", flush=True)
    print(f"# {', '.join(f'{what}: {count}' for what, count in kinds.items())}", flush=True)


def main():
    plan = Plan(__doc__)
    for family, mode in amount(((4, "snat"),), ((4, "snat"), (6, "both"))):
        plan.add(f"{WORKERS} parallel clients lose no transfer while the gateway dies and stands still for {SECONDS} s "
                 f"(IPv{family})", transfers_outlive_outages, family, fixture=functools.partial(Lab, mode=mode))
    plan.run()


if __name__ == "__main__":
    main()

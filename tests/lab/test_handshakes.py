#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
A400: hundreds of TLS handshakes that begin at one moment, again and again, by somebody who never logs in, beside a client
that behaves. Its commands are answered and newcomers are let in, whether the flood comes from another address or from the
client's own, and whether servers speak TLS or not.

Quiet and flooded rounds alternate. The median and the 99th percentile of the commands' round trips are printed; with the
release build in check-long they are twice those of quiet at most. As in test_flood_kinds.py the measured path is in the
real-time class, and the flood at the lowest priority.

The flood sends the same ClientHello again and again, which costs it nothing, and the proxy as much as any. When the first
byte of the answer is there, it begins anew.
"""

import contextlib
import functools
import os
import ssl
import statistics
import sys
import time

from lab import Lab
from process import wait_until
from proxy import Proxy
from scripted import ScriptedServer
from servers import is_listening
from tap import Late, Plan, check, check_equal
from test_flood import FLOOD, LOWEST, ipv4, is_sanitized, note, real_time
from test_tls import Talk

# With sanitizers a handshake takes several times as long, and 900 of them longer than one may wait.
HANDSHAKES = 200 if is_sanitized() else 900
ROUNDS = 7 if os.environ.get("LAB_FULL") else 2
SECONDS = 4 if os.environ.get("LAB_FULL") else 1.5
DEMANDED = 2.0 if os.environ.get("LAB_FULL") and not is_sanitized() else None
FLOOD_SERVER = 10
# What ends a session whose client goes in the middle of its handshake; and a server's 234 may come when that has ended.
EXPECTED = ("reset", "handshake", "unsolicited")

WAVES = r"""
import errno, select, socket, ssl, sys, time
source, server, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
def hello():
    context = ssl._create_unverified_context()
    out = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()
HELLO = hello()
done = failed = 0
print("acted=0", flush=True)
while True:
    poll, states, ready = select.epoll(), {}, []
    for _ in range(count):
        one = socket.socket()
        one.setblocking(False)
        one.setsockopt(socket.SOL_IP, 24, 1)
        one.bind((source, 0))
        one.connect_ex((server, 21))
        states[one.fileno()] = [one, 0]
        poll.register(one, select.EPOLLIN)
    end, sent = time.monotonic() + 20, False
    while states and time.monotonic() < end:
        for number, what in poll.poll(0.1):
            state = states[number]
            try:
                data = state[0].recv(4096)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if data and state[1] == 0:
                state[0].send(b"AUTH TLS\r\n")
                state[1] = 1
            elif data and state[1] == 1:
                state[1] = 2
                ready.append(state[0])
            else:
                done += bool(data)
                failed += not data
                poll.unregister(number)
                state[0].close()
                del states[number]
        if not sent and all(state[1] == 2 for state in states.values()):
            sent = True
            for one in ready:
                if one.fileno() >= 0:
                    one.send(HELLO)
    for state in states.values():
        state[0].close()
    failed += len(states)
    print(f"failed={failed}\nacted={done}", flush=True)
"""

# AUTH, and then TLS, for as many as come; and nothing else.
TLS_SERVER = r"""
import asyncio, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
async def serve(reader, writer):
    try:
        writer.write(b"220 ready\r\n")
        await reader.readline()
        writer.write(b"234 go\r\n")
        await writer.drain()
        await writer.start_tls(context)
        while await reader.readline():
            writer.write(b"200 ok\r\n")
    except (OSError, ssl.SSLError):
        pass
    writer.close()
async def main():
    server = await asyncio.start_server(serve, sys.argv[1], 21, backlog=4096)
    await server.serve_forever()
asyncio.run(main())
"""


class Cell:
    """A proxy, a server for the client that behaves, and another one that is flooded."""

    def __init__(self, legs):
        self.legs = legs

    @contextlib.contextmanager
    def __call__(self):
        with Lab(mode="routed", gateway_rules=False, daemon=False, forward_all=True) as self.lab:
            lab = self.lab
            self.proxy = Proxy(lab, {"tls": self.legs}, gateway={"sessions": "8192"})
            certificate = self.proxy.server_certificate(alternatives=",".join(
                f"IP:{address}" for address in (lab.addresses[4].server, ipv4(lab, "server", FLOOD_SERVER))))
            flooded = ipv4(lab, "server", FLOOD_SERVER)
            lab.server.ip(f"address replace {flooded}/24 dev eth0")
            with self.proxy:
                if self.legs == "both":
                    lab.server.spawn([*LOWEST, sys.executable, "-c", TLS_SERVER, flooded, *certificate])
                    wait_until(lambda: is_listening(lab.server, 21), "the flooded server to listen")
                else:
                    lab.server.spawn([*LOWEST, FLOOD, "serve", flooded, 21]).wait_for_output("listening")
                with self.scripted(certificate):
                    yield self

    def scripted(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)

        def auth(session):
            session.send(b"234 go\r\n")
            session.connection = context.wrap_socket(session.connection, server_side=True)

        handlers = {"AUTH": lambda _argument: auth} if self.legs == "both" else {}
        return ScriptedServer(self.lab.server, self.lab.addresses[4].server, handlers=handlers)


def logged_in(cell, source):
    talk = Talk(cell, source=source)
    talk.secure()
    for command in ("USER anonymous", "PASS lab@"):
        answer = talk.command(command)
    check(answer.startswith("230"), f"PASS was answered with {answer!r}")
    return talk


def commands_for(talk, seconds):
    until, times = time.monotonic() + seconds, []
    while time.monotonic() < until:
        began = time.perf_counter()
        talk.socket.sendall(b"NOOP\r\n")
        answer = talk.socket.recv(256)
        times.append(time.perf_counter() - began)
        check(answer.startswith(b"200"), f"NOOP was answered with {answer!r}")
        # Commands come at any moment of the flood, and not at the same one.
        time.sleep(0.001 + len(times) % 7 * 0.0003)
    return times


def last_count(process, word="acted"):
    return int(process.output().rpartition("\n")[0].rpartition(f"{word}=")[2].split()[0])


@contextlib.contextmanager
def waves(cell, source):
    process = cell.lab.client.spawn([*LOWEST, sys.executable, "-c", WAVES, source, ipv4(cell.lab, "server", FLOOD_SERVER),
                                     HANDSHAKES])
    try:
        process.wait_for_output("acted")
        yield process
    finally:
        process.stop()


def figures(times):
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def flooded_for(cell, talk, address, source):
    """Round trips during the flood, how long newcomers' logins took, and how many handshakes were begun."""
    since = cell.proxy.position()
    with waves(cell, source) as flood:
        times, newcomers, began = [], [], time.monotonic()
        while time.monotonic() < began + SECONDS or last_count(flood) == 0:
            times += commands_for(talk, SECONDS / 4)
            start = time.perf_counter()
            logged_in(cell, address).socket.close()
            newcomers.append(time.perf_counter() - start)
        count, seconds = last_count(flood), time.monotonic() - began
        if failed := last_count(flood, "failed"):
            raise Late(f"{failed} handshakes were not answered in time")
    refused = [event for event in cell.proxy.events(since=since) if event["event"] in ("refuse", "anomaly")
               and event["reason"] not in EXPECTED]
    check_equal(refused, [], "what was refused")
    return times, newcomers, count / seconds


def flood_costs_others_little(cell, same_address):
    address = cell.lab.addresses[4].client
    source = address if same_address else cell.lab.addresses[4].second_client
    quiet, flooded, ratios = [], [], []
    with real_time(cell.proxy):
        talk = logged_in(cell, address)
        commands_for(talk, 0.2)
        for _ in range(ROUNDS):
            quiet.append(figures(commands_for(talk, SECONDS)))
            times, newcomers, rate = flooded_for(cell, talk, address, source)
            flooded.append((*figures(times), max(times), max(newcomers), rate))
            ratios.append([flooded[-1][i] / quiet[-1][i] for i in (0, 1)])
    quiet, flooded, ratios = ([statistics.median(column) for column in zip(*rows)] for rows in (quiet, flooded, ratios))
    note(f"{flooded[4]:.0f} handshakes a second; median {quiet[0] * 1e6:.0f} us quiet, {flooded[0] * 1e6:.0f} us flooded, "
         f"{ratios[0]:.2f} times; 99th percentile {quiet[1] * 1e6:.0f} us quiet, {flooded[1] * 1e6:.0f} us flooded, "
         f"{ratios[1]:.2f} times; the longest {flooded[2] * 1e3:.1f} ms, the longest login {flooded[3] * 1e3:.1f} ms")
    for ratio, what in zip(ratios, ("median", "99th percentile")):
        check(not DEMANDED or ratio <= DEMANDED, f"the {what} is {ratio:.2f} times that of quiet")


def main():
    plan = Plan(__doc__)
    for legs in ("client", "both"):
        for same_address in (False, True):
            plan.add(f"a400 {HANDSHAKES} handshakes at a time from {'the same' if same_address else 'another'} address, "
                     f"tls = {legs}", flood_costs_others_little, same_address, fixture=functools.partial(Cell, legs)())
    plan.run()


if __name__ == "__main__":
    main()

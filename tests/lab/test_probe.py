#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
The probe across a router: with this gateway every scenario passes; with the kernel's own helper it finds that helper's
known faults; without any helper active mode fails. Peers that vanish or answer nonsense end a scenario, not the run.
"""

import contextlib
import json
import os
import socket
import threading

import gateway
import rules
import topology
from lab import Lab
from process import SLOWNESS
from tap import Plan, Skip, check, check_equal
from transfers import FULL

TOKEN = "lab"
# The well-behaved run's bound in seconds.
RUN_SECONDS = 60 * SLOWNESS
# What is tested, even where something else stands in for the gateway.
PROGRAM = os.path.join(gateway.TOP, "build", "ftpalg") if gateway.is_stand_in() else gateway.binary()
# How the router translates, and for which families that is tried; all with LAB_FULL=1.
MODES = {mode: (4, 6) for mode in topology.NAT_MODES}
MODES_SHORT = {"snat": (4,), "dnat": (4,), "both": (6,), "routed": (4,)}
GOOD = ("pass", "skipped")
# Slow enough that something can happen meanwhile; there are more of them than are run at a time.
SLOW = "title a slow one\nwhy to be interrupted\nlogin\npause 2000\nnoop\n"
SLOW_COUNT = 12


class Results:
    """What the probe wrote. verdicts: {name: verdict}."""

    def __init__(self, result, path):
        self.status = result.returncode
        self.output = result.stdout + result.stderr
        with open(path, encoding="utf-8") as file:
            self.report = json.load(file)
        self.scenarios = {scenario["name"]: scenario for scenario in self.report["scenarios"]}
        self.verdicts = {name: scenario["verdict"] for name, scenario in self.scenarios.items()}

    def expect(self, name, verdict, message=""):
        scenario = self.scenarios[name]
        check_equal(scenario["verdict"], verdict, f"the verdict on {name} ({scenario['message']})")
        check(message in scenario["message"], f"{name}: expected {message!r}, saw {scenario['message']!r}")


@contextlib.contextmanager
def server_end(lab, *options, family=4):
    """The server's end, which must end well whatever was done to it."""
    process = lab.server.spawn([PROGRAM, "probe", "server", "--token", TOKEN, *options, lab.addresses[family].server])
    process.wait_for_output("ftpalg: ready")
    yield process
    check_equal(process.stop(), 0, "the server's exit status")


def client_command(lab, *options, family=4, link="--in-band"):
    return [PROGRAM, "probe", "client", "--token", TOKEN, "--json", lab.path("probe.json"), *link.split(), *options,
            lab.server_seen(family)]


def run_client(lab, *options, **keywords):
    path = lab.path("probe.json")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    result = lab.client.run(client_command(lab, *options, **keywords), check=False, timeout=2 * RUN_SECONDS)
    return Results(result, path)


def expect_good(results):
    bad = [name for name, verdict in results.verdicts.items() if verdict not in GOOD]
    check(not bad, f"{bad}\n{results.output}")
    check_equal(results.status, 0, "the probe's exit status")
    check(results.report["counts"]["pass"] >= 60 or results.report["server"].startswith("["),
          f"only {results.report['counts']['pass']} scenarios passed")
    check(results.report["seconds"] < RUN_SECONDS, f"it took {results.report['seconds']} seconds")


def all_pass(mode, family):
    with Lab(mode=mode) as lab, server_end(lab, family=family):
        expect_good(run_client(lab, family=family))


def all_pass_shrinking(lab):
    with server_end(lab):
        expect_good(run_client(lab))


def all_pass_over_another_port():
    with Lab(mode="snat", settings={"gateway": {"control-ports": "21"}}, forward_all=True) as lab, server_end(lab):
        results = run_client(lab, link="--link 2120")
        expect_good(results)
        check(results.report["client_to_server_open"], "it did not see that the inside may open any connection")
        check(not results.report["server_to_client_open"], "it took the outside for open")


def all_pass_with_second_addresses(lab):
    """Another host than the server may not use the pinhole."""
    second = "10.9.1.3"
    lab.server.ip(f"address add {second}/24 dev eth0")
    with server_end(lab, "--foreign", second):
        results = run_client(lab, "--foreign", lab.addresses[4].second_client, "--server-foreign", second)
        expect_good(results)
        skipped = {scenario["message"] for scenario in results.scenarios.values() if scenario["verdict"] == "skipped"}
        check_equal(skipped, {"it is about IPv6"}, "why scenarios were skipped")


@contextlib.contextmanager
def helper(kind):
    """A lab in which the gateway is replaced: "kernel" or "none"."""
    if rules.FLAVOUR == "nft":
        raise Skip("the rules for other helpers are for iptables")
    before = os.environ.get("FTPALG")
    os.environ["FTPALG"] = kind
    try:
        with Lab(mode="snat") as lab:
            yield lab
    finally:
        if before is None:
            del os.environ["FTPALG"]
        else:
            os.environ["FTPALG"] = before


@contextlib.contextmanager
def results_of(kind):
    with helper(kind) as lab, server_end(lab):
        yield run_client(lab)


@contextlib.contextmanager
def kernel_results():
    with results_of("kernel") as results:
        yield results


@contextlib.contextmanager
def bare_results():
    with results_of("none") as results:
        yield results


def found(results, name, verdict, message):
    results.expect(name, verdict, message)
    check_equal(results.status, 1, "the probe's exit status")
    scenario = results.scenarios[name]
    check(scenario["client_sent"] and scenario["server_saw"], f"{name} shows no bytes")


def slow_scenarios(lab):
    directory = lab.path("slow")
    os.makedirs(directory, exist_ok=True)
    for number in range(SLOW_COUNT):
        with open(os.path.join(directory, f"slow-{number:02}.scenario"), "w", encoding="ascii") as file:
            file.write(SLOW)
    return directory


def interrupted(lab, interrupt, *options):
    """A run of slow scenarios with interrupt(server) in its midst."""
    process = lab.server.spawn([PROGRAM, "probe", "server", "--token", TOKEN, lab.addresses[4].server])
    process.wait_for_output("ftpalg: ready")
    path = lab.path("probe.json")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    position = lab.gateway.position()
    client = lab.client.spawn(client_command(lab, "--scenarios", slow_scenarios(lab), *options))
    # The first of them, behind the two that see what the firewall lets through anyway.
    lab.gateway.wait_events(3, "login", position, user="anonymous")
    again = interrupt(process)
    status = client.wait(RUN_SECONDS)
    if again:
        check_equal(again.stop(), 0, "the server's exit status")
    with open(path, encoding="utf-8") as file:
        counts = json.load(file)["counts"]
    check_equal(status, 1, "the probe's exit status")
    return counts


def server_vanishes_for_good(lab):
    counts = interrupted(lab, lambda process: process.kill() and None)
    check(counts["broken"] >= 1 and counts["skipped"] >= 1 and counts["pass"] == 0, f"it counted {counts}")


def server_vanishes_and_returns(lab):
    def restart(process):
        process.kill()
        again = lab.server.spawn([PROGRAM, "probe", "server", "--token", TOKEN, lab.addresses[4].server])
        again.wait_for_output("ftpalg: ready")
        return again
    counts = interrupted(lab, restart)
    check(counts["broken"] >= 1 and counts["pass"] >= 1, f"it counted {counts}")


def client_vanishes(lab):
    with server_end(lab) as server:
        client = lab.client.spawn(client_command(lab, "--scenarios", slow_scenarios(lab)))
        server.wait_for_output("a client has come")
        client.kill()
        server.wait_for_output("the client has gone")
        check_equal(run_client(lab, "-k", "basic").status, 0, "the next probe's exit status")


def strangers_talk_to_the_server(lab):
    """Whatever they say, they get no further than the login, and the next probe is none the worse."""
    address = lab.addresses[4].server
    with server_end(lab), lab.server.entered():
        for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 5000, b"A" * 100000, b"SITE 1 LISTEN\r\n",
                         b"USER probe\r\nPASS " + b"0" * 64 + b"\r\nSITE 1 LISTEN\r\n", b"PASS \r\n", b"\r\n" * 2000):
            for port in (21, 2120):
                with socket.create_connection((address, port), timeout=10 * SLOWNESS) as stranger:
                    answer = b""
                    with contextlib.suppress(ConnectionError):
                        stranger.sendall(nonsense)
                        while data := stranger.recv(4096):
                            answer += data
                    check(answer == b"" or answer.startswith(b"220 ftpalg-probe "), f"it answered {answer!r}")
                    check(b"\n200 " not in answer and b"\n230 " not in answer, f"it let a stranger in: {answer!r}")
        crowd = [socket.create_connection((address, 21)) for _ in range(20)]
        check_equal(run_client(lab, "-k", "basic").status, 0, "the next probe's exit status")
        for stranger in crowd:
            stranger.close()


class NonsenseServer:
    """Says the same to everybody and whatever is asked."""

    def __init__(self, lab, words):
        with lab.server.entered():
            self.listener = socket.create_server((lab.addresses[4].server, 2120))
        self.words = words
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        with contextlib.suppress(OSError), connection:
            for words in self.words:
                connection.sendall(words)
                connection.recv(4096)


def server_talks_nonsense(lab, words, message):
    with NonsenseServer(lab, words):
        results = run_client(lab, link="--link 2120")
    check_equal(results.status, 1, "the probe's exit status")
    check_equal(results.report["counts"]["pass"], 0, "scenarios that passed")
    check(message in results.output + str(results.report), f"expected {message!r}, saw {results.output!r}")


def wrong_token(lab):
    with server_end(lab):
        result = lab.client.run([PROGRAM, "probe", "client", "--token", "other", "--in-band", lab.server_seen(4)],
                                check=False)
    check_equal(result.returncode, 1, "the exit status")
    check("another --token" in result.stderr, f"it said {result.stderr!r}")


def wrong_scenario(lab):
    path = lab.path("wrong.scenario")
    with open(path, "w", encoding="ascii") as file:
        file.write("title wrong\nlogin\nclient> PORT {client-hostprot}\n")
    result = lab.client.run([PROGRAM, "probe", "client", "--token", TOKEN, "--scenarios", path, lab.server_seen(4)],
                            check=False)
    check_equal(result.returncode, 1, "the exit status")
    check(f"{path}:3:14: expected " in result.stderr, f"it said {result.stderr!r}")


def usage(lab):
    for words in (["client"], ["client", "nobody"], ["between", "::1"], ["client", "--port", "0", "::1"],
                  ["client", "--foreign", "x", "::1"], ["client", "--token", "", "::1"]):
        result = lab.client.run([PROGRAM, "probe", *words], check=False)
        check_equal(result.returncode, 2, f"the exit status of {words}")


def pages(lab):
    """The page and the table name what was found."""
    with server_end(lab):
        page = lab.path("probe.html")
        results = run_client(lab, "--html", page, "-k", "basic")
    with open(page, encoding="utf-8") as file:
        text = file.read()
    for name, scenario in results.scenarios.items():
        check(name in text and scenario["title"] in text, f"{name} is missing from the page")
        check(f"pass     {name}" in results.output, f"{name} is missing from the table")
    check("://" not in text, "the page refers to something outside itself")
    check("\033" not in results.output, "the table has colours without a terminal")


def snat():
    return Lab(mode="snat")


def open_snat():
    """What the gateway does not see it does not end."""
    return Lab(mode="snat", forward_all=True)


def snat_shrinking():
    return Lab(mode="both", lengths="shrink")


def main():
    plan = Plan(__doc__)
    for mode, families in (MODES if FULL else MODES_SHORT).items():
        for family in families:
            plan.add(f"every scenario passes with the gateway, {mode}, IPv{family}", all_pass, mode, family)
    plan.add("every scenario passes where translated lines get shorter", all_pass_shrinking, fixture=snat_shrinking)
    plan.add("every scenario passes when the ends agree over another port", all_pass_over_another_port)
    plan.add("with second addresses no scenario of the family is skipped", all_pass_with_second_addresses, fixture=snat)

    plan.add("active mode passes the kernel's helper", lambda results: results.expect("active-port", "pass"),
             fixture=kernel_results)
    plan.add("the kernel's helper misses a pipelined PORT", found, "segments-pipelined-port", "fail",
             "the server sees something else", fixture=kernel_results)
    plan.add("the kernel's helper forwards a foreign PORT", found, "bounce-port", "exposed",
             "the offer reaches the server", fixture=kernel_results)
    plan.add("the kernel's helper drops 227 Logout.", found, "reply-227-logout", "broken", "nothing arrives",
             fixture=kernel_results)
    plan.add("without a helper active mode fails", found, "active-port", "fail", "the server sees something else",
             fixture=bare_results)
    plan.add("without a helper passive mode fails", found, "passive-epsv", "fail", "no data connection",
             fixture=bare_results)

    plan.add("a server's end that vanishes ends what is under way, and the rest is skipped", server_vanishes_for_good,
             fixture=snat)
    plan.add("when it returns, the rest is run", server_vanishes_and_returns, fixture=snat)
    plan.add("a client's end that vanishes makes room for the next", client_vanishes, fixture=snat)
    plan.add("strangers get nothing from the server's end", strangers_talk_to_the_server, fixture=snat)
    for words, message in (((b"SSH-2.0-x\r\n",), "no ftpalg probe server"),
                           ((b"x" * 5000,), "hung up before it knew us"),
                           ((b"",), "does not answer"),
                           ((b"220 ftpalg-probe 00\r\n", b"331 x\r\n230 y\r\n", b"nonsense\r\n"), "nonsense"),
                           ((b"220 ftpalg-probe 00\r\n", b"331 x\r\n230 y\r\n", b"200 0 OK x y\r\n"), "vanished"),
                           ((b"220 ftpalg-probe 00\r\n", b"331 x\r\n230 y\r\n", b"200 7 OK\r\n"), "nonsense")):
        plan.add(f"a server's end that says {words[-1][:24]!r} ends the run in words", server_talks_nonsense, words,
                 message, fixture=open_snat)
    plan.add("another token is told", wrong_token, fixture=snat)
    plan.add("a wrong scenario is told with file, line and column", wrong_scenario, fixture=snat)
    plan.add("a command line that makes no sense is told", usage, fixture=snat)
    plan.add("page and table name every scenario", pages, fixture=snat)
    plan.run()


if __name__ == "__main__":
    main()

#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What is collected of a gateway that runs is what has happened: over HTTP, and by `ftpalg metrics`, and no client of the one
costs anybody anything.
"""

import functools
import os
import re
import signal
import time

from asking import ask
from gateway import binary
from lab import Lab
from process import SLOWNESS, titled, wait_titled, wait_until
from scripted import ScriptedClient, ScriptedServer
from tap import Plan, check, check_equal, check_in_time

ENDPOINT = "127.0.0.1:9121"
SAMPLE = re.compile(r"^(ftpalg_\w+(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)
FLOOD = 200


def fetched(lab, *options):
    return lab.router.output(["curl", "-s", "-S", "-f", "--max-time", "20", *options, f"http://{ENDPOINT}/metrics"])


def numbers(text):
    return {name: float(number) for name, number in SAMPLE.findall(text)}


def has_numbers(lab, **wanted):
    """Waits until these are fetched, and returns all."""
    def find():
        found = numbers(fetched(lab))
        return found if all(found.get(f"ftpalg_{name}") == number for name, number in wanted.items()) else None
    return wait_until(find, f"the numbers {wanted}")


def verdicts_are_counted(before, after):
    """All of them, and each took some time."""
    names = [f'ftpalg_verdicts_total{{verdict="{verdict}"}}' for verdict in ("accept", "replace", "drop")]
    packets = sum(after[name] - before[name] for name in names)
    took = after["ftpalg_verdict_duration_seconds_count"]
    check_equal(took, after['ftpalg_verdict_duration_seconds_bucket{le="+Inf"}'], "the last class")
    return packets > 10 and after[names[1]] > before[names[1]] and took > 10 and after["ftpalg_verdict_duration_seconds_sum"] > 0


def what_happened_is_counted(lab):
    before = numbers(fetched(lab))
    with ScriptedServer(lab.server, lab.addresses[4].server), ScriptedClient(lab.client, lab.server_seen(4)) as client:
        client.login()
        has_numbers(lab, sessions=1)
        client.command(b"PORT 10,99,99,99,4,1", "5")
        client.list_active()
    after = has_numbers(lab, sessions=0)

    def grown(name):
        return after.get(name, 0) - before.get(name, 0)
    check_equal(grown("ftpalg_sessions_opened_total"), 1, "sessions")
    check_equal(grown('ftpalg_refusals_total{reason="foreign-address"}'), 1, "refusals")
    check_equal(grown('ftpalg_pinholes_opened_total{form="PORT"}'), 1, "pinholes")
    check_equal(grown('ftpalg_pinholes_closed_total{fate="used"}'), 1, "pinholes that were used")
    check_equal(grown('ftpalg_transfers_total{verb="LIST"}'), 1, "transfers")
    check(grown('ftpalg_queue_received_packets_total{queue="21"}') > 10, "packets of the queue")
    check_equal(grown("ftpalg_transfer_duration_seconds_count"), 1, "durations of transfers")
    check(grown('ftpalg_rewrites_total{form="PORT"}') >= 1, "rewritten offers")
    wait_until(lambda: verdicts_are_counted(before, numbers(fetched(lab))), "the verdicts, which the supervisor looks at now and then")
    check_equal((after['ftpalg_worker_up{queue="21"}'], after["ftpalg_problems"], after["ftpalg_carrier_loaded"]), (1, 0, 1),
                "how it stands")


def both_ways_have_the_same(lab):
    def told():
        """What there is by the command, once it is by all ways: rules are looked at a little after the start."""
        openmetrics = fetched(lab, "-H", "Accept: application/openmetrics-text; version=1.0.0")
        command = lab.router.output([binary(), "metrics", "-c", lab.gateway.configuration])
        check(openmetrics.endswith("\n# EOF\n") and command.strip().endswith("# EOF"), "the end")
        samples = [sorted(numbers(text)) for text in (openmetrics, command, fetched(lab))]
        return samples[0] if samples[0] == samples[1] == samples[2] else None
    check(len(wait_until(told, "the same by all ways")) > 30, "samples are missing")


def nobody_else_waits(lab):
    """Half requests by the hundred, from bash's own sockets: they are held while the others are answered."""
    holder = lab.router.spawn(["bash", "-c", f"for i in {{1..{FLOOD}}}; do exec {{n}}<>/dev/tcp/127.0.0.1/9121; "
                               "printf 'GET /met' >&$n; done 2>/dev/null; echo held; sleep 600"])
    try:
        holder.wait_for_output("held", 60)
        began = time.monotonic()
        fetched(lab)
        ask(lab.gateway.monitor, "status")
        with ScriptedServer(lab.server, lab.addresses[4].server), ScriptedClient(lab.client, lab.server_seen(4)) as client:
            client.login()
            client.list_active()
        check_in_time(time.monotonic() - began, 5 * SLOWNESS, "a fetch, a status and a session")
        check(len(os.listdir(f"/proc/{control(lab)}/fd")) < 100, "descriptors of the process that tells")
    finally:
        holder.kill()


def control(lab):
    return wait_titled(lab.gateway.process.pid, "ftpalg-control")


def the_next_process_serves_on(lab):
    first = control(lab)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: [pid for pid in titled(lab.gateway.process.pid, "ftpalg-control") if pid != first], "the next one")
    check(numbers(fetched(lab))['ftpalg_worker_up{queue="21"}'] == 1, "nothing is told")


def off_unless_it_is_configured(lab):
    listening = lab.router.output(["ss", "-H", "-l", "-n", "-t"])
    check(":9121 " not in listening, f"somebody listens: {listening}")


def main():
    plan = Plan(__doc__)
    served = functools.partial(Lab, mode="snat", settings={"gateway": {"metrics": ENDPOINT}})
    plan.add("sessions, refusals, pinholes and transfers are counted", what_happened_is_counted, fixture=served)
    plan.add("HTTP and the command have the same", both_ways_have_the_same, fixture=served)
    plan.add(f"{FLOOD} half requests cost nobody anything", nobody_else_waits, fixture=served)
    plan.add("a process that was killed is followed by one that serves on", the_next_process_serves_on, fixture=served)
    plan.add("nothing is served unless it is configured", off_unless_it_is_configured, fixture=functools.partial(Lab, mode="snat"))
    plan.run()


if __name__ == "__main__":
    main()

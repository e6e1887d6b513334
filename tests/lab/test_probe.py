#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
The probe across a router: with this gateway every scenario passes; with the kernel's own helper it finds that helper's
known faults; without any helper active mode fails. Peers that vanish or answer nonsense end a scenario, not the run.
"""

import contextlib
import json
import os

import gateway
from lab import Lab
from tap import Plan, check, check_equal

TOKEN = "lab"


def program():
    return os.path.join(gateway.TOP, "build", "ftpalg") if gateway.is_stand_in() else gateway.binary()


class Results:
    """What the probe wrote. verdicts: {name: verdict}."""

    def __init__(self, status, text, output):
        self.status = status
        self.output = output
        self.report = json.loads(text)
        self.scenarios = {scenario["name"]: scenario for scenario in self.report["scenarios"]}
        self.verdicts = {name: scenario["verdict"] for name, scenario in self.scenarios.items()}


def run_probe(lab, *options, family=4):
    server = lab.server.spawn([program(), "probe", "server", "--token", TOKEN, lab.addresses[family].server])
    server.wait_for_output("ftpalg: ready")
    try:
        path = lab.path("probe.json")
        result = lab.client.run([program(), "probe", "client", "--token", TOKEN, "--json", path, *options,
                                 lab.server_seen(family)], check=False, timeout=120)
        with open(path, encoding="utf-8") as file:
            return Results(result.returncode, file.read(), result.stdout + result.stderr)
    finally:
        status = server.stop()
        check_equal(status, 0, "the server's exit status")


@contextlib.contextmanager
def helper_of(kind, **options):
    """A lab with the gateway (None), the kernel's helper ("kernel") or nothing ("none")."""
    before = os.environ.get("FTPALG")
    try:
        if kind:
            os.environ["FTPALG"] = kind
        with Lab(**options) as lab:
            yield lab
    finally:
        if before is None:
            os.environ.pop("FTPALG", None)
        else:
            os.environ["FTPALG"] = before


def all_pass(mode, options, family):
    with Lab(mode=mode, settings={"gateway": {"control-ports": "21"}}, forward_all=False) as lab:
        results = run_probe(lab, *options, family=family)
        bad = [name for name, verdict in results.verdicts.items() if verdict not in ("pass", "skipped")]
        check(not bad, f"{bad}\n{results.output}")
        check_equal(results.status, 0, "the probe's exit status")


def main():
    plan = Plan(__doc__)
    for mode in ("snat", "dnat", "both", "routed", "masquerade"):
        for family in (4, 6):
            plan.add(f"every scenario passes with the gateway, {mode}, IPv{family}", all_pass, mode, ["--in-band"], family)
    plan.run()


if __name__ == "__main__":
    main()

#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Data connections never enter the queue, so a transfer is as fast through the gateway as without it.

An active transfer of 1 GB through SNAT and the gateway, against the same file through plain SNAT on a router that never
heard of the gateway, passive, because nothing else passes there. Both routers stand side by side; the transfers take
turns in one run. Exit status 1 if the median of the first is below 0.97 of the median of the second.
"""

import argparse
import contextlib
import os
import statistics
import sys

from lab import Lab
from servers import Vsftpd
from tap import enter_lab

DEMANDED = 0.97


def make_file(server, size):
    block = os.urandom(1 << 20)
    with open(server.path("big"), "wb") as file:
        for start in range(0, size, len(block)):
            file.write(block[:size - start])


def transfer(lab, family, size, active):
    """Downloads the file and returns bytes a second."""
    address = lab.server_seen(family)
    host = f"[{address}]" if family == 6 else address
    mode = ["--ftp-port", "-"] if active else []
    command = ["curl", "--disable", "-sS", "--fail", *mode, "--ftp-method", "nocwd", "--output", "/dev/null",
               "--write-out", "%{size_download} %{speed_download}", f"ftp://{host}/pub/big"]
    size_and_speed = lab.client.output(command).split()
    if int(size_and_speed[0]) != size:
        raise RuntimeError(f"{size_and_speed[0]} bytes arrived instead of {size}")
    return float(size_and_speed[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-6", dest="family", action="store_const", const=6, default=4, help="IPv6 instead of IPv4")
    parser.add_argument("-n", dest="rounds", type=int, default=5, help="rounds, 5 unless given")
    parser.add_argument("-s", dest="size", type=int, default=10**9, help="bytes, 10^9 unless given")
    arguments = parser.parse_args()
    enter_lab()
    family, size = arguments.family, arguments.size
    speeds = {True: [], False: []}
    with contextlib.ExitStack() as stack:
        labs = {True: stack.enter_context(Lab(mode="snat", offloads=True)),
                False: stack.enter_context(Lab(mode="snat", offloads=True, gateway_rules=False, forward_all=True))}
        for lab in labs.values():
            make_file(stack.enter_context(Vsftpd(lab.server, lab.addresses[family].server, lab.directory)), size)
        print(f"download of {size / 1e6:.0f} MB over IPv{family}, MB/s")
        print("round   active, gateway   passive, plain NAT")
        for number in range(arguments.rounds + 1):
            # The one that goes first changes from round to round; round 0 warms up and does not count.
            for through in (True, False) if number % 2 else (False, True):
                speed = transfer(labs[through], family, size, active=through)
                if number:
                    speeds[through].append(speed)
            if number:
                print(f"{number:5}   {speeds[True][-1] / 1e6:15.0f}   {speeds[False][-1] / 1e6:18.0f}", flush=True)
    with_gateway, without = (statistics.median(speeds[through]) for through in (True, False))
    ratio = with_gateway / without
    print(f"median  {with_gateway / 1e6:15.0f}   {without / 1e6:18.0f}")
    print(f"ratio   {ratio:.3f}, demanded {DEMANDED}")
    return 0 if ratio >= DEMANDED else 1


if __name__ == "__main__":
    sys.exit(main())

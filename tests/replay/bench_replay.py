#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
How fast a capture is replayed, on one core and from a cached file. Times are those of the processor, so that what else
runs on the machine does not count.

The capture holds whole sessions: login, transfers with CWD, TYPE, PASV and RETR, the acknowledgements between them and
the first packets of the data connections, by many clients at a time. It is made once and kept in build/. The events are
written to a file, as a user would have them. Printed are packets of control connections a second, the memory of the
process for a small and a large capture, and what tshark needs for the same file with its fields for FTP.

Exit status 1 where less is reached than is demanded: 1,000,000 packets a second, no more memory for the large capture
than for the small one, and 20 times the speed of tshark.
"""

import argparse
import os
import shutil
import socket
import struct
import subprocess
import sys

DEMANDED_PACKETS = 1_000_000
DEMANDED_TSHARK = 20
SLACK = 4096  # KiB of memory that one run may differ from another
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIN, SYN, PSH, ACK = 1, 2, 8, 16

TRANSFER = [
    (0, "CWD /pub/software/releases\r\n"), (1, "250 CWD command successful\r\n"),
    (0, "TYPE I\r\n"), (1, "200 Type set to I\r\n"), (0, "PASV\r\n"), (1, None), (0, "RETR archive.tar.gz\r\n"),
    (1, "150 Opening BINARY mode data connection for archive.tar.gz (10485760 bytes)\r\n"), (0, ""),
    (1, "226 Transfer complete\r\n"), (0, ""),
]


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def frame(ends, numbers, flags, payload):
    (source, source_port), (destination, destination_port) = ends
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40 + len(payload), 0, 0x4000, 64, 6, 0) + addresses
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    tcp = struct.pack("!HHIIBBHHH", source_port, destination_port, *numbers, 0x50, flags, 8192, 0, 0) + payload
    pseudo = addresses + struct.pack("!BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + tcp


def session(number, transfers):
    """The frames of one session, and how many of them are of its control connection."""
    client, server = (f"10.{number >> 8 & 255}.{number & 255}.5", 30000), ("203.0.113.9", 21)
    ends = [(client, server), (server, client)]
    seq = [1000 + number, 2000 + number]
    frames, others = [], 0

    def say(who, flags, text=""):
        frames.append(frame(ends[who], (seq[who], seq[1 - who] if flags & ACK else 0), flags, text.encode()))
        seq[who] += len(text) + (1 if flags & (SYN | FIN) else 0)

    say(0, SYN)
    say(1, SYN | ACK)
    say(0, ACK)
    for who, text in [(1, "220 ready\r\n"), (0, "USER ftp\r\n"), (1, "331 Password\r\n"), (0, "PASS ftp@\r\n"),
                      (1, "230 Logged in\r\n")]:
        say(who, PSH | ACK, text)
    for transfer in range(transfers):
        port = 40000 + (number * 131 + transfer) % 20000
        for who, text in TRANSFER:
            if text is None:
                text = f"227 Entering Passive Mode (203,0,113,9,{port >> 8},{port & 255})\r\n"
            say(who, PSH | ACK if text else ACK, text)
            if text.startswith("227"):
                frames.append(frame([(client[0], 31000 + transfer), (server[0], port)], (1, 0), SYN, b""))
                others += 1
    say(0, PSH | ACK, "QUIT\r\n")
    say(1, PSH | ACK, "221 Goodbye\r\n")
    say(1, FIN | ACK)
    say(0, FIN | ACK)
    say(1, ACK)
    return frames, len(frames) - others


def make_block(sessions, transfers):
    """Records of sessions that run side by side, with room for their times, and the number of control packets."""
    streams, control = [], 0
    for number in range(sessions):
        frames, count = session(number, transfers)
        streams.append(frames)
        control += count
    records = bytearray()
    offsets = []
    for step in range(max(map(len, streams))):
        for frames in streams:
            if step < len(frames):
                offsets.append(len(records))
                records += struct.pack("<IIII", 0, 0, len(frames[step]), len(frames[step])) + frames[step]
    return records, offsets, control


def make_capture(path, packets):
    """At least so many control packets, each 20 microseconds behind the one before. Returns how many."""
    block, offsets, control = make_block(200, 8)
    rounds = -(-packets // control)
    if os.path.exists(path) and os.path.getsize(path) == 24 + rounds * len(block):
        return rounds * control
    now = 1_700_000_000_000_000
    with open(path + ".new", "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for _ in range(rounds):
            for offset in offsets:
                now += 20
                struct.pack_into("<II", block, offset, now // 1000000, now % 1000000)
            file.write(block)
            # Nobody makes a connection again at once from the same port: conntrack's TIME_WAIT is over.
            now += 130_000_000
    os.rename(path + ".new", path)
    return rounds * control


def run(command, output):
    """Seconds of the processor, and the peak of memory in KiB."""
    with open(output, "wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with status {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def read_through(path):
    with open(path, "rb") as file:
        while file.read(1 << 22):
            pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", dest="rounds", type=int, default=3, help="runs of which the best counts, 3 unless given")
    parser.add_argument("-g", dest="gigabytes", type=float, default=2, help="size of the large capture, 2 unless given")
    parser.add_argument("--directory", default=os.path.join(TOP, "build", "bench"), help="where captures are kept")
    arguments = parser.parse_args()
    ftpalg = os.environ.get("FTPALG", os.path.join(TOP, "build", "ftpalg"))
    os.makedirs(arguments.directory, exist_ok=True)
    small, middle, large = (os.path.join(arguments.directory, f"{name}.pcap") for name in ("small", "million", "large"))
    events = os.path.join(arguments.directory, "events")

    make_capture(small, 100_000)
    packets = make_capture(middle, 1_000_000)
    read_through(middle)
    seconds = min(run([ftpalg, "replay", middle], events)[0] for _ in range(arguments.rounds))
    speed = packets / seconds
    print(f"{packets} control packets in {seconds:.2f} s: {speed:,.0f} a second, demanded {DEMANDED_PACKETS:,}")
    good = speed >= DEMANDED_PACKETS

    per_byte = packets / os.path.getsize(middle)
    try:
        large_packets = make_capture(large, int(arguments.gigabytes * 1e9 * per_byte))
        _, small_memory = run([ftpalg, "replay", small], events)
        large_seconds, large_memory = run([ftpalg, "replay", large], events)
        size = os.path.getsize(large)
    finally:
        if os.path.exists(large):
            os.unlink(large)
    print(f"memory: {small_memory} KiB for {os.path.getsize(small) / 1e6:.0f} MB, {large_memory} KiB for "
          f"{size / 1e6:.0f} MB ({large_packets / large_seconds:,.0f} packets a second)")
    good = good and large_memory <= small_memory + SLACK

    if shutil.which("tshark"):
        tshark, _ = run(["tshark", "-r", middle, "-Y", "ftp", "-T", "fields", "-e", "ftp.request.command", "-e",
                         "ftp.response.code"], events)
        print(f"tshark: {tshark:.2f} s, {tshark / seconds:.1f} times as long, demanded {DEMANDED_TSHARK}")
        good = good and tshark >= DEMANDED_TSHARK * seconds
    else:
        print("tshark is not installed")
    os.unlink(events)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

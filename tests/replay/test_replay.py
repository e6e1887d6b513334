#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
tests/replay/test_replay.py: the cases in pcaps/, what real peers said to each other, and captures made by others, through
ftpalg replay. Prints TAP.

Each case must still be what its dialogue says, give the events and the capture that are expected, and give tshark no
reason to complain of what leaves: no wrong checksum, and no retransmission, no segment out of order, none missing and
no acknowledgement of what was never sent, that the case itself does not have. Announced endpoints must be in what tshark
reads from the capture that leaves.

pcaps/recorded/ has visits of clients to servers, recorded without a gateway by tests/lab/record_peers.py. What works
directly works through the gateway, so nothing in them may be refused, whatever events are expected.

FTPALG names the program, FTPALG_SHARED_PCAPS a directory with captures made by others (../shared/pcaps unless set).
What they give is in tests/replay/golden/NAME.jsonl; --golden writes that anew.
"""

import collections
import importlib.machinery
import importlib.util
import json
import os
import shutil
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
# pylint: disable=wrong-import-position
from statements import Skip, check, run_statements

GOLDEN = os.path.join(HERE, "golden")
RECORDINGS_DEMANDED = 28
TOP = os.path.dirname(os.path.dirname(HERE))
RECORDED = os.path.join(TOP, "pcaps", "recorded")
SHARED = os.environ.get("FTPALG_SHARED_PCAPS", os.path.join(TOP, "..", "shared", "pcaps"))
CASES_DEMANDED = 40

ANALYSIS = ["retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order", "lost_segment",
            "ack_lost_segment"]
ENDPOINTS = [("ftp.active.cip", "ftp.active.port"), ("ftp.passive.ip", "ftp.passive.port"),
             ("ftp.eprt.ip", "ftp.eprt.port"), ("ftp.eprt.ipv6", "ftp.eprt.port"), ("ftp.epsv.ip", "ftp.epsv.port"),
             ("ftp.epsv.ipv6", "ftp.epsv.port")]
FIELDS = ["frame.number", "tcp.srcport", "tcp.dstport", "tcp.payload", "tcp.checksum.status",
          *(f"tcp.analysis.{name}" for name in ANALYSIS),
          *sorted({field for pair in ENDPOINTS for field in pair})]
MAGICS = {bytes.fromhex("d4c3b2a1"), bytes.fromhex("4d3cb2a1")}


def load_generate():
    loader = importlib.machinery.SourceFileLoader("generate", os.path.join(HERE, "generate"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("generate", loader))
    loader.exec_module(module)
    return module


generate = load_generate()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def little_endian(capture):
    """libpcap writes the headers of a file in the byte order of its host; the frames are the same everywhere."""
    if capture[:4] not in {magic[::-1] for magic in MAGICS}:
        return capture
    swapped = struct.pack("<IHHiIII", *struct.unpack(">IHHiIII", capture[:24]))
    place = 24
    while place < len(capture):
        header = struct.unpack_from(">IIII", capture, place)
        swapped += struct.pack("<IIII", *header) + capture[place + 16:place + 16 + header[2]]
        place += 16 + header[2]
    return swapped


def first_difference(seen, expected):
    seen, expected = seen.decode(errors="replace").splitlines(), expected.decode(errors="replace").splitlines()
    for number in range(max(len(seen), len(expected))):
        pair = [lines[number] if number < len(lines) else "nothing" for lines in (expected, seen)]
        if pair[0] != pair[1]:
            return f"line {number + 1}: expected\n{pair[0]}\nsaw\n{pair[1]}"
    return "nothing differs"


class Opinion:
    """What tshark has to say of one control connection: how often it complains, and which endpoints it reads."""

    def __init__(self):
        self.complaints = collections.Counter()
        self.endpoints = set()
        self.payload = collections.defaultdict(bytearray)

    def add(self, values):
        self.complaints["wrong checksum"] += "0" in values["tcp.checksum.status"].split(",")
        for name in ANALYSIS:
            self.complaints[name.replace("_", " ")] += values[f"tcp.analysis.{name}"] != ""
        self.payload[values["tcp.srcport"]] += bytes.fromhex(values["tcp.payload"].split(",")[0])
        for address, number in ENDPOINTS:
            if values[address] and values[number]:
                self.endpoints.add((values[address].split(",")[0], int(values[number].split(",")[0])))


def tshark_rows(path):
    """What tshark says of each TCP packet of a capture."""
    if not shutil.which("tshark"):
        raise Skip("tshark is not installed")
    command = ["tshark", "-n", "-r", path, "-o", "tcp.check_checksum:TRUE", "-d", "tcp.port==999,ftp", "-T", "fields",
               "-E", "separator=|", *(word for field in FIELDS for word in ("-e", field))]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    check(result.returncode == 0 or "cut short" in result.stderr, f"tshark failed: {result.stderr}")
    rows = (dict(zip(FIELDS, line.split("|"))) for line in result.stdout.splitlines())
    return [values for values in rows if values["tcp.srcport"]]


def judge(rows):
    """Opinions by the larger of the two ports of a connection."""
    opinions = collections.defaultdict(Opinion)
    for values in rows:
        opinions[max(int(values[field].split(",")[0]) for field in ("tcp.srcport", "tcp.dstport"))].add(values)
    return opinions


def tshark(path):
    return judge(tshark_rows(path))


class Opinions:
    """
    tshark takes longer to start than to read a case, so the captures of all cases that have the same format are read as
    one; their clients have ports of their own.
    """

    def __init__(self, directory, file):
        self.directory = directory
        self.file = file
        self.merged = None

    def merge(self):
        groups = collections.defaultdict(bytearray)
        for name in generate.case_names():
            capture = read(os.path.join(generate.CASES, name, self.file))
            # A capture that ends within a packet can only be read alone.
            if capture[:4] in MAGICS and not generate.read_case(name).cutoff:
                groups[capture[:24]] += capture[24:]
        opinions = {}
        for header, records in groups.items():
            path = os.path.join(self.directory, "merged.pcap")
            with open(path, "wb") as file:
                file.write(header + records)
            opinions[header] = tshark(path)
        return opinions

    def find(self, name, port):
        if self.merged is None:
            self.merged = self.merge()
        path = os.path.join(generate.CASES, name, self.file)
        capture = read(path)
        if capture[:24] in self.merged and not generate.read_case(name).cutoff:
            return self.merged[capture[:24]][port]
        return tshark(path)[port]


def check_is_current(name, dialogue):
    check(read(os.path.join(generate.CASES, name, "in.pcap")) == dialogue.capture(),
          f"in.pcap is not what dialogue.txt says; run tests/replay/generate {name}")


class Replayed:
    """What ftpalg made of a case; it is run once for several statements."""

    def __init__(self, name, directory):
        self.name = name
        self.directory = directory
        self.result = None

    def run(self):
        if self.result is None:
            path = os.path.join(self.directory, "out.pcap")
            dialogue = generate.read_case(self.name)
            self.result = subprocess.run(generate.command(self.name, dialogue, path), capture_output=True, check=False)
            self.output = little_endian(read(path))
            self.status = dialogue.status
        return self

    def plain(self):
        """The same without arguments and configuration of the case's own: often what has been run."""
        capture = os.path.join(generate.CASES, self.name, "in.pcap")
        own = [word for word in generate.command(self.name, generate.read_case(self.name), None)[1:] if word != capture]
        return self.run().result if own == ["replay", "-c", generate.SMALL] else replay_file(capture)


def check_events(replayed):
    result, status = replayed.run().result, replayed.status
    check(result.returncode == status, f"exit status {result.returncode}: {result.stderr.decode()}")
    expected = read(os.path.join(generate.CASES, replayed.name, "expected.jsonl"))
    check(result.stdout == expected, first_difference(result.stdout, expected))


def check_output(replayed):
    check(replayed.run().output == read(os.path.join(generate.CASES, replayed.name, "expected.pcap")),
          "what leaves is another capture than expected.pcap")


def announced_endpoints(name):
    for line in read(os.path.join(generate.CASES, name, "expected.jsonl")).splitlines():
        event = json.loads(line)
        if event["event"] == "rewrite" and event["form"] not in ("228", "LPRT"):
            yield event["announced_ip"], event["announced_port"]


def check_complaints(before, after):
    for complaint, count in after.complaints.items():
        check(count <= before.complaints[complaint],
              f"{count} times \"{complaint}\", {before.complaints[complaint]} times before")


def check_tshark(name, dialogue, opinions):
    port = dialogue.sides["C"].endpoint[1]
    before, after = (opinion.find(name, port) for opinion in opinions)
    check_complaints(before, after)
    check(not after.complaints["wrong checksum"], "a checksum is wrong")
    for address, number in announced_endpoints(name):
        # tshark reads one line of a segment, and verbs only in capitals.
        text = f" {address.replace('.', ',')},{number >> 8},{number & 255}\r\n".encode()
        endpoint = address, number
        check(endpoint in after.endpoints or any(text in payload for payload in after.payload.values()), f"{endpoint} is not in what leaves, but {sorted(after.endpoints)}")


def replay_file(path, *options):
    return subprocess.run([generate.FTPALG, "replay", "-c", generate.SMALL, *options, path], capture_output=True, check=False)


def records(capture):
    """The frames of a capture, or None if it ends within one."""
    frames, place = [], 24
    while place < len(capture):
        length = int.from_bytes(capture[place + 8:place + 12], "little")
        frames.append(capture[place + 16:place + 16 + length])
        place += 16 + length
    return frames if place == len(capture) else None


def connection_of(frame):
    """The two ends of a TCP segment in Ethernet, as a set; of anything else none."""
    version, addresses, tcp = frame[14] >> 4, slice(26, 34), 14 + (frame[14] & 15) * 4
    if version == 6:
        addresses, tcp = slice(22, 54), 54
    addresses = frame[addresses]
    half = len(addresses) // 2
    return frozenset({(addresses[:half], frame[tcp:tcp + 2]), (addresses[half:], frame[tcp + 2:tcp + 4])})


class Visits:
    """
    Captures that are replayed as they are. ftpalg runs once for each, and tshark, which takes longer to start than to read
    one, reads as many at a time as have no connection in common.
    """

    def __init__(self, directory, paths):
        self._directory = directory
        self._paths = paths
        self._results = {}
        self._opinions = None

    def leaving(self, path):
        return os.path.join(self._directory, f"leaving{self._paths.index(path)}.pcap")

    def replay(self, path):
        if path not in self._results:
            self._results[path] = replay_file(path, "-w", self.leaving(path))
        return self._results[path]

    def opinions(self, path):
        """Before and after the gateway."""
        if self._opinions is None:
            for name in self._paths:
                self.replay(name)
            self._opinions = {}
            self._judge(self._paths)
            self._judge([self.leaving(name) for name in self._paths])
        return self._opinions[path], self._opinions[self.leaving(path)]

    def _judge(self, files):
        for number, (header, group) in enumerate(self._group(files)):
            merged = os.path.join(self._directory, f"merged{number}.pcap")
            with open(merged, "wb") as file:
                file.write(header + b"".join(read(path)[24:] for path, _ in group))
            rows, first = tshark_rows(merged), 1
            for path, count in group:
                self._opinions[path] = judge(row for row in rows if first <= int(row["frame.number"]) < first + count)
                first += count

    def _group(self, files):
        """Of each group the header of its files, and their names with how many frames they have."""
        groups = []
        for path in files:
            capture = read(path)
            frames = records(capture)
            check(frames is not None, f"{path} ends within a packet")
            ends = {connection_of(frame) for frame in frames}
            for header, group, taken in groups:
                if header == capture[:24] and not taken & ends:
                    break
            else:
                header, group, taken = capture[:24], [], set()
                groups.append((header, group, taken))
            group.append((path, len(frames)))
            taken |= ends
        return [(header, group) for header, group, _ in groups]


def check_golden(result, golden):
    check(result.returncode == 0, f"exit status {result.returncode}: {result.stderr.decode()}")
    expected = read(golden)
    check(result.stdout == expected, first_difference(result.stdout, expected))


def check_unrefused(result):
    refused = [line for line in result.stdout.decode().splitlines() if json.loads(line)["event"] == "refuse"]
    check(not refused, "\n".join(refused))


def check_leaving_tshark(before, after):
    for port, opinion in after.items():
        check_complaints(before[port], opinion)


def run(arguments, stdin=None):
    return subprocess.run([generate.FTPALG, "replay", *arguments], input=stdin, capture_output=True, check=False)


def check_stdin():
    path = os.path.join(generate.CASES, "active-routed")
    result = run(["-"], read(os.path.join(path, "in.pcap")))
    check(result.stdout == read(os.path.join(path, "expected.jsonl")), "other events than from the file")


def check_unreadable(directory):
    path = os.path.join(directory, "unreadable.pcap")
    capture = bytearray(read(os.path.join(generate.CASES, "active-routed", "in.pcap")))
    for link, word in ((105, "802.11"), (9999, "link type")):
        capture[20:24] = link.to_bytes(4, "little")
        with open(path, "wb") as file:
            file.write(capture)
        result = run([path])
        check(result.returncode == 1, f"link type {link}: exit status {result.returncode}")
        check(word in result.stderr.decode(), f"link type {link}: the message is {result.stderr.decode()!r}")
    for content in (b"", b"no capture at all, not even a short one"):
        result = run(["-"], content)
        check(result.returncode == 1 and result.stderr, f"{content!r}: exit status {result.returncode}")


def check_told(name, words):
    dialogue = generate.read_case(name)
    result = subprocess.run(generate.command(name, dialogue, None), capture_output=True, check=False)
    check(words in result.stderr.decode(), f"the message is {result.stderr.decode()!r}")


def check_usage():
    for arguments in ([], ["a", "b"], ["--nat", "1.2.3.4", "x"], ["--cut", "0", "x"], ["--port", "65536", "x"],
                      ["--seed", "-1", "x"], ["--nat", "1.2.3.4=::1", "x"], ["-w", "-", "x"], ["--unknown", "x"]):
        result = run(arguments)
        check(result.returncode == 2, f"{arguments}: exit status {result.returncode}")


def check_repeatable(directory):
    outputs = set()
    for number in range(3):
        path = os.path.join(directory, f"{number}.pcap")
        events = run(["--cut", "7", "--reorder", "--seed", "5", "--nat", "10.0.0.5=198.51.100.1", "-w", path,
                      os.path.join(generate.CASES, "snat-port-grows", "in.pcap")]).stdout
        outputs.add((events, read(path)))
    check(len(outputs) == 1, "the same command gave different results")


def decisions(result):
    """The events without their times, which move with the segments, and whether bytes were taken for missing."""
    events = [json.loads(line) for line in result.stdout.splitlines()]
    return ([{key: value for key, value in event.items() if key not in ("time", "seconds")} for event in events],
            b"are missing" in result.stderr)


def check_disorder(path, result):
    whole = decisions(result)
    for length, seed in (("1", "1"), ("20", "3")):
        check(decisions(replay_file(path, "--cut", length, "--reorder", "--seed", seed)) == whole,
              f"--cut {length} --reorder --seed {seed} gave other decisions")


def check_syn_checksum(directory):
    case = os.path.join(generate.CASES, "active-routed", "in.pcap")
    broken, before, after = (os.path.join(directory, name) for name in ("broken.pcap", "before.pcap", "after.pcap"))
    capture = bytearray(read(case))
    # Behind the headers of the file (24), of the record (16), of Ethernet (14) and of IP (20).
    checksum = 24 + 16 + 14 + 20 + 16
    capture[checksum] ^= 0xff
    with open(broken, "wb") as file:
        file.write(capture)
    run(["-w", before, case])
    run(["-w", after, broken])
    check(read(after) == read(before), "the SYN left with its wrong checksum")
    run(["--checksums", "-w", after, broken])
    check(read(after)[checksum] == capture[checksum], "--checksums made a checksum right")


# In these a peer says two things in the same place, so that it matters what comes first.
CONTRADICTORY = ("a46-decoy",)

MESSAGES = [
    ("file-truncated", "can't be read beyond its packet"),
    ("no-ftp", "there is no control connection"),
    ("a80-mid-stream", "under way when the capture began"),
    ("snapshot-length", "snapshot length"),
    ("fragments", "1 IP fragments"),
    ("missing-bytes", "are missing in the capture"),
    ("offloaded-checksums", "3 packets of control connections had a wrong TCP checksum"),
    ("a24-slipstream", "of peers that the gateway has reset"),
]


def statements(directory):
    names = generate.case_names()
    ports = [generate.read_case(name).sides["C"].endpoint for name in names]
    yield "the clients of all cases have ports of their own", lambda: check(len({port for _, port in ports}) == len(ports),
                                                                            "two cases have the same client port")
    yield f"there are at least {CASES_DEMANDED} cases", lambda: check(len(names) >= CASES_DEMANDED, f"{len(names)}")
    opinions = Opinions(directory, "in.pcap"), Opinions(directory, "expected.pcap")
    cases = {name: Replayed(name, directory) for name in names}
    for name, replayed in cases.items():
        dialogue = generate.read_case(name)
        yield f"{name}: the capture is what the dialogue says", lambda n=name, d=dialogue: check_is_current(n, d)
        yield f"{name}: gives the events that are expected", lambda r=replayed: check_events(r)
        yield f"{name}: leaves as the capture that is expected", lambda r=replayed: check_output(r)
        yield (f"{name}: leaves as a capture that tshark accepts",
               lambda n=name, d=dialogue: check_tshark(n, d, opinions))
    for name, words in MESSAGES:
        yield f"{name}: is named in a message", lambda n=name, w=words: check_told(n, w)
    yield "a capture may come from standard input", check_stdin
    yield "what is no capture, or of an unknown link type, is named", lambda: check_unreadable(directory)
    yield "a command line that makes no sense has exit status 2", check_usage
    yield "the same command gives the same bytes", lambda: check_repeatable(directory)
    yield "the wrong checksum of a SYN is made right in what leaves", lambda: check_syn_checksum(directory)
    for name, replayed in cases.items():
        if name not in CONTRADICTORY:
            yield (f"{name}: cut and put out of order it is decided alike",
                   lambda p=os.path.join(generate.CASES, name, "in.pcap"), r=replayed: check_disorder(p, r.plain()))
    kept = sorted(file[:-5] for file in os.listdir(RECORDED) if file.endswith(".pcap"))
    others = {name: os.path.join(SHARED, f"{name}.pcap") for name in sorted(file[:-6] for file in os.listdir(GOLDEN))}
    visits = Visits(directory, [*(os.path.join(RECORDED, f"{name}.pcap") for name in kept),
                                *(path for path in others.values() if os.path.exists(path))])
    yield from recorded(kept, visits)
    for name, path in others.items():
        yield (f"captures of others: {name} gives the events that are expected",
               lambda p=path, n=name: shared(p, lambda: check_golden(visits.replay(p), os.path.join(GOLDEN, f"{n}.jsonl"))))
        yield (f"captures of others: {name} cut and put out of order is decided alike",
               lambda p=path: shared(p, lambda: check_disorder(p, visits.replay(p))))
        yield (f"captures of others: {name} leaves as a capture that tshark accepts",
               lambda p=path: shared(p, lambda: check_leaving_tshark(*visits.opinions(p))))


def recorded(names, visits):
    yield (f"there are at least {RECORDINGS_DEMANDED} recorded visits", lambda: check(len(names) >= RECORDINGS_DEMANDED, f"{len(names)}"))
    for name in names:
        path = os.path.join(RECORDED, f"{name}.pcap")
        yield f"recorded: {name}: nothing is refused", lambda p=path: check_unrefused(visits.replay(p))
        yield f"recorded: {name}: gives the events that are expected", lambda p=path: check_golden(visits.replay(p), f"{p[:-5]}.jsonl")
        yield f"recorded: {name}: cut and put out of order it is decided alike", lambda p=path: check_disorder(p, visits.replay(p))
        yield f"recorded: {name}: leaves as a capture that tshark accepts", lambda p=path: check_leaving_tshark(*visits.opinions(p))


def shared(path, function):
    if not os.path.exists(path):
        raise Skip(f"FTPALG_SHARED_PCAPS names no directory with {os.path.basename(path)}")
    function()


def write_golden():
    os.makedirs(GOLDEN, exist_ok=True)
    for file in sorted(os.listdir(SHARED)):
        name, kind = os.path.splitext(file)
        if kind == ".pcap":
            with open(os.path.join(GOLDEN, f"{name}.jsonl"), "wb") as golden:
                golden.write(replay_file(os.path.join(SHARED, file)).stdout)


if __name__ == "__main__":
    sys.exit(run_statements(__doc__, statements, "writes the events of the captures of others", write_golden))

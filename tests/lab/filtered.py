#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
filtered.py [-k] CALL COMMAND...: runs COMMAND as a service manager may, under a filter that refuses the system call (or,
with -k, kills who makes it).

filtered.py -c DIRECTORY COMMAND...: runs it in a control group whose processes send no packet, as with IPAddressDeny=any;
DIRECTORY is where a cgroup2 file system can be mounted. The group is removed when the command ends.
"""

import ctypes
import os
import platform
import struct
import subprocess
import sys

NUMBERS = {"x86_64": {"capset": 126, "seccomp": 317, "bpf": 321}, "aarch64": {"capset": 91, "seccomp": 277, "bpf": 280}}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SECCOMP_ERRNO_EPERM, SECCOMP_KILL, SECCOMP_ALLOW = 0x00050001, 0x80000000, 0x7FFF0000
BPF_PROG_LOAD, BPF_PROG_ATTACH, BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS = 5, 8, 8, 1

libc = ctypes.CDLL(None, use_errno=True)


def number(call):
    return NUMBERS[platform.machine()][call]


def demand(result, what):
    if result < 0:
        sys.exit(f"filtered.py: {what}: {os.strerror(ctypes.get_errno())}")
    return result


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


def refuse(call, answer):
    """Loads its number, and answers."""
    code = b"".join(struct.pack("HBBI", *row) for row in (
        (0x20, 0, 0, 0), (0x15, 0, 1, number(call)), (0x06, 0, 0, answer), (0x06, 0, 0, SECCOMP_ALLOW)))
    memory = ctypes.create_string_buffer(code, len(code))
    program = Program(len(code) // 8, ctypes.addressof(memory))
    if os.geteuid() != 0:
        demand(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    demand(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0), "seccomp")


def bpf(command, attributes):
    memory = ctypes.create_string_buffer(attributes, 128)
    return demand(libc.syscall(number("bpf"), command, memory, 128), "bpf")


def confine(directory):
    """Enters a group of its own that sends nothing. Returns its path."""
    group = os.path.join(directory, f"ftpalg-lab-{os.getpid()}")
    os.mkdir(group)
    code = ctypes.create_string_buffer(struct.pack("<BBhi", 0xB7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0), 16)
    licence = ctypes.create_string_buffer(b"GPL")
    program = bpf(BPF_PROG_LOAD, struct.pack("IIQQIIQII16sII", BPF_PROG_TYPE_CGROUP_SKB, 2, ctypes.addressof(code),
                                             ctypes.addressof(licence), 0, 0, 0, 0, 0, b"", 0, BPF_CGROUP_INET_EGRESS))
    descriptor = os.open(group, os.O_RDONLY | os.O_DIRECTORY)
    bpf(BPF_PROG_ATTACH, struct.pack("IIII", descriptor, program, BPF_CGROUP_INET_EGRESS, 0))
    return group


def enter(group):
    with open(os.path.join(group, "cgroup.procs"), "w", encoding="ascii") as file:
        file.write("0")


def run_confined(directory, command):
    subprocess.run(["mount", "-t", "cgroup2", "none", directory], check=True)
    group = confine(directory)
    try:
        return subprocess.run(command, check=False, preexec_fn=lambda: enter(group)).returncode
    finally:
        os.rmdir(group)
        subprocess.run(["umount", directory], check=True)


def main():
    option, arguments = (sys.argv[1], sys.argv[2:]) if sys.argv[1].startswith("-") else ("", sys.argv[1:])
    subject, *command = arguments
    if option == "-c":
        sys.exit(run_confined(subject, command))
    refuse(subject, SECCOMP_KILL if option == "-k" else SECCOMP_ERRNO_EPERM)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: GPL-3.0-or-later
"""
Where a reply ends for whom. Each function takes the lines that have arrived and not been read, and returns how many of them
are the next reply, or None where it has not ended yet.
"""

import re


def has_code(line):
    return re.match(rb"\d\d\d", line) is not None


def at_any_code(lines):
    """wget, old curl, axel: "nnn " wherever it stands."""
    return next((i for i, line in enumerate(lines, 1) if re.match(rb"\d\d\d( |$)", line)), None)


def at_any_code_behind_hyphen(lines):
    """libfetch: a first line with a hyphen opens what "nnn " of any code ends; another line is a reply, or an error."""
    if lines and has_code(lines[0]) and lines[0][3:4] == b"-":
        return at_any_code(lines)
    return 1 if lines and at_any_code(lines[:1]) else None


def at_any_digit(lines):
    """busybox: a digit at the start, and a blank in the fourth place."""
    return next((i for i, line in enumerate(lines, 1) if line[:1].isdigit() and line[3:4] == b" "), None)


def at_any_code_once_open(lines):
    """lftp: the first line with a code decides whether there are more; "nnn " of any code ends them."""
    is_open = False
    for i, line in enumerate(lines, 1):
        if has_code(line):
            if line[3:4] == b" " if is_open else line[3:4] != b"-":
                return i
            is_open = True
    return None


def at_same_code(lines):
    """RFC 959, by most clients of today: the code of the first line, and no hyphen."""
    opened = None
    for i, line in enumerate(lines, 1):
        if opened is None:
            if not has_code(line):
                continue
            if line[3:4] != b"-":
                return i
            opened = line[:3]
        elif line[:3] == opened and line[3:4] in (b" ", b""):
            return i
    return None


def at_strict_code(lines):
    """GVfs, .NET: a first line without a code and a blank or a hyphen is an error; the same code and a blank end others."""
    if not lines:
        return None
    if not re.match(rb"\d\d\d-", lines[0]):
        return 1
    return next((i for i, line in enumerate(lines[1:], 2) if line[:4] == lines[0][:3] + b" "), None)


def number_at(line):
    """scanf() of a number at the start of a line, or None."""
    match = re.match(rb"\s*([+-]?\d+)", line)
    return int(match.group(1)) if match else None


def at_number(lines):
    """Midnight Commander: scanf finds the code, wherever it ends, and any first line is a reply but a blank one."""
    for i, line in enumerate(lines, 1):
        if line.strip() and line[3:4] == b"-" and number_at(line) is not None:
            return next((j for j, last in enumerate(lines[i:], i + 1)
                         if number_at(last) == number_at(line) and last[3:4] == b" "), None)
        if line.strip():
            return i
    return None


def at_first_code_without_hyphen(lines):
    """Python ftplib: the first line is taken as it is, and whatever is no hyphen behind its first three bytes ends it."""
    if not lines:
        return None
    if lines[0][3:4] != b"-":
        return 1
    return next((i for i, line in enumerate(lines[1:], 2) if line[:3] == lines[0][:3] and line[3:4] != b"-"), None)


def at_code_without_hyphen(lines):
    """Perl Net::FTP: any code that has no hyphen behind it."""
    return next((i for i, line in enumerate(lines, 1) if has_code(line) and line[3:4] != b"-"), None)


def at_digit(lines):
    """commons-net, not strict: a line that begins with a digit and has no hyphen in its fourth place."""
    if not lines:
        return None
    if lines[0][3:4] != b"-":
        return 1
    return next((i for i, line in enumerate(lines[1:], 2)
                 if len(line) > 3 and line[3:4] != b"-" and line[:1].isdigit()), None)


def at_code_of_bsd(lines):
    """BSD ftp: digits among the first three bytes are the code, and one line with a hyphen opens what the same code ends."""
    is_open, opened = False, 0
    for i, line in enumerate(lines, 1):
        code = 0
        for byte in line[:3]:
            code = code * 10 + byte - ord("0") if chr(byte).isdigit() and byte < 128 else code
        if line[3:4] == b"-":
            code = 0 if is_open else code
            is_open = True
        if not is_open or code == opened:
            return i
        opened = opened or code
    return None

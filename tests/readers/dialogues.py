# SPDX-License-Identifier: GPL-3.0-or-later
"""
Dialogues of a client that wants files with a server that wants it elsewhere. They are random, and the same for the same
number. A dialogue is what the server says first, and then a command and what it is answered for each turn. The server knows
how each client reads, so it answers too much, too little, with other codes and in other words.
"""

import random
from dataclasses import dataclass

# What is translated, and who the server is to the client then; tests/readers/relay.c has the other addresses.
MODES = {"none": "203.0.113.9", "client": "203.0.113.9", "server": "192.0.2.80", "both": "192.0.2.80"}
OWN, VICTIM = ("203", "0", "113", "9"), ("10", "9", "9", "9")
PORTS = (("0", "25"), ("195", "80"), ("200", "1"), ("4", "1"))

ARABIC_ZERO = 0x660

OTHER_COMMANDS = ("NOOP", "PWD", "TYPE I", "RETR f", "LIST", "CWD a", "ABOR", "STOR g", "SYST")
# A PASV after EPSV ALL is overwritten, which its client does not know.
COMMANDS = ("PASV",) * 4 + OTHER_COMMANDS + ("EPSV ALL",)
CODES = ("200", "227", "227", "227", "250", "226", "150", "220", "331", "500", "425", "425", "229", "213", "221", "421",
         "228", "257")
WORDS = ("ok", "Entering Passive Mode", "done", "x", "at 3 pm", "go (now)", "1", "mode 2", "", "=", "files, and more", "-",
         "226", "227", "200", "end, 5, 6")
AROUND_NUMBERS = ("(%s)", "(%s).", "%s", "=%s", "[%s]", "( %s )", "(%s")
BETWEEN_WORDS = (" ", "  ", "", " (", ", ")
TOO_EARLY = ("120 wait", "text", "", "150 x", "220-a", "200 ok")
TOO_LATE = ("230 in", "331 p", "220 x")

EXTENDED_COMMANDS = ("EPSV",) * 4 + ("EPSV 1",) + OTHER_COMMANDS
EXTENDED_CODES = ("229",) * 5 + ("227", "200", "200", "250", "226", "213", "150", "220", "331", "500", "425", "2000", " 200",
                                 "+0226")
EXTENDED_PORTS = ("50000", "22", "5060", "65536", "115536", "050000", "8080", "6000", "0", "99999999999", "-1", "+50000",
                  " 50000", "50000 ", "0xC350", "1", "50001")
DELIMITERS = "||||||||!#,/+ (-5%)"
EXTENDED_WORDS = ("ok", "Entering Extended Passive Mode", "x", "go (now)", "1", "(a)", "", "|", "||", "|||", "()", "(|",
                  "port 7", "2", ")", "(5)")
HONEST = f"227 Entering Passive Mode ({','.join(OWN + PORTS[1])})"


@dataclass(frozen=True)
class Turn:
    command: str  # "" for the greeting
    lines: tuple


@dataclass(frozen=True)
class Dialogue:
    mode: str
    turns: tuple


def make_dialogue(number):
    """The dialogue of that number."""
    return Author(random.Random(number)).dialogue()


def make_extended_dialogue(number):
    """The same, with EPSV in the place of PASV."""
    return ExtendedAuthor(random.Random(number)).dialogue()


class Author:
    REQUEST, COMMANDS, CODES, HONEST = "PASV", COMMANDS, CODES, HONEST

    def __init__(self, chance):
        self.chance = chance

    def often(self, share):
        return self.chance.random() < share

    def one_of(self, choices):
        return self.chance.choice(choices)

    def numbers(self):
        """A host and a port as somebody could write them."""
        numbers = [*(VICTIM if self.often(0.55) else OWN), *self.one_of(PORTS)]
        return self.one_of(self.ODD)(self, numbers) if self.often(0.25) else ",".join(numbers)

    def padded(self, numbers):
        return ",".join(number.rjust(3, "0") for number in numbers)

    def with_blanks(self, numbers):
        return ", ".join(numbers)

    def with_hexadecimals(self, numbers):
        numbers[self.chance.randrange(6)] = "0x9"
        return ",".join(numbers)

    def with_separators(self, numbers):
        return self.one_of((".", ",,", " ,", ", x")).join(numbers)

    def with_letters(self, numbers):
        numbers[self.chance.randrange(6)] += self.one_of("xa)(.-")
        return ",".join(numbers)

    def wrapping(self, numbers):
        return ",".join(str(int(number) + 256) for number in numbers)

    def with_dots(self, numbers):
        return f"{'.'.join(numbers[:4])},{numbers[4]},{numbers[5]}"

    def too_long(self, numbers):
        return ",".join([*numbers, "7"])

    def with_words(self, numbers):
        return ",".join([self.one_of(("a", "evil", "10")), "b", "c", "d", *numbers[4:]])

    def with_name(self, numbers):
        return ",".join(["other.example", *numbers[4:]])

    def in_another_alphabet(self, numbers):
        place = self.chance.randrange(6)
        numbers[place] = "".join(chr(ARABIC_ZERO + int(digit)) for digit in numbers[place])
        return ",".join(numbers)

    ODD = (padded, padded, with_blanks, with_blanks, with_hexadecimals, with_separators, with_letters, wrapping, with_dots,
           too_long, with_words, with_name, in_another_alphabet)

    def text(self):
        parts = [self.one_of(AROUND_NUMBERS) % self.numbers() if self.often(0.4) else self.one_of(WORDS)
                 for _ in range(self.one_of((1, 1, 2, 3)))]
        return self.one_of(BETWEEN_WORDS).join(parts)

    def reply(self):
        """Lines that may be a reply, several, or none that ends."""
        code, kind = self.one_of(self.CODES), self.chance.random()
        if kind < 0.55:
            return [code + self.one_of((" ", " ", " ", " ", "", "\t")) + self.text()]
        if kind >= 0.85:
            return [self.one_of((" ", "", "   ")) + self.text()]
        lines = [f"{code}-{self.text()}"]
        for _ in range(self.chance.randrange(3)):
            begins = (" ", "", "    ", self.one_of(self.CODES) + " ", self.one_of(self.CODES) + "-", code + "-")
            lines.append(self.one_of(begins) + self.text())
        if self.often(0.8):
            lines.append(f"{code if self.often(0.8) else self.one_of(self.CODES)} {self.text()}")
        return lines

    def replies(self, count):
        return [line for _ in range(count) for line in self.reply()]

    def login(self, line):
        early = [self.one_of(TOO_EARLY)] if self.often(0.15) else []
        return (*early, line, *([self.one_of(TOO_LATE)] if self.often(0.1) else []))

    def answer(self, command):
        if command.startswith(self.REQUEST) and self.often(0.5):
            return (self.HONEST, *(self.replies(1) if self.often(0.2) else []))
        if not command.startswith(self.REQUEST) and self.often(0.4):
            return (self.one_of(("200 ok", "250 ok", "226 done")),)
        return tuple(self.replies(self.one_of((0, 1, 1, 1, 2, 3))))

    def dialogue(self):
        mode = self.one_of(tuple(MODES))
        turns = [Turn("", self.login("220 hi")), Turn("USER u", self.login("331 p")), Turn("PASS x", self.login("230 in"))]
        for _ in range(self.chance.randrange(2, 6)):
            command = self.one_of(self.COMMANDS)
            turns.append(Turn(command, self.answer(command)))
        return Dialogue(mode, tuple(turns))


class ExtendedAuthor(Author):
    REQUEST, COMMANDS, CODES = "EPSV", EXTENDED_COMMANDS, EXTENDED_CODES
    HONEST = "229 Entering Extended Passive Mode (|||50000|)"

    def likeness(self):
        """A port as somebody could write it."""
        one, port = self.one_of(DELIMITERS), self.one_of(EXTENDED_PORTS)
        if self.often(0.5):
            return f"({one * 3}{port}{one})"
        return self.one_of((
            f"{one}{self.one_of(DELIMITERS)}{self.one_of(DELIMITERS)}{port}{one}",
            f"({one * 3}{port}{one}",
            f"{one * 3}{port}{one}",
            f"({one}1{one}10.9.9.9{one}{port}{one})",
            f"({one * 3}{port})",
            f"({one * 2}{port}{one})",
            f"({one * 3}{port}{one * 2})",
            f"( {one * 3}{port}{one} )",
            f"({one * 3}{port}{one}{self.one_of(EXTENDED_PORTS)}{one})",
            f"({one}{self.one_of(DELIMITERS)}{one}{port}{one})",
        ))

    def text(self):
        parts = [self.likeness() if self.often(0.45) else self.one_of(EXTENDED_WORDS)
                 for _ in range(self.one_of((1, 1, 2, 2, 3)))]
        return self.one_of((" ", "", " (")).join(parts)

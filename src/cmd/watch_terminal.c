/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The terminal is given back in three ways. A program that ends calls watch_terminal_give_back(). Signals that ask to end or
 * to stop are read from a descriptor, so that they come between two screens and not within one. And for faults of this
 * program there is a handler, which does nothing but write() and tcsetattr(), both of which signal-safety(7) allows.
 */
#include "cmd/watch_terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* The other screen, without a cursor, and lines that are not continued below. */
#define TAKE "\033[?1049h\033[?25l\033[?7l"
#define GIVE_BACK "\033[?7h\033[?25h\033[?1049l"

static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
static const int asked[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH };
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A handler has no other way to know it. */
static struct termios before;
static volatile sig_atomic_t taken;

static bool write_all(const char *data, size_t length)
{
	while (length > 0) {
		const ssize_t written = write(STDOUT_FILENO, data, length);

		if (written < 0 && errno != EINTR)
			return false;
		data += written > 0 ? written : 0;
		length -= written > 0 ? (size_t)written : 0;
	}
	return true;
}

void watch_terminal_give_back(void)
{
	if (!taken)
		return;
	taken = 0;
	(void)write_all(GIVE_BACK, sizeof(GIVE_BACK) - 1);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
}

static void give_back_and_die(int number)
{
	watch_terminal_give_back();
	/* The handler is gone (SA_RESETHAND): this ends the program as the fault would have. */
	(void)raise(number);
}

static int switch_over(void)
{
	struct termios raw = before;

	/* Keys at once and unseen; control-C and control-Z stay signals, and line ends stay ours. */
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0)
		return -1;
	taken = 1;
	return write_all(TAKE, sizeof(TAKE) - 1) ? 0 : -1;
}

int watch_terminal_take(void)
{
	const struct sigaction action = { .sa_handler = give_back_and_die, .sa_flags = (int)SA_RESETHAND };
	sigset_t set;

	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return -1;
	sigemptyset(&set);
	for (size_t i = 0; i < COUNT(asked); i++)
		sigaddset(&set, asked[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (size_t i = 0; i < COUNT(faults); i++)
		sigaction(faults[i], &action, NULL);
	return switch_over() == 0 ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
}

static void stop(void)
{
	watch_terminal_give_back();
	/* SIGTSTP is blocked; this one can't be. */
	(void)kill(getpid(), SIGSTOP);
	(void)switch_over();
}

enum watch_signal watch_terminal_read_signal(int descriptor)
{
	struct signalfd_siginfo info;

	if (read(descriptor, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return WATCH_SIGNAL_NONE;
	if (info.ssi_signo == SIGWINCH)
		return WATCH_SIGNAL_RESIZED;
	if (info.ssi_signo != SIGTSTP)
		return WATCH_SIGNAL_END;
	stop();
	return WATCH_SIGNAL_RESUMED;
}

static enum watch_key key_of_letter(uint8_t letter)
{
	switch (letter) {
	case 'A':
		return WATCH_KEY_UP;
	case 'B':
		return WATCH_KEY_DOWN;
	case 'H':
		return WATCH_KEY_HOME;
	case 'F':
		return WATCH_KEY_END;
	default:
		return WATCH_KEY_OTHER;
	}
}

static enum watch_key key_of_number(uint8_t number)
{
	switch (number) {
	case '1':
	case '7':
		return WATCH_KEY_HOME;
	case '4':
	case '8':
		return WATCH_KEY_END;
	case '5':
		return WATCH_KEY_PAGE_UP;
	case '6':
		return WATCH_KEY_PAGE_DOWN;
	default:
		return WATCH_KEY_OTHER;
	}
}

/*
 * ESC [ and any parameters up to a letter or ~ (ECMA-48 5.4), or ESC O and a letter; ESC alone is the key Escape.
 */
static enum watch_key take_sequence(struct bytes *typed)
{
	size_t length = 2;
	enum watch_key key;

	if (typed->length < 2 || (typed->data[1] != '[' && typed->data[1] != 'O')) {
		typed->data++;
		typed->length--;
		return WATCH_KEY_ESCAPE;
	}
	while (length < typed->length && (typed->data[length] < 0x40 || typed->data[length] > 0x7e))
		length++;
	if (length == typed->length)
		key = WATCH_KEY_OTHER;
	else if (typed->data[length] == '~')
		key = key_of_number(typed->data[2]);
	else
		key = key_of_letter(typed->data[length]);
	length += length < typed->length;
	typed->data += length;
	typed->length -= length;
	return key;
}

enum watch_key watch_terminal_take_key(struct bytes *typed, char *character)
{
	uint8_t byte;

	if (typed->length == 0)
		return WATCH_KEY_NONE;
	byte = typed->data[0];
	if (byte == 0x1b)
		return take_sequence(typed);
	typed->data++;
	typed->length--;
	*character = (char)byte;
	if (byte == '\n' || byte == '\r')
		return WATCH_KEY_ENTER;
	if (byte == 0x7f || byte == '\b')
		return WATCH_KEY_BACKSPACE;
	return byte >= ' ' && byte < 0x7f ? WATCH_KEY_CHARACTER : WATCH_KEY_OTHER;
}

bool watch_terminal_show(const struct screen_text *text)
{
	struct screen_text screen = { .style = text->style };
	const char *line = text->data ? text->data : "";
	bool shown;

	screen_add(&screen, "\033[H");
	while (*line) {
		const size_t length = strcspn(line, "\n");
		const bool last = line[length] == '\0' || line[length + 1] == '\0';

		/* Erased first: a line that fills the terminal leaves the cursor on its last character. */
		screen_add(&screen, "%s%.*s%s", last ? "\033[J" : "\033[K", (int)length, line, last ? "" : "\n");
		line += length + (line[length] == '\n');
	}
	shown = !screen.lost && write_all(screen.data, screen.length);
	screen_text_free(&screen);
	return shown;
}

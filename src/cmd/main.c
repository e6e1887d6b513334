/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program: finds the command and calls it. A command is one row here and one function in its own file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/help.h"

#define FILE_ARGUMENT "[-c FILE]"
#define FILE_ITEM { "-c FILE", "the configuration, instead of " CONFIG_DEFAULT_PATH }
#define FILE_OR_DEFAULTS_ITEM { "-c FILE", "the configuration, instead of the defaults" }
#define NAT_ITEM { "--nat INSIDE=OUTSIDE", "translates an address; may be given several times" }

static const struct command_item service_items[] = {
	FILE_ITEM,
	{ "-t, --test", "reads the configuration and the files that it names, says what is wrong, and ends" },
	{ NULL, NULL },
};

static const struct command_item check_items[] = {
	{ "--json", "one JSON object instead of lines" },
	FILE_ITEM,
	{ NULL, NULL },
};

static const struct command_item rules_items[] = {
	{ "nft", "input for nft -f" },
	{ "iptables", "a shell script around iptables-restore, for both families" },
	{ "route", "a shell script of ip commands, for a proxy that uses addresses of other hosts" },
	{ "-4, -6", "iptables, route: one family only" },
	{ "--forward", "what a filter of your own that drops by default needs to admit data connections" },
	{ "--proxy", "the rules of the proxy alone; with --forward, what a filter on input needs" },
	{ "--remove", "what takes the rules away again" },
	FILE_ITEM,
	{ NULL, NULL },
};

static const struct command_item explain_items[] = {
	{ "LINE", "a command or a reply without its end, in quotes; without one, a dialogue is read from standard input, "
	  "lines that begin with C> (the client says) or S> (the server says)" },
	{ "--json", "one JSON object a line" },
	FILE_OR_DEFAULTS_ITEM,
	{ "--client ADDRESS", "the client of the control connection" },
	{ "--server ADDRESS", "its server" },
	NAT_ITEM,
	{ NULL, NULL },
};

/* Of replay and report. */
#define CAPTURE_ITEM { "CAPTURE", "pcap or pcapng; - is standard input" }
#define REPLAY_ITEMS \
	FILE_OR_DEFAULTS_ITEM, NAT_ITEM, \
	{ "--port NUMBER", "the port of control connections; may be given several times" }, \
	{ "--cut LENGTH", "cuts the control streams again, into segments of at most LENGTH bytes" }, \
	{ "--reorder", "puts segments out of order" }, \
	{ "--seed NUMBER", "of cutting and reordering" }, \
	{ "--checksums", "drops packets with a wrong TCP checksum, instead of making it right" }

static const struct command_item replay_items[] = {
	CAPTURE_ITEM,
	{ "-w FILE", "writes what would have left" },
	REPLAY_ITEMS,
	{ NULL, NULL },
};

static const struct command_item report_items[] = {
	CAPTURE_ITEM,
	{ "-o FILE", "where the page goes; - is standard output" },
	{ "--text", "draws the ladders on the terminal, instead or as well" },
	REPLAY_ITEMS,
	{ NULL, NULL },
};

static const struct command_item probe_items[] = {
	{ "server", "the outer end: listens at ADDRESS, and does as the client's end asks" },
	{ "client", "the inner end: runs the scenarios against the server at ADDRESS" },
	{ "--token TOKEN", "what both ends know; or in the environment, as FTPALG_PROBE_TOKEN" },
	{ "--port NUMBER", "of the control connections, instead of 21" },
	{ "--link NUMBER", "the port over which the ends agree, instead of 2120" },
	{ "--in-band", "client: they agree over the control port, in what looks like FTP" },
	{ "--foreign ADDRESS", "a second address of this end's host, which scenarios use as another host's" },
	{ "--server-foreign ADDRESS", "client: likewise of the server's host" },
	{ "--scenarios PATH", "client: a file or a directory of scenarios, instead of those built in" },
	{ "-k TEXT", "client: only scenarios with this tag, or TEXT in their name; several: all of them" },
	{ "--list", "client: lists the scenarios" },
	{ "--json FILE", "client: writes the results as JSON; - is standard output" },
	{ "--html FILE", "client: writes the results as a page" },
	{ NULL, NULL },
};

static const struct command_item takeover_items[] = {
	FILE_ITEM,
	{ NULL, NULL },
};

static const struct command_item ca_items[] = {
	{ "init", "makes a key and a certificate; files that exist are left as they are" },
	{ "--certificate FILE", "where the certificate goes, instead of /etc/ftpalg/ca.pem" },
	{ "--key FILE", "where the key goes, instead of /etc/ftpalg/ca.key" },
	{ "--name NAME", "what clients see as the authority's name, instead of \"ftpalg local CA\"" },
	{ "--days DAYS", "how long it is valid, instead of 3650" },
	{ NULL, NULL },
};

#define SOCKET_ITEM { "--socket PATH", "the socket of the gateway, instead of the one that the configuration names" }
#define JSON_ITEM { "--json", "what the gateway says, one JSON object a line" }

static const struct command_item asking_items[] = {
	JSON_ITEM, FILE_ITEM, SOCKET_ITEM, { NULL, NULL },
};

static const struct command_item status_items[] = {
	{ "-q, --quiet", "says nothing where FTP works, and what is wrong in one line; the exit status is 1 then" },
	JSON_ITEM, FILE_ITEM, SOCKET_ITEM, { NULL, NULL },
};

static const struct command_item sessions_items[] = {
	{ "FILTER", "only sessions with this address or network, user=NAME, rule=NAME, state=STATE or tls; several: all of them" },
	{ "-v, --verbose", "also which addresses the peers see" },
	JSON_ITEM, FILE_ITEM, SOCKET_ITEM, { NULL, NULL },
};

static const struct command_item transfers_items[] = {
	{ "-f, --follow", "goes on with each transfer that ends" },
	{ "--since TIME", "of the last seconds, or 5m, 1h, 2d" },
	{ "--xferlog", "lines of xferlog(5)" },
	JSON_ITEM, FILE_ITEM, SOCKET_ITEM, { NULL, NULL },
};

static const struct command_item why_items[] = {
	{ "CLIENT", "an address: of its sessions" },
	{ "SESSION", "as \"ftpalg sessions\" lists it" },
	JSON_ITEM, FILE_ITEM, SOCKET_ITEM, { NULL, NULL },
};

static const struct command_item kill_items[] = {
	{ "SESSION", "as \"ftpalg sessions\" lists it" },
	JSON_ITEM, FILE_ITEM, SOCKET_ITEM, { NULL, NULL },
};

static const struct command_item metrics_items[] = {
	FILE_ITEM, SOCKET_ITEM, { NULL, NULL },
};

static const struct command_item help_items[] = {
	{ "COMMAND", "what is shown is what this one takes" },
	{ "--completion WORD", "what shells ask when they complete a line" },
	{ NULL, NULL },
};

static int main_help(int argc, char **argv);

static const struct command_row commands[] = {
	{ "run", cmd_run, "[-t | --test] " FILE_ARGUMENT, "the gateway, in the foreground", service_items },
	{ "check", cmd_check, "[--json] " FILE_ARGUMENT, "tells whether FTP would work through this host", check_items },
	{ "rules", cmd_rules, "nft|iptables|route [OPTION]...", "prints the firewall rules that it needs", rules_items },
	{ "status", cmd_status, "[OPTION]...", "tells whether FTP works, and what is wrong", status_items },
	{ "sessions", cmd_sessions, "[OPTION]... [FILTER]...", "who is connected, and what they do", sessions_items },
	{ "pinholes", cmd_pinholes, "[OPTION]...", "the data connections that are waited for", asking_items },
	{ "transfers", cmd_transfers, "[OPTION]...", "what was transferred, and what became of it", transfers_items },
	{ "why", cmd_why, "[OPTION]... CLIENT|SESSION", "the last decisions of a session, and who is at fault", why_items },
	{ "watch", cmd_watch, "[OPTION]...", "all of it, a screen a second", asking_items },
	{ "kill", cmd_kill, "[OPTION]... SESSION", "ends a session", kill_items },
	{ "metrics", cmd_metrics, "[OPTION]...", "the numbers, as OpenMetrics", metrics_items },
	{ "reload", cmd_reload, "[OPTION]...", "has the gateway read its configuration again", asking_items },
	{ "reopen", cmd_reopen, "[OPTION]...", "has the gateway open its logs again", asking_items },
	{ "takeover", cmd_takeover, FILE_ARGUMENT, "mends the pinholes of a router whose place this one has taken", takeover_items },
	{ "proxy", cmd_proxy, "[-t | --test] " FILE_ARGUMENT, "the TLS proxy, in the foreground", service_items },
	{ "ca", cmd_ca, "init [OPTION]...", "makes a local certificate authority", ca_items },
	{ "explain", cmd_explain, "[OPTION]... [LINE]", "tells what becomes of a line or a dialogue of FTP", explain_items },
	{ "replay", cmd_replay, "[OPTION]... CAPTURE", "tells what the gateway makes of a capture", replay_items },
	{ "report", cmd_report, "-o FILE|--text [OPTION]... CAPTURE", "draws what the gateway makes of a capture",
	  report_items },
	{ "probe", cmd_probe, "server|client [OPTION]... ADDRESS", "tests any firewall between two hosts", probe_items },
	{ "help", main_help, "[COMMAND]", "shows what a command takes", help_items },
	{ "version", cmd_version, "", "prints the version, and those of the libraries and the kernel", NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};

static int refuse_command(const char *name)
{
	fprintf(stderr, "ftpalg: there is no command \"%s\"\n\n", name);
	help_print_all(commands, stderr);
	return CMD_USAGE;
}

static int main_help(int argc, char **argv)
{
	const struct command_row *command;

	if (argc > 1 && strcmp(argv[1], "--completion") == 0) {
		help_complete(commands, argc - 2, argv + 2, stdout);
		return CMD_SUCCESS;
	}
	if (argc < 2) {
		help_print_all(commands, stdout);
		return CMD_SUCCESS;
	}
	command = help_find(commands, argv[1]);
	if (!command)
		return refuse_command(argv[1]);
	help_print(command, stdout);
	return CMD_SUCCESS;
}

/*
 * --help answers for every command, wherever it stands before "--" and before what a shell wants completed, and -h does at
 * the beginning or the end.
 */
static bool asks_for_help(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0 && strcmp(argv[i], "--completion") != 0; i++)
		if (strcmp(argv[i], "--help") == 0)
			return true;
	return i == argc && argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[argc - 1], "-h") == 0);
}

/* A closed stream's stand-in can't be used as that stream is: code that tries gets an error, as it would have before. */
static bool fill_gap(int stream)
{
	return fcntl(stream, F_GETFD) >= 0 || open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) == stream;
}

/*
 * What is opened next gets the lowest number that is free. If that is a standard stream's, which was closed when this
 * program was started, messages would go there: into the kernel's queue, or to a client.
 */
static bool fill_gaps(void)
{
	return fill_gap(STDIN_FILENO) && fill_gap(STDOUT_FILENO) && fill_gap(STDERR_FILENO);
}

/* Makes sure that what was to be shown was shown; a command that failed has said why. */
static int conclude(int status)
{
	if (status != CMD_SUCCESS || (fflush(stdout) == 0 && !ferror(stdout)))
		return status;
	perror("ftpalg: standard output");
	return CMD_FAILURE;
}

static int main_command(int argc, char **argv)
{
	const struct command_row *command;

	if (argc < 2) {
		help_print_all(commands, stderr);
		return CMD_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return main_help(1, argv);
	if (strcmp(argv[1], "--version") == 0) {
		puts("ftpalg " FTPALG_VERSION);
		return CMD_SUCCESS;
	}
	command = help_find(commands, argv[1]);
	if (!command)
		return refuse_command(argv[1]);
	if (asks_for_help(argc - 1, argv + 1)) {
		help_print(command, stdout);
		return CMD_SUCCESS;
	}
	return command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	return fill_gaps() ? conclude(main_command(argc, argv)) : CMD_FAILURE;
}

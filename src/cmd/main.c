/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program: finds the command and calls it. A command is one row here and one function in a file of its own. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"

struct entry {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments;
	const char *help;
	const char *details; /* lines on the options, or NULL */
};

static int main_help(int argc, char **argv);
static int main_version(int argc, char **argv);

#define FILE_ARGUMENT "[-c FILE]"
#define FILE_DETAIL "  -c FILE     the configuration, instead of " CONFIG_DEFAULT_PATH "\n"

#define SERVICE_ARGUMENTS "[-t] " FILE_ARGUMENT
#define SERVICE_DETAIL FILE_DETAIL "  -t          reads the configuration and the files that it names, says what is wrong, and ends\n"

static const char rules_details[] =
	"  nft         input for nft -f\n"
	"  iptables    a shell script around iptables-restore, for both families\n"
	"  route       a shell script of ip commands, for a proxy that uses addresses of other hosts\n"
	"  -4, -6      iptables, route: one family only\n"
	"  --forward   what a filter of your own that drops by default needs to admit data connections\n"
	"  --proxy     the rules of the proxy alone; with --forward, what a filter on input needs\n"
	"  --remove    what takes the rules away again\n"
	FILE_DETAIL;

static const char explain_details[] =
	"  LINE                  a command or a reply without its end, in quotes; without one, a dialogue is read from\n"
	"                        standard input, lines that begin with C> (the client says) or S> (the server says)\n"
	"  --json                one JSON object a line\n"
	"  -c FILE               the configuration, instead of the defaults\n"
	"  --client ADDRESS      the client of the control connection\n"
	"  --server ADDRESS      its server\n"
	"  --nat INSIDE=OUTSIDE  translates an address; may be given several times\n";

static const char replay_details[] =
	"  CAPTURE               pcap or pcapng; - is standard input\n"
	"  -c FILE               the configuration, instead of the defaults\n"
	"  -w FILE               writes what would have left\n"
	"  --nat INSIDE=OUTSIDE  translates an address; may be given several times\n"
	"  --port NUMBER         the port of control connections; may be given several times\n"
	"  --cut LENGTH          cuts the control streams anew, into segments of at most LENGTH bytes\n"
	"  --reorder             puts segments out of order\n"
	"  --seed NUMBER         of cutting and reordering\n"
	"  --checksums           drops packets with a wrong TCP checksum, instead of making it right\n";

static const char probe_details[] =
	"  server ADDRESS        the outer end: listens at ADDRESS, and does as the client's end asks\n"
	"  client ADDRESS        the inner end: runs the scenarios against the server at ADDRESS\n"
	"  --token TOKEN         what both ends know; or in the environment, as FTPALG_PROBE_TOKEN\n"
	"  --port NUMBER         of the control connections, instead of 21\n"
	"  --link NUMBER         the port over which the ends agree, instead of 2120\n"
	"  --in-band             client: they agree over the control port, in what looks like FTP\n"
	"  --foreign ADDRESS     a second address of this end's host, which scenarios use as another host's\n"
	"  --server-foreign ADDRESS\n"
	"                        client: likewise of the server's host\n"
	"  --scenarios PATH      client: a file or a directory of scenarios, instead of those built in\n"
	"  -k TEXT               client: only scenarios with this tag, or TEXT in their name; several: all of them\n"
	"  --list                client: lists the scenarios\n"
	"  --json FILE           client: writes the results as JSON; - is standard output\n"
	"  --html FILE           client: writes the results as a page\n";

static const char report_details[] =
	"  CAPTURE               pcap or pcapng; - is standard input\n"
	"  -o FILE               where the page goes; - is standard output\n"
	"  --text                draws the ladders on the terminal, instead or as well\n"
	"  -c FILE, --nat, --port, --cut, --reorder, --seed, --checksums\n"
	"                        as for replay\n";

static const char ca_details[] =
	"  init                  makes a key and a certificate; files that exist are left as they are\n"
	"  --certificate FILE    where the certificate goes, instead of /etc/ftpalg/ca.pem\n"
	"  --key FILE            where the key goes, instead of /etc/ftpalg/ca.key\n"
	"  --name NAME           what clients see as the authority's name, instead of \"ftpalg local CA\"\n"
	"  --days DAYS           how long it is valid, instead of 3650\n";

static const struct entry entries[] = {
	{ "ca", cmd_ca, "init [OPTION]...", "makes a local certificate authority", ca_details },
	{ "run", cmd_run, SERVICE_ARGUMENTS, "the gateway, in the foreground", SERVICE_DETAIL },
	{ "check", cmd_check, "[--json] " FILE_ARGUMENT, "tells whether FTP would work through this host",
	  "  --json      one JSON object instead of lines\n" FILE_DETAIL },
	{ "explain", cmd_explain, "[OPTION]... [LINE]", "tells what becomes of a line or a dialogue of FTP", explain_details },
	{ "replay", cmd_replay, "[OPTION]... CAPTURE", "tells what the gateway makes of a capture", replay_details },
	{ "probe", cmd_probe, "server|client [OPTION]... ADDRESS", "tests any firewall between two hosts",
	  probe_details },
	{ "report", cmd_report, "-o FILE|--text [OPTION]... CAPTURE", "draws what the gateway makes of a capture",
	  report_details },
	{ "proxy", cmd_proxy, SERVICE_ARGUMENTS, "the TLS proxy, in the foreground", SERVICE_DETAIL },
	{ "rules", cmd_rules, "nft|iptables|route [OPTION]...", "prints the firewall rules that it needs", rules_details },
	{ "help", main_help, "[COMMAND]", "shows what a command takes", NULL },
	{ "version", main_version, "", "prints the version", NULL },
};
static const size_t entry_count = sizeof(entries) / sizeof(entries[0]);

static const struct entry *entry_find(const char *name)
{
	for (size_t i = 0; i < entry_count; i++)
		if (strcmp(entries[i].name, name) == 0)
			return &entries[i];
	return NULL;
}

static void print_commands(FILE *out)
{
	fputs("usage: ftpalg COMMAND [ARGUMENT]...\n\n", out);
	for (size_t i = 0; i < entry_count; i++)
		fprintf(out, "  %-10s  %s\n", entries[i].name, entries[i].help);
	fputs("\n\"ftpalg COMMAND --help\" shows what a command takes. See ftpalg(8) and ftpalg.conf(5).\n", out);
}

static int print_entry(const struct entry *entry)
{
	printf("usage: ftpalg %s %s\n\nftpalg %s: %s\n", entry->name, entry->arguments, entry->name, entry->help);
	if (entry->details)
		printf("\n%s", entry->details);
	return CMD_SUCCESS;
}

static int refuse_command(const char *name)
{
	fprintf(stderr, "ftpalg: there is no command \"%s\"\n\n", name);
	print_commands(stderr);
	return CMD_USAGE;
}

static int main_help(int argc, char **argv)
{
	const struct entry *entry;

	if (argc < 2) {
		print_commands(stdout);
		return CMD_SUCCESS;
	}
	entry = entry_find(argv[1]);
	return entry ? print_entry(entry) : refuse_command(argv[1]);
}

static int main_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("ftpalg " FTPALG_VERSION);
	return CMD_SUCCESS;
}

/* --help answers for every command, wherever it stands before "--", and -h in front. */
static bool asks_for_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	const struct entry *entry;

	if (argc < 2) {
		print_commands(stderr);
		return CMD_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return main_help(1, argv);
	if (strcmp(argv[1], "--version") == 0)
		return main_version(1, argv);
	entry = entry_find(argv[1]);
	if (!entry)
		return refuse_command(argv[1]);
	if (asks_for_help(argc - 1, argv + 1) || (argc > 2 && strcmp(argv[2], "-h") == 0))
		return print_entry(entry);
	return entry->run(argc - 1, argv + 1);
}

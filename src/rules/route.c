/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The policy route that TPROXY, and servers dialled from the client's address, need besides rules: packets with the mark
 * are for this host, whatever their address is. No packet filter can say that, so these are commands of ip(8).
 *
 * The routing protocol number tells what is made here from what others have made. So it can be taken away without the
 * configuration that it was made for, and made again for another mark or table.
 */
#include "rules/proxy.h"

/* Nobody's, in iproute2's rt_protos. */
#define PROTOCOL "212"

static void print_families(const char *function, struct rules_families families, FILE *out)
{
	if (families.ipv4)
		fprintf(out, "%s -4\n", function);
	if (families.ipv6)
		fprintf(out, "%s -6\n", function);
}

void rules_route_print_commands(const struct config *config, struct rules_families families, FILE *out)
{
	const unsigned int mark = config->proxy.mark, table = config->proxy.table;

	/* A rule that is right already stays: without it, connections that go on would lose packets. */
	fprintf(out,
		"# What has the mark is for this host, whatever its address is.\n"
		"route() {\n"
		"\tif [ -z \"$(ip \"$1\" rule show fwmark 0x%x lookup %u)\" ]; then\n"
		"\t\tip \"$1\" rule flush protocol " PROTOCOL "\n"
		"\t\tip \"$1\" route flush table all protocol " PROTOCOL "\n"
		"\t\tip \"$1\" rule add fwmark 0x%x lookup %u protocol " PROTOCOL "\n"
		"\tfi\n"
		"\tip \"$1\" route replace local default dev lo table %u protocol " PROTOCOL "\n"
		"}\n\n", mark, table, mark, table, table);
	print_families("route", families, out);
}

void rules_route_print_removal_commands(struct rules_families families, FILE *out)
{
	fputs("unroute() {\n"
	      "\tip \"$1\" rule flush protocol " PROTOCOL "\n"
	      "\tip \"$1\" route flush table all protocol " PROTOCOL "\n"
	      "}\n\n", out);
	print_families("unroute", families, out);
}

void rules_route_print(const struct config *config, struct rules_families families, FILE *out)
{
	fputs("#!/bin/sh\n"
	      "# Made by \"ftpalg rules route\". Run it with sh; running it again changes nothing.\n"
	      "# \"ftpalg rules route --remove\" prints what takes it away.\n"
	      "set -eu\n\n", out);
	rules_route_print_commands(config, families, out);
}

void rules_route_print_removal(struct rules_families families, FILE *out)
{
	fputs("#!/bin/sh\n"
	      "# Made by \"ftpalg rules route --remove\". Run it with sh.\n"
	      "set -u\n\n", out);
	rules_route_print_removal_commands(families, out);
}

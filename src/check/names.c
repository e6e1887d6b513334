/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names that the policy announces, looked up as the gateway would look them up. */
#include "check/check.h"
#include "process/names.h"

static void check_name(struct check *check, struct names_host *host)
{
	char text[NAMES_TEXT_MAX];
	const char *fault;

	if (!names_look_up(host, &fault))
		check_missing(check, "advertise: %s is not found: %s; what is announced stays a local address until it is", host->name,
			      fault);
	else if (host->ipv4.family == FAMILY_NONE || host->ipv6.family == FAMILY_NONE)
		check_ok(check, "advertise: %s is %s; it has no %s address, so offers with one are not changed", host->name,
			 names_format(host, text), host->ipv4.family == FAMILY_NONE ? "IPv4" : "IPv6");
	else
		check_ok(check, "advertise: %s is %s", host->name, names_format(host, text));
}

void check_names(struct check *check)
{
	struct names_list list;

	names_list_hosts(&list, &check->config->policy, NULL);
	for (size_t i = 0; i < list.count; i++)
		check_name(check, &list.host[i]);
}

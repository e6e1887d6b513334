/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The addresses of the hosts that a policy announces by name (advertise, advertise-active).
 *
 * One process asks the host's name service, because that may take as long as it likes and reads what strangers answer. It
 * leaves the answers in a page of memory; who has sessions takes them from there once a second, between two packets, and
 * believes nothing else in it than addresses that a host can have.
 */
#ifndef PROCESS_NAMES_H
#define PROCESS_NAMES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "ftpalg/policy.h"

struct names_host {
	char name[POLICY_HOST_MAX];
	struct address ipv4; /* without a family: none has been found yet */
	struct address ipv6;
	uint8_t lost;        /* not 0: it was not found the last time */
};

struct names_list {
	size_t count;
	struct names_host host[POLICY_HOSTS_MAX];
};

/* Written by one process at a time. */
struct names_page {
	_Atomic uint32_t turn; /* odd: it is being written */
	struct names_list list;
};

/* The hosts that policy names, each once, without addresses; or with those that former has for it. */
void names_list_hosts(struct names_list *list, const struct policy *policy, const struct names_list *former);
/* The same hosts, whatever their addresses? */
bool names_are_same(const struct names_list *one, const struct names_list *other);

/*
 * Asks the name service, and waits for it. An address that the host had and still has stays; one that is not found stays as
 * well. False: nothing was found at all, and why.
 */
bool names_look_up(struct names_host *host, const char **fault);
/* "192.0.2.1 and 2001:db8::1", or one of them, or "no address". Returns text, which holds NAMES_TEXT_MAX. */
#define NAMES_TEXT_MAX 128
const char *names_format(const struct names_host *host, char *text);

void names_publish(struct names_page *page, const struct names_list *list);

/*
 * For readers of the page: seen is the turn that was taken last. True: there is another one, and policy has been given what
 * is there; known has, of the addresses that a host can have, those of its own names, and something differs.
 */
#define NAMES_NONE_SEEN 1 /* no turn that can be taken */
bool names_take(const struct names_page *page, uint32_t *seen, struct policy *policy);
bool names_follow(const struct names_page *page, uint32_t *seen, struct names_list *known);

#endif

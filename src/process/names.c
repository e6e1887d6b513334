/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "process/names.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "ftpalg/address.h"

static const struct names_host *names_find(const struct names_list *list, const char *name)
{
	for (size_t i = 0; i < list->count && i < POLICY_HOSTS_MAX; i++)
		if (strncmp(list->host[i].name, name, POLICY_HOST_MAX) == 0)
			return &list->host[i];
	return NULL;
}

static void names_add(struct names_list *list, const char *name, const struct names_list *former)
{
	struct names_host *host = &list->host[list->count];

	/* The configuration has no more than there is room for. */
	if (!name[0] || list->count == POLICY_HOSTS_MAX || names_find(list, name))
		return;
	if (former && names_find(former, name))
		*host = *names_find(former, name);
	snprintf(host->name, sizeof(host->name), "%s", name);
	list->count++;
}

void names_list_hosts(struct names_list *list, const struct policy *policy, const struct names_list *former)
{
	memset(list, 0, sizeof(*list));
	for (size_t i = 0; i < policy->rule_count; i++) {
		names_add(list, policy->rules[i].advertise.host, former);
		names_add(list, policy->rules[i].advertise_active.host, former);
	}
}

bool names_are_same(const struct names_list *one, const struct names_list *other)
{
	bool same = one->count == other->count;

	for (size_t i = 0; same && i < one->count; i++)
		same = strcmp(one->host[i].name, other->host[i].name) == 0;
	return same;
}

static bool names_read(const struct sockaddr *socket, struct address *address)
{
	*address = (struct address){ .family = FAMILY_NONE };
	if (socket->sa_family == AF_INET) {
		address->family = FAMILY_IPV4;
		memcpy(address->octets, &((const struct sockaddr_in *)(const void *)socket)->sin_addr, 4);
	} else if (socket->sa_family == AF_INET6) {
		address->family = FAMILY_IPV6;
		memcpy(address->octets, &((const struct sockaddr_in6 *)(const void *)socket)->sin6_addr, 16);
	}
	return !address_is_martian(address);
}

bool names_look_up(struct names_host *host, const char **fault)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	struct address first[2] = { { .family = FAMILY_NONE }, { .family = FAMILY_NONE } };
	struct address *known[2] = { &host->ipv4, &host->ipv6 };
	bool still[2] = { false, false };
	struct address address;
	const int error = getaddrinfo(host->name, NULL, &hints, &found);

	/* A name with several addresses lists them in any order; one that is in use is as good as the others. */
	for (const struct addrinfo *item = error ? NULL : found; item; item = item->ai_next) {
		if (!names_read(item->ai_addr, &address))
			continue;
		const int i = address.family == FAMILY_IPV6;

		still[i] = still[i] || address_equal(&address, known[i]);
		if (first[i].family == FAMILY_NONE)
			first[i] = address;
	}
	if (!error)
		freeaddrinfo(found);
	for (int i = 0; i < 2; i++)
		if (!still[i] && first[i].family != FAMILY_NONE)
			*known[i] = first[i];
	*fault = error ? gai_strerror(error) : "it has no address that a host on a routed network can have";
	return first[0].family != FAMILY_NONE || first[1].family != FAMILY_NONE;
}

const char *names_format(const struct names_host *host, char *text)
{
	char ipv4[ADDRESS_TEXT_MAX] = "", ipv6[ADDRESS_TEXT_MAX] = "";

	if (host->ipv4.family != FAMILY_NONE)
		address_format(&host->ipv4, ipv4);
	if (host->ipv6.family != FAMILY_NONE)
		address_format(&host->ipv6, ipv6);
	if (!ipv4[0] && !ipv6[0])
		snprintf(text, NAMES_TEXT_MAX, "no address");
	else
		snprintf(text, NAMES_TEXT_MAX, "%s%s%s", ipv4, ipv4[0] && ipv6[0] ? " and " : "", ipv6);
	return text;
}

void names_publish(struct names_page *page, const struct names_list *list)
{
	const uint32_t turn = atomic_load(&page->turn) | 1;

	/* Whoever wrote before may have ended in the middle of it; odd it stays until all is there. */
	atomic_store(&page->turn, turn);
	page->list = *list;
	atomic_thread_fence(memory_order_seq_cst);
	atomic_store(&page->turn, turn + 1);
}

static void names_set(struct policy_public *public, bool *hosts, const struct address *address, enum family family,
		      const struct policy_advertise *advertise)
{
	if (address->family != family || address_is_martian(address) || (public->address.family != FAMILY_NONE && !*hosts))
		return;
	*hosts = true;
	public->address = *address;
	public->port_offset = advertise->host_offset;
}

static void names_give(const struct names_list *list, struct policy_advertise *advertise)
{
	const struct names_host *host = advertise->host[0] ? names_find(list, advertise->host) : NULL;

	if (!host)
		return;
	names_set(&advertise->ipv4, &advertise->host_has_ipv4, &host->ipv4, FAMILY_IPV4, advertise);
	names_set(&advertise->ipv6, &advertise->host_has_ipv6, &host->ipv6, FAMILY_IPV6, advertise);
}

static bool names_copy(const struct names_page *page, uint32_t *seen, struct names_list *list)
{
	const uint32_t turn = atomic_load(&page->turn);

	if (turn == *seen || turn % 2)
		return false;
	*list = page->list;
	atomic_thread_fence(memory_order_seq_cst);
	/* Written meanwhile: there will be another look. */
	if (atomic_load(&page->turn) != turn)
		return false;
	*seen = turn;
	return true;
}

/* True: it is another one. */
static bool names_follow_address(struct address *known, const struct address *address, enum family family)
{
	if (address->family != family || address_is_martian(address) || address_equal(known, address))
		return false;
	*known = *address;
	return true;
}

bool names_follow(const struct names_page *page, uint32_t *seen, struct names_list *known)
{
	struct names_list list;
	bool changed = false;

	if (!names_copy(page, seen, &list))
		return false;
	for (size_t i = 0; i < known->count; i++) {
		struct names_host *host = &known->host[i];
		const struct names_host *found = names_find(&list, host->name);

		if (!found)
			continue;
		changed = names_follow_address(&host->ipv4, &found->ipv4, FAMILY_IPV4) || changed;
		changed = names_follow_address(&host->ipv6, &found->ipv6, FAMILY_IPV6) || changed;
		changed = changed || host->lost != (found->lost != 0);
		host->lost = found->lost != 0;
	}
	return changed;
}

bool names_take(const struct names_page *page, uint32_t *seen, struct policy *policy)
{
	struct names_list list;

	if (!names_copy(page, seen, &list))
		return false;
	for (size_t i = 0; i < policy->rule_count; i++) {
		names_give(&list, &policy->rules[i].advertise);
		names_give(&list, &policy->rules[i].advertise_active);
	}
	return true;
}

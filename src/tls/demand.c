/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a leg may use. By default that is TLS 1.2 and 1.3 with ephemeral keys and authenticated encryption: a peer that has
 * only worse is told so, rather than shown to the other peer as if both legs were equally good.
 *
 * Ephemeral keys are those of elliptic curves: a finite field costs a hundred times as much, by the peer's choice, and all
 * peers that have it have curves too.
 *
 * OpenSSL accepts a list if it knows one word of it, so that a typing error would leave another list than was meant. Here
 * each word is tried alone.
 */
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "tls/certs_internal.h"
#include "tls/internal.h"

#define WORD_MAX 128
#define LIST_MAX 1024

/* All are strong; the first costs least, and each leg pays it for every byte of a file. */
static const char default_suites[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char default_ciphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE+AESGCM:ECDHE+CHACHA20";
/* The first of these that OpenSSL knows. */
static const char *const default_groups[] = { "X25519MLKEM768:X25519:P-256:P-384:P-521:X448", "X25519:P-256:P-384:P-521:X448" };

typedef bool word_try(SSL_CTX *context, const char *word);

/* Takes the next word of a list into word, and moves list past it. False: there is none. */
static bool word_next(const char **list, char *word)
{
	const size_t skipped = strspn(*list, ":");
	const size_t length = strcspn(*list + skipped, ":");

	snprintf(word, WORD_MAX, "%.*s", (int)(length < WORD_MAX ? length : WORD_MAX - 1), *list + skipped);
	*list += skipped + length;
	return length > 0;
}

static bool is_suite(const char *word)
{
	return strncmp(word, "TLS_", 4) == 0;
}

static bool try_cipher(SSL_CTX *context, const char *word)
{
	char alone[WORD_MAX + sizeof("ALL:")];

	if (is_suite(word))
		return SSL_CTX_set_ciphersuites(context, word) == 1;
	/* A word that takes away, or says how to sort, selects nothing alone. */
	snprintf(alone, sizeof(alone), "%s%s", *word == '@' ? "ALL:" : "", word + strspn(word, "!-+"));
	return SSL_CTX_set_cipher_list(context, alone) == 1;
}

/* OpenSSL's macro takes a list away from its const. */
static bool try_group(SSL_CTX *context, const char *list)
{
	char groups[LIST_MAX];

	snprintf(groups, sizeof(groups), "%s", list);
	return SSL_CTX_set1_groups_list(context, groups) == 1;
}

static bool demand_try(SSL_CTX *context, const char *list, word_try *try, const char *setting, const char *of, char *error,
		       size_t size)
{
	char word[WORD_MAX];

	while (word_next(&list, word)) {
		if (try(context, word))
			continue;
		snprintf(error, size, "%s%s: \"%s\" is nothing that OpenSSL knows", of, setting, word);
		ERR_clear_error();
		return false;
	}
	return true;
}

/* The words for TLS 1.3, or those for the versions before it. */
static void demand_pick(const char *list, bool suites, char *out)
{
	char word[WORD_MAX];
	size_t length = 0;

	*out = '\0';
	while (word_next(&list, word))
		if (is_suite(word) == suites && length + strlen(word) + 2 < LIST_MAX)
			length += (size_t)snprintf(out + length, LIST_MAX - length, "%s%s", length ? ":" : "", word);
}

static bool set_groups(SSL_CTX *context, const char *groups)
{
	if (*groups)
		return try_group(context, groups);
	for (size_t i = 0; i < sizeof(default_groups) / sizeof(*default_groups); i++) {
		if (try_group(context, default_groups[i]))
			return true;
		ERR_clear_error();
	}
	return false;
}

static bool demand_set(SSL_CTX *context, const struct tls_demand *demand, const char *ciphers, const char *groups)
{
	char suites[LIST_MAX], others[LIST_MAX];

	demand_pick(ciphers, true, suites);
	demand_pick(ciphers, false, others);
	return SSL_CTX_set_min_proto_version(context, demand->no_tls12 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(context, demand->no_tls13 ? TLS1_2_VERSION : 0) == 1 &&
	       SSL_CTX_set_ciphersuites(context, *suites ? suites : default_suites) == 1 &&
	       SSL_CTX_set_cipher_list(context, *others ? others : default_ciphers) == 1 &&
	       set_groups(context, groups);
}

bool tls_demand_apply(SSL_CTX *context, const struct tls_demand *demand, char *error, size_t size)
{
	const char *of = demand->of ? demand->of : "";
	const char *ciphers = demand->ciphers ? demand->ciphers : "";
	const char *groups = demand->groups ? demand->groups : "";

	if (!demand_try(context, ciphers, try_cipher, "ciphers", of, error, size) ||
	    !demand_try(context, groups, try_group, "groups", of, error, size))
		return false;
	if (demand_set(context, demand, ciphers, groups))
		return true;
	snprintf(error, size, "%sciphers, groups: OpenSSL does not take them together: %s", of, certs_reason());
	return false;
}

bool tls_demand_is_default(const struct tls_demand *demand)
{
	return !demand->no_tls12 && !demand->no_tls13 && !(demand->ciphers && *demand->ciphers) &&
	       !(demand->groups && *demand->groups);
}

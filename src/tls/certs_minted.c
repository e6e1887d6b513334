/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * The minter, which may be another process, has the authority's key and is asked (minter.c), so a certificate is here, or on
 * its way, or was refused. All minted ones share one key, which is made here and lives as long as this process. The cache,
 * by the hash of the server's certificate, makes it one order for each server and not for each connection.
 *
 *   FREE --asked for--> ASKED --answer--> MINTED --expired--> FREE
 *                       |   \--answer, or none in ten seconds--> REFUSED --a second--> FREE
 *                       +-- again after a second: an order or its answer may be lost, with the process that had it
 *
 *   Where none is FREE, the row that has not been used for longest is. Where all of servers together are larger than
 *   CACHE_BYTES, the largest is; of equal ones, what has not been used for longest.
 *
 * What is ordered for a server's certificate follows from the server. Where there is none to show, because the server speaks
 * in clear or must not be used, the client chooses the name, and could choose one after another: such names have their own
 * rows, and displace nothing that was made for a server. The caller says how many may be ordered for whom, and a caller that
 * may order none changes nothing here.
 *
 * Nothing waits in here: a caller that wants a certificate asks again when it likes.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tls/certs_internal.h"
#include "tls/mint_order.h"
#include "tls/minter.h"

#define CACHE_SERVERS 256
#define CACHE_NAMES 128
#define CACHE_SIZE (CACHE_SERVERS + CACHE_NAMES)
#define CACHE_KEY_SIZE 32
/*
 * In DER; in memory a certificate is several times as large. Forty of the largest: servers that have such ones, or make them
 * for each session, displace each other's, and no small one. Answers that come together all fit until they are used.
 */
#define CACHE_BYTES (4U << 20)
/* Milliseconds. */
#define ASK_AGAIN 1000
#define ASK_NO_MORE 10000
#define REFUSED_FOR 1000

struct cache_row {
	uint8_t key[CACHE_KEY_SIZE];
	uint64_t used;    /* 0: the row is free */
	bool trusted;
	uint64_t number;  /* of the order whose answer is awaited; 0: none is */
	uint64_t begun;   /* when it was first asked for */
	uint64_t asked;   /* and last; 0: it could not be sent */
	uint64_t refused; /* when; 0: it was not */
	char refusal[MINT_TEXT_MAX];
	struct certs_identity *identity;
	uint32_t size;    /* of its certificate */
};

struct certs_minted {
	X509 *authority;
	STACK_OF(X509) *rest; /* its file's other certificates, which lead to a root */
	struct minter *minter; /* NULL: another process is */
	certs_ask *ask;
	void *context;
	EVP_PKEY *key;
	uint64_t number; /* of the latest order; begins anywhere, so that answers to another process match none of ours */
	uint64_t clock;  /* counts look-ups: the least recently used row is replaced */
	/* First those for certificates of servers, then those for names and addresses. */
	struct cache_row cache[CACHE_SIZE];
};

static uint64_t now_milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* For where the key is in the same process. */
static bool ask_own_minter(void *context, const struct mint_order *order)
{
	struct certs_minted *minted = context;
	struct mint_answer answer;

	minter_mint(minted->minter, order, &answer);
	certs_minted_take(minted, &answer);
	return true;
}

struct certs_minted *certs_minted_open(const char *path, const char *key_path, char *error, size_t size)
{
	struct certs_minted *minted = OPENSSL_zalloc(sizeof(*minted));

	if (!minted) {
		snprintf(error, size, "no memory");
		return NULL;
	}
	minted->rest = sk_X509_new_null();
	minted->authority = minted->rest ? certs_read_certificate(path, minted->rest, error, size) : NULL;
	if (minted->authority && key_path) {
		minted->minter = minter_open(path, key_path, error, size);
		certs_minted_set_minter(minted, ask_own_minter, minted);
	}
	minted->key = EVP_EC_gen("P-256");
	if (minted->authority && (!minted->key || RAND_bytes((uint8_t *)&minted->number, sizeof(minted->number)) != 1))
		snprintf(error, size, "can't make keys: %s", certs_reason());
	else if (minted->authority && (minted->minter || !key_path))
		return minted;
	certs_minted_close(minted);
	return NULL;
}

void certs_minted_close(struct certs_minted *minted)
{
	if (!minted)
		return;
	for (size_t i = 0; i < CACHE_SIZE; i++)
		certs_identity_drop(minted->cache[i].identity);
	X509_free(minted->authority);
	sk_X509_pop_free(minted->rest, X509_free);
	minter_close(minted->minter);
	EVP_PKEY_free(minted->key);
	OPENSSL_free(minted);
}

void certs_minted_set_minter(struct certs_minted *minted, certs_ask *ask, void *context)
{
	minted->ask = ask;
	minted->context = context;
}

/* What a minted certificate depends on, hashed. */
static bool cache_key(X509 *server, const char *name, const struct address *address, bool trusted, uint8_t *key)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int length = 0;
	const uint8_t kind[2] = { trusted, server != NULL };
	bool done = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) &&
		    EVP_DigestUpdate(context, kind, sizeof(kind));

	if (done && server)
		done = X509_digest(server, EVP_sha256(), digest, &length) && EVP_DigestUpdate(context, digest, length);
	else if (done && *name)
		done = EVP_DigestUpdate(context, name, strlen(name));
	else if (done)
		done = EVP_DigestUpdate(context, address, sizeof(*address));
	if (done)
		done = EVP_DigestFinal_ex(context, key, NULL);
	EVP_MD_CTX_free(context);
	return done;
}

static void row_clear(struct cache_row *row)
{
	certs_identity_drop(row->identity);
	row->identity = NULL;
	row->number = 0;
	row->refused = 0;
}

/* The row of key, or otherwise the one that has not been used for longest. */
static struct cache_row *cache_find(struct certs_minted *minted, const uint8_t *key, bool of_server)
{
	const size_t end = of_server ? CACHE_SERVERS : CACHE_SIZE;
	struct cache_row *oldest = &minted->cache[of_server ? 0 : CACHE_SERVERS];

	for (size_t i = of_server ? 0 : CACHE_SERVERS; i < end; i++) {
		struct cache_row *row = &minted->cache[i];

		if (row->used && memcmp(row->key, key, CACHE_KEY_SIZE) == 0)
			return row;
		if (row->used < oldest->used)
			oldest = row;
	}
	return oldest;
}

/* Is nothing known of key: neither a certificate, nor that one is awaited, nor that it was refused? */
static bool row_is_blank(const struct cache_row *row, const uint8_t *key)
{
	return !row->used || memcmp(row->key, key, CACHE_KEY_SIZE) != 0 || (!row->identity && !row->number && !row->refused);
}

static void row_take(struct cache_row *row, const uint8_t *key)
{
	row_clear(row);
	memcpy(row->key, key, CACHE_KEY_SIZE);
}

static void row_refuse(struct cache_row *row, const char *text, uint64_t now)
{
	row->number = 0;
	row->refused = now;
	snprintf(row->refusal, sizeof(row->refusal), "%s", text);
}

/* Only what was ordered is believed: a certificate by the expected authority, for the key that is here. */
static struct certs_identity *read_answer(const struct certs_minted *minted, bool trusted, const struct mint_answer *answer)
{
	const unsigned char *data = answer->certificate;
	X509 *certificate = answer->length <= sizeof(answer->certificate) ? d2i_X509(NULL, &data, answer->length) : NULL;
	STACK_OF(X509) *chain = NULL;
	struct certs_identity *identity = NULL;
	bool done = certificate && X509_check_private_key(certificate, minted->key) == 1;

	if (done && trusted) {
		done = X509_check_issued(minted->authority, certificate) == X509_V_OK;
		chain = done ? certs_chain_to_send(minted->authority, minted->rest) : NULL;
		done = chain != NULL;
	}
	if (done)
		identity = certs_identity_make(certificate, chain, minted->key);
	if (identity) {
		EVP_PKEY_up_ref(minted->key);
	} else {
		X509_free(certificate);
		sk_X509_pop_free(chain, X509_free);
	}
	ERR_clear_error();
	return identity;
}

/* Sooner to be displaced: larger, or as large, which a signature's length makes no difference to, and older. */
static bool row_is_worse(const struct cache_row *row, const struct cache_row *other)
{
	const uint32_t kilobytes = row->size >> 10, others = other->size >> 10;

	return kilobytes > others || (kilobytes == others && row->used < other->used);
}

/* kept has just come, and somebody waits for it. */
static void cache_shrink(struct certs_minted *minted, const struct cache_row *kept)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < CACHE_SERVERS; i++)
		bytes += minted->cache[i].identity ? minted->cache[i].size : 0;
	while (bytes > CACHE_BYTES) {
		struct cache_row *largest = NULL;

		for (size_t i = 0; i < CACHE_SERVERS; i++) {
			struct cache_row *row = &minted->cache[i];

			if (row->identity && row != kept && (!largest || row_is_worse(row, largest)))
				largest = row;
		}
		if (!largest)
			break;
		bytes -= largest->size;
		row_clear(largest);
	}
}

void certs_minted_take(struct certs_minted *minted, const struct mint_answer *answer)
{
	struct cache_row *row = NULL;

	for (size_t i = 0; i < CACHE_SIZE && !row; i++)
		if (minted->cache[i].number && minted->cache[i].number == answer->number)
			row = &minted->cache[i];
	if (!row)
		return;
	if (answer->result == MINT_DONE)
		row->identity = read_answer(minted, row->trusted, answer);
	row->size = answer->length;
	cache_shrink(minted, row);
	row->number = 0;
	if (!row->identity)
		row_refuse(row, answer->result != MINT_DONE && memchr(answer->text, '\0', sizeof(answer->text))
				? answer->text : "what the authority has signed can't be used", now_milliseconds());
}

/* Would another one be newer? What was minted for an expired certificate has to show that it has expired. */
static bool row_is_stale(const struct cache_row *row, const X509 *server)
{
	return !certs_is_current(row->identity->certificate) && (!server || certs_is_current(server));
}

/* Is what is known of key out of date? */
static bool row_has_passed(const struct cache_row *row, const uint8_t *key, const X509 *server, uint64_t now)
{
	return row->used && memcmp(row->key, key, CACHE_KEY_SIZE) == 0 &&
	       ((row->identity && row_is_stale(row, server)) || (row->refused && now - row->refused >= REFUSED_FOR));
}

/* Orders it under a new number: a late answer to the order before does no harm, but only one is awaited. */
static void row_ask(struct certs_minted *minted, struct cache_row *row, X509 *server, const char *name,
		    const struct address *address, uint64_t now)
{
	struct mint_order order;

	if (!mint_order_fill(&order, server, name, address, minted->key, row->trusted)) {
		row_refuse(row, "the server's certificate has too many names", now);
		return;
	}
	if (!row->number)
		row->begun = now;
	minted->number++;
	row->number = minted->number ? minted->number : ++minted->number;
	order.number = row->number;
	/* The answer may come before this returns. */
	row->asked = now;
	if (!minted->ask || !minted->ask(minted->context, &order))
		row->asked = 0;
}

enum certs_result certs_minted_find(struct certs_minted *minted, X509 *server, const char *name,
				    const struct address *address, bool trusted, struct certs_identity **identity,
				    bool *order, const char **refusal)
{
	const bool may_order = *order;

	const uint64_t now = now_milliseconds();
	uint8_t key[EVP_MAX_MD_SIZE];
	struct cache_row *row;

	*order = false;
	if (!certs_is_current(minted->authority) || !cache_key(server, name, address, trusted, key))
		return CERTS_NONE;
	row = cache_find(minted, key, server != NULL);
	if (row_has_passed(row, key, server, now))
		row_clear(row);
	if (row_is_blank(row, key)) {
		if (!may_order)
			return CERTS_DENIED;
		row_take(row, key);
	}
	row->used = ++minted->clock;
	row->trusted = trusted;
	if (row->number && now - row->begun >= ASK_NO_MORE)
		row_refuse(row, "who has the authority's key has not answered in time", now);
	*order = !row->identity && !row->refused && (!row->number || (may_order && now - row->asked >= ASK_AGAIN));
	if (*order)
		row_ask(minted, row, server, name, address, now);
	if (row->identity) {
		certs_identity_hold(row->identity);
		*identity = row->identity;
		return CERTS_FOUND;
	}
	*refusal = row->refused ? row->refusal : NULL;
	return row->refused ? CERTS_NONE : CERTS_AWAITED;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a server says is shown to whoever reads events, and some servers repeat a password: in the answer to PASS, of which
 * no more than the code is told, but also in a line without a code, in an answer that is taken for another command's because
 * the server has answered something more before (an empty line), or between the numbers of an offer. So the passwords that
 * a session has said are taken out of every reply that is reported because it was odd, refused, or an error.
 *
 * A password is not kept for that: its length and a hash are enough to find it, as Karp and Rabin do, in one pass.
 */
#include <string.h>

#include "core/ftp/session_internal.h"

/* One of fewer bytes would be found in many words. */
#define SECRET_MIN 4
#define HASH_BASE 0x01000193u

/* It shows no length, and is no longer than a secret. */
static const uint8_t mask[SECRET_MIN] = { '*', '*', '*', '*' };

static uint32_t hash_add(uint32_t hash, uint8_t byte)
{
	return hash * HASH_BASE + byte;
}

void session_note_secret(struct session *session, struct bytes secret)
{
	struct session_secret *const newest = &session->secrets[0];

	if (secret.length < SECRET_MIN || secret.length > LINE_MAX_LENGTH)
		return;
	memmove(newest + 1, newest, sizeof(session->secrets) - sizeof(*newest));
	*newest = (struct session_secret){ .length = (uint16_t)secret.length };
	for (size_t i = 0; i < secret.length; i++)
		newest->hash = hash_add(newest->hash, secret.data[i]);
}

/* What was passed over is moved to the front, which is never behind it. */
static size_t hide_secret(const struct session_secret *secret, uint8_t *text, size_t length)
{
	uint32_t power = 1;
	uint32_t hash = 0; /* of the bytes from first to the place at hand */
	size_t first = 0;
	size_t kept = 0;

	for (size_t i = 0; i < secret->length; i++)
		power *= HASH_BASE;
	for (size_t at = 0; at < length; at++) {
		hash = hash_add(hash, text[at]);
		if (at - first == secret->length) {
			hash -= power * text[first];
			text[kept++] = text[first++];
		}
		if (at + 1 - first == secret->length && hash == secret->hash) {
			memcpy(text + kept, mask, sizeof(mask));
			kept += sizeof(mask);
			first = at + 1;
			hash = 0;
		}
	}
	memmove(text + kept, text + first, length - first);
	return kept + length - first;
}

size_t session_hide_secrets(const struct session *session, uint8_t *text, size_t length)
{
	for (unsigned int i = 0; i < SESSION_SECRETS_MAX; i++)
		if (session->secrets[i].length > 0)
			length = hide_secret(&session->secrets[i], text, length);
	return length;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Theory of operation
 *
 * After a 234 both directions of a control connection are TLS records: five bytes that are never encrypted (content
 * type, version, length; RFC 8446 5.1, RFC 5246 6.2.1), and a body that is skipped. With CCC (RFC 4217 12) the peers
 * leave TLS and go on in clear. Nobody without keys can read the CCC, but everybody can see where a record ends and
 * what does not begin another one: content types are 20 to 24, a command begins with a letter, a reply with a digit.
 *
 *            20..24                    length bytes
 *   BOUNDARY ------> HEADER ----> BODY ------------> BOUNDARY
 *      |                |
 *      | letter, digit  | no version of TLS, no length
 *      v                v
 *     LINE            WRONG <---- any other byte at a boundary
 *
 * What makes a line believable. A direction ends only where
 *  - the handshake is over and something was said under it, in both directions: two protected records each. Under
 *    TLS 1.2 the first is the Finished, which is a handshake record after a ChangeCipherSpec; under 1.3 it looks like
 *    application data. The second is what asked for CCC or answered it, and is application data in both;
 *  - the record before it can be a close_notify. Under TLS 1.2 that is an alert, which is never as short as one in
 *    clear; under 1.3 it looks like a little application data. Clients exist that send none (curl unless told
 *    otherwise), so that a short record of application data, their CCC itself, counts under 1.2 too;
 *  - and once one direction has ended, the other sends at most one such record before it ends as well.
 *
 * What this proves: both peers have taken each byte after 234 for TLS, or have agreed not to. An honest client's
 * stream is framed exactly, from its first record on, so neither its server nor a web page that it loads can make a line
 * appear in it. What it does not prove: that anything was encrypted. Two peers that conspire can feign all of it. They
 * gain what two that conspire in clear gain; and a peer that feigns records where nothing is encrypted any more hides its
 * lines from us as it could have in TLS: nothing is opened for them.
 */
#include "ftpalg/tlsrecord.h"

#include <string.h>

/* Content types. 24 is heartbeat, RFC 6520. */
#define CHANGE_CIPHER_SPEC 20
#define ALERT 21
#define HANDSHAKE 22
#define APPLICATION_DATA 23
#define HEARTBEAT 24

/* RFC 5246 6.2.3: 2^14 bytes, and what compression and protection add. */
#define BODY_MAX (16384 + 2048)
/* An alert in clear, as it would be forged. Every cipher adds eight bytes and more. */
#define ALERT_IN_CLEAR 2
/* A close_notify, a CCC, or the reply to it, with what protection adds to it. */
#define CLOSING_MAX 256
#define PROTECTED_MIN 2
/*
 * The Finished of TLS 1.2: 16 bytes, and what its ciphers add, at most 80. Where TLS 1.3 asks for another hello, one
 * stands after a ChangeCipherSpec too and is in clear; there a hello has a session id, and is longer than this.
 */
#define FINISHED_MAX 112

void tlsrecord_start(struct tlsrecord *record)
{
	memset(record, 0, sizeof(*record));
	record->reading = true;
}

bool tlsrecord_is_untouched(const struct tlsrecord *record)
{
	return record->have == 0 && !record->any;
}

static size_t body_length(const struct tlsrecord *record)
{
	return (size_t)record->header[3] << 8 | record->header[4];
}

/* Can the record whose header is complete be a close_notify? */
static bool may_close(const struct tlsrecord *record)
{
	size_t length = body_length(record);

	if (length > CLOSING_MAX)
		return false;
	return record->header[0] == APPLICATION_DATA || (record->header[0] == ALERT && length > ALERT_IN_CLEAR);
}

static bool begins_line(enum direction direction, uint8_t byte)
{
	uint8_t letter = byte & 0xdf;

	if (direction == DIRECTION_ORIGINAL)
		return letter >= 'A' && letter <= 'Z';
	return byte >= '1' && byte <= '5';
}

/*
 * May this byte stand at the header's next place? The first record of a client is a handshake, and a server may answer
 * by an alert.
 */
static bool judge_header_byte(const struct tlsrecord *record, enum direction direction, uint8_t byte)
{
	switch (record->have) {
	case 0:
		if (!record->any)
			return byte == HANDSHAKE || (byte == ALERT && direction == DIRECTION_REPLY);
		return byte >= CHANGE_CIPHER_SPEC && byte <= HEARTBEAT;
	case 1:
		return byte == 3;
	case 2:
		/* No minor version is above that of TLS 1.3. */
		return byte <= 4;
	default:
		return true;
	}
}

static void count_protected(struct tlsrecord *record)
{
	uint8_t type = record->header[0];
	bool finished = type == HANDSHAKE && record->ciphered && body_length(record) <= FINISHED_MAX;

	record->ciphered = record->ciphered || type == CHANGE_CIPHER_SPEC;
	record->data = record->data || type == APPLICATION_DATA;
	if ((type == APPLICATION_DATA || finished) && record->protected < PROTECTED_MIN)
		record->protected++;
}

static bool begin_body(struct tlsrecord *record)
{
	size_t length = body_length(record);

	if (length == 0 || length > BODY_MAX)
		return false;
	if (record->last && (record->last_begun || !may_close(record)))
		return false;
	record->last_begun = record->last;
	record->any = true;
	record->have = 0;
	record->rest = (uint16_t)length;
	count_protected(record);
	return true;
}

static size_t skip_body(struct tlsrecord *record, size_t available)
{
	size_t length = record->rest < available ? record->rest : available;

	record->rest = (uint16_t)(record->rest - length);
	return length;
}

enum tlsrecord_place tlsrecord_take(struct tlsrecord *record, enum direction direction, struct bytes bytes,
				    size_t *taken)
{
	size_t at = 0;

	*taken = 0;
	while (at < bytes.length) {
		uint8_t byte = bytes.data[at];

		if (record->rest > 0) {
			at += skip_body(record, bytes.length - at);
			*taken = at;
			continue;
		}
		if (record->have == 0 && record->any && begins_line(direction, byte))
			return TLSRECORD_LINE;
		if (!judge_header_byte(record, direction, byte))
			return TLSRECORD_WRONG;
		record->header[record->have++] = byte;
		if (record->have == TLSRECORD_HEADER && !begin_body(record))
			return TLSRECORD_WRONG;
		*taken = ++at;
	}
	return TLSRECORD_RECORDS;
}

bool tlsrecord_has_spoken(const struct tlsrecord *record)
{
	return record->data && record->protected == PROTECTED_MIN;
}

bool tlsrecord_may_end(const struct tlsrecord *record)
{
	return record->have == 0 && record->rest == 0 && tlsrecord_has_spoken(record) && may_close(record);
}

bool tlsrecord_expect_end(struct tlsrecord *record)
{
	record->last = true;
	if (record->rest == 0)
		return true;
	record->last_begun = true;
	return may_close(record);
}

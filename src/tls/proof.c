/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/proof.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <sys/random.h>

#include "base/number.h"

bool proof_make(const char *secret, const char *challenge, char proof[PROOF_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int length = 0;

	if (!HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)challenge, strlen(challenge), digest,
		  &length) || 2 * length + 1 != PROOF_SIZE)
		return false;
	number_write_bytes((struct bytes){ digest, length }, proof);
	return true;
}

bool proof_equals(const char *proof, const char *expected)
{
	return strlen(proof) == strlen(expected) && CRYPTO_memcmp(proof, expected, strlen(expected)) == 0;
}

bool proof_challenge(char challenge[PROOF_CHALLENGE_SIZE])
{
	unsigned char random[PROOF_CHALLENGE_SIZE / 2];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return false;
	number_write_bytes((struct bytes){ random, sizeof(random) }, challenge);
	return true;
}

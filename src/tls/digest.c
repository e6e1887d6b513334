/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/digest.h"

#include <openssl/evp.h>

#define SHA256_LENGTH 32

int digest_sha256(struct bytes bytes, char text[DIGEST_TEXT_MAX])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	size_t length = 0;

	text[0] = '\0';
	if (EVP_Q_digest(NULL, "SHA256", NULL, bytes.data, bytes.length, digest, &length) != 1 || length != SHA256_LENGTH)
		return -1;
	EVP_EncodeBlock((unsigned char *)text, digest, SHA256_LENGTH);
	return 0;
}

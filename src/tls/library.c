/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/library.h"

#include <openssl/crypto.h>

const char *tls_library_name(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}

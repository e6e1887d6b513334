/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "authority_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tls/authority.h"
#include "tls/tls.h"

char authority_directory[] = "/tmp/ftpalg-authority-XXXXXX";
char authority_ca_path[64];
char authority_key_path[64];

const struct address authority_router = { .family = FAMILY_IPV4, .octets = { 192, 0, 2, 7 } };
struct tls *authority_tls;

int authority_make(void **state)
{
	char error[AUTHORITY_ERROR_MAX];

	(void)state;
	if (!mkdtemp(authority_directory))
		return -1;
	snprintf(authority_ca_path, sizeof(authority_ca_path), "%s/ca.pem", authority_directory);
	snprintf(authority_key_path, sizeof(authority_key_path), "%s/ca.key", authority_directory);
	return authority_create(authority_ca_path, authority_key_path, "test authority", 30, error, sizeof(error));
}

int authority_remove(void **state)
{
	(void)state;
	unlink(authority_ca_path);
	unlink(authority_key_path);
	return rmdir(authority_directory);
}

int authority_make_tls(void **state)
{
	const struct tls_settings settings = { .ca_certificate = authority_ca_path, .ca_key = authority_key_path,
					       .anchors = authority_ca_path };
	char error[AUTHORITY_ERROR_MAX];

	if (authority_make(state) != 0)
		return -1;
	authority_tls = tls_open(&settings, error, sizeof(error));
	return authority_tls ? 0 : -1;
}

int authority_remove_tls(void **state)
{
	tls_close(authority_tls);
	return authority_remove(state);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "process/privileges.h"

#include <cap-ng.h>

void privileges_read(struct privileges *privileges)
{
	capng_get_caps_process();
	privileges->net_admin = capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN);
	privileges->net_raw = capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW);
}

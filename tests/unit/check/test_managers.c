/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is seen of those who have something else lead connections to other hosts. */
#include "check/managers.h"

#include "unit.h"

static void ipvs_has_a_control_port_where_its_list_says_so(void **state)
{
	static const struct {
		const char *line;
		uint16_t port;
	} rows[] = {
		{ "IP Virtual Server version 1.2.1 (size=4096)\n", 0 },
		{ "Prot LocalAddress:Port Scheduler Flags\n", 0 },
		{ "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n", 0 },
		{ "TCP  0A600015:0015 rr  \n", 21 },
		{ "TCP  C6336401:7545 rr  \n", 30021 },
		{ "TCP  0A600015:0016 rr  \n", 0 },
		{ "TCP  [2001:0db8:0000:0000:0000:0000:0000:0015]:0015 rr  \n", 21 },
		{ "TCP  [2001:0db8:0000:0000:0000:0000:0015:0015]:0050 rr  \n", 0 },
		{ "UDP  0A600015:0015 rr  \n", 0 },
		{ "  -> 0AF40107:0015      Masq    1      0          0         \n", 0 },
		{ "FWM  00000015 rr  \n", 0 },
		{ "TCP  [2001:0db8", 0 },
		{ "TCP ", 0 },
		{ "TCP", 0 },
		{ "", 0 },
	};
	static struct config config;

	(void)state;
	config_set_defaults(&config);
	config.control_ports[1] = 30021;
	config.control_port_count = 2;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (managers_read_ipvs(&config, rows[i].line) != rows[i].port)
			fail_msg("%s", rows[i].line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipvs_has_a_control_port_where_its_list_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

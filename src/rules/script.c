/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rules/script.h"

void rules_script_call(const char *function, struct rules_families families, FILE *out)
{
	if (families.ipv4)
		fprintf(out, "%s iptables\n", function);
	if (families.ipv6)
		fprintf(out, "%s ip6tables\n", function);
}

void rules_script_load(const struct rules_jump *jump, size_t count, const char *arguments, const char *more,
		       struct rules_families families, FILE *out)
{
	fprintf(out,
		"jump() {\n"
		"\t\"$1\" -w -t \"$2\" -C \"$3\" -j \"$4\" 2>/dev/null || \"$1\" -w -t \"$2\" -I \"$3\" -j \"$4\"\n"
		"}\n\n"
		"load() {\n"
		"\trules%s | \"$1-restore\" -w --noflush\n", arguments);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "\tjump \"$1\" %s %s %s\n", jump[i].table, jump[i].hook, jump[i].chain);
	fprintf(out, "%s}\n\n", more);
	rules_script_call("load", families, out);
}

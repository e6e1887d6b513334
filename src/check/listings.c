/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/listings.h"

#include <stdlib.h>

#include "check/check.h"
#include "check/system.h"

struct listings listings_take(bool terse)
{
	static const char *const whole[] = { "nft", "list", "ruleset", NULL };
	static const char *const short_of_sets[] = { "nft", "--terse", "list", "ruleset", NULL };
	static const char *const iptables[] = { "iptables-save", NULL };
	static const char *const ip6tables[] = { "ip6tables-save", NULL };

	return (struct listings){ check_program_output(terse ? short_of_sets : whole),
				  { check_program_output(iptables), check_program_output(ip6tables) } };
}

void listings_read(const struct listings *listings, const struct config *config, struct check_ruleset rules[2])
{
	rules[0] = rules[1] = (struct check_ruleset){ .carrier = false };
	if (listings->nft)
		check_ruleset_read_nft(config, listings->nft, &rules[0], &rules[1]);
	for (size_t i = 0; i < 2; i++)
		if (listings->save[i])
			check_ruleset_read_iptables(config, listings->save[i], &rules[i]);
}

void listings_free(struct listings *listings)
{
	free(listings->nft);
	free(listings->save[0]);
	free(listings->save[1]);
}

struct check_forwards check_read_forwards(void)
{
	return (struct check_forwards){ check_read_sysctl("net/ipv4/ip_forward") > 0,
					check_read_sysctl("net/ipv6/conf/all/forwarding") > 0 };
}

struct check_forwards check_find_unfed(const struct config *config)
{
	const struct check_forwards forwards = check_read_forwards();
	struct listings listings = listings_take(true);
	struct check_ruleset rules[2];
	struct check_forwards unfed;

	listings_read(&listings, config, rules);
	unfed.ipv4 = forwards.ipv4 && (listings.nft || listings.save[0]) && !rules[0].queue;
	unfed.ipv6 = forwards.ipv6 && (listings.nft || listings.save[1]) && !rules[1].queue;
	listings_free(&listings);
	return unfed;
}

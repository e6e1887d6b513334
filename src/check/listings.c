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

void listings_see(const struct config *config, struct listings_sight *sight)
{
	const struct check_forwards forwards = check_read_forwards();
	struct listings listings = listings_take(true);
	const struct listings by_iptables = { .save = { listings.save[0], listings.save[1] } };
	struct check_ruleset rules[2], foreign[2];

	listings_read(&listings, config, rules);
	/* nft lists those of iptables too, in its own words. */
	listings_read(&by_iptables, config, foreign);
	*sight = (struct listings_sight){ .nft = !foreign[0].queue && !foreign[1].queue };
	for (size_t i = 0; i < 2; i++) {
		sight->told[i] = (i ? forwards.ipv6 : forwards.ipv4) && (listings.nft || listings.save[i]);
		sight->queue[i] = rules[i].queue;
		sight->loaded[i] = rules[i].queue && rules[i].carrier;
	}
	listings_free(&listings);
}

struct check_forwards check_find_unfed(const struct config *config)
{
	struct listings_sight sight;

	listings_see(config, &sight);
	return (struct check_forwards){ sight.told[0] && !sight.queue[0], sight.told[1] && !sight.queue[1] };
}

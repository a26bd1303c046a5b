#include "origin/choice.h"

#include "common/base/name.h"

#include <string.h>

static bool is_elsewhere(const struct choice_candidate *c, const char *zone) {
	return *zone && *c->zone && strcmp(c->zone, zone) != 0;
}

int choice_best(const struct choice_candidate *candidates, size_t count, unsigned long long taken, const char *name,
                const char *zone) {
	int best = -1;
	for (size_t i = 0; i < count && i < 64; i++) {
		const struct choice_candidate *c = &candidates[i];
		if (!c->usable || taken >> i & 1)
			continue;
		if (best < 0) {
			best = (int)i;
			continue;
		}
		const struct choice_candidate *b = &candidates[best];
		bool elsewhere = is_elsewhere(c, zone), best_elsewhere = is_elsewhere(b, zone);
		if (elsewhere != best_elsewhere ? elsewhere : name_weight(c->address, name) > name_weight(b->address, name))
			best = (int)i;
	}
	return best;
}

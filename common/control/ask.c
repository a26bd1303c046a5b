#include "common/control/ask.h"

#include "common/base/clock.h"
#include "common/relay/locate.h"

#include <stdlib.h>

struct asking {
	registry_locate_fn answer;
	void *context;
};

static void on_located(void *context, const struct pool_places *places) {
	struct asking *a = context;
	const struct located *best = &places->best;
	struct registry_state state = {.run = best->run,
	                               .epoch = best->epoch,
	                               .number = best->number,
	                               .wall_us = clock_wall_us(),
	                               .highest_us = best->highest_us,
	                               .base_us = best->base_us,
	                               .discontinuity = best->discontinuity,
	                               .target_ms = best->target_ms,
	                               .track = best->track,
	                               .waiting = best->waiting};
	struct registry_location l = {.found = places->count > 0,
	                              .epoch = best->epoch,
	                              .where = places->items[0],
	                              .state = best->run ? &state : NULL};
	for (size_t i = 1; i < places->count && l.other_count < REGISTRY_OTHERS_MAX; i++)
		l.others[l.other_count++] = places->items[i];
	a->answer(a->context, &l);
	free(a);
}

void ask_linked(struct link_pool *p, const struct stream_name *name, registry_locate_fn answer, void *context) {
	struct asking *a = malloc(sizeof *a);
	if (!a) {
		answer(context, &(struct registry_location){0});
		return;
	}
	*a = (struct asking){answer, context};
	link_pool_locate(p, name, on_located, a);
}

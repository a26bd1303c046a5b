#include "common/control/ask.h"

#include <stdlib.h>

struct asking {
	registry_locate_fn answer;
	void *context;
};

static void on_located(void *context, const struct pool_places *places) {
	struct asking *a = context;
	struct registry_location l = {.found = places->count > 0, .epoch = places->epoch, .where = places->items[0]};
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

#include "common/registry/registry.h"

#include <stdio.h>
#include <string.h>

void registry_shared_init(struct registry_shared *s, const struct config *config, const char *node) {
	s->config = config;
	snprintf(s->node, sizeof s->node, "%s", node);
	atomic_init(&s->highest_epoch, 0);
}

void registry_note_epoch(struct registry_shared *s, uint64_t epoch) {
	uint64_t highest = atomic_load(&s->highest_epoch);
	while (highest < epoch && !atomic_compare_exchange_weak(&s->highest_epoch, &highest, epoch))
		;
}

uint64_t registry_next_epoch(struct registry_shared *s, int64_t wall_us) {
	uint64_t byte = name_hash(s->node, strlen(s->node)) & 0xff;
	uint64_t by_clock = (uint64_t)(wall_us / 1000) << 8 | byte;
	uint64_t highest = atomic_load(&s->highest_epoch), next;
	do {
		next = by_clock > highest ? by_clock : highest + 1;
	} while (!atomic_compare_exchange_weak(&s->highest_epoch, &highest, next));
	return next;
}

#include "common/package/segment_store_parts.h"

#include "common/base/name.h"

#include <stdlib.h>

/* FNV-1a over all that a decoder is told, of every track: renditions share the revision, so they share their periods.
 */
static uint32_t hash_configs(const struct tracks *t) {
	uint64_t hash = 0;
	for (size_t i = 0; i < t->count; i++) {
		const struct track *k = &t->items[i];
		uint64_t parts[] = {hash, k->id, k->fourcc,
		                    k->config ? name_hash((const char *)k->config->data, k->config->size) : 0};
		hash = name_hash((const char *)parts, sizeof parts);
	}
	return (uint32_t)(hash ^ hash >> 32);
}

static bool anchor_known(const struct segment_store *s, uint32_t revision) {
	list_each (node, &s->periods)
		if (list_entry(node, struct segment_period, node)->anchor.revision == revision)
			return true;
	return false;
}

/* Nodes that came late have not seen a period's first mark. They begin it at its anchor, as those do that saw an anchor
 * begin; only what times are counted from must be the same on all nodes, and that is by the anchor in any case. */
struct segment_period *segment_period_get(struct segment_store *s, const struct segment_begin *b) {
	uint32_t configs = hash_configs(b->mark->tracks);
	int64_t start_us = ticks_to_us(b->mark->start, b->mark->timescale);
	list_each (node, &s->periods) {
		struct segment_period *p = list_entry(node, struct segment_period, node);
		if (p->epoch == b->epoch && p->discontinuity == b->mark->discontinuity && p->configs == configs &&
		    p->anchor.revision == b->mark->anchor.revision) {
			/* A filled hole may begin it earlier, but not under readers. */
			if (!s->published && start_us < p->start_us)
				p->start_us = start_us;
			p->users++;
			return p;
		}
	}
	struct segment_period *p = malloc(sizeof *p);
	if (!p)
		return NULL;
	if (!anchor_known(s, b->mark->anchor.revision) && b->mark->anchor.media_us < start_us)
		start_us = b->mark->anchor.media_us;
	*p = (struct segment_period){.epoch = b->epoch,
	                             .discontinuity = b->mark->discontinuity,
	                             .configs = configs,
	                             .anchor = b->mark->anchor,
	                             .start_us = start_us,
	                             .users = 1};
	list_append(&s->periods, &p->node);
	return p;
}

void segment_period_put(struct segment_period **p) {
	if (*p && --(*p)->users == 0) {
		list_remove(&(*p)->node);
		free(*p);
	}
	*p = NULL;
}

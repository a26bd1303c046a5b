#include "common/package/segment_store_parts.h"

#include <stdlib.h>

static bool anchor_known(const struct segment_store *s, uint32_t revision) {
	list_each (node, &s->periods)
		if (list_entry(node, struct segment_period, node)->anchor.revision == revision)
			return true;
	return false;
}

/* Where the period of a segment begins. Nodes that came late have not seen its first mark: the owner says it. An owner
 * of an older release does not. Such nodes then begin it at its anchor, as those do that saw an anchor begin; what
 * times are counted from is by the anchor in any case. */
static int64_t period_start(const struct segment_store *s, const struct mark *m, int64_t start_us) {
	if (m->period_us)
		return m->period_us;
	return !anchor_known(s, m->anchor.revision) && m->anchor.media_us < start_us ? m->anchor.media_us : start_us;
}

struct segment_period *segment_period_get(struct segment_store *s, const struct segment_begin *b) {
	uint32_t configs = tracks_configs(b->mark->tracks);
	int64_t start_us = ticks_to_us(b->mark->start, b->mark->timescale);
	list_each (node, &s->periods) {
		struct segment_period *p = list_entry(node, struct segment_period, node);
		if (p->epoch == b->epoch && p->discontinuity == b->mark->discontinuity && p->configs == configs &&
		    p->anchor.revision == b->mark->anchor.revision) {
			/* Where the owner does not tell, what comes in front may begin it earlier, but not under readers. */
			if (!b->mark->period_us && !s->published && start_us < p->start_us)
				p->start_us = start_us;
			p->users++;
			return p;
		}
	}
	struct segment_period *p = malloc(sizeof *p);
	if (!p)
		return NULL;
	*p = (struct segment_period){.epoch = b->epoch,
	                             .discontinuity = b->mark->discontinuity,
	                             .configs = configs,
	                             .anchor = b->mark->anchor,
	                             .start_us = period_start(s, b->mark, start_us),
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

/*
 * What a URL names: here, on its way, or nothing.
 */
#include "common/package/segment_store_parts.h"
#include "common/package/ts_segment.h"

#include <string.h>

/* Other edges may be ahead of this one by so many parts, or a segment, and their viewers may come here. */
enum { AHEAD_PARTS = 3, AHEAD_SEGMENTS = 1 };

const struct segment *segment_store_find(const struct segment_store *s, const char *track, uint64_t epoch,
                                         uint64_t number) {
	const struct segment_track *t = segment_store_track(s, track);
	size_t at = t ? segment_track_at(t, number) : 0;
	if (!t || at == t->count)
		return NULL;
	const struct segment *found = t->items[at];
	return found->number == number && found->epoch == epoch && !(found->flags & SEGMENT_HOLED) ? found : NULL;
}

static enum segment_answer here(struct segment_reply *out, struct runs *runs) {
	out->runs = runs;
	return runs ? SEGMENT_HERE : SEGMENT_NONE;
}

static enum segment_answer ask_init(const struct segment_track *t, const struct segment_name *n,
                                    struct segment_reply *out) {
	for (size_t i = t->count; i-- > 0;) {
		const struct segment *s = t->items[i];
		if (s->epoch != n->epoch || s->init_id != n->init || !s->init)
			continue;
		struct conn_slice whole = {.data = s->init->data, .size = s->init->size, .owner = s->init};
		out->is_init = true;
		return here(out, runs_new(&whole, 1));
	}
	return SEGMENT_NONE;
}

/* Not here: another edge may have listed it already, or it is in a hole that has yet to be given up. */
static enum segment_answer ask_absent(const struct segment_track *t, const struct segment_name *n) {
	const struct segment *newest = t->items[t->count - 1];
	if (t->store->ended || n->epoch < t->items[0]->epoch || n->number < t->items[0]->number)
		return SEGMENT_NONE;
	if (n->number <= newest->number)
		return n->epoch <= newest->epoch ? SEGMENT_WAIT : SEGMENT_NONE;
	return n->epoch >= newest->epoch && n->number - newest->number <= AHEAD_SEGMENTS ? SEGMENT_WAIT : SEGMENT_NONE;
}

static enum segment_answer ask_part(const struct segment *s, uint32_t part, struct segment_reply *out) {
	if (part < s->part_count)
		return here(out, segment_runs(s, part, 1));
	if (s->state != SEGMENT_OPEN || part - s->part_count >= AHEAD_PARTS)
		return SEGMENT_NONE;
	return SEGMENT_WAIT;
}

static enum segment_answer ask_segment(const struct segment *s, struct segment_reply *out) {
	switch (s->state) {
	case SEGMENT_COMPLETE:
		return here(out, segment_runs(s, 0, s->part_count));
	case SEGMENT_OPEN:
		return SEGMENT_WAIT;
	case SEGMENT_GAP:
		break;
	}
	return SEGMENT_NONE;
}

enum segment_answer segment_store_ask(struct segment_store *s, const char *track, const struct segment_name *name,
                                      struct segment_reply *out) {
	*out = (struct segment_reply){0};
	if (name->kind == NAME_TIME)
		return SEGMENT_NONE;
	if (name->kind == NAME_TS)
		return strcmp(track, PACKAGE_TS) == 0 ? ts_segment_ask(s, name, out) : SEGMENT_NONE;
	const struct segment_track *t = segment_store_track(s, track);
	if (!t || !t->count)
		return SEGMENT_NONE;
	if (name->kind == NAME_INIT)
		return ask_init(t, name, out);
	const struct segment *found = segment_store_find(s, track, name->epoch, name->number);
	if (!found) {
		size_t at = segment_track_at(t, name->number);
		/* A holed segment's parts that were listed are still good. */
		if (at < t->count && t->items[at]->number == name->number && t->items[at]->epoch != name->epoch)
			return SEGMENT_NONE;
		if (at < t->count && t->items[at]->number == name->number && name->kind == NAME_PART &&
		    name->part < t->items[at]->part_count)
			found = t->items[at];
		else
			return ask_absent(t, name);
	}
	out->tentative = found->flags & SEGMENT_TENTATIVE;
	return name->kind == NAME_PART ? ask_part(found, name->part, out) : ask_segment(found, out);
}

#include "common/package/ts_segment.h"

#include "common/mux/ts.h"
#include "common/package/segment_store_parts.h"

#include <string.h>
#include <uv.h>

#define TS_RENDITION "source"

/* A track of the program and how far its samples are written. */
struct source {
	const struct segment *segment;
	uint32_t at;
};

struct sources {
	struct source items[TRACKS_MAX];
	size_t count;
};

const struct segment_track *ts_segment_track(const struct segment_store *s) {
	const struct track *key = s->revision ? tracks_key(s->revision, TS_RENDITION) : NULL;
	const struct segment_track *t = key ? segment_store_track(s, key->name) : NULL;
	return t && ts_supports(key->fourcc) ? t : NULL;
}

static bool in_program(const struct track *t) {
	return strcmp(t->rendition, TS_RENDITION) == 0 && ts_supports(t->fourcc);
}

enum partner {
	PARTNER_NONE,   /* the track has no segments at all: it cannot be packaged */
	PARTNER_WHOLE,  /* here */
	PARTNER_COMING, /* open, or a hole that is being filled */
	PARTNER_UNSEEN, /* this node has not seen it: it does not know the number's bytes */
};

/* The track's segment of the key track's number. */
static enum partner find_partner(const struct segment_store *s, const struct segment *key, const struct track *t,
                                 const struct segment **out) {
	const struct segment_track *k = segment_store_track(s, t->name);
	if (!k || !k->count)
		return PARTNER_NONE;
	if (k->items[0]->number > key->number)
		return PARTNER_UNSEEN;
	size_t at = segment_track_at(k, key->number);
	*out = at < k->count && k->items[at]->number == key->number ? k->items[at] : NULL;
	if (*out && (*out)->state != SEGMENT_OPEN && !((*out)->flags & SEGMENT_HOLED))
		return PARTNER_WHOLE;
	return s->ended ? PARTNER_UNSEEN : PARTNER_COMING;
}

/* The worst that is true of any track of the key's number. */
static enum partner find_worst(const struct segment_store *s, const struct segment *key) {
	enum partner worst = PARTNER_WHOLE;
	for (size_t i = 0; i < key->tracks->count; i++) {
		const struct segment *found;
		if (!in_program(&key->tracks->items[i]))
			continue;
		enum partner its = find_partner(s, key, &key->tracks->items[i], &found);
		worst = its > worst ? its : worst;
	}
	return worst;
}

bool ts_segment_whole(const struct segment_store *s, const struct segment *key) {
	return find_worst(s, key) == PARTNER_WHOLE;
}

/* --- made on demand --- */

static void gather(const struct segment_store *s, const struct segment *key, struct sources *out) {
	out->count = 0;
	for (size_t i = 0; i < key->tracks->count; i++) {
		const struct track *t = &key->tracks->items[i];
		const struct segment *found = NULL;
		if (in_program(t) && find_partner(s, key, t, &found) == PARTNER_WHOLE && found->sample_count)
			out->items[out->count++] = (struct source){.segment = found};
	}
}

/* The source whose next frame is the earliest by dts; NULL: all are written. */
static struct source *earliest(struct sources *from) {
	struct source *best = NULL;
	__int128 best_dts = 0, best_scale = 1;
	for (size_t i = 0; i < from->count; i++) {
		struct source *k = &from->items[i];
		if (k->at == k->segment->sample_count)
			continue;
		__int128 dts = k->segment->samples[k->at].entry->frame.dts;
		uint32_t scale = k->segment->info->timescale;
		if (!best || dts * best_scale < best_dts * scale) {
			best = k;
			best_dts = dts;
			best_scale = scale;
		}
	}
	return best;
}

static int write_all(const struct segment *key, struct sources *from, struct buffer *out) {
	struct ts_muxer m;
	struct ts_program program = {.tracks = key->tracks, .rendition = TS_RENDITION};
	int err = ts_muxer_init(&m, &program);
	if (err)
		return err;
	err = ts_write_tables(&m, out);
	for (struct source *k; !err && (k = earliest(from));) {
		err = ts_write_frame(&m, &k->segment->samples[k->at++].entry->frame, out);
		if (err == UV_E2BIG)
			err = 0; /* a frame that has no form there is left out */
	}
	ts_muxer_fini(&m);
	return err;
}

static struct runs *make(const struct segment_store *s, const struct segment *key) {
	struct sources from;
	struct buffer out;
	struct runs *runs = NULL;
	buffer_init(&out, 0);
	gather(s, key, &from);
	int err = from.count ? write_all(key, &from, &out) : UV_ENOTSUP;
	struct bytes *block = err ? NULL : buffer_take(&out);
	if (block)
		runs = runs_new(&(struct conn_slice){.data = block->data, .size = block->size, .owner = block}, 1);
	bytes_unref(&block);
	buffer_fini(&out);
	return runs;
}

enum segment_answer ts_segment_ask(struct segment_store *s, const struct segment_name *name,
                                   struct segment_reply *out) {
	const struct segment_track *t = ts_segment_track(s);
	size_t at = t ? segment_track_at(t, name->number) : 0;
	if (!t || at == t->count || t->items[at]->number != name->number || t->items[at]->epoch != name->epoch)
		return SEGMENT_NONE;
	struct segment *key = t->items[at];
	enum partner worst = find_worst(s, key);
	if (worst != PARTNER_WHOLE)
		return worst == PARTNER_COMING ? SEGMENT_WAIT : SEGMENT_NONE;
	if (!key->ts && (key->ts = make(s, key)))
		segment_account(key, key->ts->size);
	out->tentative = key->flags & SEGMENT_TENTATIVE;
	out->runs = key->ts ? runs_ref(key->ts) : NULL;
	return out->runs ? SEGMENT_HERE : SEGMENT_NONE;
}

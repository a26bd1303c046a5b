/* Entries as a node could send them, with any times and numbers, through a packager; then all that is written of them
 * and asked for. What is listed must keep what playlists promise. */
#include "common/package/dash.h"
#include "common/package/hls.h"
#include "common/package/hls_reload.h"
#include "common/package/packager.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t avc_config[] = {1,    0x42, 0xc0, 0x1e, 0xff, 0xe1, 0,    0x18, 0x67, 0x42, 0xc0, 0x1e, 0xda,
                                     0x02, 0x80, 0xbf, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03,
                                     0x00, 0xf0, 0x3c, 0x58, 0xba, 0x80, 0x01, 0x00, 0x04, 0x68, 0xce, 0x3c, 0x80};
static const uint8_t aac_config[] = {0x12, 0x10};

enum { WINDOW = 3, NAME_ROOM = 64 };

/* The script is read from here. */
struct script {
	const uint8_t *data;
	size_t size;
};

static uint8_t next(struct script *s) {
	if (!s->size)
		return 0;
	s->size--;
	return *s->data++;
}

static int64_t next_wide(struct script *s) {
	uint64_t v = 0;
	for (int i = 0; i < 8; i++)
		v = v << 8 | next(s);
	return (int64_t)v;
}

struct run {
	struct script script;
	struct segment_store *store;
	struct packager *packager;
	struct tracks *tracks;
	struct bytes *payload;
	uint64_t epoch, sequence, number, now_ms;
	int64_t dts[2], start;
};

static void add_track(struct tracks *t, bool video, uint32_t timescale, uint32_t part_frames) {
	struct track *k = &t->items[t->count++];
	*k = (struct track){.id = video ? 1 : 2,
	                    .kind = video ? TRACK_VIDEO : TRACK_AUDIO,
	                    .fourcc = video ? FOURCC_AVC : FOURCC_AAC,
	                    .rendition = "source",
	                    .timescale = timescale,
	                    .part_frames = part_frames,
	                    .frame_ticks = timescale / 30,
	                    .part_target_ms = part_frames * 40};
	strcpy(k->name, video ? "v" : "a");
	k->config = video ? bytes_copy(avc_config, sizeof avc_config) : bytes_copy(aac_config, sizeof aac_config);
	codec_info_read(&k->info, k->fourcc, bytes_slice(k->config));
}

static void new_tracks(struct run *r, uint8_t how) {
	struct tracks *t = tracks_copy(NULL);
	t->revision = r->tracks ? r->tracks->revision + 1 : 1;
	t->run = 1;
	t->target_ms = how & 1 ? 2000 : how & 2 ? UINT32_MAX : 0;
	if (how & 4 || !(how & 8))
		add_track(t, true, how & 16 ? 90000 : 1, how >> 5);
	if (how & 8)
		add_track(t, false, how & 16 ? 44100 : UINT32_MAX, how >> 5);
	tracks_unref(&r->tracks);
	r->tracks = t;
}

static void push(struct run *r, struct entry *e) {
	e->epoch = r->epoch;
	e->sequence = ++r->sequence;
	int err = packager_push(r->packager, e);
	assert(err == 0 || err == UV_EINVAL);
	entry_unref(&e);
}

static void push_frame(struct run *r, uint8_t op) {
	unsigned which = op >> 3 & 1;
	int64_t step = op & 16 ? next_wide(&r->script) : (int64_t)next(&r->script) * 40;
	if (__builtin_add_overflow(r->dts[which], step, &r->dts[which]))
		r->dts[which] = 0;
	struct frame f = {.track = which + 1,
	                  .kind = which ? TRACK_AUDIO : TRACK_VIDEO,
	                  .fourcc = which ? FOURCC_AAC : FOURCC_AVC,
	                  .flags = op & 32 ? FRAME_KEY : 0,
	                  .dts = r->dts[which],
	                  .block = r->payload,
	                  .payload = bytes_slice(r->payload)};
	if (__builtin_add_overflow(f.dts, op & 64 ? next_wide(&r->script) : (int8_t)next(&r->script), &f.pts))
		f.pts = f.dts;
	push(r, entry_new_frame(&f, 0));
}

static void push_mark(struct run *r, uint8_t op) {
	if (op & 8)
		new_tracks(r, next(&r->script));
	r->number += op & 16 ? (uint64_t)next_wide(&r->script) : 1;
	r->start = op & 32 ? next_wide(&r->script) : r->dts[0];
	struct mark m = {.number = r->number,
	                 .start = r->start,
	                 .timescale = op & 64 ? 1 : 90000,
	                 .discontinuity = op & 128 ? next(&r->script) : 0,
	                 .tracks = r->tracks};
	if (op & 128)
		m.anchor = (struct anchor){next(&r->script), next_wide(&r->script), next_wide(&r->script)};
	if (op & 64)
		m.period_us = next_wide(&r->script);
	push(r, entry_new_mark(&m, 0));
}

static void disturb(struct run *r, uint8_t op) {
	switch (op >> 3 & 7) {
	case 0:
		r->epoch++;
		r->sequence = 0;
		break;
	case 1:
		r->sequence += next(&r->script);
		break;
	case 2:
		packager_hole(r->packager);
		break;
	case 3:
		packager_cut(r->packager);
		break;
	case 4:
		segment_store_give_up(r->store);
		break;
	case 5:
		r->now_ms += next(&r->script) * 100;
		segment_store_expire(r->store, r->now_ms);
		break;
	case 6:
		segment_store_publish(r->store);
		break;
	default:
		push(r, entry_new_end("over", &(struct track_end){1, next_wide(&r->script)}, 1, 0));
	}
}

static void check_ranges(const struct segment_store *s) {
	for (const struct segment_track *t = NULL; (t = segment_store_next(s, t));) {
		struct segment_range range = segment_track_range(t);
		assert(range.first + range.count <= t->count && range.count <= WINDOW + 1);
		for (size_t i = 1; i < range.count; i++) {
			const struct segment *a = t->items[range.first + i - 1], *b = t->items[range.first + i];
			assert(a->number + 1 == b->number && a->epoch <= b->epoch && a->state != SEGMENT_OPEN);
			assert(a->listed <= a->part_count && a->part_count <= PARTS_MAX);
		}
	}
}

/* A time at or near a segment's, or any: what begins there is what it names. */
static void resolve(struct run *r, const char *track, struct segment_name *n) {
	const struct segment_track *t = segment_store_track(r->store, track);
	const struct segment *s = t && t->count ? t->items[n->part % t->count] : NULL;
	bool guessed;
	if (__builtin_add_overflow(s ? s->start : next_wide(&r->script), (int64_t)(int8_t)n->number, &n->time))
		n->time = 0;
	if (segment_store_resolve(r->store, track, n, &guessed) != SEGMENT_HERE)
		return;
	const struct segment *found = segment_store_find(r->store, track, n->epoch, n->number);
	assert(n->kind == NAME_SEGMENT && found && (!guessed || found->start < n->time));
}

static void look(struct run *r, uint8_t op) {
	static const char *const names[] = {"v", "a", PACKAGE_TS, "b"};
	const char *track = names[op >> 3 & 3];
	struct buffer b;
	struct hls_options hls = {.low_latency = op & 32, .skip = op & 64};
	struct dash_options dash = {.low_latency = op & 32, .time_url = "/time"};
	buffer_init(&b, 0);
	check_ranges(r->store);
	hls_multivariant_write(r->store, &hls, &b);
	hls_media_write(r->store, track, &hls, &b);
	hls_ts_write(r->store, &hls, &b);
	dash_write(r->store, &dash, &b);
	buffer_fini(&b);
	struct segment_name n = {.kind = NAME_SEGMENT + next(&r->script) % 4,
	                         .epoch = r->epoch,
	                         .number = r->number + (uint64_t)(int8_t)next(&r->script),
	                         .part = next(&r->script)};
	struct segment_reply reply;
	if (n.kind == NAME_TIME)
		resolve(r, track, &n);
	if (segment_store_ask(r->store, track, &n, &reply) == SEGMENT_HERE)
		assert(reply.runs && reply.runs->size);
	runs_unref(&reply.runs);
}

/* A URL's last pieces and query, as a client sends them. */
static void read_names(struct run *r) {
	char text[NAME_ROOM] = "";
	size_t size = next(&r->script) % (NAME_ROOM - 1);
	for (size_t i = 0; i < size; i++)
		text[i] = (char)next(&r->script);
	struct segment_name n;
	if (segment_name_parse(&n, "1", text) == 0) {
		char again[SEGMENT_NAME_MAX];
		segment_name_print(&n, again);
		assert(strncmp(again, "1/", 2) == 0 && strcmp(again + 2, text) == 0);
	}
	struct hls_directives d;
	struct hls_position p;
	const char *reason = NULL;
	if (hls_directives_parse(&d, text) == 0 && hls_position_of(r->store, "v", &p) == 0)
		assert((hls_reload_decide(&d, &p, &reason) == HLS_REFUSE) == (reason != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct packager_ops ops;
	struct run r = {.script = {data, size}, .epoch = 1, .number = 1, .payload = bytes_copy("\0\0\0\1\x65", 5)};
	r.store = segment_store_new(WINDOW);
	r.packager = packager_new(r.store, "source", &ops, NULL);
	new_tracks(&r, 0x7d);
	while (r.script.size) {
		uint8_t op = next(&r.script);
		switch (op & 7) {
		case 0:
		case 1:
		case 2:
			push_frame(&r, op);
			break;
		case 3:
			push_mark(&r, op);
			break;
		case 4:
			push(&r, entry_new_progress(next_wide(&r.script)));
			break;
		case 5:
			disturb(&r, op);
			break;
		case 6:
			look(&r, op);
			break;
		default:
			read_names(&r);
		}
	}
	look(&r, 0);
	packager_free(&r.packager);
	segment_store_free(&r.store);
	tracks_unref(&r.tracks);
	bytes_unref(&r.payload);
	return 0;
}

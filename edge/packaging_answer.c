#include "edge/packaging_parts.h"

#include "common/base/clock.h"
#include "common/base/name.h"
#include "common/base/random.h"
#include "common/http/gzip.h"
#include "common/mux/cmaf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { TARGETS_PATIENCE = 3, TARGET_UNKNOWN_MS = 10000 };

static uint32_t target_ms(const struct packaging *p) {
	const struct tracks *t = p->store ? segment_store_tracks(p->store) : NULL;
	return t ? t->target_ms : 0;
}

uint64_t packaging_patience_ms(const struct packaging *p) {
	uint32_t target = target_ms(p);
	if (p->phase == PACKAGING_WAITING)
		return (uint64_t)p->config->edge_wait_publish;
	return (uint64_t)TARGETS_PATIENCE * (target ? target : TARGET_UNKNOWN_MS);
}

/* --- the end of an ask --- */

static uint64_t size_of(const struct package_answer *answer) {
	uint64_t bytes = 0;
	if (answer->gzip)
		return answer->gzip->size;
	for (size_t i = 0; i < answer->count; i++)
		bytes += answer->slices[i].size;
	return bytes;
}

/* The first answer to a request, and each that goes on with it, count for who asked: it may leave before the last. */
static void note(struct packaging *p, const struct package_ask *a, const struct package_answer *answer) {
	uint64_t now_ms = worker_now_ms(p->worker);
	if (answer->status != 200 || a->question.silent)
		return;
	if (a->begun)
		http_sessions_note_more(&p->sessions, &a->question, now_ms, size_of(answer));
	else
		http_sessions_note(&p->sessions, &a->question, now_ms, size_of(answer));
}

static void finish(struct packaging *p, struct package_ask *a, const struct package_answer *answer) {
	note(p, a, answer);
	packaging_drop(a);
	package_answer(a, answer);
}

void packaging_refuse(struct packaging *p, struct package_ask *a, int status, const char *code, const char *message) {
	finish(p, a, &(struct package_answer){.status = status, .code = code, .message = message});
}

void packaging_overdue(struct packaging *p, struct package_ask *a) {
	if (a->begun)
		finish(p, a, &(struct package_answer){.status = 200, .broken = true});
	else if (p->phase == PACKAGING_WAITING)
		packaging_refuse(p, a, 404, "stream_not_found", "nobody publishes this stream");
	else if (a->question.what == PACKAGE_MEDIA)
		packaging_refuse(p, a, 404, "not_found", "that did not come in time");
	else
		packaging_refuse(p, a, 503, "stalled", "nothing new has come for three target durations");
}

/* --- texts --- */

void packaging_forget_texts(struct packaging *p) {
	while (!list_empty(&p->texts)) {
		struct packaging_text *t = list_entry(p->texts.next, struct packaging_text, node);
		list_remove(&t->node);
		bytes_unref(&t->bytes);
		bytes_unref(&t->gzip);
		free(t);
	}
}

/* Borrowed; NULL: it is not made yet. */
static struct packaging_text *text_find(const struct packaging *p, const struct package_question *q) {
	list_each (node, &p->texts) {
		struct packaging_text *t = list_entry(node, struct packaging_text, node);
		if (t->what == q->what && t->skip == q->reload.skip && strcmp(t->track, q->track) == 0)
			return t;
	}
	return NULL;
}

/* Takes over the reference. Without memory it is made anew for the next who asks. */
static void text_keep(struct packaging *p, const struct package_question *q, struct bytes *bytes, const char *etag) {
	struct packaging_text *t = calloc(1, sizeof *t);
	if (!t) {
		bytes_unref(&bytes);
		return;
	}
	t->what = q->what;
	t->skip = q->reload.skip;
	memcpy(t->track, q->track, sizeof t->track);
	t->bytes = bytes;
	memcpy(t->etag, etag, sizeof t->etag);
	list_append(&p->texts, &t->node);
}

static int write_text(struct packaging *p, const struct package_question *q, struct buffer *out) {
	struct hls_options hls = {.low_latency = true, .skip = q->reload.skip};
	if (q->what == PACKAGE_MANIFEST) {
		struct packaging_steering steering;
		struct dash_options dash = {.low_latency = true,
		                            .now_us = clock_wall_us(),
		                            .time_url = "/time",
		                            .steering = packaging_steer_dash(p, &steering)};
		return dash_write(p->store, &dash, out);
	}
	if (strcmp(q->track, PACKAGE_TS) == 0)
		return hls_ts_write(p->store, &hls, out);
	return hls_media_write(p->store, q->track, &hls, out);
}

static void write_etag(char out[PACKAGE_ETAG_SIZE], const struct bytes *text) {
	snprintf(out, PACKAGE_ETAG_SIZE, "\"%016llx\"",
	         (unsigned long long)name_hash((const char *)text->data, text->size));
}

static const char *type_of(enum package_what what) {
	if (what == PACKAGE_STEERING)
		return "application/json";
	return what == PACKAGE_MANIFEST ? "application/dash+xml" : "application/vnd.apple.mpegurl";
}

/* `gzip` may be NULL. */
static void answer_text(struct packaging *p, struct package_ask *a, struct bytes *text, struct bytes *gzip,
                        const char *etag, enum package_cache cache) {
	struct conn_slice slice = {text->data, text->size, text};
	struct package_answer answer = {.status = 200,
	                                .content_type = type_of(a->question.what),
	                                .cache = cache,
	                                .target_ms = target_ms(p),
	                                .slices = &slice,
	                                .count = 1,
	                                .gzip = gzip};
	memcpy(answer.etag, etag, sizeof answer.etag);
	finish(p, a, &answer);
}

/* What went wrong with writing; false: nothing can be written yet. */
static bool answer_error(struct packaging *p, struct package_ask *a, int error) {
	switch (error) {
	case UV_EAGAIN:
		return false;
	case UV_ENOENT:
		packaging_refuse(p, a, 404, "track_not_found", "the stream has no such track");
		return true;
	case UV_ENOTSUP:
		packaging_refuse(p, a, 404, "not_supported", "no track of the stream can go into MPEG-TS");
		return true;
	default:
		packaging_refuse(p, a, 503, "out_of_memory", "out of memory");
		return true;
	}
}

void packaging_answer_text(struct packaging *p, struct package_ask *a, struct bytes *text, int error,
                           enum package_cache cache) {
	char etag[PACKAGE_ETAG_SIZE];
	if (text) {
		write_etag(etag, text);
		answer_text(p, a, text, NULL, etag, cache);
	} else {
		answer_error(p, a, error ? error : UV_ENOMEM);
	}
	bytes_unref(&text);
}

/* Writes it for the ask, and keeps it for the next ones. NULL: the ask is answered with why not, or waits. */
static struct bytes *make_text(struct packaging *p, struct package_ask *a, char etag[PACKAGE_ETAG_SIZE]) {
	struct buffer b;
	buffer_init(&b, 0);
	segment_store_publish(p->store);
	int err = write_text(p, &a->question, &b);
	struct bytes *text = err ? NULL : buffer_take(&b);
	buffer_fini(&b);
	if (!text) {
		answer_error(p, a, err ? err : UV_ENOMEM);
		return NULL;
	}
	write_etag(etag, text);
	text_keep(p, &a->question, bytes_ref(text), etag);
	return text;
}

/* A reference; made by the first who takes it. NULL: whoever asks does not, or the text is not kept, or it does not
 * pay. Without memory the next one tries again. */
static struct bytes *gzip_of(const struct packaging *p, const struct package_question *q) {
	struct packaging_text *t = q->gzip ? text_find(p, q) : NULL;
	if (t && !t->gzip && gzip_pays(t->bytes->size)) {
		struct conn_slice whole = {t->bytes->data, t->bytes->size, t->bytes};
		t->gzip = gzip_slices(&whole, 1);
	}
	return t && t->gzip ? bytes_ref(t->gzip) : NULL;
}

static void look_at_text(struct packaging *p, struct package_ask *a, enum package_cache cache) {
	const struct packaging_text *known = text_find(p, &a->question);
	char etag[PACKAGE_ETAG_SIZE];
	struct bytes *text;
	if (known) { /* held and copied: an answer may lead to the next ask, and that to news */
		text = bytes_ref(known->bytes);
		memcpy(etag, known->etag, sizeof etag);
	} else {
		text = make_text(p, a, etag);
	}
	if (text) {
		struct bytes *gzip = gzip_of(p, &a->question);
		answer_text(p, a, text, gzip, etag, cache);
		bytes_unref(&gzip);
	}
	bytes_unref(&text);
}

static void look_at_playlist(struct packaging *p, struct package_ask *a) {
	const struct package_question *q = &a->question;
	struct hls_position at;
	const char *reason = "";
	if (!q->reload.has_msn && text_find(p, q)) { /* nothing is waited for, and it is there */
		look_at_text(p, a, PACKAGE_CACHE_RELOAD);
		return;
	}
	int err = hls_position_of(p->store, q->track, &at);
	if (err) {
		/* A track that is not known before the first segment may still come. */
		if (p->phase == PACKAGING_ENDED || segment_store_next(p->store, NULL))
			answer_error(p, a, err);
		return;
	}
	switch (hls_reload_decide(&q->reload, &at, &reason)) {
	case HLS_WAIT:
		return;
	case HLS_REFUSE:
		packaging_refuse(p, a, 400, "bad_directive", reason);
		return;
	default:
		look_at_text(p, a, q->reload.has_msn ? PACKAGE_CACHE_BLOCKED : PACKAGE_CACHE_RELOAD);
	}
}

/* A player's own, with its session's key. */
static void look_at_multivariant(struct packaging *p, struct package_ask *a) {
	char query[RANDOM_ID_SIZE + 10] = "";
	struct hls_options o = {.low_latency = true, .query = query};
	struct packaging_steering steering;
	struct buffer b;
	if (p->config->edge_session_urls) {
		if (!a->question.session[0])
			random_id(a->question.session);
		snprintf(query, sizeof query, "session=%s", a->question.session);
	}
	o.steering = packaging_steer(p, query, &steering);
	buffer_init(&b, 0);
	segment_store_publish(p->store);
	int err = hls_multivariant_write(p->store, &o, &b);
	struct bytes *text = err ? NULL : buffer_take(&b);
	buffer_fini(&b);
	packaging_answer_text(p, a, text, err, p->config->edge_session_urls ? PACKAGE_CACHE_NEVER : PACKAGE_CACHE_RELOAD);
}

/* --- media --- */

static const char *media_type(const struct packaging *p, const struct package_question *q) {
	const struct segment_track *t = segment_store_track(p->store, q->track);
	if (q->media.kind == NAME_TS)
		return "video/mp2t";
	return t && t->kind == TRACK_AUDIO ? "audio/mp4" : "video/mp4";
}

static void name_etag(char out[PACKAGE_ETAG_SIZE], const struct segment_name *n) {
	if (n->kind == NAME_INIT)
		snprintf(out, PACKAGE_ETAG_SIZE, "\"%08x\"", n->init);
	else
		snprintf(out, PACKAGE_ETAG_SIZE, "\"%llx-%llx-%d-%x\"", (unsigned long long)n->epoch,
		         (unsigned long long)n->number, (int)n->kind, n->kind == NAME_PART ? n->part : 0);
}

static void grow_without_memory(struct packaging *p, struct package_ask *a) {
	if (a->begun)
		finish(p, a, &(struct package_answer){.status = 200, .broken = true});
	else
		packaging_refuse(p, a, 503, "out_of_memory", "out of memory");
}

/* The segment is being made: what there is goes out now, the rest as it comes. */
static void grow(struct packaging *p, struct package_ask *a) {
	const struct package_question *q = &a->question;
	const struct segment *s = segment_store_find(p->store, q->track, q->media.epoch, q->media.number);
	bool whole = s && s->state == SEGMENT_COMPLETE;
	bool lost = !s || s->state == SEGMENT_GAP || s->flags & SEGMENT_TENTATIVE;
	if (lost) { /* what has gone out may be cached: another edge may end a tentative one elsewhere */
		if (a->begun)
			finish(p, a, &(struct package_answer){.status = 200, .broken = true});
		return; /* else it waits: it may be filled */
	}
	uint32_t unsent = s->part_count - a->parts_sent;
	struct runs *runs = segment_runs(s, a->parts_sent, unsent);
	if (!runs && unsent) { /* a body that ends short of them would be taken for the whole segment */
		grow_without_memory(p, a);
		return;
	}
	if (!runs && !whole)
		return;
	struct package_answer answer = {.status = 200,
	                                .content_type = media_type(p, q),
	                                .cache = a->guessed ? PACKAGE_CACHE_NEVER : PACKAGE_CACHE_FOREVER,
	                                .more = !whole,
	                                .slices = runs ? runs->items : NULL,
	                                .count = runs ? runs->count : 0};
	a->parts_sent = s->part_count;
	if (whole) {
		finish(p, a, &answer);
	} else {
		note(p, a, &answer);
		a->begun = true;
		package_answer(a, &answer); /* after which it may be gone */
	}
	runs_unref(&runs);
}

/* Which segment it is about, then what there is of it. */
static enum segment_answer ask_store(struct packaging *p, struct package_ask *a, struct segment_reply *reply) {
	struct package_question *q = &a->question;
	if (q->media.kind == NAME_TIME) {
		enum segment_answer which = segment_store_resolve(p->store, q->track, &q->media, &a->guessed);
		if (which != SEGMENT_HERE)
			return which;
	}
	return segment_store_ask(p->store, q->track, &q->media, reply);
}

/* Players that were told of a segment ask again and again for one that they are refused. */
static void answer_empty(struct packaging *p, struct package_ask *a) {
	struct bytes *block = NULL;
	if (cmaf_empty_write(&block)) {
		packaging_refuse(p, a, 503, "out_of_memory", "out of memory");
		return;
	}
	struct conn_slice whole = {.data = block->data, .size = block->size, .owner = block};
	finish(p, a,
	       &(struct package_answer){.status = 200,
	                                .content_type = media_type(p, &a->question),
	                                .cache = PACKAGE_CACHE_NEVER,
	                                .slices = &whole,
	                                .count = 1});
	bytes_unref(&block);
}

static void look_at_media(struct packaging *p, struct package_ask *a) {
	const struct package_question *q = &a->question;
	struct segment_reply reply = {0};
	if (a->begun) {
		grow(p, a);
		return;
	}
	switch (ask_store(p, a, &reply)) {
	case SEGMENT_HERE: {
		bool lasting = !reply.tentative && !a->guessed;
		struct package_answer answer = {.status = 200,
		                                .content_type = media_type(p, q),
		                                .cache = lasting ? PACKAGE_CACHE_FOREVER : PACKAGE_CACHE_NEVER,
		                                .slices = reply.runs->items,
		                                .count = reply.runs->count};
		if (lasting)
			name_etag(answer.etag, &q->media);
		finish(p, a, &answer);
		runs_unref(&reply.runs);
		return;
	}
	case SEGMENT_WAIT:
		if (q->media.kind == NAME_SEGMENT)
			grow(p, a);
		return;
	case SEGMENT_OVER:
		answer_empty(p, a);
		return;
	case SEGMENT_NONE:
		packaging_refuse(p, a, 404, "not_found", "there is no such segment, or not any more");
	}
}

void packaging_look(struct packaging *p, struct package_ask *a) {
	if (p->phase == PACKAGING_WAITING || p->phase == PACKAGING_HISTORY)
		return;
	switch (a->question.what) {
	case PACKAGE_MULTIVARIANT:
		look_at_multivariant(p, a);
		break;
	case PACKAGE_PLAYLIST:
		look_at_playlist(p, a);
		break;
	case PACKAGE_STEERING:
		packaging_look_at_steering(p, a);
		break;
	case PACKAGE_MANIFEST:
		look_at_text(p, a, PACKAGE_CACHE_RELOAD);
		break;
	case PACKAGE_MEDIA:
		look_at_media(p, a);
		break;
	}
}

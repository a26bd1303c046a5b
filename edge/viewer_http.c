/*
 * viewer_http.c: what a URL asks for becomes an ask to the stream's packaging, and its answer a response.
 *
 *   phase     | holds                        | leaves by
 *   ASKED     | the exchange and the ask     | a whole answer; on_gone; the first of several answers: GROWING
 *   GROWING   | both, and runs not yet taken | the last answer: FINISHING; on_gone
 *   FINISHING | the exchange and runs        | all taken; on_gone
 */
#include "edge/viewer_http.h"
#include "edge/edge.h"
#include "edge/package_ask.h"

#include "common/base/decimal.h"
#include "common/base/query.h"
#include "common/http/body.h"
#include "common/package/segment_name.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { BLOCKED_LIFE = 6, HEADER_ROOM = 128 };

struct viewer {
	struct http_exchange *exchange;
	struct package_ask *ask; /* NULL: answered */
	struct body waiting;     /* runs of a growing body that the connection has not taken */
	bool growing;
};

static void viewer_free(struct viewer *v) {
	if (v->ask)
		package_ask_cancel(v->ask);
	body_fini(&v->waiting);
	free(v);
}

static void on_gone(struct http_exchange *x) {
	viewer_free(x->handler);
}

/* --- whole answers --- */

/* What caches may do with it. A playlist's URL without directives changes its content with every part: a browser asks
 * again each time, a cache may share it for a moment. */
static const char *cache_line(char line[HEADER_ROOM], const struct package_answer *a) {
	uint32_t target_s = (a->target_ms + 999) / 1000;
	char *at;
	switch (a->cache) {
	case PACKAGE_CACHE_FOREVER:
		return HTTP_CACHE_FOREVER;
	case PACKAGE_CACHE_RELOAD:
		at = stpcpy(line, "Cache-Control: max-age=0, s-maxage=");
		strcpy(decimal_put(at, target_s > 2 ? target_s / 2 : 1), "\r\n");
		return line;
	case PACKAGE_CACHE_BLOCKED:
		at = stpcpy(line, "Cache-Control: public, max-age=");
		strcpy(decimal_put(at, BLOCKED_LIFE * (target_s ? target_s : 1)), "\r\n");
		return line;
	default:
		return HTTP_CACHE_NEVER;
	}
}

static bool is_text(enum package_what what) {
	return what <= PACKAGE_MANIFEST;
}

static void respond(struct http_exchange *x, enum package_what what, const struct package_answer *a) {
	char line[HEADER_ROOM];
	if (a->status == 503 && (strcmp(a->code, PACKAGE_DRAINING) == 0 || strcmp(a->code, PACKAGE_FULL) == 0)) {
		http_respond_busy(x, 1, a->code, a->message);
		return;
	}
	if (a->status != 200) {
		http_respond_error(x, a->status, a->code, a->message);
		return;
	}
	http_respond_blocks(x, &(struct http_response){.status = 200,
	                                               .content_type = a->content_type,
	                                               .headers = cache_line(line, a),
	                                               .etag = a->etag[0] ? a->etag : NULL,
	                                               .ranges = !is_text(what),
	                                               .compressible = is_text(what),
	                                               .gzip = a->gzip,
	                                               .slices = a->slices,
	                                               .count = a->count});
}

/* --- bodies that grow --- */

static void end_stream(struct viewer *v) {
	struct http_exchange *x = v->exchange;
	viewer_free(v);
	http_stream_end(x);
}

static void break_off(struct viewer *v, const char *why) {
	struct http_exchange *x = v->exchange;
	viewer_free(v);
	http_stream_abort(x, why);
}

/* Gives the connection what it takes; a run is a whole frame, and may be larger than one write. False when the viewer
 * is over. */
static bool drain(struct viewer *v) {
	struct conn_slice run;
	while (body_peek(&v->waiting, &run, 1, HTTP_STREAM_WRITE_MAX)) {
		int err = http_stream_write(v->exchange, &run, 1);
		if (err == UV_ENOBUFS)
			return true; /* on_writable follows */
		if (err) {
			break_off(v, uv_strerror(err));
			return false;
		}
		body_consume(&v->waiting, run.size);
	}
	if (!v->ask) {
		end_stream(v);
		return false;
	}
	return true;
}

static void on_writable(struct http_exchange *x) {
	drain(x->handler);
}

static void grow(struct viewer *v, const struct package_answer *a) {
	if (a->broken) {
		break_off(v, "the rest of the segment cannot be had");
		return;
	}
	for (size_t i = 0; i < a->count; i++) {
		if (body_push(&v->waiting, &a->slices[i])) {
			break_off(v, "out of memory");
			return;
		}
	}
	drain(v);
}

/* The first of several answers. */
static void begin(struct viewer *v, const struct package_answer *a) {
	struct http_exchange *x = v->exchange;
	char line[HEADER_ROOM];
	x->on_gone = NULL; /* until it streams, an early end is told by the return value */
	if (!http_stream_begin(x, 200, a->content_type, cache_line(line, a))) {
		viewer_free(v);
		return;
	}
	x->on_gone = on_gone;
	x->on_writable = on_writable;
	v->growing = true;
	grow(v, a);
}

static void on_answer(struct package_ask *ask, const struct package_answer *a) {
	struct viewer *v = ask->context;
	if (!a->more)
		v->ask = NULL;
	if (v->growing) {
		grow(v, a);
	} else if (a->more) {
		begin(v, a);
	} else {
		struct http_exchange *x = v->exchange;
		viewer_free(v);
		respond(x, ask->question.what, a);
	}
}

/* --- asking --- */

static void ask(struct http_exchange *x, const struct package_question *q) {
	struct viewer *v = malloc(sizeof *v);
	struct package_ask *a = v ? package_ask_new(x->worker, q, on_answer, v) : NULL;
	if (!a) {
		free(v);
		http_respond_error(x, 503, "out_of_memory", "out of memory");
		return;
	}
	*v = (struct viewer){.exchange = x, .ask = a};
	x->handler = v;
	x->on_gone = on_gone;
	package_ask_send(a);
}

static void copy(char *out, size_t size, const char *text) {
	size_t n = text ? strnlen(text, size - 1) : 0;
	memcpy(out, text ? text : "", n);
	out[n] = '\0';
}

/* A player has several connections: 192.0.2.1:5000, [2001:db8::1]:5000, and what a proxy told of without a port. */
static void cut_port(char *address) {
	char *colon = strrchr(address, ':'), *bracket = strrchr(address, ']');
	if (bracket)
		bracket[1] = '\0';
	else if (colon && strchr(address, ':') == colon)
		*colon = '\0';
}

/* What the API shows as text. */
static void make_printable(char *text) {
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
}

static bool is_id(const char *text) {
	return strlen(text) == RANDOM_ID_SIZE - 1 && strspn(text, "0123456789abcdef") == RANDOM_ID_SIZE - 1;
}

/* False when it was answered: that is no name. */
static bool question_of(struct http_exchange *x, enum package_what what, struct package_question *q) {
	*q = (struct package_question){
	    .what = what, .gzip = is_text(what) && http_takes_gzip(x), .silent = x->method == HTTP_HEAD_METHOD};
	if (stream_name_make(&q->name, x->params[0], strlen(x->params[0]), x->params[1], strlen(x->params[1]))) {
		http_respond_error(x, 404, "not_found", "that is no name of a stream");
		return false;
	}
	http_client_address(x, q->remote);
	cut_port(q->remote);
	copy(q->agent, sizeof q->agent, http_field(x, HTTP_FIELD_USER_AGENT));
	make_printable(q->agent);
	if (is_text(what) && (query_get(x->query, "session", q->session, sizeof q->session) < 0 || !is_id(q->session)))
		q->session[0] = '\0';
	return true;
}

void viewer_http_multivariant(struct http_exchange *x) {
	struct package_question q;
	if (question_of(x, PACKAGE_MULTIVARIANT, &q))
		ask(x, &q);
}

void viewer_http_manifest(struct http_exchange *x) {
	struct package_question q;
	if (question_of(x, PACKAGE_MANIFEST, &q))
		ask(x, &q);
}

void viewer_http_steering(struct http_exchange *x) {
	struct package_question q;
	if (!question_of(x, PACKAGE_STEERING, &q))
		return;
	q.silent = true; /* who watches asks for playlists too */
	if (query_get(x->query, "pathway", q.base, sizeof q.base) < 0 || !pathway_id_valid(q.base))
		q.base[0] = '\0';
	ask(x, &q);
}

static bool track_of(struct http_exchange *x, struct package_question *q) {
	if (strlen(x->params[2]) < sizeof q->track && name_valid(x->params[2], strlen(x->params[2]))) {
		copy(q->track, sizeof q->track, x->params[2]);
		return true;
	}
	http_respond_error(x, 404, "not_found", "that is no name of a track");
	return false;
}

void viewer_http_playlist(struct http_exchange *x) {
	struct package_question q;
	if (!question_of(x, PACKAGE_PLAYLIST, &q) || !track_of(x, &q))
		return;
	if (hls_directives_parse(&q.reload, x->query)) {
		http_respond_error(x, 400, "bad_directive",
		                   "_HLS_msn and _HLS_part are whole numbers, and _HLS_part needs _HLS_msn");
		return;
	}
	ask(x, &q);
}

void viewer_http_media(struct http_exchange *x) {
	struct package_question q;
	if (!question_of(x, PACKAGE_MEDIA, &q) || !track_of(x, &q))
		return;
	if (segment_name_parse(&q.media, x->params[3], x->params[4])) {
		http_respond_error(x, 404, "not_found", "that is no name of a segment");
		return;
	}
	ask(x, &q);
}

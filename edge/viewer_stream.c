/*
 * viewer_stream.c: a sibling of RTMP's player: a mirror of the form's view, a sender on its log, and nothing to do with
 * frames.
 */
#include "edge/viewer_stream.h"
#include "edge/edge.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/base/random.h"
#include "common/mux/flv_tag.h"
#include "common/mux/flv_view.h"
#include "common/mux/ts_view.h"
#include "common/stream/mirror.h"
#include "common/stream/sender.h"
#include "common/stream/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* What differs. */
struct form {
	const char *name, *content_type;
	const struct view_ops *plain, *chunked;
	enum metric viewers;
	bool file_header; /* FLV's */
};

static const struct form flv = {"flv", "video/x-flv", &flv_view_ops, &flv_chunked_view_ops, M_VIEWERS_FLV, true};
static const struct form ts = {"ts", "video/mp2t", &ts_view_ops, &ts_chunked_view_ops, M_VIEWERS_TS, false};

static const char draining[] = "the node is draining";

struct viewer {
	struct list node;
	const struct form *form;
	struct http_exchange *exchange; /* NULL: over */
	struct edge *edge;
	const struct config_app *config;
	struct mirror_reader reader;
	struct sender sender;
	struct timer wait; /* for a publish */
	bool playing;
	bool chunked;
	uint64_t began_ms, overruns;
	char id[RANDOM_ID_SIZE];
	const char *remote; /* who watches, behind proxies too: the text follows the stream's */
	char stream[];      /* APP/NAME */
};

/* The viewer is over; its exchange is dealt with by the caller. */
static void viewer_free(struct viewer *v, const char *why) {
	if (v->playing) {
		metric_dec(v->form->viewers);
		log_peer_info("http viewer left", log_str("stream", v->stream), log_str("protocol", v->form->name),
		              log_str("session", v->id), log_str("remote", v->remote), log_str("reason", why),
		              log_u64("sent", http_stream_sent(v->exchange)),
		              log_u64("age_ms", worker_now_ms(v->edge->base.worker) - v->began_ms));
	}
	timer_stop(&v->wait);
	sender_close(&v->sender);
	mirror_close(&v->reader);
	list_remove(&v->node);
	free(v);
}

static void on_gone_client(struct http_exchange *x) {
	viewer_free(x->handler, worker_stopping(x->worker) ? "the node is stopping" : "the client closed the connection");
}

static void not_found(struct viewer *v) {
	struct http_exchange *x = v->exchange;
	viewer_free(v, "not found");
	http_respond_error(x, 404, "stream_not_found", "nobody publishes this stream");
}

/* --- playing --- */

static struct viewer *viewer_of_sender(struct sender *s) {
	return list_entry(s, struct viewer, sender);
}

static void end_viewer(struct viewer *v, const char *why) {
	struct http_exchange *x = v->exchange;
	viewer_free(v, why);
	http_stream_end(x);
}

static void on_end(struct sender *s) {
	end_viewer(viewer_of_sender(s), s->ended_at_key ? draining : "the stream has ended");
}

static void on_fail(struct sender *s, int error) {
	struct viewer *v = viewer_of_sender(s);
	struct http_exchange *x = v->exchange;
	viewer_free(v, uv_strerror(error));
	http_stream_abort(x, uv_strerror(error));
}

static void on_overrun(struct sender *s) {
	struct viewer *v = viewer_of_sender(s);
	v->overruns++;
	log_peer_info("viewer fell behind and goes on at the newest keyframe", log_str("stream", v->stream),
	              log_str("session", v->id), log_str("remote", v->remote), log_u64("times", v->overruns));
}

/* FLV's file header says which kinds of tags follow (a player may wait for each that it names); it is framed as the
 * view's blocks are. */
static int on_first(struct sender *s, uint32_t flags) {
	struct viewer *v = viewer_of_sender(s);
	uint8_t header[FLV_FILE_HEADER_SIZE];
	struct buffer b;
	if (!v->form->file_header)
		return 0;
	flv_file_header_write(header, flags & ITEM_AUDIO, flags & ITEM_VIDEO);
	buffer_init(&b, 0);
	if (v->chunked)
		buffer_printf(&b, "%x\r\n", FLV_FILE_HEADER_SIZE);
	buffer_append(&b, header, sizeof header);
	if (v->chunked)
		buffer_append_string(&b, "\r\n");
	struct bytes *block = buffer_take(&b);
	buffer_fini(&b);
	return block ? sink_send(http_stream_sink(v->exchange), block) : UV_ENOMEM;
}

static const struct sender_ops sender_ops = {
    .on_first = on_first, .on_end = on_end, .on_fail = on_fail, .on_overrun = on_overrun};

static void on_writable(struct http_exchange *x) {
	struct viewer *v = x->handler;
	sender_writable(&v->sender);
}

static struct viewer *viewer_of(struct mirror_reader *r) {
	return list_entry(r, struct viewer, reader);
}

static void on_log(struct mirror_reader *r, struct log *log, const struct mirror_info *info) {
	struct viewer *v = viewer_of(r);
	struct http_exchange *x = v->exchange;
	timer_stop(&v->wait);
	x->on_gone = NULL; /* until it streams, an early end is told by the return value */
	if (!http_stream_begin(x, 200, v->form->content_type, "Cache-Control: no-store\r\n")) {
		viewer_free(v, "the client closed the connection, or asked for the head alone");
		return;
	}
	x->on_gone = on_gone_client;
	x->on_writable = on_writable;
	v->playing = true;
	metric_inc(v->form->viewers);
	log_peer_info("http viewer started", log_str("stream", v->stream), log_str("protocol", v->form->name),
	              log_u64("run", info->run), log_u64("epoch", info->epoch), log_str("session", v->id),
	              log_str("remote", v->remote));
	sender_open_sink(&v->sender, http_stream_sink(x), log, v->config->edge_history * 1000, &sender_ops);
}

/* It does not play yet, and will not. */
static void refuse(struct viewer *v, int reason) {
	struct http_exchange *x = v->exchange;
	if (reason == UV_ENOENT || reason == UV_EOF) {
		not_found(v);
		return;
	}
	viewer_free(v, uv_strerror(reason));
	if (reason == UV_ENFILE)
		http_respond_busy(x, 1, PACKAGE_FULL, PACKAGE_FULL_WHY);
	else if (reason == UV_ECANCELED)
		http_respond_error(x, 503, "stopping", "the node is stopping");
	else
		http_respond_error(x, 503, "unavailable", uv_strerror(reason));
}

static void on_gone(struct mirror_reader *r, int reason) {
	struct viewer *v = viewer_of(r);
	struct http_exchange *x = v->exchange;
	if (!v->playing) {
		refuse(v, reason);
		return;
	}
	const char *why = reason == UV_EOF         ? "the stream has ended"
	                  : reason == UV_ECANCELED ? "the node is stopping"
	                                           : uv_strerror(reason);
	viewer_free(v, why);
	if (reason == UV_EOF)
		http_stream_end(x);
	else
		http_stream_abort(x, why);
}

static const struct mirror_reader_ops reader_ops = {.on_log = on_log, .on_gone = on_gone};

/* --- asking --- */

static void on_overdue(struct timer *t) {
	not_found(list_entry(t, struct viewer, wait));
}

static void watch(struct http_exchange *x, const struct form *form) {
	struct stream_name name;
	struct edge *e = x->server->owner;
	if (stream_name_make(&name, x->params[0], strlen(x->params[0]), x->params[1], strlen(x->params[1]))) {
		http_respond_error(x, 404, "not_found", "that is no name of a stream");
		return;
	}
	if (x->server->draining) {
		http_respond_busy(x, 1, "draining", "the node is draining: connect again");
		return;
	}
	char remote[ADDRESS_TEXT_MAX];
	http_client_address(x, remote);
	size_t name_size = strlen(name.text) + 1, remote_size = strlen(remote) + 1;
	struct viewer *v = calloc(1, sizeof *v + name_size + remote_size);
	if (!v) {
		http_respond_error(x, 503, "out_of_memory", "out of memory");
		return;
	}
	v->form = form;
	v->exchange = x;
	v->edge = e;
	v->config = config_app(e->base.node->config, name.text, stream_name_app_size(&name));
	memcpy(v->stream, name.text, name_size);
	v->remote = memcpy(v->stream + name_size, remote, remote_size);
	v->chunked = http_stream_framing(x) == HTTP_FRAMING_CHUNKED;
	v->began_ms = worker_now_ms(x->worker);
	list_init(&v->node);
	random_id(v->id);
	timer_init(&v->wait, x->worker, on_overdue);
	const struct view_ops *view = v->chunked ? form->chunked : form->plain;
	int err = mirror_open(&v->reader, x->worker, &name, RENDITION_SOURCE, view, MIRROR_WAIT, &reader_ops);
	if (!err)
		err = timer_start(&v->wait, (uint64_t)v->config->edge_wait_publish);
	if (err) {
		viewer_free(v, uv_strerror(err));
		http_respond_error(x, 503, "unavailable", uv_strerror(err));
		return;
	}
	x->handler = v;
	x->on_gone = on_gone_client;
	list_append(&e->stream_viewers, &v->node);
}

void viewer_stream_flv(struct http_exchange *x) {
	watch(x, &flv);
}

void viewer_stream_ts(struct http_exchange *x) {
	watch(x, &ts);
}

void viewer_stream_end_all(struct edge *e, bool at_keyframe) {
	list_each (node, &e->stream_viewers) {
		struct viewer *v = list_entry(node, struct viewer, node);
		struct http_exchange *x = v->exchange;
		if (v->playing && at_keyframe) {
			sender_end_at_key(&v->sender);
		} else if (v->playing) {
			end_viewer(v, draining);
		} else {
			viewer_free(v, draining);
			http_respond_busy(x, 1, "draining", "the node is draining: connect again");
		}
	}
}

size_t viewer_stream_count(const struct edge *e) {
	size_t count = 0;
	list_each (node, &e->stream_viewers)
		count++;
	return count;
}

void viewer_stream_list(struct edge *e, json_t *array) {
	list_each (node, &e->stream_viewers) {
		struct viewer *v = list_entry(node, struct viewer, node);
		json_array_append_new(
		    array, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "id", v->id, "protocol", v->form->name,
		                     "state", v->playing ? "playing" : "waiting", "stream", v->stream, "remote", v->remote,
		                     "age_ms", (json_int_t)(worker_now_ms(e->base.worker) - v->began_ms), "received_bytes",
		                     (json_int_t)http_stream_received(v->exchange), "sent_bytes",
		                     (json_int_t)http_stream_sent(v->exchange), "overruns", (json_int_t)v->overruns));
	}
}

#include "common/control/admin.h"

#include "common/base/metrics.h"
#include "common/relay/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum question { ASK_STREAM, ASK_READY }; /* about one thing; lists are listing.h's */

/* A request that waits for all workers. */
struct asking {
	struct http_exchange *exchange; /* NULL: gone */
	struct worker *worker;
	enum question question;
	struct stream_name name; /* of ASK_STREAM */
};

/* --- objects --- */

static json_t *text(const char *s) {
	json_t *j = json_string(s);
	return j ? j : json_null(); /* not UTF-8 */
}

static json_t *epoch_text(uint64_t epoch) {
	char s[24];
	snprintf(s, sizeof s, "%llu", (unsigned long long)epoch); /* more than JavaScript's numbers hold */
	return text(s);
}

static json_t *track_object(const struct track *t) {
	char fourcc[FOURCC_TEXT_SIZE];
	static const char *const kinds[] = {"", "video", "audio", "text", "data"};
	fourcc_text(t->fourcc, fourcc);
	json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:s}", "id", (int)t->id, "name", t->name, "kind", kinds[t->kind],
	                      "codec", fourcc, "rendition", t->rendition);
	if (*t->info.rfc6381)
		json_object_set_new(o, "codecs", text(t->info.rfc6381));
	if (t->info.width) {
		json_object_set_new(o, "width", json_integer(t->info.width));
		json_object_set_new(o, "height", json_integer(t->info.height));
	}
	if (t->info.frame_rate_den)
		json_object_set_new(o, "frame_rate", json_real((double)t->info.frame_rate_num / t->info.frame_rate_den));
	if (t->info.sample_rate) {
		json_object_set_new(o, "sample_rate", json_integer(t->info.sample_rate));
		json_object_set_new(o, "channels", json_integer(t->info.channels));
	}
	return o;
}

static json_t *tracks_array(const struct tracks *t) {
	json_t *array = json_array();
	for (size_t i = 0; t && i < t->count; i++)
		json_array_append_new(array, track_object(&t->items[i]));
	return array;
}

static json_t *stream_object(struct stream *s, const struct admin *a) {
	static const char *const phases[] = {"pending", "live", "waiting"};
	json_t *o = json_object();
	struct rendition *r = stream_rendition(s, RENDITION_SOURCE);
	uint64_t now = worker_now_ms(streams_worker(s->streams));
	json_object_set_new(o, "name", text(s->name.text));
	json_object_set_new(o, "state", text(phases[s->phase]));
	json_object_set_new(o, "run", epoch_text(s->run));
	json_object_set_new(o, "epoch", epoch_text(s->epoch));
	json_object_set_new(o, "age_ms", json_integer(s->began_ms ? (json_int_t)(now - s->began_ms) : 0));
	json_object_set_new(o, "frames", json_integer((json_int_t)s->frames));
	json_object_set_new(o, "bytes", json_integer((json_int_t)s->bytes_in));
	json_object_set_new(o, "frames_lost", json_integer((json_int_t)s->lost));
	json_object_set_new(o, "log_bytes", json_integer(r ? (json_int_t)r->log.bytes : 0));
	json_object_set_new(o, "tracks", tracks_array(s->tracks));
	if (a->providers->stream)
		a->providers->stream(s, o);
	return o;
}

struct stream_walk {
	json_t *array;
	const struct admin *admin;
};

static void add_stream(struct stream *s, void *context) {
	struct stream_walk *w = context;
	json_array_append_new(w->array, stream_object(s, w->admin));
}

void admin_add_rtmp_session(const struct rtmp_session_info *info, void *context) {
	json_t *o = json_object();
	json_object_set_new(o, "id", text(info->id));
	json_object_set_new(o, "protocol", text("rtmp"));
	json_object_set_new(o, "state", text(info->state));
	json_object_set_new(o, "stream", text(info->stream));
	json_object_set_new(o, "remote", text(info->remote));
	json_object_set_new(o, "age_ms", json_integer((json_int_t)info->age_ms));
	json_object_set_new(o, "received_bytes", json_integer((json_int_t)info->received_bytes));
	json_object_set_new(o, "sent_bytes", json_integer((json_int_t)info->sent_bytes));
	json_object_set_new(o, "overruns", json_integer((json_int_t)info->overruns));
	json_array_append_new(context, o);
}

void admin_add_node(json_t *array, const char *id, const char *role, const char *address, const char *state,
                    const char *why) {
	json_t *o = json_object();
	json_object_set_new(o, "id", text(id));
	json_object_set_new(o, "role", text(role));
	json_object_set_new(o, "address", text(address));
	json_object_set_new(o, "state", text(state));
	if (why)
		json_object_set_new(o, "why", text(why));
	json_array_append_new(array, o);
}

void admin_add_self(json_t *array, const struct worker *w, const char *id, const char *role, const char *address) {
	json_t *workers = json_array();
	for (unsigned i = 0; i < workers_count(w->group); i++)
		json_array_append_new(workers, json_pack("{s:f, s:f}", "busy", metric_share(M_WORKER_BUSY, i), "pressure",
		                                         metric_share(M_WORKER_PRESSURE, i)));
	admin_add_node(array, id, role, address,
	               drain_is_on(admin_of_worker((struct worker *)w)->drain) ? "draining" : "up", NULL);
	json_object_set_new(json_array_get(array, json_array_size(array) - 1), "workers", workers);
}

void admin_add_registry(json_t *missing, json_t *warnings, const struct registry *r) {
	const char *why;
	bool ever;
	char what[200];
	if (registry_warning(r))
		json_array_append_new(warnings, text(registry_warning(r)));
	if (registry_up(r, &why, &ever))
		return;
	snprintf(what, sizeof what, "the registry cannot be reached: %s", why);
	json_array_append_new(ever ? warnings : missing, text(what));
}

/* --- on every worker --- */

/* What is missing as texts, and each warning in an object: one array for both. */
static void collect_ready(struct worker *w, const struct admin *a, json_t *array) {
	json_t *warnings = json_array(), *warning;
	size_t i;
	if (drain_is_on(a->drain))
		json_array_append_new(array, json_string("draining"));
	a->providers->not_ready(w, array, warnings);
	json_array_foreach(warnings, i, warning) {
		json_array_append_new(array, json_pack("{s:O}", "warning", warning));
	}
	json_decref(warnings);
}

static void dump(json_t *array, struct buffer *part) {
	char *text = json_dumps(array, JSON_COMPACT);
	if (text)
		buffer_append_string(part, text);
	free(text);
	json_decref(array);
}

static void collect(struct worker *w, void *context, struct buffer *part) {
	const struct asking *q = context;
	if (!w->streams)
		return; /* its start failed: the node is about to end */
	const struct admin *a = admin_of_worker(w);
	json_t *array = json_array();
	struct stream *s = q->question == ASK_STREAM ? streams_find(w, &q->name) : NULL;
	if (s)
		json_array_append_new(array, stream_object(s, a));
	if (q->question == ASK_READY)
		collect_ready(w, a, array);
	dump(array, part);
}

static void collect_streams(struct worker *w, void *context, struct buffer *part) {
	(void)context;
	if (!w->streams)
		return;
	json_t *array = json_array();
	streams_each(w, add_stream, &(struct stream_walk){array, admin_of_worker(w)});
	dump(array, part);
}

static void collect_sessions(struct worker *w, void *context, struct buffer *part) {
	(void)context;
	if (!w->streams)
		return;
	json_t *array = json_array();
	admin_of_worker(w)->providers->sessions(w, array);
	dump(array, part);
}

static void collect_nodes(struct worker *w, void *context, struct buffer *part) {
	(void)context;
	if (!w->streams)
		return;
	json_t *array = json_array();
	admin_of_worker(w)->providers->nodes(w, array);
	dump(array, part);
}

/* --- answers --- */

void admin_respond(struct http_exchange *x, int status, json_t *o) {
	char *dump = o ? json_dumps(o, JSON_COMPACT) : NULL;
	struct buffer b;
	buffer_init(&b, 0);
	buffer_append_string(&b, dump ? dump : "{}");
	buffer_append_string(&b, "\n");
	struct bytes *body = buffer_take(&b);
	buffer_fini(&b);
	free(dump);
	json_decref(o);
	http_respond(x, dump ? status : 500, "application/json", "Cache-Control: no-store\r\n", body);
}

/* What the workers said, in one array. */
static json_t *join(const struct slice *parts, size_t count) {
	json_t *all = json_array();
	for (size_t i = 0; i < count; i++) {
		json_t *part = json_loadb((const char *)parts[i].data, parts[i].size, 0, NULL);
		json_array_extend(all, part);
		json_decref(part);
	}
	return all;
}

/* What all workers say alike is said once. */
static json_t *join_distinct(const struct slice *parts, size_t count) {
	json_t *said = join(parts, count), *all = json_array(), *value, *other;
	size_t i, k;
	json_array_foreach(said, i, value) {
		bool known = false;
		json_array_foreach(all, k, other) {
			known |= json_equal(value, other);
		}
		if (!known)
			json_array_append(all, value);
	}
	json_decref(said);
	return all;
}

/* {"KEY":[…]} of what are arrays in text already. */
static struct bytes *join_texts(const char *key, const struct slice *parts, size_t count) {
	struct buffer b;
	bool first = true;
	buffer_init(&b, 0);
	buffer_printf(&b, "{\"%s\":[", key);
	for (size_t i = 0; i < count; i++) {
		if (parts[i].size <= strlen("[]"))
			continue;
		buffer_append_string(&b, first ? "" : ",");
		buffer_append(&b, parts[i].data + 1, parts[i].size - strlen("[]"));
		first = false;
	}
	buffer_append_string(&b, "]}\n");
	struct bytes *body = buffer_take(&b);
	buffer_fini(&b);
	return body;
}

static struct bytes *join_streams(const struct slice *parts, size_t count) {
	return join_texts("streams", parts, count);
}

static struct bytes *join_sessions(const struct slice *parts, size_t count) {
	return join_texts("sessions", parts, count);
}

/* Several workers speak of the same node, to which each has a link: it is told once. */
static struct bytes *join_nodes(const struct slice *parts, size_t count) {
	json_t *said = join(parts, count), *all = json_array(), *seen = json_object(), *value;
	size_t i;
	json_array_foreach(said, i, value) {
		const char *id = json_string_value(json_object_get(value, "id"));
		char *own = id && *id ? NULL : json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
		const char *key = own ? own : id;
		if (key && !json_object_get(seen, key)) {
			json_object_set_new(seen, key, json_true());
			json_array_append(all, value);
		}
		free(own);
	}
	json_decref(said);
	json_decref(seen);
	char *text = json_dumps(all, JSON_COMPACT);
	json_decref(all);
	struct slice whole = {(const uint8_t *)text, text ? strlen(text) : 0};
	struct bytes *body = text ? join_texts("nodes", &whole, 1) : NULL;
	free(text);
	return body;
}

static void answer_ready(struct http_exchange *x, json_t *all) {
	json_t *missing = json_array(), *warnings = json_array(), *value;
	size_t i;
	json_array_foreach(all, i, value) {
		if (json_is_object(value))
			json_array_append(warnings, json_object_get(value, "warning"));
		else
			json_array_append(missing, value);
	}
	json_decref(all);
	bool ready = json_array_size(missing) == 0;
	admin_respond(x, ready ? 200 : 503,
	              json_pack("{s:b, s:o, s:o}", "ready", ready, "missing", missing, "warnings", warnings));
}

static void answer(const struct asking *q, json_t *all) {
	struct http_exchange *x = q->exchange;
	if (q->question == ASK_READY) {
		answer_ready(x, all);
	} else if (json_array_size(all) == 0) {
		json_decref(all);
		http_respond_error(x, 404, "not_found", "no such stream on this node");
	} else {
		admin_respond(x, 200, json_incref(json_array_get(all, 0)));
		json_decref(all);
	}
}

static void on_gathered(void *context, const struct slice *parts, size_t count) {
	struct asking *q = context;
	if (q->exchange)
		answer(q, join_distinct(parts, count));
	worker_release(q->worker);
	free(q);
}

static void on_gone(struct http_exchange *x) {
	struct asking *q = x->handler;
	q->exchange = NULL;
}

static void ask(struct http_exchange *x, enum question question, const struct stream_name *name) {
	struct asking *q = calloc(1, sizeof *q);
	if (q) {
		*q = (struct asking){.exchange = x, .worker = x->worker, .question = question};
		if (name)
			q->name = *name;
	}
	if (!q || gather(x->worker, collect, on_gathered, q)) {
		free(q);
		http_respond_error(x, 503, "out_of_memory", "out of memory");
		return;
	}
	worker_hold(x->worker);
	x->handler = q;
	x->on_gone = on_gone;
}

/* --- routes --- */

static void on_healthz(struct http_exchange *x) {
	admin_respond(x, 200, json_pack("{s:b}", "ok", 1));
}

static void on_readyz(struct http_exchange *x) {
	ask(x, ASK_READY, NULL);
}

static void on_metrics(struct http_exchange *x) {
	struct buffer b;
	buffer_init(&b, 0);
	metrics_print(&b);
	struct bytes *body = buffer_take(&b);
	buffer_fini(&b);
	http_respond(x, body ? 200 : 503, "text/plain; version=0.0.4; charset=utf-8", NULL, body);
}

static void on_streams(struct http_exchange *x) {
	listing_ask(&admin_of_worker(x->worker)->streams, x);
}

static void on_stream(struct http_exchange *x) {
	struct stream_name name;
	if (stream_name_make(&name, x->params[0], strlen(x->params[0]), x->params[1], strlen(x->params[1])))
		http_respond_error(x, 404, "not_found", "that is no name of a stream");
	else
		ask(x, ASK_STREAM, &name);
}

static void on_sessions(struct http_exchange *x) {
	listing_ask(&admin_of_worker(x->worker)->sessions, x);
}

static void on_nodes(struct http_exchange *x) {
	listing_ask(&admin_of_worker(x->worker)->nodes, x);
}

static const struct http_route routes[] = {
    {HTTP_GET_METHOD, "/healthz", on_healthz},
    {HTTP_GET_METHOD, "/readyz", on_readyz},
    {HTTP_GET_METHOD, "/metrics", on_metrics},
    {HTTP_GET_METHOD, "/api/v1/streams", on_streams},
    {HTTP_GET_METHOD, "/api/v1/streams/{app}/{name}", on_stream},
    {HTTP_GET_METHOD, "/api/v1/sessions", on_sessions},
    {HTTP_GET_METHOD, "/api/v1/nodes", on_nodes},
};

void admin_init(struct admin *a, struct http_server *server, const struct relay_node *self,
                const struct admin_providers *providers, const struct drain *drain) {
	*a = (struct admin){.server = server, .self = self, .providers = providers, .drain = drain};
	listing_init(&a->streams, server->worker, collect_streams, join_streams);
	listing_init(&a->sessions, server->worker, collect_sessions, join_sessions);
	listing_init(&a->nodes, server->worker, collect_nodes, join_nodes);
	http_server_add(server, routes, sizeof routes / sizeof *routes);
}

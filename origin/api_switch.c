#include "origin/api_switch.h"

#include "common/control/admin.h"
#include "common/control/authority.h"
#include "origin/ingest.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* A request on its way to the stream's home worker and back. */
struct asking {
	struct message message;
	struct http_exchange *exchange; /* NULL: gone */
	struct worker *worker;
	struct stream_name name;
	int result;
	bool aligned;
};

static void deliver_answer(struct worker *w, struct message *message) {
	struct asking *q = (struct asking *)message;
	struct http_exchange *x = q->exchange;
	if (x && q->result == UV_ENOENT)
		http_respond_error(x, 404, "not_found", "nobody publishes this stream on this node");
	else if (x && q->result == UV_ENOTSUP)
		http_respond_error(x, 409, "no_standby", "the stream has no standby");
	else if (x && q->result)
		http_respond_error(x, 409, "switching", "the stream is just changing to another publisher");
	else if (x)
		admin_respond(x, q->aligned ? 200 : 202,
		              json_pack("{s:s, s:b}", "stream", q->name.text, "seamless", q->aligned));
	worker_release(w);
	free(q);
}

static void deliver_question(struct worker *home, struct message *message) {
	struct asking *q = (struct asking *)message;
	q->result = ingest_switch(home, &q->name, &q->aligned);
	q->message.deliver = deliver_answer;
	worker_post(q->worker, &q->message);
}

static void on_gone(struct http_exchange *x) {
	struct asking *q = x->handler;
	q->exchange = NULL;
}

static void on_switch(struct http_exchange *x) {
	struct stream_name name;
	if (!authority_check(x))
		return;
	if (stream_name_make(&name, x->params[0], strlen(x->params[0]), x->params[1], strlen(x->params[1]))) {
		http_respond_error(x, 404, "not_found", "that is no name of a stream");
		return;
	}
	struct asking *q = calloc(1, sizeof *q);
	if (!q) {
		http_respond_error(x, 503, "out_of_memory", "out of memory");
		return;
	}
	*q = (struct asking){.message.deliver = deliver_question, .exchange = x, .worker = x->worker, .name = name};
	x->handler = q;
	x->on_gone = on_gone;
	worker_hold(x->worker);
	worker_post(stream_home(x->worker, &name), &q->message);
}

static const struct http_route routes[] = {{HTTP_POST_METHOD, "/api/v1/streams/{app}/{name}/switch", on_switch}};

void api_switch_init(struct http_server *server) {
	http_server_add(server, routes, sizeof routes / sizeof *routes);
}

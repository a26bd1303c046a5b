#include "common/control/node.h"

#include "common/base/clock.h"
#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/base/options.h"
#include "common/control/drain_api.h"
#include "common/control/node_tls.h"
#include "common/loop/limits.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

enum { STOP_TIMEOUT_MS = 10000, FILES_KEPT_BACK = 256 };

extern char **environ;

struct node_worker *node_worker_of(struct worker *w) {
	return w->node;
}

struct admin *admin_of_worker(struct worker *w) {
	return &node_worker_of(w)->admin;
}

/* --- workers --- */

/* Of both listeners. */
static void on_rtmp(struct listener *l) {
	rtmp_server_accept(&node_worker_of(l->worker)->rtmp, l);
}

/* Of both listeners. */
static void on_http(struct listener *l) {
	http_server_accept(&node_worker_of(l->worker)->http, l);
}

/* A link that another node opened has come to its worker. */
static void on_link(struct link *link) {
	relay_serve(&node_worker_of(link->conn.worker)->relay, link);
}

static void on_relay(struct listener *l) {
	relay_server_accept(&node_worker_of(l->worker)->relay, l, on_link);
}

static int listen_on(struct listener *l, struct worker *w, const char *address, listener_fn fn) {
	return *address ? listener_open(l, w, address, fn, NULL) : 0;
}

static int open_listeners(struct node_worker *n) {
	const struct config_node *c = config_node(n->node->config);
	int err = listen_on(&n->rtmp_listener, n->worker, c->rtmp_listen, on_rtmp);
	if (!err)
		err = listen_on(&n->http_listener, n->worker, c->http_listen, on_http);
	if (!err)
		err = listen_on(&n->https_listener, n->worker, c->https_listen, on_http);
	if (!err)
		err = listen_on(&n->rtmps_listener, n->worker, c->rtmps_listen, on_rtmp);
	n->https_listener.tls = n->rtmps_listener.tls = n->node->tls;
	n->rtmps_listener.proxied = c->rtmps_proxy_protocol;
	n->rtmp_listener.proxied = c->rtmp_proxy_protocol;
	n->http_listener.proxied = c->http_proxy_protocol;
	n->https_listener.proxied = c->https_proxy_protocol;
	if (!err)
		err = listen_on(&n->relay_listener, n->worker, c->relay_listen, on_relay);
	return err;
}

static int start_worker(struct worker *w, void *context) {
	struct node *node = context;
	const struct node_role *role = node->role;
	struct node_worker *n = calloc(1, role->worker_size);
	if (!n)
		return UV_ENOMEM;
	w->node = n;
	n->node = node;
	n->worker = w;
	w->peer_timeout_ms = (uint32_t)config_node(node->config)->limits_tcp_timeout;
	rtmp_server_init(&n->rtmp, w, node->config);
	http_server_init(&n->http, w, node->config, n);
	relay_server_init(&n->relay, w, &node->relay);
	drain_worker_init(n);
	admin_init(&n->admin, &n->http, &node->relay, role->providers, &node->drain);
	drain_api_init(&n->http);
	int err = limits_reserve_watchers(w, node->open_files);
	if (!err)
		err = streams_init(w, node->config, role->streams, n);
	if (!err)
		err = role->start(n);
	if (!err)
		err = open_listeners(n);
	if (!err && node->tls && w->index == 0)
		err = tls_watch(node->tls, w);
	if (err)
		log_error("a worker cannot start", log_u64("worker", w->index), log_err(err));
	return err;
}

static void stop_worker(struct worker *w, void *context) {
	struct node_worker *n = w->node;
	struct node *node = context;
	if (!n || !w->streams)
		return; /* its start failed before there was anything */
	listener_close(&n->rtmp_listener);
	listener_close(&n->http_listener);
	listener_close(&n->https_listener);
	listener_close(&n->rtmps_listener);
	if (w->index == 0)
		tls_watch_stop(node->tls);
	listener_close(&n->relay_listener);
	drain_worker_stop(n);
	node->role->stop(n);
	rtmp_server_stop(&n->rtmp, "the node is stopping");
	http_server_stop(&n->http);
	relay_server_stop(&n->relay);
	streams_stop(w);
}

static void fini_worker(struct worker *w, void *context) {
	struct node *node = context;
	if (!w->node)
		return;
	if (w->streams) {
		node->role->fini(w->node);
		streams_fini(w);
	}
	free(w->node);
	w->node = NULL;
}

static const struct worker_hooks hooks = {.start = start_worker, .stop = stop_worker, .fini = fini_worker};

/* --- before --- */

/* A port that another program has is told by its name, once, before anything starts. */
static int probe(const char *key, const char *address) {
	int err = *address ? listener_probe(address) : 0;
	if (err)
		fprintf(stderr, "%s: cannot listen on %s: %s\n", key, address, uv_strerror(err));
	return err;
}

static int probe_all(const struct config_node *c) {
	int err = probe("rtmp.listen", c->rtmp_listen);
	if (!err)
		err = probe("http.listen", c->http_listen);
	if (!err)
		err = probe("https.listen", c->https_listen);
	if (!err)
		err = probe("rtmps.listen", c->rtmps_listen);
	return err ? err : probe("relay.listen", c->relay_listen);
}

static void name_node(struct node *node) {
	const struct config_node *c = config_node(node->config);
	char host[100] = "node";
	if (*c->node_id) {
		snprintf(node->relay.id, sizeof node->relay.id, "%s", c->node_id);
		return;
	}
	gethostname(host, sizeof host - 1);
	const char *port = strrchr(c->relay_listen, ':');
	snprintf(node->relay.id, sizeof node->relay.id, "%s-%s%s%s", node->role->name, host, port ? "-" : "",
	         port ? port + 1 : "");
}

static unsigned worker_count(const struct config_node *c) {
	if (c->node_workers)
		return (unsigned)c->node_workers;
	unsigned cores = uv_available_parallelism();
	return cores < 1 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX : cores;
}

/* Open files bound the connections; the user may bound them more. */
static int64_t connection_limit(const struct config_node *c, uint64_t files) {
	int64_t by_files = files > 2 * FILES_KEPT_BACK ? (int64_t)files - FILES_KEPT_BACK : (int64_t)files / 2;
	int64_t most = c->limits_connections && c->limits_connections < by_files ? c->limits_connections : by_files;
	log_info("limits", log_u64("open_files", files), log_i64("connections", most),
	         log_str("bound_by", most == by_files ? "open files" : "limits.connections"));
	return most;
}

/* --- running --- */

/* The quick stop, for main to hear. */
static void on_unusable(struct registry_shared *s) {
	(void)s;
	kill(getpid(), SIGINT);
}

static int run(struct node *node) {
	const struct config_node *c = config_node(node->config);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, NULL); /* workers inherit it: main alone hears signals */
	int err = logger_start();
	if (err) {
		fprintf(stderr, "cannot start the log's thread: %s\n", uv_strerror(err));
		return 1;
	}
	unsigned count = worker_count(c);
	log_info("starting", log_str("version", WEIR_VERSION), log_u64("workers", count), log_str("rtmp", c->rtmp_listen),
	         log_str("rtmps", *c->rtmps_listen ? c->rtmps_listen : NULL), log_str("http", c->http_listen),
	         log_str("https", *c->https_listen ? c->https_listen : NULL), log_str("relay", c->relay_listen));
	node->open_files = limits_raise_files();
	int64_t most = connection_limit(c, node->open_files);
	if (node->role->prepare)
		node->role->prepare(node);
	drain_init(&node->drain, node->config, drain_worker_begin);
	err = workers_start(&node->workers, count, &hooks, node);
	if (err) {
		log_error("cannot start", log_err(err));
		logger_stop();
		return 1;
	}
	limits_set_connections(node->workers, most);
	log_info("ready", log_u64("workers", count));
	const char *why =
	    drain_wait(&node->drain, node->workers, &set); /* not in the line, which the level may leave out */
	log_info("stopping", log_str("reason", why));
	err = workers_stop(&node->workers, STOP_TIMEOUT_MS);
	if (err) {
		log_error("something did not let go in time; the process ends all the same", log_err(err));
		logger_stop();
		_exit(1); /* its workers run, and read what would be freed now */
	}
	log_info("stopped", log_u64("workers", count));
	logger_stop();
	return atomic_load(&node->registry.unusable_told) ? 1 : 0;
}

/* Large blocks are mapped, and given back when they are freed, however large those before were: else glibc learns from
 * one huge message to keep all of its kind, and the process never shrinks again. */
static void bound_heap(void) {
	enum { MAPPED_FROM = 1024 * 1024 };
	mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
	mallopt(M_TRIM_THRESHOLD, MAPPED_FROM);
}

static int start(struct node *node) {
	const struct config_node *c = config_node(node->config);
	bound_heap();
	if (probe_all(c))
		return 1;
	name_node(node);
	node->relay.config = node->config;
	node->relay.role = node->role->relay_role;
	node->relay.incarnation = (uint64_t)clock_wall_us();
	registry_shared_init(&node->registry, node->config, node->relay.id, node->role->name, node->relay.incarnation);
	node->registry.unusable = on_unusable;
	logger_configure((enum log_level)c->logging_level, (enum log_format)c->logging_format, node->role->name,
	                 node->relay.id);
	return run(node);
}

/* --- the command line --- */

static void print(FILE *to, struct buffer *b) {
	if (b->size)
		fwrite(b->block->data, 1, b->size, to);
	buffer_fini(b);
}

static int act(struct node *node, const struct options *o, const char *program, struct buffer *why) {
	struct buffer out;
	struct config_sources from = {.name = o->file, .environment = environ, .overrides = o->overrides};
	buffer_init(&out, 0);
	switch (o->action) {
	case OPTIONS_HELP:
		options_print_help(program, node->role->role, &out);
		break;
	case OPTIONS_VERSION:
		buffer_printf(&out, "weir-%s %s\n", node->role->name, WEIR_VERSION);
		break;
	case OPTIONS_CONFIG_DOCS:
		config_print_markdown(&out);
		break;
	case OPTIONS_CHECK:
	case OPTIONS_RUN:
		if (config_load(&node->config, node->role->role, &from, why))
			return 1;
		if (node_tls_new(&node->tls, config_node(node->config), why))
			return 1;
		if (node->role->read && node->role->read(node, why))
			return 1;
		if (o->action == OPTIONS_RUN)
			return start(node);
		buffer_append_string(&out, "the configuration is right\n");
		break;
	}
	print(stdout, &out);
	return 0;
}

int node_main(int argc, char **argv, const struct node_role *role) {
	struct node node = {.role = role};
	struct options options = {0};
	struct buffer why;
	buffer_init(&why, 0);
	clock_init();
	int status = 2;
	if (options_parse(&options, argc, argv, &why) == 0)
		status = act(&node, &options, argv[0], &why);
	print(stderr, &why);
	options_fini(&options);
	if (node.shared)
		role->dispose(&node);
	tls_free(&node.tls);
	config_free(&node.config);
	return status;
}

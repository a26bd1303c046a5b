#include "tests/unit/common/registry/registry_nodes.h"

#include "common/base/clock.h"
#include "tests/unit/common/loop/support.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

static struct node {
	struct workers *group;
	struct config *config;
	struct registry_shared shared;
	struct registry *registry;
	struct registry_role role;
	struct news news;
	char overrides[NODE_OVERRIDES][200];
} nodes[NODES];

static void on_lost(void *context, const struct stream_name *name, uint64_t epoch, const char *holder) {
	struct node *n = context;
	(void)name;
	(void)epoch;
	(void)holder;
	atomic_fetch_add(&n->news.lost, 1);
}

static void on_changed(void *context, const struct stream_name *name, uint64_t epoch) {
	struct node *n = context;
	(void)name;
	atomic_store(&n->news.changed_epoch, epoch);
	atomic_fetch_add(&n->news.changed, 1);
}

static void on_nodes(void *context, const struct registry_node *list, size_t count) {
	struct node *n = context;
	(void)list;
	atomic_store(&n->news.listed, (int)count);
}

static void on_finished(void *context, const struct stream_name *name, uint64_t epoch, enum registry_run run) {
	struct node *n = context;
	(void)name;
	(void)epoch;
	atomic_store(&n->news.run, (int)run);
	atomic_fetch_add(&n->news.finished, 1);
}

static int start(struct worker *w, void *context) {
	struct node *n = context;
	struct registry_role role = {.ask = n->role.ask,
	                             .lost = on_lost,
	                             .changed = on_changed,
	                             .finished = on_finished,
	                             .nodes = on_nodes,
	                             .context = n};
	return registry_new(&n->registry, w, &n->shared, &role);
}

static void stop(struct worker *w, void *context) {
	struct node *n = context;
	(void)w;
	if (n->registry)
		registry_stop(n->registry);
}

static void fini(struct worker *w, void *context) {
	(void)w;
	registry_free(&((struct node *)context)->registry);
}

static const struct worker_hooks hooks = {.start = start, .stop = stop, .fini = fini};

static void begin(int i) {
	static uint64_t incarnation = 1000;
	struct node *n = &nodes[i];
	char id[16], *list[NODE_OVERRIDES + 1] = {NULL};
	struct buffer why;
	buffer_init(&why, 0);
	for (size_t k = 0; k < NODE_OVERRIDES && *n->overrides[k]; k++)
		list[k] = n->overrides[k];
	snprintf(id, sizeof id, "node%d", i);
	cr_assert_eq(config_parse(&n->config, CONFIG_ORIGIN, &(struct config_sources){.overrides = list}, &why), 0, "%.*s",
	             (int)why.size, why.block ? (char *)why.block->data : "");
	registry_shared_init(&n->shared, n->config, id, "origin", ++incarnation);
	cr_assert_eq(workers_start(&n->group, 1, &hooks, n), 0);
	buffer_fini(&why);
}

void node_start(int i, const char *const overrides[NODE_OVERRIDES]) {
	clock_init();
	memset(nodes[i].overrides, 0, sizeof nodes[i].overrides);
	memset(&nodes[i].news, 0, sizeof nodes[i].news);
	for (size_t k = 0; k < NODE_OVERRIDES && overrides[k]; k++)
		snprintf(nodes[i].overrides[k], sizeof nodes[i].overrides[k], "%s", overrides[k]);
	begin(i);
}

void node_stop(int i) {
	cr_assert_eq(workers_stop(&nodes[i].group, 5000), 0);
	config_free(&nodes[i].config);
}

void node_restart(int i) {
	node_stop(i);
	begin(i);
}

struct news *node_news(int i) {
	return &nodes[i].news;
}

void node_set_ask(int i, void (*ask)(void *context, const struct stream_name *name, registry_locate_fn answer,
                                     void *answer_context)) {
	nodes[i].role.ask = ask;
}

struct job {
	struct node *node;
	void (*fn)(struct registry *r, void *context);
	void *context;
	_Atomic int done;
};

static void run_job(struct worker *w, void *context) {
	struct job *j = context;
	(void)w;
	j->fn(j->node->registry, j->context);
	atomic_fetch_add(&j->done, 1);
}

void on_node(int i, void (*fn)(struct registry *r, void *context), void *context) {
	struct job j = {.node = &nodes[i], .fn = fn, .context = context};
	call_on(workers_at(nodes[i].group, 0), run_job, &j);
	wait_for_count(&j.done, 1);
}

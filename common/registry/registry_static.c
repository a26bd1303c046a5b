/*
 * registry_static.c: the map without a map. An origin knows its own streams, in memory and in its state_dir; an edge
 * asks every origin, and the newest epoch wins.
 */
#include "common/registry/registry_parts.h"
#include "common/registry/state.h"

#include "common/base/clock.h"
#include "common/base/logger.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { FORGET_AFTER_S = 86400 };

struct registry_static {
	struct registry base; /* first */
	struct state_file *file;
};

static struct registry_static *static_of(struct registry *r) {
	return (struct registry_static *)r;
}

static void touch(struct registry *r) {
	if (static_of(r)->file)
		state_file_touch(static_of(r)->file);
}

static void on_claim(struct registry *r, struct claiming *c) {
	claim_by_peers(r, c); /* its epoch goes into the file with the first progress */
}

static void on_change(struct registry *r, struct record *k) {
	(void)k;
	touch(r);
}

static void on_locate(struct registry *r, struct search *s) {
	(void)r;
	search_peers(s);
}

static bool is_up(const struct registry *r, const char **why, bool *ever) {
	(void)r;
	*why = NULL;
	*ever = true;
	return true;
}

/* --- the state file --- */

static void collect(void *context, struct buffer *out) {
	struct registry *r = context;
	struct record *k, *next;
	HASH_ITER(hh, r->records, k, next) {
		state_write_record(out, &(struct state_record){k->name, k->state});
	}
}

static void on_record(void *context, const struct state_record *from) {
	struct registry *r = context;
	const struct stream_name *name = &from->name;
	registry_note_epoch(r->shared, from->state.epoch);
	if (workers_home(r->worker->group, name_hash(name->text, strlen(name->text))) != r->worker ||
	    from->state.wall_us < clock_wall_us() - (int64_t)FORGET_AFTER_S * 1000000)
		return;
	struct record *k = record_get(r, name);
	if (k && from->state.epoch >= k->state.epoch)
		k->state = from->state;
}

int registry_static_start(struct registry *r) {
	const char *dir = config_node(r->shared->config)->node_state_dir;
	if (!*dir)
		return 0;
	int err = state_read(dir, on_record, r);
	if (err) {
		log_error("node.state_dir cannot be used", log_str("dir", dir), log_err(err));
		return err;
	}
	static_of(r)->file = state_file_new(r->worker, dir, collect, r);
	return static_of(r)->file ? 0 : UV_ENOMEM;
}

/* --- life --- */

static void on_stop(struct registry *r) {
	state_file_free(&static_of(r)->file);
}

static void on_free(struct registry *r) {
	free(static_of(r));
}

static const struct registry_backend backend = {.claim = on_claim,
                                                .progress = on_change,
                                                .release = on_change,
                                                .yield = on_change,
                                                .locate = on_locate,
                                                .up = is_up,
                                                .stop = on_stop,
                                                .free = on_free};

int registry_static_new(struct registry **out) {
	struct registry_static *s = calloc(1, sizeof *s);
	if (!s)
		return UV_ENOMEM;
	s->base.backend = &backend;
	*out = &s->base;
	return 0;
}

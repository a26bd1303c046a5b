/*
 * main.c of weir-origin: takes streams in by RTMP and serves them to edges over the relay.
 */
#include "origin/announce.h"
#include "origin/api_switch.h"
#include "origin/ingest.h"
#include "origin/messages.h"
#include "origin/origin.h"
#include "origin/replica.h"
#include "origin/replicas.h"
#include "origin/slate_file.h"

#include "common/control/ask.h"

/* --- the API --- */

static json_t *describe_timeline(const struct timeline_counts *c) {
	const struct {
		const char *name;
		uint64_t count;
	} rows[] = {
	    {"frames", c->frames},       {"dropped", c->dropped},
	    {"splices", c->splices},     {"discontinuities", c->discontinuities},
	    {"moved", c->moved},         {"compositions", c->compositions},
	    {"regridded", c->regridded}, {"nudged", c->nudged},
	    {"marks", c->marks},         {"forced_marks", c->forced_marks},
	    {"gaps", c->gaps},           {"progress", c->progress},
	    {"anchors", c->anchors},
	};
	json_t *object = json_object();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		json_object_set_new(object, rows[i].name, json_integer((json_int_t)rows[i].count));
	return object;
}

static json_t *describe_standby(const struct standby_info *i) {
	if (!i->remote)
		return json_null();
	json_t *o =
	    json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "remote", i->remote, "session", i->session, "protocol", i->protocol,
	              "seat", i->primary ? "primary" : "backup", "healthy", i->healthy, "aligned", i->aligned);
	if (i->aligned)
		json_object_set_new(o, "offset_ms", json_integer(i->offset_ms));
	else
		json_object_set_new(o, "why", json_string(i->why_not));
	return o;
}

static void describe_stream(struct stream *s, json_t *object) {
	struct ingest_info info;
	ingest_describe(s, &info);
	json_t *warnings = json_array();
	for (size_t i = 0; i < info.warning_count; i++)
		json_array_append_new(warnings, json_pack("{s:s, s:I}", "what", info.warnings[i].what, "count",
		                                          (json_int_t)info.warnings[i].count));
	const char *owner = replica_owner(s);
	json_object_set_new(object, "role", json_string(owner ? "replica" : "owner"));
	if (owner)
		json_object_set_new(object, "owner", json_pack("{s:s, s:s}", "node", owner, "state", replica_state(s)));
	else
		json_object_set_new(object, "replicas", replicas_describe(info.replicas));
	json_object_set_new(object, "warnings", warnings);
	json_object_set_new(object, "timeline", describe_timeline(&info.counts));
	if (info.publisher)
		json_object_set_new(
		    object, "publisher",
		    json_pack("{s:s, s:s, s:s}", "remote", info.publisher, "session", info.session, "protocol", info.protocol));
	if (!info.backup)
		return;
	json_object_set_new(object, "standby", describe_standby(&info.standby));
	if (info.publisher)
		json_object_set_new(json_object_get(object, "publisher"), "seat",
		                    json_string(info.standby.holder_primary ? "primary" : "backup"));
}

static void list_sessions(struct worker *w, json_t *array) {
	rtmp_server_each(&node_worker_of(w)->rtmp, admin_add_rtmp_session, array);
}

static void add_link(const struct link *l, void *context) {
	static const char *const roles[] = {"", "origin", "edge", "worker"};
	admin_add_node(context, l->peer, l->peer_role <= 3 ? roles[l->peer_role] : "", l->remote, "up", NULL);
}

static void list_nodes(struct worker *w, json_t *array) {
	struct node_worker *n = node_worker_of(w);
	admin_add_self(array, w, n->node->relay.id, "origin", config_node(n->node->config)->relay_listen);
	list_each (node, &origin_of(w)->peers.known) {
		const struct peer *peer = list_entry(node, struct peer, node);
		const struct upstream *u = peer->upstream;
		if (u && !u->is_self)
			admin_add_node(array, peer->id, "origin", peer->address,
			               u->up ? peer->draining ? "draining" : "up" : "down", u->up ? NULL : u->why);
	}
	relay_server_each(&n->relay, add_link, array);
	admin_add_map(array, origin_of(w)->registry);
}

static void list_missing(struct worker *w, json_t *missing, json_t *warnings) {
	admin_add_registry(missing, warnings, origin_of(w)->registry);
}

static const struct admin_providers providers = {
    .stream = describe_stream, .sessions = list_sessions, .nodes = list_nodes, .not_ready = list_missing};

/* --- life --- */

static void on_lost(void *context, const struct stream_name *name, uint64_t epoch, const char *holder) {
	struct origin *o = context;
	ingest_lost(o->base.worker, name, epoch, holder);
}

static void on_nodes(void *context, const struct registry_node *nodes, size_t count) {
	peers_nodes(&((struct origin *)context)->peers, nodes, count);
}

static void ask_peers(void *context, const struct stream_name *name, registry_locate_fn answer, void *answer_context) {
	ask_linked(&((struct origin *)context)->peers.pool, name, answer, answer_context);
}

/* Every worker has a link, and each hears of all streams: the home's is enough. */
static void on_announce(struct peers *p, const struct stream_name *name, uint64_t epoch, const char *node) {
	struct origin *o = p->owner;
	registry_note_epoch(&o->base.node->registry, epoch);
	if (stream_home(o->base.worker, name) != o->base.worker)
		return;
	ingest_newer(o->base.worker, name, epoch, node);
	heirs_heard(&o->heirs, name, epoch, node);
	replica_newer(o, name, epoch, node);
}

/* A hint of the map, who not being known. What we own it settles itself (on_lost). */
static void on_changed(void *context, const struct stream_name *name, uint64_t epoch) {
	struct origin *o = context;
	if (stream_home(o->base.worker, name) == o->base.worker)
		replica_newer(o, name, epoch, NULL);
	if (!epoch) /* it is over */
		heirs_forget(&o->heirs, name, UINT64_MAX);
}

static void on_finished(void *context, const struct stream_name *name, uint64_t epoch, enum registry_run run) {
	replica_finished(context, name, epoch, run);
}

static const struct peers_ops peers_ops = {.on_announce = on_announce};

static int read_files(struct node *node, struct buffer *why) {
	struct slate_files *slates = NULL;
	int err = slate_files_read(&slates, node->config, why);
	node->shared = slates;
	return err;
}

static void dispose(struct node *node) {
	struct slate_files *slates = node->shared;
	slate_files_free(&slates);
	node->shared = NULL;
}

/* Streams are held elsewhere too, or could be held here; or only the others can say that a name is theirs. */
static bool app_needs_others(const struct config *c, const struct config_app *app) {
	bool no_map = config_node(c)->registry_backend == CONFIG_BACKEND_STATIC;
	return app->stream_replicas > 0 || (no_map && app->ingest_second != CONFIG_SECOND_TAKEOVER);
}

static bool needs_others(const struct config *c) {
	const struct config_app *app = config_app(c, "", 0);
	bool needs = app_needs_others(c, app);
	for (size_t i = 0; config_app_name(c, i, &app); i++)
		needs = needs || app_needs_others(c, app);
	return needs;
}

static int start(struct node_worker *n) {
	struct origin *o = (struct origin *)n;
	n->rtmp.may_publish = true;
	n->rtmp.play_refusal = "an origin takes streams in; play from an edge";
	n->relay.take_publishers = true;
	n->relay.greet = origin_greet;
	api_switch_init(&n->http);
	n->relay.on_message = origin_on_message;
	struct registry_role callbacks = {.ask = ask_peers,
	                                  .lost = on_lost,
	                                  .changed = on_changed,
	                                  .finished = on_finished,
	                                  .nodes = on_nodes,
	                                  .context = o};
	int err = peers_init(&o->peers, n->worker, &n->node->relay, &peers_ops, o);
	if (!err && needs_others(n->node->config))
		peers_open(&o->peers);
	if (!err)
		heirs_init(&o->heirs, o);
	return err ? err : registry_new(&o->registry, n->worker, &n->node->registry, &callbacks);
}

static void stop(struct node_worker *n) {
	struct origin *o = (struct origin *)n;
	if (o->registry)
		registry_stop(o->registry);
	heirs_stop(&o->heirs);
	peers_stop(&o->peers);
}

static void fini(struct node_worker *n) {
	struct origin *o = (struct origin *)n;
	peers_fini(&o->peers);
	registry_free(&o->registry);
}

static void on_ended(struct stream *s) {
	ingest_ended(s);
	replica_ended(s);
}

static const struct streams_ops streams = {.ended = on_ended,
                                           .told_number = ingest_told_number,
                                           .publish = ingest_publish,
                                           .samples = ingest_samples,
                                           .unpublish = ingest_unpublish};

static const struct node_role role = {.name = "origin",
                                      .role = CONFIG_ORIGIN,
                                      .relay_role = WEIR__RELAY__ROLE__ROLE_ORIGIN,
                                      .worker_size = sizeof(struct origin),
                                      .streams = &streams,
                                      .providers = &providers,
                                      .read = read_files,
                                      .dispose = dispose,
                                      .start = start,
                                      .stop = stop,
                                      .fini = fini};

int main(int argc, char **argv) {
	return node_main(argc, argv, &role);
}

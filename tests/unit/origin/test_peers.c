/* An origin's links to others: to a node that serves, on one worker. */
#include "origin/peers.h"
#include "tests/unit/common/relay/serving.h"

#include <string.h>

static struct config *peers_config;
static struct relay_node peers_self;
static struct peers peers;
static const char *self_id, *backend;
static struct peer_link near_link, far_link;
static struct peer_watch watch;
static _Atomic int ups, downs, changes, done;

static void on_up(struct peer_link *l) {
	cr_expect_not_null(l->upstream);
	cr_expect(l->upstream->up);
	atomic_fetch_add(&ups, 1);
}

static void on_down(struct peer_link *l) {
	cr_expect_null(l->upstream);
	atomic_fetch_add(&downs, 1);
}

static const struct peer_link_ops link_ops = {.on_up = on_up, .on_down = on_down};

static void on_announce(struct peers *p, const struct stream_name *what, uint64_t epoch, const char *node) {
	(void)p;
	(void)what;
	(void)epoch;
	(void)node;
}

static const struct peers_ops peers_ops = {.on_announce = on_announce};

static void on_change(struct peer_watch *w) {
	cr_expect_eq(w, &watch);
	atomic_fetch_add(&changes, 1);
}

static int start_peers(struct worker *w) {
	char origins[200], backend_text[64];
	struct buffer why;
	snprintf(origins, sizeof origins, "registry.origins=127.0.0.1:1950,%s", address);
	snprintf(backend_text, sizeof backend_text, "registry.backend=%s", backend);
	const char *overrides[] = {"relay.secret=hush", "relay.listen=127.0.0.1:1950", origins, backend_text, NULL};
	buffer_init(&why, 0);
	int err = config_parse(&peers_config, CONFIG_ORIGIN,
	                       &(struct config_sources){.overrides = (char *const *)overrides}, &why);
	buffer_fini(&why);
	peers_self = (struct relay_node){.config = peers_config, .role = WEIR__RELAY__ROLE__ROLE_ORIGIN};
	snprintf(peers_self.id, sizeof peers_self.id, "%s", self_id);
	return err ? err : peers_init(&peers, w, &peers_self, &peers_ops, NULL);
}

static void stop_peers(void) {
	peer_link_close(&near_link);
	peer_link_close(&far_link);
	peers_stop(&peers);
}

static void fini_peers(void) {
	peers_fini(&peers);
}

static const struct serving_client peers_client = {.start = start_peers, .stop = stop_peers, .fini = fini_peers};

static void begin(const char *id, const char *with_backend) {
	self_id = id;
	backend = with_backend;
	serving_init(&peers_client);
}

static void fini(void) {
	serving_fini();
	config_free(&peers_config);
}

TestSuite(peers, .fini = fini, .timeout = 60);

/* Runs `fn` on the worker and waits until it has. */
static void on_worker(void (*fn)(struct worker *w, void *context)) {
	atomic_store(&done, 0);
	call_on(workers_at(group, 0), fn, NULL);
	wait_for_count(&done, 1);
}

static void need_both(struct worker *w, void *context) {
	(void)w;
	(void)context;
	cr_expect(list_empty(&peers.pool.upstreams), "nothing is linked that nobody needs");
	peer_watch_begin(&watch, &peers, on_change);
	peer_link_open(&near_link, &peers, "server", NULL, &link_ops);
	peer_link_open(&far_link, &peers, "nobody", NULL, &link_ops);
	atomic_fetch_add(&done, 1);
}

static void check_near(struct worker *w, void *context) {
	(void)w;
	(void)context;
	cr_expect_not_null(near_link.upstream);
	cr_expect_null(far_link.upstream);
	cr_expect_eq(peers_find(&peers, "server")->upstream, near_link.upstream);
	cr_expect_null(peers_find(&peers, "nobody"));
	atomic_fetch_add(&done, 1);
}

Test(peers, a_listed_origin_is_linked_when_needed_and_known_by_its_id) {
	begin("client", "static");
	on_worker(need_both);
	wait_for_count(&ups, 1);
	on_worker(check_near);
	wait_for_count(&changes, 1);
	cr_assert_eq(ups, 1);
	cr_assert_eq(downs, 0);
}

static void lose_near(struct worker *w, void *context) {
	(void)w;
	(void)context;
	link_close(near_link.upstream->link, "a test");
	atomic_fetch_add(&done, 1);
}

Test(peers, a_lost_link_is_told_and_comes_back) {
	begin("client", "static");
	on_worker(need_both);
	wait_for_count(&ups, 1);
	on_worker(lose_near);
	cr_assert_eq(downs, 1);
	wait_for_count(&ups, 2);
	on_worker(check_near);
}

static _Atomic int found_itself;

static void look_for_itself(struct worker *w, void *context) {
	(void)w;
	(void)context;
	list_each (node, &peers.known) {
		const struct peer *peer = list_entry(node, struct peer, node);
		cr_expect(!peer_up(peer));
		if (peer->upstream && peer->upstream->is_self)
			atomic_store(&found_itself, 1);
	}
	atomic_fetch_add(&done, 1);
}

Test(peers, an_origin_that_finds_itself_in_the_list_leaves_itself_out) {
	begin("server", "static");
	on_worker(need_both);
	for (int i = 0; i < 10000 && !atomic_load(&found_itself); i++)
		on_worker(look_for_itself);
	cr_assert(atomic_load(&found_itself));
	cr_assert_eq(ups, 0);
}

static void list_all(struct worker *w, void *context) {
	const struct registry_node nodes[] = {{.id = "client", .role = "origin", .address = "127.0.0.1:1", .zone = ""},
	                                      {.id = "server", .role = "origin", .address = address, .zone = ""},
	                                      {.id = "gone", .role = "origin", .address = "127.0.0.1:2", .zone = ""},
	                                      {.id = "edge", .role = "edge", .address = "127.0.0.1:3", .zone = ""}};
	(void)w;
	(void)context;
	peers_nodes(&peers, nodes, 4);
	cr_expect_null(peers_find(&peers, "client"), "not itself");
	cr_expect_null(peers_find(&peers, "edge"));
	cr_expect_not_null(peers_find(&peers, "gone"));
	cr_expect_null(peers_find(&peers, "gone")->upstream, "nobody needs it");
	peers_nodes(&peers, nodes, 2);
	cr_expect_null(peers_find(&peers, "gone"));
	atomic_fetch_add(&done, 1);
}

static void list_nobody(struct worker *w, void *context) {
	(void)w;
	(void)context;
	peers_nodes(&peers, NULL, 0);
	cr_expect_not_null(peers_find(&peers, "server"), "its link is up: the map may be wrong");
	atomic_fetch_add(&done, 1);
}

Test(peers, an_origin_that_the_map_tells_of_later_is_linked_then) {
	begin("client", "redis");
	on_worker(need_both);
	on_worker(list_all);
	wait_for_count(&ups, 1);
	on_worker(check_near);
	on_worker(list_nobody);
	cr_assert_eq(downs, 0);
}

static void drain_near(struct worker *w, void *context) {
	(void)w;
	(void)context;
	relay_server_drain(&server, 1000);
	atomic_fetch_add(&done, 1);
}

static _Atomic int found_draining;

static void look_for_draining(struct worker *w, void *context) {
	(void)w;
	(void)context;
	atomic_store(&found_draining, peers_find(&peers, "server")->draining);
	atomic_fetch_add(&done, 1);
}

Test(peers, an_origin_that_says_that_it_drains_is_known_to_without_a_map) {
	begin("client", "static");
	on_worker(need_both);
	wait_for_count(&ups, 1);
	on_worker(look_for_draining);
	cr_assert(!atomic_load(&found_draining));
	on_worker(drain_near);
	for (int i = 0; i < 10000 && !atomic_load(&found_draining); i++)
		on_worker(look_for_draining);
	cr_assert(atomic_load(&found_draining));
	cr_assert_eq(downs, 0);
}

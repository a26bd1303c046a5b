/*
 * test_redis_nodes.c: what nodes say of themselves in Redis, and hear of each other.
 */
#include "tests/unit/common/loop/support.h"
#include "tests/unit/common/registry/redis_server.h"

#include <stdio.h>
#include <string.h>

/* --- what a node's registry lists --- */

/* What node `on` hears of the node `id`. */
struct sight {
	const char *id;
	bool listed;
	char address[64], http_address[64], region[64];
	enum registry_node_state state;
	uint64_t incarnation;
	struct registry_load load;
};

static void look_at(void *context, const struct registry_node *n) {
	struct sight *s = context;
	if (strcmp(n->id, s->id) != 0)
		return;
	s->listed = true;
	snprintf(s->address, sizeof s->address, "%s", n->address);
	snprintf(s->http_address, sizeof s->http_address, "%s", n->http_address);
	snprintf(s->region, sizeof s->region, "%s", n->region);
	s->state = n->state;
	s->incarnation = n->incarnation;
	s->load = n->load;
}

static void look(struct registry *r, void *context) {
	registry_each_node(r, look_at, context);
}

static struct sight sight_of(int on, const char *id) {
	struct sight s = {.id = id};
	on_node(on, look, &s);
	return s;
}

static void wait_for_state(int on, const char *id, enum registry_node_state state) {
	for (int i = 0; i < WAIT_MAX_MS && sight_of(on, id).state != state; i++)
		pause_ms(1);
	cr_assert_eq(sight_of(on, id).state, state);
}

static void drain(struct registry *r, void *context) {
	registry_set_draining(registry_shared_of(r), *(bool *)context);
}

static void set_draining(int node, bool draining) {
	on_node(node, drain, &draining);
}

/* --- tests --- */

Test(redis_nodes, a_node_says_where_it_is) {
	redis_nodes_open();
	struct sight s = sight_of(1, "node0");
	cr_assert(s.listed);
	cr_assert_str_eq(s.address, "127.0.0.1:40001");
	cr_assert_str_eq(s.http_address, "127.0.0.1:40080", "of every address, the one that Redis is reached from");
	cr_assert_str_eq(s.region, "region0");
	cr_assert_eq(s.state, REGISTRY_NODE_UP);
	cr_assert_neq(s.incarnation, 0);
	redis_nodes_close();
}

static void find_by_address(struct registry *r, void *context) {
	const struct registry_node *n = registry_node_at(r, "127.0.0.1:40002");
	*(bool *)context = n && strcmp(n->id, "node1") == 0 && !registry_node_at(r, "127.0.0.1:40003");
}

Test(redis_nodes, a_node_is_found_by_its_relay_address) {
	bool found = false;
	redis_nodes_open();
	on_node(0, find_by_address, &found);
	cr_assert(found);
	redis_nodes_close();
}

Test(redis_nodes, a_node_that_drains_says_so_at_once) {
	redis_nodes_open();
	set_draining(0, true);
	wait_for_state(1, "node0", REGISTRY_NODE_DRAINING);
	wait_for_state(0, "node0", REGISTRY_NODE_DRAINING);
	cr_assert_eq(sight_of(1, "node1").state, REGISTRY_NODE_UP);
	set_draining(0, false);
	wait_for_state(1, "node0", REGISTRY_NODE_UP);
	redis_nodes_close();
}

Test(redis_nodes, a_drain_while_redis_is_away_is_told_when_it_is_back) {
	redis_nodes_open();
	server_stop();
	wait_until_up(0, false);
	set_draining(0, true);
	cr_assert(sight_of(1, "node0").listed, "what the map said last is known while it is away");
	server_start();
	wait_for_state(1, "node0", REGISTRY_NODE_DRAINING);
	redis_nodes_close();
}

static int published_within(redisContext *c, int ms) {
	redisReply *r = NULL;
	redisSetTimeout(c, (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
	int err = redisGetReply(c, (void **)&r);
	if (r)
		freeReplyObject(r);
	return err == REDIS_OK;
}

/* Two renewals come in that time. */
Test(redis_nodes, a_renewal_alone_is_no_news) {
	redis_nodes_open();
	redisContext *c = server_connect();
	server_command(c, "SUBSCRIBE weir:changes");
	cr_assert_not(published_within(c, 2200));
	redisFree(c);
	redis_nodes_close();
}

/* Everybody reads the whole list then. */
Test(redis_nodes, nodes_that_find_the_map_empty_do_not_tell_each_other_one_by_one) {
	redis_nodes_open();
	server_stop();
	wait_until_up(0, false);
	wait_until_up(1, false);
	server_start();
	for (int i = 0; i < WAIT_MAX_MS && server_number("ZCARD weir:nodes") != NODES; i++)
		pause_ms(1);
	cr_assert_eq(server_number("ZCARD weir:nodes"), NODES);
	cr_assert_eq(server_calls("publish"), NODES, "each tried once whether it may, and told nobody");
	node_restart(1);
	for (int i = 0; i < WAIT_MAX_MS && server_calls("publish") <= NODES + 1; i++)
		pause_ms(1);
	cr_assert_gt(server_calls("publish"), NODES + 1, "one that has just come says so");
	redis_nodes_close();
}

static void warned(struct registry *r, void *context) {
	*(bool *)context = registry_warning(r) != NULL;
}

static void wait_for_warning(int node, bool want) {
	bool is = !want;
	for (int i = 0; i < WAIT_MAX_MS && is != want; i++) {
		on_node(node, warned, &is);
		if (is != want)
			pause_ms(1);
	}
	cr_assert_eq(is, want);
}

Test(redis_nodes, of_two_processes_with_one_id_the_map_has_the_younger) {
	redis_nodes_open();
	redisContext *c = server_connect();
	uint64_t own = sight_of(0, "node0").incarnation;
	server_command(c, "HSET weir:node:node0 incarnation 1");
	for (int i = 0; i < WAIT_MAX_MS && server_number("HSTRLEN weir:node:node0 incarnation") == 1; i++)
		pause_ms(1);
	cr_assert_gt(server_number("HSTRLEN weir:node:node0 incarnation"), 1, "an older one is replaced");
	wait_for_warning(0, false);
	server_command(c, "HSET weir:node:node0 incarnation 99999999");
	wait_for_warning(0, true);
	cr_assert_eq(server_number("HSTRLEN weir:node:node0 incarnation"), 8, "the younger one's is not touched");
	server_command(c, "DEL weir:node:node0");
	wait_for_warning(0, false);
	for (int i = 0; i < WAIT_MAX_MS && sight_of(1, "node0").incarnation != own; i++)
		pause_ms(1);
	cr_assert_eq(sight_of(1, "node0").incarnation, own, "when that is gone, it is in the map again");
	redisFree(c);
	redis_nodes_close();
}

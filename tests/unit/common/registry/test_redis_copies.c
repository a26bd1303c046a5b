/* Copies of streams in the map: who holds them, and the end of a run whose owner is gone. */
#include "tests/unit/common/loop/support.h"
#include "tests/unit/common/registry/redis_server.h"
#include "tests/unit/common/registry/registry_contract.h"

#include <stdio.h>
#include <string.h>

static const struct stream_name name = {.text = "live/cam1"};

static void hold(struct registry *r, void *context) {
	registry_replicas(r, &name, *(uint64_t *)context, "node1\nnode 2\n");
}

static struct {
	_Atomic int answered;
	bool found;
	char replicas[64];
} located;

static void on_located(void *context, const struct registry_location *l) {
	(void)context;
	located.found = l->found;
	snprintf(located.replicas, sizeof located.replicas, "%s", l->replicas ? l->replicas : "(null)");
	atomic_fetch_add(&located.answered, 1);
}

static void locate(struct registry *r, void *context) {
	(void)context;
	registry_hint(r, &name);
	registry_locate(r, &name, on_located, NULL);
}

static bool is_told(const char *replicas) {
	for (int i = 0; i < 1000; i++) {
		atomic_store(&located.answered, 0);
		on_node(1, locate, NULL);
		wait_for_count(&located.answered, 1);
		if (located.found && strcmp(located.replicas, replicas) == 0)
			return true;
		pause_ms(2);
	}
	return false;
}

TestSuite(redis_copies, .init = redis_nodes_open, .fini = redis_nodes_close, .timeout = 60);

Test(redis_copies, the_map_tells_who_holds_them_until_another_owner_comes) {
	struct registry_claim first = claim_on(0);
	on_node(0, hold, &first.epoch);
	cr_assert(is_told("node1\nnode 2\n"), "%s", located.replicas);
	struct registry_claim second = claim_on(0);
	on_node(0, hold, &first.epoch);
	progress_on(0, second.epoch, 3, false);
	cr_assert(is_told(""), "an older epoch's copies are told: %s", located.replicas);
}

static void finish(struct registry *r, void *context) {
	registry_finish(r, &name, *(uint64_t *)context);
}

/* What node 1 hears of a run of that epoch. */
static enum registry_run asked(uint64_t epoch) {
	struct news *n = node_news(1);
	int before = atomic_load(&n->finished);
	on_node(1, finish, &epoch);
	wait_for_count(&n->finished, before + 1);
	return (enum registry_run)atomic_load(&n->run);
}

Test(redis_copies, a_run_goes_on_while_its_owner_is_there) {
	struct registry_claim c = claim_on(0);
	cr_assert_eq(asked(c.epoch), REGISTRY_RUN_OWNED);
	cr_assert_eq(asked(c.epoch - 1), REGISTRY_RUN_ELSEWHERE);
}

Test(redis_copies, the_run_of_an_owner_that_is_gone_ends_once) {
	struct registry_claim c = claim_on(0);
	redisContext *redis = server_connect();
	progress_on(0, c.epoch, 3, false);
	server_command(redis, "HSET weir:stream:live/cam1 origin nobody");
	cr_assert_eq(asked(c.epoch), REGISTRY_RUN_OVER);
	wait_for_count(&node_news(0)->changed, 1);
	cr_assert_eq(node_news(0)->changed_epoch, 0, "who holds another copy hears of it");
	redisFree(redis);
}

Test(redis_copies, without_redis_a_run_that_cannot_be_asked_for_is_over) {
	struct registry_claim c = claim_on(0);
	server_stop();
	wait_until_up(1, false);
	cr_assert_eq(asked(c.epoch), REGISTRY_RUN_OVER);
	server_start();
	wait_until_up(0, true);
	wait_until_up(1, true);
}

/*
 * test_registry_redis.c: the contract against a real redis-server, and what happens when it hangs, dies and comes back
 * empty, or holds what is none of ours. Each test has a server of its own.
 */
#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "tests/unit/common/loop/support.h"
#include "tests/unit/common/registry/redis_server.h"
#include "tests/unit/common/registry/registry_contract.h"

#include <stdio.h>
#include <stdlib.h>

static const struct stream_name name = {.text = "live/cam1"};

REGISTRY_CONTRACT(registry_redis, redis_nodes_open, redis_nodes_close)

/* --- locate --- */

struct locating {
	_Atomic int answered;
	bool found;
	uint64_t epoch;
	char address[64];
};

static void on_located(void *context, const struct registry_location *l) {
	struct locating *k = context;
	k->found = l->found;
	k->epoch = l->epoch;
	snprintf(k->address, sizeof k->address, "%s", l->address ? l->address : "");
	atomic_fetch_add(&k->answered, 1);
}

static void begin_locate(struct registry *r, void *context) {
	registry_hint(r, &name); /* forget that it was not there */
	registry_locate(r, &name, on_located, context);
}

static struct locating locate_on(int node) {
	struct locating k = {0};
	on_node(node, begin_locate, &k);
	wait_for_count(&k.answered, 1);
	return k;
}

/* Until the map says that epoch, for at most two seconds. */
static void wait_for_epoch(int node, uint64_t epoch) {
	for (int i = 0; i < 400; i++) {
		struct locating k = locate_on(node);
		if (k.found && k.epoch == epoch)
			return;
		pause_ms(5);
	}
	cr_assert_fail("the map did not come to know the epoch");
}

Test(registry_redis, another_node_finds_the_owner_by_its_address) {
	redis_nodes_open();
	cr_assert_not(locate_on(1).found);
	uint64_t epoch = claim_on(0).epoch;
	struct locating k = locate_on(1);
	cr_assert(k.found);
	cr_assert_eq(k.epoch, epoch);
	cr_assert_str_eq(k.address, "127.0.0.1:40001");
	release_on(0, epoch);
	for (int i = 0; i < 1000 && locate_on(1).found; i++)
		pause_ms(1);
	cr_assert_not(locate_on(1).found);
	redis_nodes_close();
}

/* --- two nodes, one name --- */

Test(registry_redis, a_claim_elsewhere_takes_the_name_and_the_holder_is_told) {
	redis_nodes_open();
	struct registry_claim first = claim_by(0, "10.0.0.1:1", -1);
	progress_on(0, first.epoch, 50, false);
	struct registry_claim second = claim_by(1, "10.0.0.1:2", -1);
	cr_assert_gt(second.epoch, first.epoch);
	cr_assert_eq(second.previous.number, 50, "the run goes on");
	wait_for_count(&node_news(0)->lost, 1);
	cr_assert_eq(node_news(1)->lost, 0);
	progress_on(0, first.epoch, 51, false);
	cr_assert_eq(locate_on(0).epoch, second.epoch, "the old owner wrote into the map");
	redis_nodes_close();
}

/* Else its run would be taken for one of long ago, or of the future. */
Test(registry_redis, how_long_ago_a_run_was_told_does_not_go_by_its_owners_clock) {
	static const int64_t wrong_s[] = {-3600, 3600};
	redis_nodes_open();
	for (int i = 0; i < 2; i++) {
		char set[120];
		struct registry_claim first = claim_by(i, "10.0.0.1:1", -1);
		progress_on(i, first.epoch, 50, false);
		int64_t told_us = clock_wall_us();
		redisContext *c = server_connect();
		snprintf(set, sizeof set, "HSET weir:stream:live/cam1 wall_us %lld",
		         (long long)(told_us + wrong_s[i] * 1000000));
		server_command(c, set);
		redisFree(c);
		struct registry_claim second = claim_by(!i, "10.0.0.1:2", -1);
		cr_assert_eq(second.previous.number, 50);
		cr_assert_lt(llabs(second.previous.wall_us - told_us), 60 * 1000000);
		release_on(!i, second.epoch);
	}
	redis_nodes_close();
}

Test(registry_redis, a_holder_elsewhere_keeps_its_name_from_other_addresses) {
	redis_nodes_open();
	uint64_t epoch = claim_by(0, "10.0.0.1:1", -1).epoch;
	cr_assert_eq(claim_by(1, "10.0.0.2:1", -1).epoch, 0);
	progress_on(0, epoch, 1, true);
	cr_assert_gt(claim_by(1, "10.0.0.2:1", -1).epoch, epoch, "nobody publishes it any more");
	redis_nodes_close();
}

Test(registry_redis, a_node_that_is_gone_holds_nothing) {
	redis_nodes_open();
	uint64_t epoch = claim_by(0, "10.0.0.1:1", -1).epoch;
	progress_on(0, epoch, 7, false);
	node_stop(0);
	wait_for_count(&node_news(1)->listed, 1);
	struct registry_claim second = claim_by(1, "10.0.0.2:1", -1);
	cr_assert_gt(second.epoch, epoch);
	cr_assert_eq(second.previous.number, 7);
	node_stop(1);
	server_stop();
}

Test(registry_redis, a_dead_owners_name_is_claimed_for_its_gap_once_the_map_misses_the_owner) {
	redis_nodes_open();
	wait_for_count(&node_news(1)->listed, 2);
	uint64_t epoch = claim_by(0, "10.0.0.1:1", -1).epoch;
	progress_on(0, epoch, 7, false);
	struct registry_claim there = claim_for_gap(1, epoch, 5000);
	cr_assert_eq(there.epoch, 0, "it was heard of a moment ago");
	cr_assert_not(there.passed, "and may die yet");
	struct registry_claim other = claim_for_gap(1, epoch - 1, 0);
	cr_assert_eq(other.epoch, 0);
	cr_assert(other.passed, "somebody else has had it since");
	node_stop(0);
	wait_for_count(&node_news(1)->listed, 1);
	redisContext *c = server_connect();
	server_command(c, "HSET weir:stream:live/cam1 state live"); /* as one that was killed leaves it */
	redisFree(c);
	struct registry_claim gap = claim_for_gap(1, epoch, 5000);
	cr_assert_gt(gap.epoch, epoch);
	cr_assert_eq(gap.previous.number, 7, "the run goes on");
	cr_assert_gt(gap.previous.highest_us, 5000000 + 200000, "behind what viewers may have seen since the mark");
	cr_assert(claim_for_gap(1, epoch, 0).passed, "once");
	release_on(1, gap.epoch);
	cr_assert(claim_for_gap(1, gap.epoch, 0).passed, "what is over is nobody's to fill");
	node_stop(1);
	server_stop();
}

Test(registry_redis, of_two_claimers_at_once_one_is_left) {
	redis_nodes_open();
	struct claiming_test a = {0}, b = {0};
	claim_begin(0, &a, "10.0.0.1:1");
	claim_begin(1, &b, "10.0.0.1:2");
	wait_for_count(&a.answered, 1);
	wait_for_count(&b.answered, 1);
	int loser = a.claim.epoch < b.claim.epoch ? 0 : 1;
	wait_for_count(&node_news(loser)->lost, 1);
	cr_assert_eq(node_news(1 - loser)->lost, 0);
	cr_assert_eq(locate_on(0).epoch, loser ? a.claim.epoch : b.claim.epoch);
	redis_nodes_close();
}

Test(registry_redis, others_hear_of_a_claim) {
	redis_nodes_open();
	uint64_t epoch = claim_on(0).epoch;
	wait_for_count(&node_news(1)->changed, 1);
	cr_assert_eq(node_news(1)->changed_epoch, epoch);
	cr_assert_eq(node_news(0)->changed, 0, "one's own claim is no news");
	release_on(0, epoch);
	wait_for_count(&node_news(1)->changed, 2);
	cr_assert_eq(node_news(1)->changed_epoch, 0);
	redis_nodes_close();
}

/* --- trouble --- */

Test(registry_redis, without_redis_a_name_is_claimed_and_told_when_it_is_back_empty) {
	redis_nodes_open();
	uint64_t before = claim_on(0).epoch;
	progress_on(0, before, 3, false);
	server_stop();
	wait_until_up(0, false);
	struct registry_claim away = claim_by(0, "10.0.0.1:1", 0);
	cr_assert_gt(away.epoch, before);
	cr_assert(away.known, "what the node knew itself");
	server_start();
	wait_until_up(1, true);
	wait_for_epoch(1, away.epoch);
	cr_assert_eq(node_news(0)->lost, 0);
	redis_nodes_close();
}

Test(registry_redis, two_who_claimed_while_redis_was_away_are_settled) {
	redis_nodes_open();
	server_stop();
	wait_until_up(0, false);
	wait_until_up(1, false);
	uint64_t first = claim_by(0, "10.0.0.1:1", -1).epoch;
	pause_ms(2); /* epochs are milliseconds when nodes cannot hear each other */
	uint64_t second = claim_by(1, "10.0.0.2:1", -1).epoch;
	cr_assert_gt(second, first);
	server_start();
	wait_for_count(&node_news(0)->lost, 1);
	wait_for_epoch(1, second);
	cr_assert_eq(node_news(1)->lost, 0);
	redis_nodes_close();
}

Test(registry_redis, an_answer_after_the_time_out_changes_nothing) {
	redis_nodes_open();
	server_freeze();
	struct claiming_test c = {0};
	claim_begin(0, &c, "10.0.0.1:1");
	wait_for_count(&c.answered, 1); /* by the time-out, not by Redis */
	cr_assert_neq(c.claim.epoch, 0);
	wait_until_up(0, false);
	server_thaw(); /* Redis now carries out the claim that was given up */
	wait_until_up(0, true);
	wait_for_epoch(1, c.claim.epoch);
	cr_assert_eq(c.answered, 1);
	cr_assert_eq(node_news(0)->lost, 0, "one's own late claim is no rival");
	redis_nodes_close();
}

Test(registry_redis, locate_goes_to_the_linked_nodes_while_redis_is_away) {
	redis_nodes_open();
	server_stop();
	wait_until_up(0, false);
	cr_assert_not(locate_on(0).found, "nobody is linked here, and that is an answer");
	node_stop(0);
	node_stop(1);
}

Test(registry_redis, a_claim_that_was_refused_without_redis_leaves_nothing_to_tell) {
	redis_nodes_open();
	server_stop();
	wait_until_up(0, false);
	cr_assert_eq(claim_for_gap(0, 5, 0).epoch, 0, "nobody can say that its origin is gone");
	int64_t errors = metric_value(M_REGISTRY_ERRORS);
	server_start();
	wait_until_up(0, true);
	cr_assert_not(locate_on(0).found); /* asked behind all that was told when it was back */
	cr_assert_eq(metric_value(M_REGISTRY_ERRORS), errors, "redis was told of a stream without an epoch");
	redis_nodes_close();
}

static void find_linked(void *context, const struct stream_name *wanted, registry_locate_fn answer,
                        void *answer_context) {
	(void)context;
	(void)wanted;
	answer(answer_context, &(struct registry_location){.found = true, .epoch = 12});
}

Test(registry_redis, what_a_redis_that_has_just_come_back_does_not_know_is_asked_of_the_linked_nodes) {
	node_set_ask(1, find_linked);
	redis_nodes_open();
	server_stop();
	wait_until_up(1, false);
	server_start();
	wait_until_up(1, true);
	cr_assert_eq(locate_on(1).epoch, 12, "its origin may not have told it yet");
	struct locating k = locate_on(1);
	for (int i = 0; i < WAIT_MAX_MS && k.found; i++) {
		pause_ms(1);
		k = locate_on(1);
	}
	cr_assert_not(k.found, "and then the map is believed");
	node_set_ask(1, NULL);
	redis_nodes_close();
}

/* It reads as before, and what it knew of streams goes: their keys are removed here as they would expire. */
Test(registry_redis, a_redis_that_takes_no_writes_is_away) {
	node_set_ask(1, find_linked);
	redis_nodes_open();
	redisContext *c = server_connect();
	claim_on(0);
	server_command(c, "DEL weir:stream:live/cam1");
	server_command(c, "CONFIG SET min-replicas-to-write 1");
	wait_until_up(0, false);
	wait_until_up(1, false);
	long long before = server_calls("role");
	for (int i = 0; i < WAIT_MAX_MS && server_calls("role") < before + 6; i++) {
		cr_assert_eq(locate_on(1).epoch, 12, "the linked nodes know it");
		pause_ms(5);
	}
	cr_assert_geq(server_calls("role"), before + 6, "it is tried again");
	wait_until_up(1, false);
	server_command(c, "CONFIG SET min-replicas-to-write 0");
	wait_until_up(0, true);
	wait_until_up(1, true);
	node_set_ask(1, NULL);
	redisFree(c);
	redis_nodes_close();
}

Test(registry_redis, foreign_content_is_no_answer) {
	redis_nodes_open();
	redisContext *c = server_connect();
	server_command(c, "SET weir:stream:live/cam1 nonsense");
	cr_assert_neq(claim_on(0).epoch, 0, "decided by what the node knows");
	server_command(c, "DEL weir:stream:live/cam1");
	server_command(c, "HSET weir:stream:live/cam1 epoch x address y");
	cr_assert_not(locate_on(1).found);
	server_command(c, "PUBLISH weir:changes stream");
	server_command(c, "PUBLISH weir:changes junk");
	server_command(c, "SCRIPT FLUSH");
	cr_assert_neq(claim_on(0).epoch, 0, "scripts that were forgotten are loaded again");
	wait_until_up(0, true);
	redisFree(c);
	redis_nodes_close();
}

/* --- many streams --- */

enum { MANY = 3000 };

struct crowd {
	_Atomic int granted;
};

static void on_granted(void *context, const struct registry_claim *c) {
	atomic_fetch_add(&((struct crowd *)context)->granted, c->epoch != 0);
}

static void claim_many(struct registry *r, void *context) {
	struct stream_name s;
	for (int i = 0; i < MANY; i++) {
		snprintf(s.text, sizeof s.text, "live/s%d", i);
		registry_claim(r, &s, &(struct registry_request){.silent_ms = -1}, on_granted, context);
	}
}

Test(registry_redis, an_empty_redis_is_told_of_all_streams_and_of_most_once) {
	struct crowd all = {0};
	redis_nodes_open();
	server_stop();
	wait_until_up(0, false);
	on_node(0, claim_many, &all);
	wait_for_count(&all.granted, MANY);
	server_start();
	for (int i = 0; i < WAIT_MAX_MS && server_number("DBSIZE") != MANY + NODES + 1; i++)
		pause_ms(1);
	cr_assert_eq(server_number("DBSIZE"), MANY + NODES + 1);
	cr_assert_leq(server_calls("evalsha"), MANY + MANY / 2);
	redis_nodes_close();
}

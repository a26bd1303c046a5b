/*
 * Names that are announced to an edge whose table takes four; the registry's peers answer as the test wants.
 */
#include "edge/edge.h"
#include "tests/unit/common/loop/support.h"
#include "tests/unit/common/stream/config.h"

#include <string.h>

static struct workers *group;
static struct config *config;
static struct node node;
static struct edge edge;
static const char *live; /* names that a search finds, each ended by a space */
static int searched;
static _Atomic int done;

static void ask(void *context, const struct stream_name *name, registry_locate_fn answer, void *answer_context) {
	bool found = strstr(live, name->text) != NULL;
	(void)context;
	searched++;
	answer(answer_context, &(struct registry_location){.found = found, .epoch = found ? 1 : 0});
}

static int start(struct worker *w, void *context) {
	struct registry_role role = {.ask = ask};
	(void)context;
	edge = (struct edge){.base = {.worker = w, .node = &node}};
	heard_init(&edge.heard);
	return registry_new(&edge.registry, w, &node.registry, &role);
}

static void stop(struct worker *w, void *context) {
	(void)w;
	(void)context;
	registry_stop(edge.registry);
}

static void fini(struct worker *w, void *context) {
	(void)w;
	(void)context;
	heard_fini(&edge);
	registry_free(&edge.registry);
}

static const struct worker_hooks hooks = {.start = start, .stop = stop, .fini = fini};

static void begin(void) {
	static char limit[] = "limits.streams=4", no_state[] = "node.state_dir=";
	config = test_config_with((char *[]){limit, no_state, NULL});
	node.config = config;
	registry_shared_init(&node.registry, config, "edge", "edge", 1);
	cr_assert_eq(workers_start(&group, 1, &hooks, NULL), 0);
}

static void end(void) {
	cr_assert_eq(workers_stop(&group, WAIT_MAX_MS), 0);
	test_config_free(config);
}

static bool hear(const char *text, uint64_t epoch) {
	struct stream_name name;
	cr_expect_eq(stream_name_parse(&name, text, strlen(text)), 0);
	return heard_note(&edge, &name, epoch);
}

static void on_worker(void (*fn)(struct worker *, void *)) {
	call_on(workers_at(group, 0), fn, NULL);
	wait_for_count(&done, 1);
}

TestSuite(heard, .init = begin, .fini = end, .timeout = 60);

/* Nobody asks for the list, and the search that a nearly full table begins is one for a while. */
static void crowd(struct worker *w, void *context) {
	(void)w;
	(void)context;
	live = "live/always live/b live/c live/d live/e live/f ";
	cr_expect(hear("live/always", 7));
	cr_expect(hear("live/b", 1));
	cr_expect(hear("live/c", 1));
	cr_expect(hear("live/d", 1));
	cr_expect_not(hear("live/always", 7), "heard again: it is known");
	cr_expect(hear("live/e", 1)); /* b leaves */
	cr_expect(hear("live/c", 2)); /* it goes on */
	cr_expect(hear("live/f", 1)); /* d leaves */
	cr_expect_not(hear("live/always", 7));
	cr_expect_not(hear("live/c", 2));
	cr_expect_not(hear("live/e", 1));
	cr_expect_not(hear("live/f", 1));
	cr_expect(hear("live/b", 1));
	atomic_fetch_add(&done, 1);
}

Test(heard, the_name_heard_longest_ago_goes_first_and_not_the_one_that_came_first) {
	on_worker(crowd);
}

static void find(struct worker *w, void *context) {
	(void)w;
	(void)context;
	live = "live/always ";
	cr_expect(hear("live/always", 7));
	cr_expect(hear("live/b", 1));
	cr_expect(hear("live/c", 1));
	cr_expect_eq(searched, 0);
	cr_expect(hear("live/d", 1)); /* the table would be full */
	cr_expect_eq(searched, 3);
	cr_expect(hear("live/e", 1));
	cr_expect(hear("live/f", 1));
	cr_expect_not(hear("live/always", 7), "what was found stays");
	cr_expect_not(hear("live/d", 1));
	cr_expect(hear("live/b", 1), "what was not found is forgotten");
	cr_expect_eq(searched, 3, "one search for a while");
	atomic_fetch_add(&done, 1);
}

Test(heard, a_table_that_is_nearly_full_is_rid_of_what_is_over) {
	on_worker(find);
}

#include "common/registry/takeover.h"

#include <criterion/criterion.h>
#include <string.h>

static struct takeover_history h;
static const char *why;

static enum takeover_verdict ask(const char *holder, const char *newcomer, uint64_t silent_ms, uint64_t now_ms) {
	struct takeover_question q = {.policy = TAKEOVER_NEWEST,
	                              .holder = holder,
	                              .newcomer = newcomer,
	                              .silent_ms = silent_ms,
	                              .stall_ms = 2000,
	                              .now_ms = now_ms};
	return takeover_decide(&h, &q, &why);
}

Test(takeover, the_same_address_may_whatever_its_port) {
	cr_assert_eq(ask("10.0.0.1:5000", "10.0.0.1:6000", 0, 1), TAKEOVER_GRANT);
	cr_assert_eq(ask("[::1]:5000", "[::1]:1", 0, 2), TAKEOVER_GRANT);
}

Test(takeover, another_address_must_wait_until_the_holder_is_silent) {
	cr_assert_eq(ask("10.0.0.1:5000", "10.0.0.2:5000", 1999, 1), TAKEOVER_REFUSE);
	cr_assert(strstr(why, "another address"));
	cr_assert_eq(ask("10.0.0.1:5000", "10.0.0.11:5000", 0, 1), TAKEOVER_REFUSE);
	cr_assert_eq(ask("10.0.0.1:5000", "10.0.0.2:5000", 2000, 1), TAKEOVER_GRANT);
}

Test(takeover, reject_keeps_the_holder) {
	struct takeover_question q = {
	    .policy = TAKEOVER_REJECT, .holder = "a:1", .newcomer = "a:2", .silent_ms = 99999, .stall_ms = 2000};
	cr_assert_eq(takeover_decide(&h, &q, &why), TAKEOVER_REFUSE);
}

Test(takeover, a_credential_decides_where_there_is_one) {
	struct takeover_question q = {.holder = "a:1",
	                              .newcomer = "b:1",
	                              .holder_credential = "key",
	                              .newcomer_credential = "key",
	                              .stall_ms = 2000,
	                              .now_ms = 5};
	cr_assert_eq(takeover_decide(&h, &q, &why), TAKEOVER_GRANT);
	q.newcomer_credential = "other";
	q.newcomer = "a:1";
	cr_assert_eq(takeover_decide(&h, &q, &why), TAKEOVER_REFUSE);
	q.newcomer_credential = NULL;
	cr_assert_eq(takeover_decide(&h, &q, &why), TAKEOVER_REFUSE);
}

Test(takeover, two_that_fight_leave_the_name_to_the_holder_for_a_while) {
	cr_assert_eq(ask("a:1", "a:2", 0, 1000), TAKEOVER_GRANT);
	cr_assert_eq(ask("a:2", "a:1", 0, 2000), TAKEOVER_GRANT);
	cr_assert_eq(ask("a:1", "a:2", 0, 3000), TAKEOVER_GRANT);
	cr_assert_eq(ask("a:2", "a:1", 0, 4000), TAKEOVER_REFUSE_FIGHT);
	cr_assert_eq(ask("a:2", "a:1", 0, 33999), TAKEOVER_REFUSE, "told once");
	cr_assert_eq(ask("a:2", "a:1", 0, 34000), TAKEOVER_GRANT);
}

Test(takeover, who_comes_again_and_again_after_a_silent_holder_fights_nobody) {
	for (uint64_t now = 1000; now < 20000; now += 2000)
		cr_assert_eq(ask("a:1", "a:2", 2000, now), TAKEOVER_GRANT);
	cr_assert_eq(ask("a:1", "a:2", 0, 20000), TAKEOVER_GRANT, "none of them counts");
}

#include "common/base/metrics.h"
#include "edge/http_session.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 3, IDLE_MS = 1000 };

static struct package_question by_key(unsigned key) {
	struct package_question q = {.what = PACKAGE_PLAYLIST, .name = {.text = "live/cam1"}, .remote = "192.0.2.1"};
	snprintf(q.session, sizeof q.session, "%032x", key);
	return q;
}

static void ask(struct http_sessions *t, unsigned key, uint64_t now_ms) {
	struct package_question q = by_key(key);
	http_sessions_note(t, &q, now_ms, 100);
}

Test(http_session, no_more_are_made_than_the_node_may_have_and_those_that_are_there_go_on) {
	struct http_sessions one, other;
	http_sessions_init(&one, MOST);
	http_sessions_init(&other, MOST);
	ask(&one, 1, 0);
	ask(&one, 2, 0);
	ask(&other, 3, 0);
	for (unsigned key = 4; key < 100; key++)
		ask(key % 2 ? &one : &other, key, 10);
	cr_assert_eq(http_sessions_count(&one), 2);
	cr_assert_eq(http_sessions_count(&other), 1, "all tables of the node count together");
	cr_assert_eq(metric_value(M_VIEWERS_HLS), MOST);
	cr_assert_eq(metric_value(M_HTTP_SESSIONS_REFUSED), 96);
	ask(&one, 1, IDLE_MS);
	cr_assert_eq(metric_value(M_HTTP_SESSIONS_REFUSED), 96, "one that is there is found");
	http_sessions_expire(&one, IDLE_MS, IDLE_MS);
	cr_assert_eq(http_sessions_count(&one), 1);
	ask(&one, 100, IDLE_MS);
	cr_assert_eq(http_sessions_count(&one), 2, "there is room again");
	http_sessions_fini(&one);
	http_sessions_fini(&other);
	cr_assert_eq(metric_value(M_VIEWERS_HLS), 0);
}

Test(http_session, those_who_asked_longest_ago_end_first_in_whatever_order_they_came) {
	struct http_sessions t;
	http_sessions_init(&t, 100);
	for (unsigned key = 0; key < 10; key++)
		ask(&t, key, key);
	for (unsigned key = 0; key < 5; key++)
		ask(&t, key, 100 + key);
	struct package_question media = by_key(0); /* a segment counts for whom its address asked for last: key 4 */
	media.what = PACKAGE_MEDIA;
	media.session[0] = '\0';
	http_sessions_note(&t, &media, 500, 1);
	http_sessions_expire(&t, IDLE_MS + 9, IDLE_MS);
	cr_assert_eq(http_sessions_count(&t), 5, "the first five asked again");
	http_sessions_expire(&t, IDLE_MS + 102, IDLE_MS);
	cr_assert_eq(http_sessions_count(&t), 2);
	http_sessions_expire(&t, IDLE_MS + 499, IDLE_MS);
	cr_assert_eq(http_sessions_count(&t), 1);
	cr_assert_eq(http_sessions_active(&t, 600, 101), 1);
	http_sessions_expire(&t, IDLE_MS + 500, IDLE_MS);
	cr_assert_eq(http_sessions_count(&t), 0);
	http_sessions_fini(&t);
}

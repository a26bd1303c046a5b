#include "common/base/name.h"

#include <criterion/criterion.h>
#include <string.h>
#include <uv.h>

static char longest[NAME_MAX_SIZE + 2];

static void init(void) {
	memset(longest, 'x', sizeof longest - 1);
}

TestSuite(name, .init = init);

Test(name, takes_letters_digits_and_three_marks) {
	const char *good[] = {"a", "Z", "0", "_", "-", "cam1", "a.b", "a..b", "a.", "-x_y.Z9"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		cr_assert(name_valid(good[i], strlen(good[i])), "%s", good[i]);
}

Test(name, refuses_the_rest) {
	const char *bad[] = {"", ".", ".a", "..", "a b", "a/b", "a%", "ä", "a\n", "a?b", "a:b", "a~", "a`", "a@", "a["};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_assert_not(name_valid(bad[i], strlen(bad[i])), "%s", bad[i]);
	cr_assert_not(name_valid("a\0b", 3));
}

Test(name, ends_at_128_bytes) {
	cr_assert(name_valid(longest, NAME_MAX_SIZE));
	cr_assert_not(name_valid(longest, NAME_MAX_SIZE + 1));
}

Test(name, reserved_apps_are_whole_words) {
	const char *reserved[] = {"api", "metrics", "healthz", "readyz", "route", "console"};
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		cr_assert(name_reserved(reserved[i], strlen(reserved[i])));
	cr_assert_not(name_reserved("ap", 2));
	cr_assert_not(name_reserved("apis", 4));
	cr_assert_not(name_reserved("API", 3));
	cr_assert_not(name_reserved("live", 4));
}

Test(stream_name, is_app_and_name) {
	struct stream_name n;
	cr_assert_eq(stream_name_make(&n, "live/x", 4, "cam1?", 4), 0);
	cr_assert_str_eq(n.text, "live/cam1");
	cr_assert_eq(stream_name_app_size(&n), 4);
}

Test(stream_name, holds_the_longest_of_both, .init = init) {
	struct stream_name n;
	cr_assert_eq(stream_name_make(&n, longest, NAME_MAX_SIZE, longest, NAME_MAX_SIZE), 0);
	cr_assert_eq(strlen(n.text), 2 * NAME_MAX_SIZE + 1);
	cr_assert_eq(stream_name_app_size(&n), NAME_MAX_SIZE);
	cr_assert_eq(stream_name_make(&n, "a", 1, longest, NAME_MAX_SIZE + 1), UV_EINVAL);
	cr_assert_eq(stream_name_make(&n, longest, NAME_MAX_SIZE + 1, "a", 1), UV_EINVAL);
}

Test(stream_name, is_untouched_when_refused) {
	struct stream_name n = {"live/cam1"};
	cr_assert_eq(stream_name_make(&n, "api", 3, "x", 1), UV_EINVAL);
	cr_assert_eq(stream_name_make(&n, "live", 4, ".x", 2), UV_EINVAL);
	cr_assert_eq(stream_name_make(&n, "", 0, "x", 1), UV_EINVAL);
	cr_assert_eq(stream_name_parse(&n, "live", 4), UV_EINVAL);
	cr_assert_eq(stream_name_parse(&n, "live/a/b", 8), UV_EINVAL);
	cr_assert_eq(stream_name_parse(&n, "/a", 2), UV_EINVAL);
	cr_assert_eq(stream_name_parse(&n, "live/", 5), UV_EINVAL);
	cr_assert_str_eq(n.text, "live/cam1");
}

Test(stream_name, parses_what_it_makes) {
	struct stream_name n;
	cr_assert_eq(stream_name_parse(&n, "event/cam2 rest", 10), 0);
	cr_assert_str_eq(n.text, "event/cam2");
	cr_assert_eq(stream_name_app_size(&n), 5);
}

/* The vectors of the hash's authors: nodes of different releases must agree on a stream's home. */
Test(name_hash, is_fnv_1a_of_64_bits) {
	cr_assert_eq(name_hash("", 0), 0xcbf29ce484222325u);
	cr_assert_eq(name_hash("a", 1), 0xaf63dc4c8601ec8cu);
	cr_assert_eq(name_hash("foobar", 6), 0x85944171f73967e8u);
}

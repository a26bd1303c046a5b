#include "common/package/segment_name.h"

#include <criterion/criterion.h>
#include <string.h>
#include <uv.h>

Test(segment_name, what_is_printed_is_read_back) {
	static const struct segment_name names[] = {
	    {.kind = NAME_INIT, .epoch = 17, .init = 0x00c0ffee},
	    {.kind = NAME_SEGMENT, .epoch = 1, .number = 0},
	    {.kind = NAME_PART, .epoch = UINT64_MAX, .number = UINT64_MAX, .part = 199},
	    {.kind = NAME_TS, .epoch = 3, .number = 42},
	    {.kind = NAME_TIME, .epoch = 3, .time = 0},
	    {.kind = NAME_TIME, .epoch = UINT64_MAX, .time = INT64_MAX},
	};
	static const char *const texts[] = {"17/init-00c0ffee.mp4",
	                                    "1/0.m4s",
	                                    "18446744073709551615/18446744073709551615.199.m4s",
	                                    "3/42.ts",
	                                    "3/t0.m4s",
	                                    "18446744073709551615/t9223372036854775807.m4s"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char text[SEGMENT_NAME_MAX];
		struct segment_name n;
		segment_name_print(&names[i], text);
		cr_assert_str_eq(text, texts[i]);
		char *slash = strchr(text, '/');
		*slash = 0;
		cr_assert_eq(segment_name_parse(&n, text, slash + 1), 0);
		cr_assert_eq(n.kind, names[i].kind);
		cr_assert_eq(n.epoch, names[i].epoch);
		cr_assert_eq(n.number, names[i].number);
		cr_assert_eq(n.time, names[i].time);
		cr_assert_eq(n.part, names[i].part);
		cr_assert_eq(n.init, names[i].init);
	}
}

Test(segment_name, a_thing_has_no_second_name) {
	static const char *const wrong[] = {"",
	                                    "1",
	                                    "1.",
	                                    "01.m4s",
	                                    "1.00.m4s",
	                                    "1.200.m4s",
	                                    "+1.m4s",
	                                    " 1.m4s",
	                                    "1.m4s ",
	                                    "1.m4",
	                                    "1.2.3.m4s",
	                                    "1.2.ts",
	                                    "-1.m4s",
	                                    "1..m4s",
	                                    "18446744073709551616.m4s",
	                                    "t.m4s",
	                                    "t01.m4s",
	                                    "t-1.m4s",
	                                    "T1.m4s",
	                                    "t1.ts",
	                                    "t1.0.m4s",
	                                    "t1.mp4",
	                                    "t9223372036854775808.m4s",
	                                    "init-1.mp4",
	                                    "init-.mp4",
	                                    "init-00C0FFEE.mp4",
	                                    "init-00c0ffee0.mp4",
	                                    "init-00c0ffee.m4s"};
	struct segment_name n;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		cr_assert_eq(segment_name_parse(&n, "1", wrong[i]), UV_EINVAL, "%s", wrong[i]);
	cr_assert_eq(segment_name_parse(&n, "01", "1.m4s"), UV_EINVAL);
	cr_assert_eq(segment_name_parse(&n, "", "1.m4s"), UV_EINVAL);
	cr_assert_eq(segment_name_parse(&n, "1x", "1.m4s"), UV_EINVAL);
}

Test(segment_name, an_initialisation_is_named_by_its_bytes) {
	/* FNV-1a's own test vectors. */
	cr_assert_eq(segment_init_id((struct slice){(const uint8_t *)"", 0}), 0x811c9dc5);
	cr_assert_eq(segment_init_id((struct slice){(const uint8_t *)"foobar", 6}), 0xbf9cf968);
}

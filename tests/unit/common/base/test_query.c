#include "common/base/query.h"

#include <criterion/criterion.h>
#include <string.h>
#include <uv.h>

static char value[32];

Test(query, gives_the_first_of_a_name) {
	cr_assert_eq(query_get("a=1&bb=two&b=3&b=4", "b", value, sizeof value), 1);
	cr_assert_str_eq(value, "3");
	cr_assert_eq(query_get("a=1&bb=two", "bb", value, sizeof value), 3);
	cr_assert_str_eq(value, "two");
	cr_assert_eq(query_get("a=", "a", value, sizeof value), 0);
	cr_assert_str_eq(value, "");
}

Test(query, says_what_is_not_there) {
	cr_assert_eq(query_get("", "a", value, sizeof value), UV_ENOENT);
	cr_assert_eq(query_get("a", "a", value, sizeof value), UV_ENOENT);
	cr_assert_eq(query_get("xa=1&&ab=2", "a", value, sizeof value), UV_ENOENT);
}

Test(query, undoes_escapes) {
	cr_assert_eq(query_get("a=%41%2b+x%7E", "a", value, sizeof value), 5);
	cr_assert_str_eq(value, "A+ x~");
	cr_assert_eq(query_get("a=%4", "a", value, sizeof value), UV_EINVAL);
	cr_assert_eq(query_get("a=%&b=41", "a", value, sizeof value), UV_EINVAL);
	cr_assert_eq(query_get("a=%zz", "a", value, sizeof value), UV_EINVAL);
	cr_assert_eq(query_get("a=%00", "a", value, sizeof value), UV_EINVAL);
}

Test(query, refuses_what_does_not_fit) {
	cr_assert_eq(query_get("a=12345", "a", value, 6), 5);
	cr_assert_eq(query_get("a=12345", "a", value, 5), UV_EINVAL);
}

Test(query, reads_numbers) {
	uint64_t n = 7;
	cr_assert_eq(query_u64("n=18446744073709551615", "n", &n), 0);
	cr_assert_eq(n, UINT64_MAX);
	cr_assert_eq(query_u64("n=18446744073709551616", "n", &n), UV_EINVAL);
	cr_assert_eq(query_u64("n=-1", "n", &n), UV_EINVAL);
	cr_assert_eq(query_u64("n=", "n", &n), UV_EINVAL);
	cr_assert_eq(query_u64("n=1x", "n", &n), UV_EINVAL);
	cr_assert_eq(query_u64("m=1", "n", &n), UV_ENOENT);
	cr_assert_eq(n, UINT64_MAX);
}

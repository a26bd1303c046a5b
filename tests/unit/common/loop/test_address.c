#include "common/loop/address.h"

#include <criterion/criterion.h>
#include <uv.h>

Test(address, takes_the_three_forms) {
	struct address a;
	cr_assert_eq(address_parse(&a, "0.0.0.0:1935"), 0);
	cr_assert_str_eq(a.host, "0.0.0.0");
	cr_assert_str_eq(a.port, "1935");
	cr_assert_eq(address_parse(&a, "[::1]:80"), 0);
	cr_assert_str_eq(a.host, "::1");
	cr_assert_eq(address_parse(&a, "unix:/run/weir.sock"), 0);
	cr_assert(a.is_unix);
	cr_assert_str_eq(a.host, "/run/weir.sock");
}

Test(address, refuses_everything_else) {
	struct address a;
	static const char *const wrong[] = {"",       "host",  ":80",   "host:",    "host:x",   "host:70000",
	                                    "::1:80", "[]:80", "unix:", "host:80x", "host: 80", "[::1:80"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		cr_assert_eq(address_parse(&a, wrong[i]), UV_EINVAL, "\"%s\" was taken", wrong[i]);
}

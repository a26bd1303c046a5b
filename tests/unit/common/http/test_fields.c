#include "common/http/fields.h"

#include <criterion/criterion.h>
#include <string.h>

static void add(struct http_fields *f, const char *name, const char *value) {
	struct slice n = {(const uint8_t *)name, strlen(name)}, v = {(const uint8_t *)value, strlen(value)};
	cr_assert_eq(http_fields_add(f, n, v), 0);
}

Test(fields, keeps_those_that_handlers_ask_for_whatever_their_case) {
	struct http_fields f = {0};
	add(&f, "Host", "edge");
	add(&f, "RANGE", "bytes=0-1");
	add(&f, "Cookie", "secret");
	cr_expect_str_eq(http_fields_get(&f, HTTP_FIELD_HOST), "edge");
	cr_expect_str_eq(http_fields_get(&f, HTTP_FIELD_RANGE), "bytes=0-1");
	cr_expect_null(http_fields_get(&f, HTTP_FIELD_USER_AGENT));
	cr_expect_lt(f.texts.size, 20, "the cookie was kept");
	http_fields_fini(&f);
	cr_expect_null(http_fields_get(&f, HTTP_FIELD_HOST));
}

Test(fields, joins_several_of_one_name_in_order) {
	struct http_fields f = {0};
	add(&f, "x-forwarded-for", "a");
	add(&f, "user-agent", "");
	add(&f, "x-forwarded-for", "b");
	add(&f, "accept", "text/html");
	add(&f, "x-forwarded-for", "c");
	cr_expect_str_eq(http_fields_get(&f, HTTP_FIELD_X_FORWARDED_FOR), "a, b, c");
	cr_expect_str_eq(http_fields_get(&f, HTTP_FIELD_USER_AGENT), "");
	cr_expect_str_eq(http_fields_get(&f, HTTP_FIELD_ACCEPT), "text/html");
	http_fields_fini(&f);
}

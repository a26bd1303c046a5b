#include "common/http/negotiate.h"

#include <criterion/criterion.h>
#include <string.h>

Test(etag, is_found_in_a_list_by_weak_comparison) {
	cr_expect(http_etag_matches("\"a\"", "\"a\""));
	cr_expect(http_etag_matches("W/\"a\"", "\"a\""));
	cr_expect(http_etag_matches("\"x\", \"y,z\" ,W/\"a\"", "\"a\""));
	cr_expect(http_etag_matches("*", "\"a\""));
	cr_expect(http_etag_matches("\"a-gzip\"", "\"a\""), "the compressed form is the same answer");
	cr_expect_not(http_etag_matches("\"ab\"", "\"a\""));
	cr_expect_not(http_etag_matches("a", "\"a\""));
	cr_expect_not(http_etag_matches("\"a", "\"a\""));
	cr_expect_not(http_etag_matches("", "\"a\""));
}

Test(etag, of_the_compressed_form_differs) {
	char out[16];
	http_etag_gzip("\"v1\"", out, sizeof out);
	cr_expect_str_eq(out, "\"v1-gzip\"");
}

Test(etag, guards_a_range_by_strong_comparison) {
	cr_expect(http_if_range_holds("\"a\"", "\"a\""));
	cr_expect_not(http_if_range_holds("W/\"a\"", "\"a\""));
	cr_expect_not(http_if_range_holds("W/\"a\"", "W/\"a\""));
	cr_expect_not(http_if_range_holds("Tue, 15 Nov 1994 08:12:31 GMT", "\"a\""));
}

static void expect_part(const char *text, uint64_t size, uint64_t first, uint64_t last) {
	uint64_t f = 99, l = 99;
	cr_assert_eq(http_range_parse(text, size, &f, &l), HTTP_RANGE_PART, "%s", text);
	cr_expect_eq(f, first, "%s", text);
	cr_expect_eq(l, last, "%s", text);
}

Test(range, one_of_bytes_is_cut_to_what_there_is) {
	expect_part("bytes=0-0", 10, 0, 0);
	expect_part("bytes=2-5", 10, 2, 5);
	expect_part("bytes=2-", 10, 2, 9);
	expect_part("bytes=2-100", 10, 2, 9);
	expect_part("Bytes=-3", 10, 7, 9);
	expect_part("bytes=-100", 10, 0, 9);
	expect_part("bytes=0-18446744073709551615", 10, 0, 9);
}

Test(range, beyond_the_end_cannot_be_satisfied) {
	uint64_t f, l;
	cr_expect_eq(http_range_parse("bytes=10-", 10, &f, &l), HTTP_RANGE_OUTSIDE);
	cr_expect_eq(http_range_parse("bytes=99999999999999999999-", 10, &f, &l), HTTP_RANGE_OUTSIDE);
	cr_expect_eq(http_range_parse("bytes=0-", 0, &f, &l), HTTP_RANGE_OUTSIDE);
	cr_expect_eq(http_range_parse("bytes=-0", 10, &f, &l), HTTP_RANGE_OUTSIDE);
}

Test(range, that_is_none_or_several_asks_for_all) {
	static const char *const texts[] = {"",          "bytes",      "bytes=",        "bytes=a-b",
	                                    "bytes=5-2", "bytes=1",    "bytes=0-1,3-4", "lines=0-1",
	                                    "bytes=-",   "bytes=1-2x", "bytes=-3-4",    "bytes=--1"};
	uint64_t f, l;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		cr_expect_eq(http_range_parse(texts[i], 10, &f, &l), HTTP_RANGE_WHOLE, "%s", texts[i]);
}

Test(coding, gzip_is_taken_when_it_is_named_and_has_weight) {
	cr_expect(http_accepts_gzip("gzip"));
	cr_expect(http_accepts_gzip("deflate, gzip;q=0.5, br"));
	cr_expect(http_accepts_gzip("br;q=1.0, *;q=0.1"));
	cr_expect_not(http_accepts_gzip("gzip;q=0"));
	cr_expect_not(http_accepts_gzip("gzip; q=0.000, *"));
	cr_expect_not(http_accepts_gzip("*;q=0"));
	cr_expect_not(http_accepts_gzip("br, gzipped"));
	cr_expect_not(http_accepts_gzip(""));
}

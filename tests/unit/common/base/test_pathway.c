#include "common/base/pathway.h"

#include <criterion/criterion.h>
#include <string.h>

Test(pathway, ids_are_plain) {
	char long_one[PATHWAY_ID_MAX + 2];
	memset(long_one, 'a', sizeof long_one);
	long_one[sizeof long_one - 1] = '\0';
	cr_assert(pathway_id_valid("edge-1.eu_west"));
	cr_assert_not(pathway_id_valid(""));
	cr_assert_not(pathway_id_valid("a b"));
	cr_assert_not(pathway_id_valid("a\"b"));
	cr_assert_not(pathway_id_valid(long_one));
	long_one[PATHWAY_ID_MAX] = '\0';
	cr_assert(pathway_id_valid(long_one));
}

Test(pathway, urls_lead_to_a_host) {
	static const char *const good[] = {"http://a", "https://a.example:8443", "http://[2001:db8::1]:8080",
	                                   "https://a/cdn/b"};
	static const char *const bad[] = {
	    "",           "a:8080",     "ftp://a",     "http://",     "https://",  "http:///a",
	    "http://:80", "http://a/",  "http://a b",  "http://a?b",  "http://a#", "http://a\"",
	    "http://<a>", "http://a,b", "http://\x80", "http://a\\b", "http://a&b"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		cr_expect(pathway_url_valid(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_not(pathway_url_valid(bad[i]), "%s", bad[i]);
	char long_one[PATHWAY_URL_MAX + 1] = "http://";
	memset(long_one + 7, 'a', sizeof long_one - 8);
	long_one[PATHWAY_URL_MAX] = '\0';
	cr_assert_not(pathway_url_valid(long_one));
	long_one[PATHWAY_URL_MAX - 1] = '\0';
	cr_assert(pathway_url_valid(long_one));
}

#include "edge/assets.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

static char folder[64];

static void write_file(const char *name, const char *text, size_t times) {
	char path[160];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "wb");
	cr_assert(f);
	for (size_t i = 0; i < times; i++)
		fputs(text, f);
	fclose(f);
}

static void make_folder(void) {
	strcpy(folder, "/tmp/weir-assets-XXXXXX");
	cr_assert(mkdtemp(folder));
}

static void remove_folder(void) {
	char command[128];
	snprintf(command, sizeof command, "rm -r '%s'", folder);
	cr_assert_eq(system(command), 0);
}

TestSuite(assets, .init = make_folder, .fini = remove_folder);

Test(assets, files_for_the_web_are_kept_with_their_type_and_a_tag_of_their_content) {
	struct assets *a = NULL;
	write_file("a.html", "<p>same</p>", 1);
	write_file("b.html", "<p>same</p>", 1);
	write_file("c.js", "let x = 1; ", 1000);
	write_file("d.key", "secret", 1);
	write_file(".hidden.js", "secret", 1);
	cr_assert_eq(assets_read(&a, folder), 0);
	cr_expect_eq(a->count, 3);
	const struct asset *html = assets_find(a, "a.html"), *twin = assets_find(a, "b.html"), *js = assets_find(a, "c.js");
	cr_assert(html && twin && js);
	cr_expect_str_eq(html->content_type, "text/html; charset=utf-8");
	cr_expect_eq(html->plain->size, strlen("<p>same</p>"));
	cr_expect_str_eq(html->etag, twin->etag);
	cr_expect_str_neq(html->etag, js->etag);
	cr_expect_null(html->gzip, "it is too small to gain");
	cr_expect_lt(js->gzip->size, js->plain->size / 10);
	cr_expect_null(assets_find(a, "d.key"));
	cr_expect_null(assets_find(a, ".hidden.js"));
	cr_expect_null(assets_find(a, "c"));
	assets_free(&a);
	cr_expect_null(a);
}

Test(assets, a_missing_folder_a_large_file_and_too_many_are_refused) {
	struct assets *a = NULL;
	char name[32];
	cr_expect_eq(assets_read(&a, "/nonexistent"), UV_ENOENT);
	write_file("large.js", "0123456789abcdef", ASSET_SIZE_MAX / 16 + 1);
	cr_expect_eq(assets_read(&a, folder), UV_E2BIG);
	write_file("large.js", "", 0);
	for (int i = 0; i < ASSETS_MAX; i++) {
		snprintf(name, sizeof name, "%d.js", i);
		write_file(name, "x", 1);
	}
	cr_expect_eq(assets_read(&a, folder), UV_E2BIG);
	cr_expect_null(a);
}

Test(assets, an_empty_file_is_one) {
	struct assets *a = NULL;
	write_file("empty.css", "", 0);
	cr_assert_eq(assets_read(&a, folder), 0);
	cr_expect_eq(assets_find(a, "empty.css")->plain->size, 0);
	assets_free(&a);
}

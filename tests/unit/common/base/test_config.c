#include "common/base/config.h"
#include "common/base/options.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static struct buffer why;
static struct config *config;

static int parse_as(enum config_role role, const char *yaml, const char *const *environment,
                    const char *const *overrides) {
	struct config_sources from = {.name = "weir.yaml",
	                              .yaml = {(const uint8_t *)yaml, strlen(yaml)},
	                              .environment = (char *const *)environment,
	                              .overrides = (char *const *)overrides};
	buffer_fini(&why);
	buffer_init(&why, 0);
	config_free(&config);
	return config_parse(&config, role, &from, &why);
}

static int parse(const char *yaml) {
	return parse_as(CONFIG_ORIGIN, yaml, NULL, NULL);
}

static const char *told(void) {
	buffer_u8(&why, 0);
	why.size--;
	return (const char *)why.block->data;
}

static void fini(void) {
	buffer_fini(&why);
	config_free(&config);
}

TestSuite(config, .fini = fini);

Test(config, defaults_differ_by_role) {
	cr_assert_eq(parse_as(CONFIG_ORIGIN, "", NULL, NULL), 0);
	cr_assert_str_eq(config_node(config)->http_listen, "0.0.0.0:8081");
	cr_assert_eq(config_app(config, "live", 4)->stream_grace, 15000);
	cr_assert_eq(parse_as(CONFIG_EDGE, "", NULL, NULL), 0);
	cr_assert_str_eq(config_node(config)->http_listen, "0.0.0.0:8080");
	cr_assert_eq(config_node(config)->registry_origins.count, 1);
}

Test(config, an_app_overrides_what_it_names_and_inherits_the_rest) {
	cr_assert_eq(parse("stream:\n  grace: 20s\n  log_bytes: 32MiB\napps:\n  event:\n    stream: {grace: 2m}\n"), 0,
	             "%s", told());
	cr_assert_eq(config_app(config, "event", 5)->stream_grace, 120000);
	cr_assert_eq(config_app(config, "event", 5)->stream_log_bytes, 32 << 20);
	cr_assert_eq(config_app(config, "live", 4)->stream_grace, 20000);
	cr_assert_eq(config_app(config, "even", 4)->stream_grace, 20000);
}

Test(config, environment_beats_the_file_and_the_command_line_beats_both) {
	const char *environment[] = {"WEIR_STREAM__GRACE=30s", "WEIR_RTMP__LISTEN=127.0.0.1:1", "HOME=/", "WEIR_BIN=x",
	                             NULL};
	const char *overrides[] = {"rtmp.listen=127.0.0.1:2", NULL};
	cr_assert_eq(parse_as(CONFIG_ORIGIN, "stream: {grace: 20s}\n", environment, overrides), 0, "%s", told());
	cr_assert_eq(config_app(config, "live", 4)->stream_grace, 30000);
	cr_assert_str_eq(config_node(config)->rtmp_listen, "127.0.0.1:2");
}

Test(config, lists_are_sequences_or_parted_by_commas) {
	cr_assert_eq(parse_as(CONFIG_EDGE, "registry:\n  origins: [a:1, b:2]\n", NULL, NULL), 0);
	cr_assert_eq(config_node(config)->registry_origins.count, 2);
	const char *overrides[] = {"registry.origins=a:1,b:2,c:3", NULL};
	cr_assert_eq(parse_as(CONFIG_EDGE, "", NULL, overrides), 0);
	cr_assert_str_eq(config_node(config)->registry_origins.items[2], "c:3");
}

struct wrong {
	char yaml[120], says[120];
};

ParameterizedTestParameters(config, wrong_files_are_refused_with_place_and_reason) {
	static struct wrong cases[] = {
	    {"stream:\n  grace: 12x\n", "weir.yaml:2:10: stream.grace: found \"12x\", expected a duration"},
	    {"stream:\n  grace: 12\n", "expected a duration with its unit"},
	    {"stream:\n  grace: 0x10s\n", "stream.grace"},
	    {"stream:\n  grace: 2h\n", "from 0ms to 1h"},
	    {"stream:\n  log_bytes: 12x\n", "expected a size"},
	    {"node:\n  workers: 3.5\n", "expected a whole number from 0 to 128"},
	    {"rtpm:\n  listen: a:1\n", "unknown key \"rtpm.listen\"; did you mean \"rtmp.listen\"?"},
	    {"rtmp:\n  listn: a:1\n", "did you mean \"rtmp.listen\"?"},
	    {"rtmp:\n  listen: 1935\n", "expected HOST:PORT"},
	    {"edge:\n  linger: 5s\n", "only an edge knows this key"},
	    {"ingest:\n  second: maybe\n", "expected one of takeover,reject"},
	    {"stream: {grace: 1s}\ndefaults: {stream: {grace: 2s}}\n", "is set already"},
	    {"stream: {grace: 1s, grace: 2s}\n", "is set already"},
	    {"apps:\n  live: {rtmp: {listen: 'a:1'}}\n", "cannot be set for an app"},
	    {"apps:\n  api: {stream: {grace: 1s}}\n", "is no name for an app"},
	    {"stream: [1]\n", "expected keys and values"},
	    {"stream:\n\tgrace: 1s\n", "weir.yaml:2:1: not YAML"},
	    {"- a\n", "expected keys and values"},
	    {"relay: {listen: '0.0.0.0:1950'}\n", "relay.secret: is needed"},
	    {"relay: {dead_after: 1s}\n", "must be longer than relay.ping_interval"},
	    {"package: {segment: 4s, target_duration: 2s}\n", "cannot be shorter"},
	};
	return cr_make_param_array(struct wrong, cases, sizeof cases / sizeof *cases);
}

ParameterizedTest(struct wrong *c, config, wrong_files_are_refused_with_place_and_reason) {
	cr_assert_eq(parse(c->yaml), UV_EINVAL, "\"%s\" was taken", c->yaml);
	cr_assert(strstr(told(), c->says), "said: %s", told());
	fini();
}

Test(config, every_mistake_is_told) {
	cr_assert_eq(parse("stream: {grace: x}\nrtmp: {listen: y}\n"), UV_EINVAL);
	cr_assert(strstr(told(), "stream.grace"));
	cr_assert(strstr(told(), "rtmp.listen"));
}

Test(config, a_secret_is_not_repeated_in_messages) {
	const char *overrides[] = {"relay.secret=a,b", "relay.secret.x=hush", NULL};
	parse_as(CONFIG_ORIGIN, "relay: {secret: [hush]}\n", NULL, overrides);
	cr_assert_null(strstr(told(), "hush"));
}

Test(config, a_file_that_cannot_be_read_is_named) {
	struct config_sources from = {.name = "/nonexistent/weir.yaml"};
	buffer_init(&why, 0);
	cr_assert_eq(config_load(&config, CONFIG_EDGE, &from, &why), UV_ENOENT);
	cr_assert(strstr(told(), "/nonexistent/weir.yaml: cannot be read: no such file"));
}

Test(config, the_page_in_docs_is_the_tables) {
	struct buffer page;
	buffer_init(&page, 0);
	config_print_markdown(&page);
	FILE *f = fopen(WEIR_SOURCE_DIR "/docs/configuration.md", "r");
	cr_assert(f);
	static char text[65536];
	size_t n = fread(text, 1, sizeof text, f);
	fclose(f);
	cr_assert_eq(n, page.size, "docs/configuration.md is old: write it anew with --print-config-docs");
	cr_assert_eq(memcmp(text, page.block->data, n), 0, "docs/configuration.md is old");
	buffer_fini(&page);
}

Test(options, take_what_help_tells_and_refuse_the_rest) {
	struct options o;
	const char *good[] = {"weir", "--config", "f", "--set", "a.b=1", "--set=c.d=2", "--check"};
	buffer_init(&why, 0);
	cr_assert_eq(options_parse(&o, 7, (char **)good, &why), 0);
	cr_assert_str_eq(o.file, "f");
	cr_assert_str_eq(o.overrides[1], "c.d=2");
	cr_assert_null(o.overrides[2]);
	cr_assert_eq(o.action, OPTIONS_CHECK);
	options_fini(&o);
	const char *bad[] = {"weir", "--frob"};
	cr_assert_eq(options_parse(&o, 2, (char **)bad, &why), UV_EINVAL);
	const char *cut[] = {"weir", "--config"};
	cr_assert_eq(options_parse(&o, 2, (char **)cut, &why), UV_EINVAL);
	cr_assert(strstr(told(), "needs a value"));
}

#include "common/base/config.h"
#include "common/base/logger.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
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
	cr_assert_eq(
	    parse(
	        "stream:\n  grace: 20s\n  log_bytes: 32MiB\napps:\n  event:\n    stream: {grace: 2m, log_duration: 3m}\n"),
	    0, "%s", told());
	cr_assert_eq(config_app(config, "event", 5)->stream_grace, 120000);
	cr_assert_eq(config_app(config, "event", 5)->stream_log_bytes, 32 << 20);
	cr_assert_eq(config_app(config, "live", 4)->stream_grace, 20000);
	cr_assert_eq(config_app(config, "even", 4)->stream_grace, 20000);
	cr_assert_eq(config_app(config, "events", 6)->stream_grace, 20000);
}

Test(config, what_an_app_inherits_is_what_the_environment_left) {
	const char *environment[] = {"WEIR_STREAM__GRACE=22s", "WEIR_STREAM__LOG_BYTES=2MiB", NULL};
	cr_assert_eq(parse_as(CONFIG_ORIGIN, "apps: {event: {stream: {grace: 2m, log_duration: 3m}}}\n", environment, NULL),
	             0);
	cr_assert_eq(config_app(config, "event", 5)->stream_grace, 120000);
	cr_assert_eq(config_app(config, "event", 5)->stream_log_bytes, 2 << 20);
}

Test(config, defaults_are_the_top_level_by_another_name) {
	cr_assert_eq(parse("defaults:\n  stream: {grace: 20s}\nstream: {log_duration: 40s}\n"), 0, "%s", told());
	cr_assert_eq(config_app(config, "live", 4)->stream_grace, 20000);
	cr_assert_eq(config_app(config, "live", 4)->stream_log_duration, 40000);
}

Test(config, a_section_may_be_an_alias_or_empty) {
	cr_assert_eq(parse("stream: &s {grace: 20s}\nrtmp:\napps:\n  a: {stream: *s}\n  b:\n"), 0, "%s", told());
	cr_assert_eq(config_app(config, "a", 1)->stream_grace, 20000);
}

Test(config, an_empty_file_is_the_defaults) {
	const char *files[] = {"", "# nothing\n", "---\n", "{}\n", "---\n# nothing\n...\n"};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		cr_assert_eq(parse(files[i]), 0, "%s: %s", files[i], told());
}

Test(config, https_needs_certificates_and_takes_a_list_of_them) {
	cr_assert_eq(parse("https: {listen: '127.0.0.1:1'}\n"), UV_EINVAL);
	cr_assert(strstr(told(), "https.certificates: is needed where https.listen is set"), "%s", told());
	cr_assert_eq(parse("https: {listen: '127.0.0.1:1', certificates: ['a.pem:a.key', both.pem]}\n"), 0, "%s", told());
	cr_assert_eq(config_node(config)->https_certificates.count, 2);
	cr_assert_str_eq(config_node(config)->https_certificates.items[1], "both.pem");
	const char *none[] = {"https.certificates=", "https.listen=", NULL};
	cr_assert_eq(parse_as(CONFIG_EDGE, "https: {certificates: [a.pem]}\n", NULL, none), 0, "%s", told());
	cr_assert_eq(config_node(config)->https_certificates.count, 0);
	cr_assert_eq(parse("https: {certificates: [a.pem, '']}\n"), UV_EINVAL);
	cr_assert(strstr(told(), "https.certificates: found \"\", expected a list of up to 64 texts"), "%s", told());
}

Test(config, environment_beats_the_file_and_the_command_line_beats_both) {
	const char *environment[] = {"WEIR_STREAM__GRACE=22s", "WEIR_RTMP__LISTEN=127.0.0.1:1", "HOME=/", "WEIR_BIN=x",
	                             NULL};
	const char *overrides[] = {"rtmp.listen=127.0.0.1:2", NULL};
	cr_assert_eq(parse_as(CONFIG_ORIGIN, "stream: {grace: 20s}\n", environment, overrides), 0, "%s", told());
	cr_assert_eq(config_app(config, "live", 4)->stream_grace, 22000);
	cr_assert_str_eq(config_node(config)->rtmp_listen, "127.0.0.1:2");
}

Test(config, lists_are_sequences_or_parted_by_commas) {
	cr_assert_eq(parse_as(CONFIG_EDGE, "registry:\n  origins: ['127.0.0.1:1', 'unix:b']\n", NULL, NULL), 0);
	cr_assert_eq(config_node(config)->registry_origins.count, 2);
	cr_assert_eq(parse_as(CONFIG_EDGE, "registry:\n  origins: 127.0.0.1:3\n", NULL, NULL), 0);
	cr_assert_eq(config_node(config)->registry_origins.count, 1);
	const char *overrides[] = {"registry.origins=127.0.0.1:1, 127.0.0.1:2 ,[::1]:3", NULL};
	cr_assert_eq(parse_as(CONFIG_EDGE, "", NULL, overrides), 0, "%s", told());
	cr_assert_eq(config_node(config)->registry_origins.count, 3);
	cr_assert_str_eq(config_node(config)->registry_origins.items[1], "127.0.0.1:2");
	cr_assert_str_eq(config_node(config)->registry_origins.items[2], "[::1]:3");
}

Test(config, a_list_ends_at_64) {
	char text[1024] = "registry.origins=unix:a";
	const char *overrides[] = {text, NULL};
	for (int i = 1; i < CONFIG_LIST_MAX; i++)
		strcat(text, ",unix:a");
	cr_assert_eq(parse_as(CONFIG_EDGE, "", NULL, overrides), 0, "%s", told());
	cr_assert_eq(config_node(config)->registry_origins.count, CONFIG_LIST_MAX);
	strcat(text, ",unix:a");
	cr_assert_eq(parse_as(CONFIG_EDGE, "", NULL, overrides), UV_EINVAL);
	cr_assert(strstr(told(), "--set: registry.origins: found a list, expected a list of 1 to 64 addresses"));
}

struct value {
	const char *text;
	int64_t value; /* -1: refused */
};

Test(config, durations_carry_units) {
	static const struct value values[] = {
	    {"0", 0},     {"0s", 0},      {"333ms", 333}, {"1.5s", 1500}, {"0.25m", 15000}, {"1h", 3600000},
	    {"0.5ms", 1}, {"1.0s", 1000}, {"1e3ms", -1},  {".5s", -1},    {"1.s", -1},      {"0.1ms", -1},
	    {"-1s", -1},  {"+1s", -1},    {"1 s", -1},    {" 1s", -1},    {"1s ", -1},      {"1", -1},
	    {"s", -1},    {"1S", -1},     {"1us", -1},    {"1h1m", -1},   {"61m", -1},      {"inf", -1},
	    {"nan", -1},  {"0x1s", -1},   {"1_0s", -1},   {"1,5s", -1},   {"00", -1},       {"999999999999999999999h", -1},
	};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char text[64];
		const char *overrides[] = {text, "stream.log_duration=2h", NULL};
		snprintf(text, sizeof text, "stream.grace=%s", values[i].text);
		cr_assert_eq(parse_as(CONFIG_ORIGIN, "", NULL, overrides), values[i].value < 0 ? UV_EINVAL : 0, "%s", text);
		if (config)
			cr_assert_eq(config_app(config, "live", 4)->stream_grace, values[i].value, "%s", text);
	}
}

/* Its viewers would be refused before the edge has found a stream that is there. */
Test(config, no_edge_is_without_patience) {
	cr_assert_eq(parse_as(CONFIG_EDGE, "edge: {wait_publish: 0s}\n", NULL, NULL), UV_EINVAL);
	cr_assert(strstr(told(), "found \"0s\", expected a duration from 1s to 10m\n"), "%s", told());
}

Test(config, a_duration_may_have_a_word_in_its_place) {
	cr_assert_eq(parse_as(CONFIG_EDGE, "", NULL, NULL), 0, "%s", told());
	cr_assert_eq(config_app(config, "live", 4)->edge_merge, CONFIG_WORD);
	cr_assert_eq(parse_as(CONFIG_EDGE, "edge: {merge: 170ms}\napps: {a: {edge: {merge: adaptive}}}\n", NULL, NULL), 0,
	             "%s", told());
	cr_assert_eq(config_app(config, "live", 4)->edge_merge, 170);
	cr_assert_eq(config_app(config, "a", 1)->edge_merge, CONFIG_WORD);
	cr_assert_eq(parse_as(CONFIG_EDGE, "edge: {merge: adaptiv}\n", NULL, NULL), UV_EINVAL);
	cr_assert(strstr(told(), "expected a duration from 0 to 500ms, or adaptive"), "%s", told());
	cr_assert_eq(parse_as(CONFIG_EDGE, "edge: {merge_max: adaptive}\n", NULL, NULL), UV_EINVAL);
}

Test(config, sizes_carry_units) {
	static const struct value values[] = {
	    {"1048576B", 1048576}, {"2048KiB", 2 << 20}, {"1.5MiB", 3 << 19}, {"1GiB", 1 << 30}, {"2000kB", 2000000},
	    {"2MB", 2000000},      {"1GB", 1000000000},  {"2000000", -1},     {"2mb", -1},       {"2M", -1},
	    {"1KiB", -1},          {"17GiB", -1},        {"2MiBs", -1},       {"0", -1},
	};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char text[64];
		const char *overrides[] = {text, NULL};
		snprintf(text, sizeof text, "stream.log_bytes=%s", values[i].text);
		cr_assert_eq(parse_as(CONFIG_ORIGIN, "", NULL, overrides), values[i].value < 0 ? UV_EINVAL : 0, "%s", text);
		if (config)
			cr_assert_eq(config_app(config, "live", 4)->stream_log_bytes, values[i].value, "%s", text);
	}
}

Test(config, whole_numbers_are_strict) {
	static const struct value values[] = {
	    {"0", 0},   {"7", 7},   {"128", 128}, {"129", -1}, {"-1", -1},  {"-0", -1},  {"007", -1},
	    {"+7", -1}, {"7 ", -1}, {" 7", -1},   {"7.0", -1}, {"7e0", -1}, {"0x7", -1}, {"99999999999999999999", -1},
	};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char text[64];
		const char *overrides[] = {text, NULL};
		snprintf(text, sizeof text, "node.workers=%s", values[i].text);
		cr_assert_eq(parse_as(CONFIG_ORIGIN, "", NULL, overrides), values[i].value < 0 ? UV_EINVAL : 0, "%s", text);
		if (config)
			cr_assert_eq(config_node(config)->node_workers, values[i].value, "%s", text);
	}
}

Test(config, addresses_are_judged_by_their_form) {
	const char *good[] = {"a:1",        "0.0.0.0:0",        "[::]:65535",         "[fe80::1%eth0]:1",
	                      "a-b.c_d:80", "unix:/run/weir.s", "[::ffff:1.2.3.4]:1", "localhost:1"};
	const char *bad[] = {"a",       ":1",          "a:",     "a:65536",    "a:1x",  "a:-1",   "a:000001",
	                     "::1:80",  "[::1]",       "[::1]:", "[]:1",       "[a]:1", "[::1:1", "[::1%]:1",
	                     "1.2.3:1", "1.2.3.256:1", "unix:",  "http://a:1", "a b:1", "*:1",    "-a:1"};
	char text[128];
	const char *overrides[] = {text, NULL};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		snprintf(text, sizeof text, "rtmp.listen=%s", good[i]);
		cr_assert_eq(parse_as(CONFIG_ORIGIN, "", NULL, overrides), 0, "%s: %s", good[i], told());
		cr_assert_str_eq(config_node(config)->rtmp_listen, good[i]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, "rtmp.listen=%s", bad[i]);
		cr_assert_eq(parse_as(CONFIG_ORIGIN, "", NULL, overrides), UV_EINVAL, "%s", bad[i]);
	}
}

Test(config, the_path_of_a_unix_socket_fits_its_address) {
	char text[200];
	const char *overrides[] = {text, NULL};
	snprintf(text, sizeof text, "rtmp.listen=unix:%0107d", 0);
	cr_assert_eq(parse_as(CONFIG_ORIGIN, "", NULL, overrides), 0);
	snprintf(text, sizeof text, "rtmp.listen=unix:%0108d", 0);
	cr_assert_eq(parse_as(CONFIG_ORIGIN, "", NULL, overrides), UV_EINVAL);
}

Test(config, choices_are_the_enums) {
	static const struct {
		const char *set;
		size_t field;
		int value;
	} levels[] = {{"logging.level=debug", offsetof(struct config_node, logging_level), LOG_DEBUG},
	              {"logging.level=info", offsetof(struct config_node, logging_level), LOG_INFO},
	              {"logging.level=warn", offsetof(struct config_node, logging_level), LOG_WARN},
	              {"logging.level=error", offsetof(struct config_node, logging_level), LOG_ERROR},
	              {"logging.format=text", offsetof(struct config_node, logging_format), LOG_FORMAT_TEXT},
	              {"logging.format=json", offsetof(struct config_node, logging_format), LOG_FORMAT_JSON},
	              {"registry.backend=static", offsetof(struct config_node, registry_backend), CONFIG_BACKEND_STATIC}};
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		const char *overrides[] = {levels[i].set, NULL};
		cr_assert_eq(parse_as(CONFIG_ORIGIN, "", NULL, overrides), 0);
		int value = *(const int *)((const char *)config_node(config) + levels[i].field);
		cr_assert_eq(value, levels[i].value, "%s", levels[i].set);
	}
	cr_assert_eq(parse("ingest: {second: takeover}\n"), 0);
	cr_assert_eq(config_app(config, "live", 4)->ingest_second, CONFIG_SECOND_TAKEOVER);
	cr_assert_eq(parse("ingest: {second: reject}\n"), 0);
	cr_assert_eq(config_app(config, "live", 4)->ingest_second, CONFIG_SECOND_REJECT);
}

struct wrong {
	char yaml[120], says[160];
};

ParameterizedTestParameters(config, wrong_files_are_refused_with_place_and_reason) {
	static struct wrong cases[] = {
	    {"stream:\n  grace: 12x\n",
	     "weir.yaml:2:10: stream.grace: found \"12x\", expected a duration from 0 to 1h; its "
	     "unit is one of ms, s, m, h\n"},
	    {"stream:\n  grace: 12\n",
	     "found \"12\", expected a duration from 0 to 1h; its unit is missing: ms, s, m or h"},
	    {"stream:\n  grace: 2h\n", "found \"2h\", expected a duration from 0 to 1h\n"},
	    {"stream:\n  log_bytes: 12x\n", "expected a size from 1MiB to 16GiB; its unit is one of B, KiB"},
	    {"node:\n  workers: 3.5\n", "expected a whole number from 0 to 128\n"},
	    {"rtpm:\n  listen: a:1\n", "weir.yaml:2:11: unknown key \"rtpm.listen\", did you mean \"rtmp.listen\"?\n"},
	    {"rtmp:\n  listn: a:1\n", "did you mean \"rtmp.listen\"?"},
	    {"frobnicate: {xyzzy: 1}\n", "unknown key \"frobnicate.xyzzy\"; --help lists the keys"},
	    {"rtpm:\n", "weir.yaml:1:1: unknown section \"rtpm\", did you mean \"rtmp\"?\n"},
	    {"workers: 4\n", "unknown section \"workers\""},
	    {"rtmp:\n  listen: 1935\n", "found \"1935\", expected HOST:PORT"},
	    {"rtmp:\n  listen:\n", "weir.yaml:2:3: rtmp.listen: found nothing, expected"},
	    {"rtmp: {listen: null}\n", "rtmp.listen: found nothing"},
	    {"rtmp: {listen: [a:1]}\n", "weir.yaml:1:16: rtmp.listen: expected one value, found a list"},
	    {"rtmp: {listen: {a: b}}\n", "rtmp.listen: expected a value, found keys with values"},
	    {"node: {id: \"a\\0b\"}\n", "node.id: expected a value, found a text with a NUL"},
	    {"node: {id: \"a\\nb\"}\n", "node.id: found \"a?b\", expected a line of text"},
	    {"\"a\\nb\": {c: 1}\n", "unknown key \"a?b.c\""},
	    {"edge:\n  linger: 5s\n", "edge.linger: only an edge knows this key"},
	    {"ingest:\n  second: maybe\n", "found \"maybe\", expected one of takeover, reject, backup\n"},
	    {"stream: {grace: 1s}\ndefaults: {stream: {grace: 2s}}\n", "weir.yaml:2:28: stream.grace: is set already, at "
	                                                               "line 1\n"},
	    {"stream: {grace: 1s, grace: 2s}\n", "weir.yaml:1:21: stream.grace: is set already, at line 1\n"},
	    {"stream: {grace: 1s}\nrtmp:\nstream: {}\n", "weir.yaml:3:1: stream: is set already, at line 1\n"},
	    {"apps: {a: {}, b: {}, a: {}}\n", "apps.a: is set already"},
	    {"apps:\n  live: {rtmp: {listen: 'a:1'}}\n", "rtmp.listen: concerns the whole node and cannot be set for an "
	                                                 "app"},
	    {"apps:\n  live: {stream: {grace: x}}\n", "weir.yaml:2:26: apps.live.stream.grace: found \"x\""},
	    {"apps:\n  api: {stream: {grace: 1s}}\n", "\"api\" is no name for an app: it is reserved"},
	    {"apps:\n  a/b: {stream: {grace: 1s}}\n", "\"a/b\" is no name for an app: 1 to 128"},
	    {"stream: [1]\n", "weir.yaml:1:9: stream: expected keys with values"},
	    {"stream: &s {grace: 1s}\napps: {a: {stream: {<<: *s}}}\n", "merge keys are not known"},
	    {"? [a]\n: b\n", "expected a key"},
	    {"stream:\n\tgrace: 1s\n", "weir.yaml:2:1: not YAML: found character that cannot start any token; a tab cannot "
	                               "indent, spaces do\n"},
	    {"stream: {grace: 1s\n", "not YAML"},
	    {"stream: {grace: *x}\n", "weir.yaml:1:17: not YAML: found undefined alias"},
	    {"a: 1\nstream:\n  \xff: 1s\n", "weir.yaml:3:3: not YAML: invalid leading UTF-8 octet\n"},
	    {"- a\n", "weir.yaml:1:1: the file: expected keys with values"},
	    {"{}\n---\n{}\n", "weir.yaml:3:1: a second YAML document"},
	    {"{}\n---\n{\n", "not YAML"},
	    {"relay: {listen: '0.0.0.0:1950'}\n", "relay.secret: is needed where relay.listen (0.0.0.0:1950)"},
	    {"relay: {listen: '127.0.0.1.example.org:1950'}\n", "relay.secret: is needed"},
	    {"relay: {listen: '[::]:1950'}\n", "relay.secret: is needed"},
	    {"relay: {dead_after: 1s}\n", "relay.dead_after: must be longer than relay.ping_interval"},
	    {"http: {listen: 'a:1'}\nrtmp: {listen: 'a:1'}\n", "http.listen: cannot be the address of rtmp.listen too"},
	    {"package: {segment: 4s, target_duration: 2s}\n", "package.target_duration: cannot be shorter"},
	    {"apps: {a: {package: {target_duration: 1s}}}\n", "apps.a.package.target_duration: cannot be shorter"},
	    {"stream: {log_duration: 32s}\n", "stream.log_duration: cannot be shorter than package.window + 3 segments"},
	    {"apps: {a: {stream: {grace: 30s}}}\n", "apps.a.stream.log_duration: cannot be shorter"},
	    {"apps: {a: {package: {window: 20}}}\n", "apps.a.stream.log_duration: cannot be shorter"},
	    {"package: {part: 50ms}\n", "package.part: a segment would have more than 200 parts"},
	    {"package: {part: 20ms, target_duration: 4s}\n", "package.part: a segment would have more than 200 parts"},
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

Test(config, a_mistake_is_told_once_for_all_apps) {
	const char *yaml = "package: {segment: 4s, target_duration: 2s}\napps: {a: {stream: {grace: 1s}}, b: {}}\n";
	cr_assert_eq(parse(yaml), UV_EINVAL);
	cr_assert_str_eq(told(), "package.target_duration: cannot be shorter than package.segment\n");
}

Test(config, logs_and_parts_that_just_suffice_are_taken) {
	cr_assert_eq(parse("stream: {log_duration: 33s}\n"), 0, "%s", told());
	cr_assert_eq(parse("package: {part: 23ms, target_duration: 4s}\nstream: {log_duration: 51s}\n"), 0, "%s", told());
	cr_assert_eq(parse("package: {part: 53ms}\n"), 0, "%s", told());
}

Test(config, after_fifty_mistakes_the_rest_is_counted) {
	char yaml[4096] = "";
	for (int i = 0; i < 60; i++)
		sprintf(yaml + strlen(yaml), "wrong%d: {key: 1}\n", i);
	cr_assert_eq(parse(yaml), UV_EINVAL);
	cr_assert(strstr(told(), "wrong49"));
	cr_assert_null(strstr(told(), "wrong50"));
	cr_assert(strstr(told(), "\n… and 10 more\n"));
}

Test(config, loopback_and_unix_sockets_need_no_secret) {
	const char *local[] = {"127.0.0.1:1", "127.8.9.1:1", "[::1]:1", "[0:0::1]:1", "localhost:1", "unix:/run/x", ""};
	char text[64];
	const char *overrides[] = {text, NULL};
	for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
		snprintf(text, sizeof text, "relay.listen=%s", local[i]);
		cr_assert_eq(parse_as(CONFIG_ORIGIN, "", NULL, overrides), 0, "%s: %s", local[i], told());
	}
	cr_assert_eq(parse("relay: {listen: '0.0.0.0:1950', secret: s}\n"), 0, "%s", told());
}

Test(config, an_edge_needs_the_secret_for_origins_elsewhere) {
	cr_assert_eq(parse_as(CONFIG_EDGE, "registry: {origins: ['127.0.0.1:1', 'o:1']}\n", NULL, NULL), UV_EINVAL);
	cr_assert(strstr(told(), "relay.secret: is needed where registry.origins (o:1) is not on loopback"));
	cr_assert_eq(parse_as(CONFIG_EDGE, "registry: {origins: 'o:1'}\nrelay: {secret: s}\n", NULL, NULL), 0);
}

Test(config, an_edge_keeps_as_much_as_it_shows) {
	cr_assert_eq(parse_as(CONFIG_EDGE, "edge: {history: 41s}\n", NULL, NULL), UV_EINVAL);
	cr_assert(strstr(told(), "edge.history: cannot be longer than stream.log_duration"));
	cr_assert_eq(parse_as(CONFIG_EDGE, "edge: {history: 40s}\n", NULL, NULL), 0);
}

Test(config, listeners_may_share_any_free_port) {
	cr_assert_eq(parse("http: {listen: '127.0.0.1:0'}\nrtmp: {listen: '127.0.0.1:0'}\n"), 0, "%s", told());
	cr_assert_eq(parse("http: {listen: ''}\nrtmp: {listen: ''}\n"), 0, "%s", told());
	cr_assert_str_eq(config_node(config)->rtmp_listen, "");
}

Test(config, unknown_variables_of_ours_are_refused_with_the_nearest) {
	const char *environment[] = {"WEIR_RTPM__LISTEN=a:1", NULL};
	cr_assert_eq(parse_as(CONFIG_ORIGIN, "", environment, NULL), UV_EINVAL);
	cr_assert_str_eq(told(), "WEIR_RTPM__LISTEN: unknown key \"rtpm.listen\", did you mean \"rtmp.listen\" "
	                         "(WEIR_RTMP__LISTEN)?\n");
	const char *others[] = {"WEIR___LISTEN=1", "WEIR_A__=1", "WEIR_STREAM__GRACE__X=1s", "WEIR_EDGE__LINGER=1s",
	                        "WEIR_STREAM__GRACE=1"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		environment[0] = others[i];
		cr_assert_eq(parse_as(CONFIG_ORIGIN, "", environment, NULL), UV_EINVAL, "%s", others[i]);
		cr_assert_eq(strncmp(told(), others[i], strcspn(others[i], "=")), 0, "%s", told());
	}
}

Test(config, other_variables_are_left_alone) {
	const char *environment[] = {"WEIR_BIN=a", "WEIR_X=a__b", "WEIR__", "OTHER__X=1", "XWEIR_A__B=1", "WEIR", "", NULL};
	cr_assert_eq(parse_as(CONFIG_ORIGIN, "", environment, NULL), 0, "%s", told());
}

Test(config, a_very_long_variable_is_refused_not_cut) {
	char text[1000] = "WEIR_";
	const char *environment[] = {text, NULL};
	memset(text + 5, 'A', 600);
	strcpy(text + 605, "__B=1");
	cr_assert_eq(parse_as(CONFIG_ORIGIN, "", environment, NULL), UV_EINVAL);
}

Test(config, an_override_without_a_key_is_refused) {
	const char *wrong[] = {"rtmp.listen", "listen=a:1", "=", "", ".=1", "a=b.c"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		const char *overrides[] = {wrong[i], NULL};
		cr_assert_eq(parse_as(CONFIG_ORIGIN, "", NULL, overrides), UV_EINVAL, "%s", wrong[i]);
		cr_assert_eq(strncmp(told(), "--set: ", 7), 0);
	}
}

Test(config, a_secret_is_not_repeated_in_messages) {
	const char *overrides[] = {"relay.secret=hush\1", "relay.secret.x=hush", NULL};
	const char *environment[] = {"WEIR_RELAY__SECRET=hush\n", "WEIR_RELAY__SECRETS=hush", NULL};
	const char *files[] = {"", "relay: {secret: [hush]}\n", "relay: {secret: {hush: 1}}\n", "relay: {secrt: hush}\n"};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		cr_assert_eq(parse_as(CONFIG_ORIGIN, files[i], environment, overrides), UV_EINVAL);
		cr_assert_null(strstr(told(), "hush"), "%s", told());
		cr_assert(strstr(told(), "WEIR_RELAY__SECRET: relay.secret: found a secret that is not one, expected a line"));
	}
}

Test(config, a_file_that_cannot_be_read_is_named) {
	struct config_sources from = {.name = "/nonexistent/weir.yaml"};
	buffer_init(&why, 0);
	cr_assert_eq(config_load(&config, CONFIG_EDGE, &from, &why), UV_ENOENT);
	cr_assert(strstr(told(), "/nonexistent/weir.yaml: cannot be read: no such file"));
}

Test(config, a_file_is_read_or_told_to_be_too_large) {
	char name[] = "/tmp/weir-config-XXXXXX";
	FILE *f = fdopen(mkstemp(name), "w");
	struct config_sources from = {.name = name};
	fputs("stream: {grace: 21s}\n", f);
	fflush(f);
	buffer_init(&why, 0);
	cr_assert_eq(config_load(&config, CONFIG_EDGE, &from, &why), 0);
	cr_assert_eq(config_app(config, "live", 4)->stream_grace, 21000);
	config_free(&config);
	for (int i = 0; i < 1024 * 1024; i++)
		fputc('#', f);
	fclose(f);
	cr_assert_eq(config_load(&config, CONFIG_EDGE, &from, &why), UV_E2BIG);
	unlink(name);
	cr_assert(strstr(told(), "it is larger than 1 MiB"));
}

Test(config, a_folder_is_no_file) {
	struct config_sources from = {.name = "/tmp"};
	buffer_init(&why, 0);
	cr_assert_eq(config_load(&config, CONFIG_EDGE, &from, &why), UV_EISDIR);
	cr_assert(strstr(told(), "/tmp: cannot be read: illegal operation on a directory"));
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
	bool is_same = n == page.size && memcmp(text, page.block->data, n) == 0;
	buffer_fini(&page);
	cr_assert(is_same, "docs/configuration.md is old: write it anew with --print-config-docs");
}

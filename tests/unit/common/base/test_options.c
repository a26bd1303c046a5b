#include "common/base/options.h"

#include <criterion/criterion.h>
#include <string.h>
#include <uv.h>

static struct buffer why;
static struct options options;

static void init(void) {
	buffer_init(&why, 0);
}

static void fini(void) {
	buffer_fini(&why);
	options_fini(&options);
}

TestSuite(options, .init = init, .fini = fini);

static int parse(const char *const *arguments) {
	char *argv[16] = {(char *)"weir"};
	int argc = 1;
	while (arguments[argc - 1]) {
		argv[argc] = (char *)arguments[argc - 1];
		argc++;
	}
	return options_parse(&options, argc, argv, &why);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static bool told(const char *text) {
	return why.size && memmem(why.block->data, why.size, text, strlen(text));
}

Test(options, without_any_the_node_runs) {
	cr_assert_eq(parse((const char *const[]){NULL}), 0);
	cr_assert_eq(options.action, OPTIONS_RUN);
	cr_assert_null(options.file);
	cr_assert_null(options.overrides[0]);
}

Test(options, values_stand_apart_or_behind_an_equals_sign) {
	cr_assert_eq(PARSE("--config", "f", "--set", "a.b=1", "--set=c.d=2"), 0);
	cr_assert_str_eq(options.file, "f");
	cr_assert_str_eq(options.overrides[0], "a.b=1");
	cr_assert_str_eq(options.overrides[1], "c.d=2");
	cr_assert_null(options.overrides[2]);
	options_fini(&options);
	cr_assert_eq(PARSE("--config=g"), 0);
	cr_assert_str_eq(options.file, "g");
}

Test(options, each_action_has_its_option) {
	static const struct {
		const char *option;
		enum options_action action;
	} actions[] = {{"--check", OPTIONS_CHECK},
	               {"--help", OPTIONS_HELP},
	               {"-h", OPTIONS_HELP},
	               {"--version", OPTIONS_VERSION},
	               {"--print-config-docs", OPTIONS_CONFIG_DOCS}};
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
		cr_assert_eq(PARSE(actions[i].option), 0);
		cr_assert_eq(options.action, actions[i].action, "%s", actions[i].option);
		options_fini(&options);
	}
}

Test(options, unknown_ones_are_refused_by_name) {
	cr_assert_eq(PARSE("--check", "--frob"), UV_EINVAL);
	cr_assert(told("--frob: unknown option"));
	cr_assert_eq(PARSE("weir.yaml"), UV_EINVAL);
	cr_assert(told("weir.yaml: unknown option"));
	cr_assert_eq(PARSE("--configs"), UV_EINVAL);
	cr_assert(told("--configs: unknown option"));
	cr_assert_null(options.overrides);
}

Test(options, a_missing_value_is_told) {
	cr_assert_eq(PARSE("--config"), UV_EINVAL);
	cr_assert(told("--config: needs a value"));
	cr_assert_eq(PARSE("--check", "--set"), UV_EINVAL);
	cr_assert(told("--set: needs a value"));
}

Test(options, help_names_every_option_and_the_roles_keys_only) {
	options_print_help("weir-edge", CONFIG_EDGE, &why);
	const char *must[] = {"usage: weir-edge", "--config", "--set",        "--check", "--print-config-docs",
	                      "--version",        "--help",   "edge.linger ", "10s"};
	for (size_t i = 0; i < sizeof must / sizeof *must; i++)
		cr_assert(told(must[i]), "%s", must[i]);
	cr_assert(told("http.listen (default: 0.0.0.0:8080)"));
	cr_assert_not(told("ingest.second"));
}

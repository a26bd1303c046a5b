#include "common/codec/amf0.h"
#include "common/rtmp/chunk_writer.h"
#include "common/rtmp/command.h"

#include <criterion/criterion.h>
#include <string.h>
#include <uv.h>

static struct buffer b;
static struct rtmp_command c;
static struct rtmp_connect asked;

static void fini(void) {
	rtmp_command_fini(&c);
	buffer_fini(&b);
}

TestSuite(rtmp_command, .fini = fini);

static int read_as(uint8_t type) {
	struct rtmp_message m = {.type = type, .payload = buffer_slice(&b)};
	rtmp_command_fini(&c);
	return rtmp_command_read(&c, &m);
}

/* connect with app and tcUrl, either of which may be NULL. */
static int connect_with(const char *app, const char *url) {
	const char *why = NULL;
	fini();
	buffer_init(&b, 0);
	amf0_write_string(&b, "connect");
	amf0_write_number(&b, 1);
	amf0_write_object_begin(&b);
	if (app)
		amf0_write_string_member(&b, "app", app);
	if (url)
		amf0_write_string_member(&b, "tcUrl", url);
	amf0_write_object_end(&b);
	cr_assert_eq(read_as(RTMP_COMMAND_AMF0), 0);
	int err = rtmp_connect_read(&asked, &c, &why);
	cr_assert_eq(err != 0, why != NULL);
	return err;
}

Test(rtmp_command, app_is_found_wherever_encoders_put_it) {
	static const struct {
		const char *app, *url, *want, *query;
	} cases[] = {
	    {"live", "rtmp://h/live", "live", ""},
	    {"live/", NULL, "live", ""},
	    {"/live", NULL, "live", ""},
	    {"live?key=1", NULL, "live", "key=1"},
	    {"live/_definst_", NULL, "live", ""},
	    {"live/_definst_/", NULL, "live", ""},
	    {NULL, "rtmp://host:1935/live", "live", ""},
	    {"", "rtmp://host/live/?k=2", "live", "k=2"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cr_assert_eq(connect_with(cases[i].app, cases[i].url), 0, "case %zu", i);
		cr_assert_str_eq(asked.app, cases[i].want);
		cr_assert_str_eq(asked.query, cases[i].query);
		cr_assert_not(asked.enhanced);
	}
}

Test(rtmp_command, what_is_no_app_is_refused) {
	static const char *const wrong[] = {"", "a b", "a/b", "../x", ".x", "api", "metrics", "\xff"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		cr_assert_eq(connect_with(wrong[i], NULL), UV_EINVAL, "\"%s\" was taken", wrong[i]);
	cr_assert_eq(connect_with(NULL, NULL), UV_EINVAL);
	cr_assert_eq(connect_with(NULL, "rtmp://host"), UV_EINVAL);
}

static int read_name(struct stream_name *out, char query[RTMP_QUERY_MAX], const char *text, size_t size) {
	return rtmp_stream_name_read(out, query, "live", (struct slice){(const uint8_t *)text, size});
}

Test(rtmp_command, names_lose_prefix_query_and_slash) {
	struct stream_name name;
	char query[RTMP_QUERY_MAX];
	cr_assert_eq(read_name(&name, query, "cam1?token=x&y=1", 16), 0);
	cr_assert_str_eq(name.text, "live/cam1");
	cr_assert_str_eq(query, "token=x&y=1");
	cr_assert_eq(read_name(&name, query, "flv:cam1", 8), 0);
	cr_assert_str_eq(name.text, "live/cam1");
	cr_assert_str_eq(query, "");
	cr_assert_eq(read_name(&name, query, "cam1/", 5), 0);
	cr_assert_eq(read_name(&name, query, "a/b", 3), UV_EINVAL);
	cr_assert_eq(read_name(&name, query, "a\0b", 3), UV_EINVAL);
	cr_assert_eq(read_name(&name, query, "", 0), UV_EINVAL);
	cr_assert_eq(read_name(&name, query, NULL, 0), UV_EINVAL);
}

Test(rtmp_command, amf3_commands_have_a_leading_byte) {
	buffer_init(&b, 0);
	buffer_u8(&b, 0);
	amf0_write_string(&b, "createStream");
	amf0_write_number(&b, 4);
	amf0_write_null(&b);
	cr_assert_eq(read_as(RTMP_COMMAND_AMF3), 0);
	cr_assert_str_eq(c.name, "createStream");
	cr_assert_eq(c.transaction, 4);
}

Test(rtmp_command, what_has_no_name_is_no_command) {
	buffer_init(&b, 0);
	cr_assert_eq(read_as(RTMP_COMMAND_AMF0), UV_EINVAL);
	amf0_write_number(&b, 1);
	cr_assert_eq(read_as(RTMP_COMMAND_AMF0), UV_EINVAL);
	cr_assert_eq(read_as(RTMP_COMMAND_AMF3), UV_EINVAL);
}

static struct buffer answered;

static int keep(void *context, const struct rtmp_message *m) {
	(void)context;
	buffer_append(&answered, m->payload.data, m->payload.size);
	return 0;
}

Test(rtmp_command, enhanced_clients_are_told_what_is_taken) {
	struct chunk_reader r;
	struct buffer out;
	connect_with("live", NULL);
	asked.enhanced = true;
	buffer_init(&out, 0);
	buffer_init(&answered, 0);
	rtmp_write_connect_result(&out, 1, &asked);
	chunk_reader_init(&r, (struct chunk_reader_limits){100000, 8}, keep, NULL);
	r.chunk_size = RTMP_CHUNK_SIZE_OUT;
	cr_assert_eq(chunk_reader_feed(&r, out.block->data, out.size), 0);
	struct rtmp_message m = {.type = RTMP_COMMAND_AMF0, .payload = buffer_slice(&answered)};
	rtmp_command_fini(&c);
	cr_assert_eq(rtmp_command_read(&c, &m), 0);
	cr_assert_str_eq(c.name, "_result");
	const struct amf_value *info = rtmp_command_argument(&c, 0);
	cr_assert_str_eq(amf_string(amf_get(info, "code"), ""), "NetConnection.Connect.Success");
	cr_assert(amf_string_is(amf_at(amf_get(info, "fourCcList"), 0), "av01"));
	cr_assert_eq(amf_number(amf_get(amf_get(info, "videoFourCcInfoMap"), "*"), 0), 4);
	chunk_reader_fini(&r);
	buffer_fini(&out);
	buffer_fini(&answered);
}

/* One command that was written, read again into `c`. */
static void read_written(struct buffer *out) {
	struct chunk_reader r;
	buffer_init(&answered, 0);
	chunk_reader_init(&r, (struct chunk_reader_limits){100000, 8}, keep, NULL);
	r.chunk_size = RTMP_CHUNK_SIZE_OUT;
	cr_assert_eq(chunk_reader_feed(&r, out->block->data, out->size), 0);
	struct rtmp_message m = {.type = RTMP_COMMAND_AMF0, .payload = buffer_slice(&answered)};
	rtmp_command_fini(&c);
	cr_assert_eq(rtmp_command_read(&c, &m), 0);
	chunk_reader_fini(&r);
	buffer_fini(&answered);
	buffer_fini(out);
}

Test(rtmp_command, a_reconnect_request_has_an_address_only_where_there_is_one) {
	static const char *const urls[] = {NULL, "rtmp://other:1935/live"};
	for (int i = 0; i < 2; i++) {
		struct buffer out;
		buffer_init(&out, 0);
		rtmp_write_reconnect_request(&out, urls[i], "go");
		read_written(&out);
		const struct amf_value *info = rtmp_command_argument(&c, 0);
		cr_assert_str_eq(c.name, "onStatus");
		cr_assert_eq(c.transaction, 0);
		cr_assert_str_eq(amf_string(amf_get(info, "code"), ""), "NetConnection.Connect.ReconnectRequest");
		cr_assert_str_eq(amf_string(amf_get(info, "level"), ""), "status");
		cr_assert_str_eq(amf_string(amf_get(info, "description"), ""), "go");
		cr_assert_str_eq(amf_string(amf_get(info, "tcUrl"), "none"), i ? urls[i] : "none");
	}
}

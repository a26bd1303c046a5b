#include "common/rtmp/command.h"

#include "common/codec/amf0.h"
#include "common/rtmp/chunk_writer.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

int rtmp_command_read(struct rtmp_command *out, const struct rtmp_message *m) {
	struct reader r = reader_of(m->payload.data, m->payload.size);
	/* AMF3 commands begin with a format byte, and then are AMF0 with switches to AMF3 (7.1.1). */
	if (m->type == RTMP_COMMAND_AMF3)
		reader_u8(&r);
	struct amf_doc *doc;
	int err = r.failed ? UV_EINVAL : amf0_read(&r, &doc);
	if (err)
		return err;
	const struct amf_value *root = amf_root(doc), *name = amf_at(root, 0);
	if (!name || name->type != AMF_STRING) {
		amf_doc_free(&doc);
		return UV_EINVAL;
	}
	*out = (struct rtmp_command){.doc = doc,
	                             .name = amf_string(name, ""),
	                             .transaction = amf_number(amf_at(root, 1), 0),
	                             .object = amf_at(root, 2)};
	return 0;
}

void rtmp_command_fini(struct rtmp_command *c) {
	amf_doc_free(&c->doc);
}

const struct amf_value *rtmp_command_argument(const struct rtmp_command *c, size_t index) {
	return amf_at(amf_root(c->doc), 3 + index);
}

/* --- connect --- */

/* A peer's number as a set of bits; what is none (NaN, negative, too large) is an empty set. */
static uint32_t caps_of(double number) {
	return number >= 0 && number <= UINT32_MAX ? (uint32_t)number : 0;
}

static struct slice from(struct slice text, size_t offset) {
	return (struct slice){text.data + offset, text.size - offset};
}

static bool begins_with(struct slice text, const char *start) {
	size_t n = strlen(start);
	return text.size >= n && memcmp(text.data, start, n) == 0;
}

static bool ends_with(struct slice text, const char *end) {
	size_t n = strlen(end);
	return text.size >= n && memcmp(text.data + text.size - n, end, n) == 0;
}

/* The path of rtmp://host:port/path?query, or the text itself where it is no URL. */
static struct slice url_path(struct slice url) {
	const uint8_t *scheme = memmem(url.data, url.size, "://", 3);
	if (!scheme)
		return url;
	struct slice host = from(url, (size_t)(scheme + 3 - url.data));
	const uint8_t *slash = memchr(host.data, '/', host.size);
	return slash ? from(host, (size_t)(slash + 1 - host.data)) : (struct slice){0};
}

/* Takes the query off and keeps it. */
static struct slice split_query(struct slice text, char query[RTMP_QUERY_MAX]) {
	const uint8_t *mark = text.size ? memchr(text.data, '?', text.size) : NULL;
	if (!mark)
		return text;
	struct slice rest = from(text, (size_t)(mark + 1 - text.data));
	snprintf(query, RTMP_QUERY_MAX, "%.*s", (int)rest.size, (const char *)rest.data);
	return (struct slice){text.data, text.size - rest.size - 1};
}

static struct slice without(struct slice text, const char *end) {
	if (ends_with(text, end))
		text.size -= strlen(end);
	return text;
}

/* "live", "live/", "live/_definst_", "/live": the app's name. */
static int read_app(struct rtmp_connect *out, struct slice text) {
	while (begins_with(text, "/"))
		text = from(text, 1);
	text = split_query(text, out->query);
	for (size_t before = text.size + 1; text.size < before;) {
		before = text.size;
		text = without(without(text, "/"), "/_definst_");
	}
	if (!name_valid((const char *)text.data, text.size) || name_reserved((const char *)text.data, text.size))
		return UV_EINVAL;
	memcpy(out->app, text.data, text.size);
	out->app[text.size] = '\0';
	return 0;
}

int rtmp_connect_read(struct rtmp_connect *out, const struct rtmp_command *c, const char **why) {
	struct rtmp_connect connect = {0};
	struct slice app = amf_text(amf_get(c->object, "app")), url = amf_text(amf_get(c->object, "tcUrl"));
	if (!app.size && url.size)
		app = url_path(url);
	if (!app.size) {
		*why = "no app, neither in app nor in tcUrl";
		return UV_EINVAL;
	}
	if (read_app(&connect, app)) {
		*why = "the app is no name: letters, digits, _ . - and at most 128 of them, or it is reserved";
		return UV_EINVAL;
	}
	connect.object_encoding = amf_number(amf_get(c->object, "objectEncoding"), 0) == 3 ? 3 : 0;
	connect.caps_ex = caps_of(amf_number(amf_get(c->object, "capsEx"), 0));
	connect.enhanced = amf_get(c->object, "fourCcList") || amf_get(c->object, "videoFourCcInfoMap") ||
	                   amf_get(c->object, "audioFourCcInfoMap") || connect.caps_ex;
	*out = connect;
	return 0;
}

int rtmp_stream_name_read(struct stream_name *out, char query[RTMP_QUERY_MAX], const char *app, struct slice text) {
	static const char *const prefixes[] = {"flv:", "mp4:", "mp3:"};
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (begins_with(text, prefixes[i]))
			text = from(text, strlen(prefixes[i]));
	query[0] = '\0';
	text = without(split_query(text, query), "/");
	return stream_name_make(out, app, strlen(app), (const char *)text.data, text.size);
}

/* --- answers --- */

static void begin(struct buffer *body, const char *name, double transaction) {
	buffer_init(body, 0);
	amf0_write_string(body, name);
	amf0_write_number(body, transaction);
}

static void finish_as(struct buffer *out, struct buffer *body, uint32_t stream, uint8_t type, uint8_t chunk_stream) {
	struct chunk_head head = {.chunk_stream = chunk_stream, .type = type, .stream = stream};
	if (buffer_error(body))
		out->error = buffer_error(body);
	else
		chunk_write(out, &head, buffer_slice(body), (struct slice){0}, RTMP_CHUNK_SIZE_OUT);
	buffer_fini(body);
}

static void finish(struct buffer *out, struct buffer *body, uint32_t stream) {
	finish_as(out, body, stream, RTMP_COMMAND_AMF0, RTMP_CHUNK_COMMAND);
}

/* What codecs we take and pass on: all that E-RTMP names; "forward" is bit 4 (E-RTMP v2, connect). */
static void write_fourccs(struct buffer *b) {
	static const char *const video[] = {"av01", "hvc1", "vp09", "vp08", "avc1"};
	static const char *const audio[] = {"Opus", "ac-3", "ec-3", "fLaC", ".mp3", "mp4a"};
	enum { FORWARD = 4, VIDEO = sizeof video / sizeof *video, AUDIO = sizeof audio / sizeof *audio };
	amf0_write_key(b, "fourCcList");
	amf0_write_array_begin(b, VIDEO + AUDIO);
	for (size_t i = 0; i < VIDEO; i++)
		amf0_write_string(b, video[i]);
	for (size_t i = 0; i < AUDIO; i++)
		amf0_write_string(b, audio[i]);
	amf0_write_key(b, "videoFourCcInfoMap");
	amf0_write_object_begin(b);
	amf0_write_number_member(b, "*", FORWARD);
	amf0_write_object_end(b);
	amf0_write_key(b, "audioFourCcInfoMap");
	amf0_write_object_begin(b);
	amf0_write_number_member(b, "*", FORWARD);
	amf0_write_object_end(b);
	amf0_write_number_member(b, "capsEx",
	                         RTMP_CAPS_RECONNECT | RTMP_CAPS_MULTITRACK | RTMP_CAPS_MODEX | RTMP_CAPS_NANO_OFFSET);
}

void rtmp_write_connect_result(struct buffer *out, double transaction, const struct rtmp_connect *c) {
	struct buffer b;
	begin(&b, "_result", transaction);
	amf0_write_object_begin(&b);
	amf0_write_string_member(&b, "fmsVer", "FMS/3,5,7,7009"); /* some players look for a server that they know */
	amf0_write_number_member(&b, "capabilities", 31);
	amf0_write_number_member(&b, "mode", 1);
	amf0_write_object_end(&b);
	amf0_write_object_begin(&b);
	amf0_write_string_member(&b, "level", "status");
	amf0_write_string_member(&b, "code", "NetConnection.Connect.Success");
	amf0_write_string_member(&b, "description", "Connection succeeded.");
	amf0_write_number_member(&b, "objectEncoding", c->object_encoding);
	if (c->enhanced)
		write_fourccs(&b);
	amf0_write_object_end(&b);
	finish(out, &b, 0);
}

void rtmp_write_result(struct buffer *out, double transaction) {
	struct buffer b;
	begin(&b, "_result", transaction);
	amf0_write_null(&b);
	amf0_write_undefined(&b);
	finish(out, &b, 0);
}

void rtmp_write_result_number(struct buffer *out, double transaction, double value) {
	struct buffer b;
	begin(&b, "_result", transaction);
	amf0_write_null(&b);
	amf0_write_number(&b, value);
	finish(out, &b, 0);
}

static void write_info(struct buffer *b, const char *level, const char *code, const char *description,
                       const char *details) {
	amf0_write_object_begin(b);
	amf0_write_string_member(b, "level", level);
	amf0_write_string_member(b, "code", code);
	amf0_write_string_member(b, "description", description);
	if (details)
		amf0_write_string_member(b, "details", details);
	amf0_write_object_end(b);
}

void rtmp_write_error(struct buffer *out, double transaction, const char *code, const char *description) {
	struct buffer b;
	begin(&b, "_error", transaction);
	amf0_write_null(&b);
	write_info(&b, "error", code, description, NULL);
	finish(out, &b, 0);
}

void rtmp_write_status(struct buffer *out, uint32_t stream, const char *level, const char *code,
                       const char *description, const char *details) {
	struct buffer b;
	begin(&b, "onStatus", 0);
	amf0_write_null(&b);
	write_info(&b, level, code, description, details);
	finish(out, &b, stream);
}

void rtmp_write_reconnect_request(struct buffer *out, const char *url, const char *description) {
	struct buffer b;
	begin(&b, "onStatus", 0);
	amf0_write_null(&b);
	amf0_write_object_begin(&b);
	if (url)
		amf0_write_string_member(&b, "tcUrl", url);
	amf0_write_string_member(&b, "code", "NetConnection.Connect.ReconnectRequest");
	amf0_write_string_member(&b, "description", description);
	amf0_write_string_member(&b, "level", "status");
	amf0_write_object_end(&b);
	finish(out, &b, 0);
}

void rtmp_write_notice(struct buffer *out, const char *name, const char *code, const char *description) {
	struct buffer b;
	begin(&b, name, 0);
	amf0_write_null(&b);
	write_info(&b, "status", code, description, NULL);
	finish(out, &b, 0);
}

void rtmp_write_sample_access(struct buffer *out, uint32_t stream) {
	struct buffer b;
	buffer_init(&b, 0);
	amf0_write_string(&b, "|RtmpSampleAccess");
	amf0_write_boolean(&b, true);
	amf0_write_boolean(&b, true);
	finish_as(out, &b, stream, RTMP_DATA_AMF0, RTMP_CHUNK_DATA);
}

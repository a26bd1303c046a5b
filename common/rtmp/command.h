/*
 * command.h: RTMP's commands (RTMP 1.0, 7.2), read from AMF0 and AMF3 messages, and what a server answers. Pure.
 */
#pragma once

#include "common/base/buffer.h"
#include "common/base/name.h"
#include "common/codec/amf.h"
#include "common/rtmp/chunk_reader.h"

#include <stdbool.h>

struct rtmp_command {
	struct amf_doc *doc;            /* owns all */
	const char *name;               /* "connect" */
	double transaction;             /* 0: no answer is waited for */
	const struct amf_value *object; /* the command object; NULL or AMF_NULL: none */
};

/* A command message (type 20, or 17 with its leading byte). 0, UV_EINVAL for one that has no name and transaction, or
 * what the AMF reader said. Free with rtmp_command_fini. */
int rtmp_command_read(struct rtmp_command *out, const struct rtmp_message *m);
void rtmp_command_fini(struct rtmp_command *c);

/* The argument at `index`, counted from 0 behind the command object; NULL: none. */
const struct amf_value *rtmp_command_argument(const struct rtmp_command *c, size_t index);

/* --- connect --- */

enum { RTMP_CAPS_RECONNECT = 1, RTMP_CAPS_MULTITRACK = 2, RTMP_CAPS_MODEX = 4, RTMP_CAPS_NANO_OFFSET = 8 };
enum { RTMP_QUERY_MAX = 512 };

struct rtmp_connect {
	char app[NAME_MAX_SIZE + 1];
	char query[RTMP_QUERY_MAX]; /* what followed `?` in app or tcUrl */
	double object_encoding;     /* 0 or 3 */
	bool enhanced;              /* it announced codecs by FourCC, or capsEx */
	uint32_t caps_ex;
};

/*
 * What `connect` asks for. `app` may be missing but in tcUrl, carry a query, `_definst_`, trailing slashes. 0, or
 * UV_EINVAL: no app, or one that is no name (`*why` says which).
 */
int rtmp_connect_read(struct rtmp_connect *out, const struct rtmp_command *c, const char **why);

/* A stream's name as publish and play give it: "NAME?query", "flv:NAME", "mp4:NAME", a trailing slash. UV_EINVAL: not a
 * name. */
int rtmp_stream_name_read(struct stream_name *out, char query[RTMP_QUERY_MAX], const char *app, struct slice text);

/* --- answers: each appends a whole message --- */

void rtmp_write_connect_result(struct buffer *out, double transaction, const struct rtmp_connect *c);
void rtmp_write_result(struct buffer *out, double transaction);
void rtmp_write_result_number(struct buffer *out, double transaction, double value);
void rtmp_write_error(struct buffer *out, double transaction, const char *code, const char *description);

/* onStatus on a message stream; `level` is "status", "warning" or "error"; `details` may be NULL. */
void rtmp_write_status(struct buffer *out, uint32_t stream, const char *level, const char *code,
                       const char *description, const char *details);

/* NetConnection.Connect.ReconnectRequest (E-RTMP v2): connect again, to `url`, or with NULL to the present one. */
void rtmp_write_reconnect_request(struct buffer *out, const char *url, const char *description);

/* onFCPublish, onFCUnpublish, onFCSubscribe. */
void rtmp_write_notice(struct buffer *out, const char *name, const char *code, const char *description);

/* |RtmpSampleAccess: the viewer may look at sound and picture. */
void rtmp_write_sample_access(struct buffer *out, uint32_t stream);

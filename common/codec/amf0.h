/*
 * amf0.h: AMF0, the form of RTMP's commands and of FLV's metadata, read into a tree and written to a buffer.
 *
 * Reading errors: UV_EINVAL for bytes that are cut short or broken, UV_E2BIG past a limit of amf.h, UV_ENOTSUP for
 * references (type 7), movie clips and record sets, UV_ENOMEM.
 */
#pragma once

#include "common/base/buffer.h"
#include "common/base/reader.h"
#include "common/codec/amf.h"

/*
 * Reads values until `r` ends: a command's name, transaction, object, arguments. The switch to AMF3 (type 0x11) is
 * followed for one value. The document is the caller's. On failure `*out` is untouched and the position of `r`
 * undefined.
 */
int amf0_read(struct reader *r, struct amf_doc **out);

/* The same for exactly one value, with `r` behind it. */
int amf0_read_one(struct reader *r, struct amf_doc **out);

/*
 * Writing. Errors stick in the buffer (buffer.h); a name over 65535 bytes sticks as UV_E2BIG. An object or ECMA array
 * is begun, given members, each a key and then one value, and ended; a strict array is begun and followed by its
 * values.
 */
void amf0_write_number(struct buffer *b, double v);
void amf0_write_boolean(struct buffer *b, bool v);
void amf0_write_string(struct buffer *b, const char *text);
void amf0_write_text(struct buffer *b, struct slice text); /* a string, the long form where it must be */
void amf0_write_null(struct buffer *b);
void amf0_write_undefined(struct buffer *b);
void amf0_write_date(struct buffer *b, double unix_ms);
void amf0_write_object_begin(struct buffer *b);
void amf0_write_ecma_array_begin(struct buffer *b, uint32_t count);
void amf0_write_array_begin(struct buffer *b, uint32_t count);
void amf0_write_key(struct buffer *b, const char *name);
void amf0_write_object_end(struct buffer *b); /* also ends an ECMA array */

/* A key and its value. */
void amf0_write_number_member(struct buffer *b, const char *name, double v);
void amf0_write_boolean_member(struct buffer *b, const char *name, bool v);
void amf0_write_string_member(struct buffer *b, const char *name, const char *text);

/* A value of a document with all it holds. A byte array, which AMF0 lacks, is written as undefined. */
void amf0_write_value(struct buffer *b, const struct amf_value *v);

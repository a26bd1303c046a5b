/*
 * flv_file.h: the tags of an FLV file that lies in memory (Adobe FLV 10.1, annex E.2 to E.4.1), and what a body, a
 * file's or an RTMP message's, is as a publisher's sample. Pure; slices point into the caller's bytes.
 */
#pragma once

#include "common/base/reader.h"
#include "common/mux/flv_tag.h"
#include "common/stream/publisher.h"

struct flv_file {
	struct reader r;
};

struct flv_file_tag {
	uint8_t type; /* of enum flv_tag_type, or of a kind that is none */
	uint32_t timestamp_ms;
	struct slice body;
};

/* Begins to read. 0, or UV_EINVAL: that is no FLV file. */
int flv_file_open(struct flv_file *f, struct slice bytes);

/* The next tag: 1 with it in `*tag`, 0 at the end, UV_EINVAL: it is cut short, broken or encrypted. */
int flv_file_next(struct flv_file *f, struct flv_file_tag *tag);

/* A part of an audio or video body as a sample; it borrows `block`, which owns the payload. False: it carries nothing
 * that a stream needs (a command, silence, a packet of a kind that is not known). */
bool flv_sample_of_tag(struct sample *out, const struct flv_tag *tag, uint32_t timestamp_ms, struct bytes *block);

/* The same of a script message in AMF0. @setDataFrame is taken off. False: it has no name, or is a word to the server
 * alone (@clearDataFrame). */
bool flv_sample_of_script(struct sample *out, struct slice script, uint32_t timestamp_ms, struct bytes *block);

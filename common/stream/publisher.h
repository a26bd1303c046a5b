/*
 * publisher.h: the seam between an ingest protocol and the stream's home.
 *
 * A protocol's session (RTMP; a relay link on which a node publishes; later SRT, WHIP) parses what it receives into
 * samples, on its own worker. The publisher carries them to the home worker, where the role (streams_ops) decides who
 * may publish and what becomes of the samples. Timestamps are as the encoder sent them: the timeline repairs them,
 * once, at the origin.
 *
 *     publisher_open → on_accepted | on_refused ;  on_accepted → publisher_sample… → (on_stopped) → publisher_close
 *
 * Once on_refused or on_stopped came, the publisher is closed already. Samples of a turn travel in one message.
 */
#pragma once

#include "common/base/name.h"
#include "common/loop/conn.h"
#include "common/stream/entry.h"

enum sample_type {
	SAMPLE_CONFIG = 1, /* a decoder configuration record (AVC, AAC, …) for the track */
	SAMPLE_FRAME,
	SAMPLE_DATA,     /* a script message to pass on, AMF0: its name (e.g. onCuePoint) and values */
	SAMPLE_METADATA, /* onMetaData as AMF0: name and object; @setDataFrame is taken off */
	SAMPLE_SEQUENCE_END,
	SAMPLE_EXTRA, /* what an enhanced encoder says of the track beside its configuration (struct track) */
};

struct sample {
	enum sample_type type;
	enum track_kind kind; /* video, audio, data */
	uint32_t fourcc;
	uint8_t publisher_track; /* the encoder's track number; 0 where the protocol has none */
	uint8_t flv_audio;       /* legacy FLV audio's first byte; else 0 */
	bool keyframe;
	uint32_t timestamp_ms;  /* decoding time as sent: wraps at 2^32 */
	int32_t composition_ms; /* pts − dts */
	uint32_t nano_offset;   /* 0–999 999, added to the timestamp (E-RTMP) */
	struct bytes *block;    /* owns the payload */
	struct slice payload;
};

struct publish_request {
	struct stream_name name;
	char query[512];               /* what followed `?` in the stream name: credentials. Never logged */
	char remote[ADDRESS_TEXT_MAX]; /* the encoder's address, with port */
	char protocol[8];
	char session[33];  /* session id, hex */
	char through[160]; /* the node that passes it on, by its id; "": it comes from the encoder itself */
};

enum publish_refusal {
	PUBLISH_BAD_NAME = 1, /* somebody else publishes it */
	PUBLISH_DENIED,       /* not allowed */
	PUBLISH_UNAVAILABLE,  /* no origin reachable, limits, the node stops */
	PUBLISH_REPLACED,     /* on_stopped: a newer publisher took the name */
	PUBLISH_ELSEWHERE,    /* the node that took it drains, or is gone: another can take it */
};

struct publisher;
struct publisher_link; /* what travels between the two workers */

struct publisher_ops {
	void (*on_accepted)(struct publisher *, uint64_t epoch);
	void (*on_refused)(struct publisher *, enum publish_refusal, const char *why);
	void (*on_stopped)(struct publisher *, enum publish_refusal, const char *why);
	/* Too much is on its way to the home worker: read no more from the encoder until told false. */
	void (*on_pressure)(struct publisher *, bool full);
};

struct publisher {
	struct publisher_link *link; /* NULL: closed */
	const struct publisher_ops *ops;
};

/* Asks to publish; `request` is copied. 0, UV_ENOMEM, or UV_ECANCELED when the node stops. */
int publisher_open(struct publisher *p, struct worker *w, const struct publish_request *request,
                   const struct publisher_ops *ops);

/* Sends one sample; takes its own reference to the block. Closed: nothing. 0 or UV_ENOMEM. */
int publisher_sample(struct publisher *p, const struct sample *sample);

/* The encoder is gone. The memory of `p` is the caller's again at once. Closed already is fine. */
void publisher_close(struct publisher *p);

/* The home's end of a publisher. */
struct intake {
	struct publish_request request;
	struct streams *streams;
	const struct streams_ops *streams_ops;
	struct publisher_link *link;
	void *role; /* the role's own */
	bool accepted;
	uint64_t last_sample_ms; /* loop time when it last sent anything */
};

void intake_accept(struct intake *i, uint64_t epoch);

/* Both end it: `unpublish` is called in a later turn and the intake is gone after. `why` is for the peer and the log.
 */
void intake_refuse(struct intake *i, enum publish_refusal refusal, const char *why);
void intake_stop(struct intake *i, enum publish_refusal refusal, const char *why);

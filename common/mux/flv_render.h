/*
 * flv_render.h: which FLV messages an entry of the log becomes. What HTTP-FLV and RTMP share: both send the same tag
 * bodies at the same times, and differ only in the bytes around them, which a framing writes.
 *
 * A frame becomes one message. A mark becomes the configurations that its Tracks revision has changed, for readers in
 * mid-stream. The head of a keyframe is what a reader that begins there needs: onMetaData and every configuration.
 * What the form cannot carry (legacy: a codec without a number, further tracks) is left out.
 */
#pragma once

#include "common/base/buffer.h"
#include "common/mux/flv_tag.h"
#include "common/stream/view.h"

struct flv_message {
	enum flv_tag_type type;
	uint32_t timestamp_ms; /* since the run's base */
	uint8_t header[FLV_HEADER_MAX];
	size_t header_size;
	struct slice payload; /* follows the header; borrowed from the entry or the Tracks */
};

static inline size_t flv_message_size(const struct flv_message *m) {
	return m->header_size + m->payload.size;
}

/* How a wire puts messages: appends one to `out`; errors stick there. */
typedef void (*flv_put_fn)(struct buffer *out, const struct flv_message *m);

struct flv_framing {
	flv_put_fn put;
	/* What goes round the messages of one block, if anything: `begin` reserves, `end` completes. May be NULL. */
	void (*begin)(struct buffer *out);
	void (*end)(struct buffer *out);
};

/* A view's state: the Tracks that its readers know. Zeroed to begin with. */
struct flv_render {
	struct tracks *told;
};

/* view_ops.render for a form and a framing. */
int flv_render(struct flv_render *state, struct view *v, const struct entry *e, enum flv_form form,
               const struct flv_framing *framing, struct bytes **block, struct bytes **head);

void flv_render_fini(struct flv_render *state);

/* True: the form has a way to say the track's frames. */
bool flv_carries(const struct track *track, enum flv_form form);

/*
 * The single pieces, for readers that take a private path. 0, or UV_ENOTSUP where the form has no way to say it.
 * `track` is the frame's (NULL for data).
 */
int flv_message_of_frame(struct flv_message *m, const struct view *v, const struct entry *e, const struct track *track,
                         enum flv_form form);
int flv_message_of_config(struct flv_message *m, const struct track *track, uint32_t timestamp_ms, enum flv_form form);

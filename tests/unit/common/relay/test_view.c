/*
 * The relay's view of a stream: what its items are.
 */
#include "common/relay/view.h"
#include "tests/unit/common/relay/serving.h"

static void init(void) {
	serving_init(NULL);
}

TestSuite(relay_view, .init = init, .fini = serving_fini, .timeout = 60);

static const struct bytes *object_at(const struct log *l, uint64_t sequence) {
	const struct log_item *item = log_at(l, l->first + sequence - 1);
	cr_assert_eq(item->sequence, sequence);
	return (const struct bytes *)item->object; /* counted is the first member */
}

static const struct bytes *head_at(const struct log *l, uint64_t sequence) {
	return (const struct bytes *)log_at(l, l->first + sequence - 1)->head;
}

/* The stream has a mark, and a keyframe at every tenth of the frames behind it. */
static void check_heads(struct worker *w, void *context) {
	struct rendition *r = stream_rendition(streams_find(w, &name), RENDITION_SOURCE);
	cr_expect_eq(stream_append(r, mark_of(EPOCH, FRAMES + 2, FRAMES * 40, 2)), 0);
	cr_expect_eq(stream_append(r, video_frame(EPOCH, FRAMES + 3, FRAMES * 40, true)), 0);
	struct view *v = view_get(r, &relay_view_ops);
	const struct log *l = view_log(v);
	for (uint64_t sequence = 2; sequence < 2 + FRAMES; sequence++)
		cr_expect_eq(head_at(l, sequence), sequence % 10 == 2 ? object_at(l, 1) : NULL);
	cr_expect_eq(head_at(l, FRAMES + 3), object_at(l, FRAMES + 2));
	view_release(v);
	atomic_fetch_add((_Atomic int *)context, 1);
}

Test(relay_view, the_head_of_a_marks_keyframes_is_what_the_mark_became) {
	_Atomic int done = 0;
	call_on(workers_at(group, 0), check_heads, (void *)&done);
	wait_for_count(&done, 1);
}

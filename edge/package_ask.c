#include "edge/package_ask.h"
#include "edge/packaging.h"

#include "common/stream/stream.h"

#include <stdlib.h>
#include <string.h>

struct answered {
	struct message message;
	struct package_ask *ask;
	struct package_answer answer;
	struct conn_slice slices[];
};

struct package_ask *package_ask_new(struct worker *asker, const struct package_question *q, package_answer_fn on_answer,
                                    void *context) {
	struct package_ask *a = malloc(sizeof *a);
	if (!a)
		return NULL;
	*a = (struct package_ask){.question = *q,
	                          .context = context,
	                          .on_answer = on_answer,
	                          .asker = asker,
	                          .home = stream_home(asker, &q->name)};
	list_init(&a->node);
	worker_hold(asker);
	return a;
}

static void ask_free(struct package_ask *a) {
	worker_release(a->asker);
	free(a);
}

static void deliver_ask(struct worker *home, struct message *message) {
	(void)home;
	packaging_take(list_entry(message, struct package_ask, sent));
}

void package_ask_send(struct package_ask *a) {
	if (a->home == a->asker) {
		packaging_take(a);
		return;
	}
	a->sent.deliver = deliver_ask;
	worker_post(a->home, &a->sent);
}

/* --- cancelling: the home lets go and says so; an answer may have crossed the word --- */

static void deliver_let_go(struct worker *asker, struct message *message) {
	(void)asker;
	ask_free(list_entry(message, struct package_ask, dropped));
}

static void deliver_cancel(struct worker *home, struct message *message) {
	struct package_ask *a = list_entry(message, struct package_ask, dropped);
	(void)home;
	packaging_drop(a);
	a->dropped.deliver = deliver_let_go;
	worker_post(a->asker, &a->dropped);
}

void package_ask_cancel(struct package_ask *a) {
	a->cancelled = true;
	if (a->home == a->asker) {
		packaging_drop(a);
		ask_free(a);
		return;
	}
	a->dropped.deliver = deliver_cancel;
	worker_post(a->home, &a->dropped);
}

/* --- answers --- */

static void give(struct package_ask *a, const struct package_answer *answer) {
	bool last = !answer->more;
	a->on_answer(a, answer); /* after a last answer, the asker has forgotten it; before, it may have cancelled */
	if (last)
		ask_free(a);
}

static const struct package_answer out_of_memory = {
    .status = 503, .code = "out_of_memory", .message = "out of memory", .broken = true};

static void deliver_answer(struct worker *asker, struct message *message) {
	struct answered *m = list_entry(message, struct answered, message);
	(void)asker;
	if (!m->ask->cancelled)
		give(m->ask, &m->answer);
	for (size_t i = 0; i < m->answer.count; i++)
		bytes_unref(&m->slices[i].owner);
	bytes_unref(&m->answer.gzip);
	free(m);
}

/* There was no memory for the answer: the ask's own first message brings the news. */
static void deliver_failure(struct worker *asker, struct message *message) {
	struct package_ask *a = list_entry(message, struct package_ask, sent);
	(void)asker;
	if (!a->cancelled)
		give(a, &out_of_memory);
}

/* The last of the ask, whatever was to follow. */
static void fail(struct package_ask *a) {
	packaging_drop(a);
	a->sent.deliver = deliver_failure;
	worker_post(a->asker, &a->sent);
}

void package_answer(struct package_ask *a, const struct package_answer *answer) {
	if (a->home == a->asker) {
		give(a, answer);
		return;
	}
	struct answered *m = malloc(sizeof *m + answer->count * sizeof *m->slices);
	if (!m) {
		fail(a);
		return;
	}
	*m = (struct answered){.message.deliver = deliver_answer, .ask = a, .answer = *answer};
	m->answer.slices = m->slices;
	for (size_t i = 0; i < answer->count; i++) {
		m->slices[i] = answer->slices[i];
		bytes_ref(m->slices[i].owner);
	}
	if (answer->gzip)
		bytes_ref(answer->gzip);
	worker_post(a->asker, &m->message);
}

void package_answer_error(struct package_ask *a, int status, const char *code, const char *message) {
	package_answer(a, &(struct package_answer){.status = status, .code = code, .message = message});
}

/* api_write.c - steps of endpoints: kept by clerks meanwhile, then written,
 * many of them in one transaction.
 *
 * An endpoint's steps are written in their order, each only once its answer is
 * durable. In one transaction go the source, what is known of the address, the
 * children's list, the cursor so far and the request that comes next. */
#include "producer/api_private.h"
#include "common/clock.h"

#include <stdlib.h>
#include <string.h>

#define DAY_US (INT64_C(86400) * 1000000)
#define AGAIN_MS INT64_C(1000)
#define GROUP 16    /* steps that are worth a transaction */
#define GROUP_MS INT64_C(25) /* or such a wait for more */

/* -- steps ------------------------------------------------------------------- */

struct api_step *api_step_new(struct api_endpoint *e, struct err *err)
{
	struct api_step *step = calloc(1, sizeof(*step));

	if (step == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	step->e = e;
	step->work.context = step;
	return step;
}

void api_step_free(struct api_desk *desk, struct api_step *step)
{
	if (step == NULL)
		return;
	desk->held -= step->weight;
	source_free(step->work.source);
	api_intent_clear(&step->asked);
	http_reply_free(step->reply);
	buf_clear(&step->found_headers);
	buf_clear(&step->found_body);
	buf_clear(&step->note);
	buf_clear(&step->address);
	api_harvest_clear(&step->harvest);
	api_known_clear(&step->known);
	free(step->parent_cursor);
	api_row_clear(&step->row);
	free(step);
}

static bool copy_row(struct api_row *to, const struct api_row *from,
	struct err *err)
{
	*to = *from;
	to->cursor = to->most = to->error = NULL;
	return api_text_replace(&to->cursor, from->cursor, err) &&
		api_text_replace(&to->most, from->most, err) &&
		api_text_replace(&to->error, from->error, err);
}

/* What cannot be given now is given later. */
static bool give(struct api_desk *desk, struct api_step *step,
	struct err *err)
{
	step->given = api_clerks_give(desk->clerks, &step->work, err);
	return step->given || api_stalled(&desk->no_keep, err);
}

bool api_step_add(struct api_desk *desk, struct api_step *step,
	struct err *err)
{
	struct api_endpoint *e = step->e;

	if (!copy_row(&step->row, &e->row, err))
		return false;
	step->work.object = step->asked.object;
	step->weight = step->len + step->harvest.made.len;
	desk->held += step->weight;
	if (e->steps == NULL)
		e->steps = step;
	else
		e->last_step->next = step;
	e->last_step = step;
	e->step_count++;
	desk->step_count++;
	step->done = !step->wanted;
	if (step->done && desk->done_ms == 0)
		desk->done_ms = clock_now_ms();
	return step->done || give(desk, step, err);
}

static struct api_step *pop(struct api_desk *desk, struct api_endpoint *e)
{
	struct api_step *step = e->steps;

	e->steps = step->next;
	if (e->steps == NULL)
		e->last_step = NULL;
	e->step_count--;
	desk->step_count--;
	return step;
}

void api_steps_clear(struct api_desk *desk, struct api_endpoint *e)
{
	while (e->steps != NULL)
		api_step_free(desk, pop(desk, e));
	api_step_free(desk, e->look);
	e->look = NULL;
}

static bool move_on(struct api_desk *desk, struct api_step *step,
	struct api_place *next, struct err *err)
{
	struct api_endpoint *e = step->e;

	if (step->knows && !api_count_answer(step, err))
		return false;
	step->asked = e->intent;
	e->intent = (struct api_intent){ .object = NULL };
	return next != NULL ? api_next_page(e, &step->asked, next, err) :
		api_end_sequence(desk, e, step, err);
}

/* As it was: the same answer may come again. */
static void move_back(struct api_step *step, struct api_row *row,
	char **cursor)
{
	struct api_endpoint *e = step->e;

	if (step->asked.object != NULL) {
		api_intent_clear(&e->intent);
		e->intent = step->asked;
		step->asked = (struct api_intent){ .object = NULL };
	}
	e->intends = true;
	api_ring_clear(&e->ring);
	api_row_clear(&e->row);
	e->row = *row;
	*row = (struct api_row){ .run = 0 };
	free(e->cursor);
	e->cursor = *cursor;
	*cursor = NULL;
}

bool api_step_advance(struct api_desk *desk, struct api_step *step,
	struct api_place *next, struct err *err)
{
	struct api_endpoint *e = step->e;
	struct api_row row = { .run = 0 };
	char *cursor = NULL;
	bool ok = copy_row(&row, &e->row, err) &&
		api_text_replace(&cursor, e->cursor, err);

	if (ok && !move_on(desk, step, next, err)) {
		move_back(step, &row, &cursor);
		ok = false;
	}
	ok = ok && api_step_add(desk, step, err);
	if (ok)
		e->phase = e->intends && !e->once && !step->choose_parent ?
			API_READY : API_KEEPING;
	api_row_clear(&row);
	free(cursor);
	return ok;
}

/* -- what clerks have done ------------------------------------------------------ */

bool api_stalled(struct log_repeat *told, struct err *err)
{
	/* a bucket's refusal is no reason to end: somebody mends it */
	if (err->kind == ERR_STOP && err->exit_code != EXIT_CONFIG)
		return false;
	if (log_repeat_due_for(told, err->text))
		log_err(LOG_ERROR, "poll_stalled", err);
	*err = (struct err){ 0 };
	return true;
}

/* One that cannot be deleted now is tried again with the next round; one that
 * never can, so it seems, does not keep the others. */
static bool take_dropped(struct api_desk *desk, struct err *err)
{
	struct api_work *work = &desk->drop;
	struct err why = work->err, none = { 0 };
	bool again = false;

	if (why.kind == ERR_NONE &&
		api_state_drop_object(desk->state, work->object, &why)) {
		free(desk->dropping);
		desk->dropping = NULL;
		return api_drop_next(desk, err);
	}
	log_err(LOG_WARN, "prune_failed", &why);
	if (why.kind == ERR_REJECT)
		(void)(api_state_put_off(desk->state, work->object, &none) &&
			(again = true));
	free(desk->dropping);
	desk->dropping = NULL;
	return !again || api_drop_next(desk, err);
}

bool api_drop_next(struct api_desk *desk, struct err *err)
{
	struct err why = { 0 };

	if (desk->dropping != NULL || desk->clerks == NULL)
		return true;
	if (api_state_next_object(desk->state, desk->drop_before_us,
			&desk->dropping, &why) && desk->dropping == NULL)
		return true;
	desk->drop = (struct api_work){ .context = &desk->drop,
		.task = API_DROP, .object = desk->dropping };
	if (desk->dropping != NULL &&
		api_clerks_give(desk->clerks, &desk->drop, &why))
		return true;
	free(desk->dropping);
	desk->dropping = NULL;
	log_err(LOG_WARN, "prune_failed", &why);
	return why.kind != ERR_STOP || (*err = why, false);
}

static bool take_one(struct api_desk *desk, struct api_step *step,
	struct err *err)
{
	struct source *source = step->work.source;

	if (step->work.err.kind != ERR_NONE) {
		*err = step->work.err;
		step->given = false;
		step->again_ms = clock_now_ms() + AGAIN_MS;
		return api_stalled(&desk->no_keep, err);
	}
	(void)log_repeat_clear(&desk->no_keep);
	step->done = true;
	if (step->work.task == API_LOOK)
		return api_looked(desk, step->e, err);
	if (source != NULL) {
		++*desk->open;
		source->counted = desk->open;
	}
	if (desk->done_ms == 0)
		desk->done_ms = clock_now_ms();
	return true;
}

/* What failed is given once more, when it is time. */
static bool give_again(struct api_desk *desk, struct api_endpoint *e,
	struct err *err)
{
	const int64_t now = clock_now_ms();
	bool ok = true;

	for (struct api_step *step = e->steps; ok && step != NULL;
		step = step->next)
		if (!step->done && !step->given && now >= step->again_ms)
			ok = give(desk, step, err);
	if (ok && e->look != NULL && !e->look->given &&
		now >= e->look->again_ms)
		ok = give(desk, e->look, err);
	return ok;
}

bool api_take_work(struct api_desk *desk, struct err *err)
{
	struct api_work *work;

	while ((work = api_clerks_take(desk->clerks)) != NULL)
		if (!(work == &desk->drop ? take_dropped(desk, err) :
			take_one(desk, work->context, err)))
			return false;
	return true;
}

bool api_give_again(struct api_desk *desk, struct err *err)
{
	for (size_t i = 0; i < desk->count; i++)
		if (!give_again(desk, &desk->endpoints[i], err))
			return false;
	return true;
}

/* -- writing -------------------------------------------------------------------------- */

static bool put_parents(struct api_desk *desk, const struct api_endpoint *e,
	const struct buf *parents, struct err *err)
{
	char *at = parents->data;
	bool ok = true;

	while (ok && at != NULL && *at != '\0') {
		char *tab, *end = strchrnul(at, '\n');
		const size_t child = strtoul(at, &tab, 10);
		const char last = *end;

		*end = '\0';
		ok = api_state_add_parent(desk->state,
			e->children[child].endpoint, tab + 1, err);
		*end = last;
		at = end + (last == '\0' ? 0 : 1);
	}
	return ok;
}

/* Children without a schedule follow their parent. */
bool api_wake_children(struct api_desk *desk, const struct api_endpoint *e,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < e->child_count; i++) {
		struct api_endpoint *child = e->child_endpoints[i];

		if (child->api->every_secs > 0 || child->api->cron != NULL)
			continue;
		child->row.next_us = clock_wall_us();
		for (struct api_step *step = child->steps; step != NULL;
			step = step->next)
			step->row.next_us = child->row.next_us;
		ok = child->steps == NULL ? api_state_put_row(desk->state,
				child->name, &child->row, err) :
			api_state_put_next(desk->state, child->name,
				child->row.next_us, err);
	}
	return ok;
}

bool api_put_used(struct api_desk *desk, struct api_host *host, bool more,
	struct err *err)
{
	const int64_t day = clock_wall_us() / DAY_US;
	const int64_t promised = api_host_promise(host, more, clock_wall_us());

	if (!api_state_put_used(desk->state, host->name, day, promised, err))
		return false;
	host->promised = promised;
	host->promised_day = day;
	return true;
}

bool api_put_endpoint(struct api_desk *desk, const struct api_endpoint *e,
	const struct api_row *row, const struct api_intent *intent,
	struct err *err)
{
	return api_state_put_row(desk->state, e->name, row, err) &&
		api_state_put_intent(desk->state, e->name, intent, err) &&
		api_put_used(desk, e->host, intent != NULL, err);
}

static bool put_step(struct api_desk *desk, struct api_step *step,
	struct err *err)
{
	struct api_endpoint *e = step->e;
	struct state *state = desk->state;
	bool ok = step->work.source == NULL ||
		state_add(state, step->work.source, err);

	if (ok && step->work.stored && step->work.source == NULL)
		ok = api_state_add_object(state, step->asked.object, err);
	if (ok && step->abandoned)
		ok = api_abandon(desk, e, err);
	if (ok && step->knows)
		ok = api_state_put_known(state, e->name, step->address.data,
			&step->known, err);
	if (ok && !step->unchanged)
		ok = put_parents(desk, e, &step->harvest.parents, err);
	if (ok && step->parent_done)
		ok = api_state_parent_done(state, e->name, step->asked.parent,
			e->row.run, step->parent_cursor, err);
	if (ok && step->choose_parent) {
		step->wake_children = false;
		ok = api_choose_parent(desk, e, step, err);
	}
	return ok && (!step->wake_children ||
		api_wake_children(desk, e, err));
}

/* The request that the next step came of, or the one that is to be made. */
static const struct api_intent *intent_after(const struct api_step *step)
{
	const struct api_endpoint *e = step->e;

	if (step->next != NULL && step->next->asked.object != NULL)
		return &step->next->asked;
	return e->intends ? &e->intent : NULL;
}

/* A request that is not made yet gets a name of its own time. */
static bool rename_next(struct api_endpoint *e, struct err *err)
{
	if (!e->intends || e->adopt || e->adopt_more > 0 ||
		(e->phase != API_READY && e->phase != API_KEEPING))
		return true;
	return api_name_anew(e, err);
}

static bool is_ready(const struct api_step *step)
{
	return step != NULL && step->done;
}

/* All that are done, up to the first that is not. */
static bool put_steps(struct api_desk *desk, struct api_endpoint *e,
	struct err *err)
{
	struct api_step *step = e->steps;
	bool ok = true;

	while (ok && is_ready(step)) {
		ok = put_step(desk, step, err);
		if (ok && !is_ready(step->next)) {
			if (step->next == NULL)
				ok = rename_next(e, err);
			ok = ok && api_put_endpoint(desk, e, step->choose_parent ?
				&e->row : &step->row, intent_after(step), err);
		}
		step = step->next;
	}
	return ok;
}

static bool write_all(struct api_desk *desk, struct err *err)
{
	bool ok = state_begin(desk->state, err);

	for (size_t i = 0; ok && i < desk->count; i++)
		ok = put_steps(desk, &desk->endpoints[i], err);
	ok = ok && state_commit(desk->state, err);
	if (!ok)
		state_rollback(desk->state);
	return ok;
}

static void hand_over(struct api_desk *desk, struct api_step *step)
{
	struct source *source = step->work.source;

	if (source == NULL || desk->spooled == NULL ||
		!queue_push(desk->spooled, source, 1, 0))
		return; /* its row is found at the next start */
	step->work.source = NULL;
}

static void let_go(struct api_desk *desk, struct api_endpoint *e)
{
	while (is_ready(e->steps)) {
		struct api_step *step = pop(desk, e);

		hand_over(desk, step);
		if (e->steps == NULL && e->phase == API_KEEPING)
			api_settle(e, step);
		api_step_free(desk, step);
	}
}

/* How many wait, and whether somebody waits for them: an endpoint that can do
 * nothing else. */
static size_t count_ready(const struct api_desk *desk, bool *urgent)
{
	size_t count = 0;

	*urgent = false;
	for (size_t i = 0; i < desk->count; i++) {
		const struct api_endpoint *e = &desk->endpoints[i];
		int mine = 0;

		for (const struct api_step *step = e->steps; is_ready(step);
			step = step->next)
			mine++;
		count += (size_t)mine;
		*urgent = *urgent || (mine > 0 && (mine == e->step_count ?
			e->phase == API_KEEPING || api_ahead(e) == 1 :
			e->step_count >= api_ahead(e)));
	}
	return count;
}

bool api_write(struct api_desk *desk, int64_t *wake_ms, struct err *err)
{
	const int64_t now = clock_now_ms();
	bool urgent;
	const size_t ready = count_ready(desk, &urgent);

	*wake_ms = API_NEVER;
	if (ready == 0)
		return true;
	*wake_ms = now < desk->write_ms ? desk->write_ms :
		desk->done_ms + GROUP_MS;
	if (now < desk->write_ms ||
		(!urgent && ready < GROUP && now < *wake_ms))
		return true;
	*wake_ms = now;
	if (!write_all(desk, err)) {
		desk->write_ms = *wake_ms = now + AGAIN_MS;
		return api_stalled(&desk->no_state, err);
	}
	(void)log_repeat_clear(&desk->no_state);
	desk->done_ms = desk->write_ms = 0;
	for (size_t i = 0; i < desk->count; i++)
		let_go(desk, &desk->endpoints[i]);
	return true;
}

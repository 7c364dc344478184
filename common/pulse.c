/* pulse.c - whether the threads of this process get on. */
#include "common/pulse.h"
#include "common/clock.h"
#include "common/health.h"
#include "common/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct pulse {
	const char *name;
	_Atomic(const char *) work;
	_Atomic int64_t step_ms; /* the last, while it has work; 0: it has none */
	_Atomic int64_t life_ms; /* the last sign of life */
	bool stalled;            /* told; guarded by the lock */
};

static struct {
	pthread_mutex_t lock;
	struct pulse pulses[PULSES];
	atomic_size_t count;
	int64_t stall_ms, hopeless_ms;
} all = { .lock = PTHREAD_MUTEX_INITIALIZER };

void pulse_setup(int64_t stall_ms, int64_t hopeless_ms)
{
	all.stall_ms = stall_ms;
	all.hopeless_ms = hopeless_ms;
}

struct pulse *pulse_of(const char *name)
{
	struct pulse *pulse = NULL;

	(void)pthread_mutex_lock(&all.lock);
	for (size_t i = 0; i < all.count && pulse == NULL; i++)
		if (strcmp(all.pulses[i].name, name) == 0)
			pulse = &all.pulses[i];
	if (pulse == NULL && all.count < PULSES) {
		pulse = &all.pulses[all.count];
		pulse->name = name;
		all.count++;
	}
	(void)pthread_mutex_unlock(&all.lock);
	return pulse;
}

static void set(_Atomic int64_t *at, int64_t value)
{
	atomic_store_explicit(at, value, memory_order_relaxed);
}

static int64_t get(const _Atomic int64_t *at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

void pulse_busy(struct pulse *pulse, const char *work)
{
	if (pulse == NULL)
		return;
	set(&pulse->life_ms, clock_now_ms());
	atomic_store_explicit(&pulse->work, work, memory_order_relaxed);
	if (get(&pulse->step_ms) == 0)
		set(&pulse->step_ms, get(&pulse->life_ms));
}

void pulse_step(struct pulse *pulse)
{
	const int64_t now_ms = clock_now_ms();

	if (pulse == NULL)
		return;
	set(&pulse->life_ms, now_ms);
	if (get(&pulse->step_ms) != 0)
		set(&pulse->step_ms, now_ms);
}

void pulse_idle(struct pulse *pulse)
{
	if (pulse != NULL)
		set(&pulse->step_ms, 0);
}

/* -- looking ------------------------------------------------------------ */

static void tell_stall(struct pulse *pulse, const char *work, int64_t ms)
{
	char why[128];

	(void)snprintf(why, sizeof(why), "no progress for %lld s: %s",
		(long long)ms / 1000, work);
	health_down(pulse->name, why);
	if (!pulse->stalled)
		LOG(LOG_WARN, "stalled", LOG_S("thread", pulse->name),
			LOG_S("at", work), LOG_I("secs", ms / 1000));
	pulse->stalled = true;
}

static void look_at(struct pulse *pulse)
{
	const char *work = atomic_load_explicit(&pulse->work,
		memory_order_relaxed);
	const int64_t step_ms = get(&pulse->step_ms);
	const int64_t ms = clock_now_ms() - step_ms;

	if (step_ms != 0 && all.stall_ms > 0 && ms >= all.stall_ms) {
		tell_stall(pulse, work != NULL ? work : "", ms);
	} else if (pulse->stalled) {
		pulse->stalled = false;
		health_up(pulse->name);
		LOG(LOG_INFO, "goes_on", LOG_S("thread", pulse->name));
	}
}

void pulse_look(void)
{
	(void)pthread_mutex_lock(&all.lock);
	for (size_t i = 0; i < all.count; i++)
		look_at(&all.pulses[i]);
	(void)pthread_mutex_unlock(&all.lock);
}

bool pulse_alive_all(void)
{
	const int64_t now_ms = clock_now_ms();

	for (size_t i = 0; i < all.count; i++) {
		const struct pulse *pulse = &all.pulses[i];

		if (all.hopeless_ms > 0 && get(&pulse->step_ms) != 0 &&
			now_ms - get(&pulse->life_ms) >= all.hopeless_ms)
			return false;
	}
	return true;
}

/* fuzz_inotify.c - any bytes an inotify read could give are walked through. */
#include "producer/watch.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool claim)
{
	if (!claim)
		abort();
}

/* The name ends inside the record, and no record is empty. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct watch_event event;
	size_t at = 0, before = 0;

	while (watch_event_next(data, size, &at, &event)) {
		expect(at > before && at <= size);
		expect(event.name[0] == '\0' ||
			event.name + strlen(event.name) <
				(const char *)data + at);
		expect(!watch_name_taken(event.name) ||
			(event.name[0] != '\0' && event.name[0] != '.'));
		before = at;
	}
	return 0;
}

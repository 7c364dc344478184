/* gen_events.c - writes N events like the sample's, the same for a seed.
 *
 * usage: gen_events RECORDS [SEED [DUPLICATE_PERCENT]]
 * A JSON array, one event a line. Duplicates repeat an earlier event whole,
 * so the master gets one row for both. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define USERS 2000
#define ORGS 50
#define DAYS 30

static uint64_t mix(uint64_t x)
{
	/* splitmix64: event n depends on n and the seed alone */
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* Which event stands at place i: a new one, or one that was there before. */
static uint64_t event_at(uint64_t seed, uint64_t i, uint64_t percent)
{
	uint64_t dice = mix(seed * 7919 + i);

	while (i > 0 && dice % 100 < percent) {
		i = dice / 100 % i;
		dice = mix(seed * 7919 + i);
	}
	return i;
}

static void print_event(uint64_t seed, uint64_t n)
{
	static const char *const types[] = { "User Created", "User Updated",
		"User Deleted" };
	static const char *const roles[] = { "Admin", "Creator", "User" };
	static const char *const plans[] = { "Enterprise", "Medium" };
	const uint64_t a = mix(seed ^ (n * 3)), b = mix(seed ^ (n * 3 + 1));
	const uint64_t c = mix(seed ^ (n * 3 + 2));
	const unsigned user = (unsigned)(c % USERS);

	printf("{\"id\": \"%016" PRIx64 "%016" PRIx64 "\", "
	       "\"event_type\": \"%s\", \"username\": \"user_%05u\", "
	       "\"user_email\": \"user_%05u@organisation-%02u.example\", "
	       "\"user_type\": \"%s\", "
	       "\"organization_name\": \"Organisation %02u\", "
	       "\"plan_name\": \"%s\", "
	       "\"received_at\": \"2026-09-%02u %02u:%02u:%02u.%06u\"}",
		a, b, types[c / 7 % 3], user, user, user % ORGS,
		roles[user % 3], user % ORGS, plans[user % 2],
		(unsigned)(c / 31 % DAYS) + 1, (unsigned)(a % 24),
		(unsigned)(a / 24 % 60), (unsigned)(a / 1440 % 60),
		(unsigned)(b % 1000000));
}

int main(int argc, char **argv)
{
	const uint64_t records = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	const uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	const uint64_t percent = argc > 3 ? strtoull(argv[3], NULL, 10) : 10;
	static char out[1 << 16];

	if (argc < 2 || argc > 4 || percent > 100) {
		(void)fprintf(stderr, "usage: %s RECORDS [SEED "
				      "[DUPLICATE_PERCENT]]\n", argv[0]);
		return 64;
	}
	(void)setvbuf(stdout, out, _IOFBF, sizeof(out));
	for (uint64_t i = 0; i < records; i++) {
		(void)fputs(i == 0 ? "[" : ",\n", stdout);
		print_event(seed, event_at(seed, i, percent));
	}
	(void)fputs(records == 0 ? "[]\n" : "]\n", stdout);
	return fflush(stdout) == 0 ? 0 : 74;
}

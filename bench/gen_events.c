/* gen_events.c - writes N events like the sample's, the same for a seed.
 *
 * usage: gen_events [-g] [-l] RECORDS [SEED [DUPLICATE_PERCENT]]
 * A JSON array, one event a line; -l: the lines alone; -g: events like GitHub's
 * public ones, nested and of 2 KB. Duplicates repeat an earlier event whole, so
 * the master gets one row for both. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

static void print_commit(uint64_t dice, const char *repo)
{
	static const char *const subjects[] = { "fix the gauge",
		"\\\"quoted\\\" subject\\n\\nand a body of a few words more",
		"die Flüsse, neu vermessen", "tests: a tide has two ends" };

	printf("{\"sha\":\"%016" PRIx64 "%016" PRIx64 "%08x\","
	       "\"author\":{\"email\":\"dev%03u@mail.example\","
	       "\"name\":\"Developer %03u\"},\"message\":\"%s\","
	       "\"distinct\":true,\"url\":\"https://api.example.invalid/"
	       "repos/%s/commits/%016" PRIx64 "\"}",
		mix(dice), mix(dice + 1), (unsigned)(dice & 0xffffffffu),
		(unsigned)(dice % 1000), (unsigned)(dice % 1000),
		subjects[dice / 1000 % 4], repo, mix(dice));
}

static void print_actor(unsigned user)
{
	printf("\"actor\":{\"id\":%u,\"login\":\"user_%05u\","
	       "\"display_login\":\"user_%05u\",\"gravatar_id\":\"\","
	       "\"url\":\"https://api.example.invalid/users/user_%05u\","
	       "\"avatar_url\":\"https://avatars.example.invalid/u/%u?\"}",
		810000 + user, user, user, user, 810000 + user);
}

/* With six commits it is about 2 KB. */
static void print_nested(uint64_t seed, uint64_t n)
{
	static const char *const types[] = { "PushEvent", "PullRequestEvent",
		"IssuesEvent", "WatchEvent", "CreateEvent" };
	const uint64_t a = mix(seed ^ (n * 2)), b = mix(seed ^ (n * 2 + 1));
	char repo[64];

	(void)snprintf(repo, sizeof(repo), "org-%02u/project-%03u",
		(unsigned)(b % ORGS), (unsigned)(b % 500));
	printf("{\"id\":\"%" PRIu64 "\",\"type\":\"%s\",", a >> 1,
		types[a % 5]);
	print_actor((unsigned)(a / 7 % USERS));
	printf(",\"repo\":{\"id\":%u,\"name\":\"%s\","
	       "\"url\":\"https://api.example.invalid/repos/%s\"},"
	       "\"payload\":{\"repository_id\":%u,\"push_id\":%" PRIu64
	       ",\"size\":6,\"distinct_size\":6,\"ref\":\"refs/heads/main\","
	       "\"ratio\":%u.%02u,\"labels\":[],\"commits\":[",
		920000 + (unsigned)(b % 500), repo, repo,
		920000 + (unsigned)(b % 500), b >> 8, (unsigned)(a % 10),
		(unsigned)(b % 100));
	for (uint64_t i = 0; i < 6; i++) {
		(void)fputs(i > 0 ? "," : "", stdout);
		print_commit(mix(a + i), repo);
	}
	printf("]},\"public\":true,\"created_at\":"
	       "\"2026-09-%02uT%02u:%02u:%02uZ\",\"org\":{\"id\":%u,"
	       "\"login\":\"org-%02u\"}}",
		(unsigned)(a / 31 % DAYS) + 1, (unsigned)(b % 24),
		(unsigned)(b / 24 % 60), (unsigned)(b / 1440 % 60),
		730000 + (unsigned)(b % ORGS), (unsigned)(b % ORGS));
}

struct form {
	bool nested;
	bool lines;
	uint64_t records;
	uint64_t seed;
	uint64_t percent;
};

static bool read_form(int argc, char **argv, struct form *form)
{
	int option;

	while ((option = getopt(argc, argv, "gl")) != -1) {
		form->nested = form->nested || option == 'g';
		form->lines = form->lines || option == 'l';
		if (option == '?')
			return false;
	}
	argc -= optind;
	argv += optind;
	form->records = argc > 0 ? strtoull(argv[0], NULL, 10) : 0;
	form->seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	form->percent = argc > 2 ? strtoull(argv[2], NULL, 10) : 10;
	return argc > 0 && argc < 4 && form->percent <= 100;
}

static void print_all(const struct form *form)
{
	const char *const first = form->lines ? "" : "[";
	const char *const next = form->lines ? "\n" : ",\n";
	const char *const last = form->lines ? "\n" : "]\n";

	for (uint64_t i = 0; i < form->records; i++) {
		const uint64_t n = event_at(form->seed, i, form->percent);

		(void)fputs(i == 0 ? first : next, stdout);
		if (form->nested)
			print_nested(form->seed, n);
		else
			print_event(form->seed, n);
	}
	if (form->records > 0)
		(void)fputs(last, stdout);
	else if (!form->lines)
		(void)fputs("[]\n", stdout);
}

int main(int argc, char **argv)
{
	static char out[1 << 16];
	struct form form = { 0 };

	if (!read_form(argc, argv, &form)) {
		(void)fprintf(stderr, "usage: %s [-g] [-l] RECORDS [SEED "
				      "[DUPLICATE_PERCENT]]\n", argv[0]);
		return 64;
	}
	(void)setvbuf(stdout, out, _IOFBF, sizeof(out));
	print_all(&form);
	return fflush(stdout) == 0 ? 0 : 74;
}

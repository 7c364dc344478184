/* test_footprint.c - code comes back when it is called; what is the process's
 * own stays, and goes when it is freed. */
#include "common/footprint.h"

#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BYTES ((size_t)1 << 20)

#define BODIES 128
#define BODY ((size_t)128 << 10)

/* In bytes; field: "RssFile:" or the like */
static size_t memory_of(const char *field)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	size_t kib = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(status);
	while (fgets(line, sizeof(line), status) != NULL)
		if (strncmp(line, field, strlen(field)) == 0 &&
			sscanf(line + strlen(field), "%zu", &kib) == 1)
			break;
	(void)fclose(status);
	return kib << 10;
}

static int compare(const void *a, const void *b)
{
	return *(const unsigned char *)a - *(const unsigned char *)b;
}

static void code_goes_and_comes_back(void)
{
	static unsigned char written[BYTES];
	unsigned char *own = malloc(BYTES);
	size_t before, dropped;

	CU_ASSERT_PTR_NOT_NULL_FATAL(own);
	memset(own, 7, BYTES);
	memset(written, 9, BYTES);
	before = memory_of("RssFile:");
	dropped = footprint_drop_code();
	CU_ASSERT_TRUE(dropped > 0);
	CU_ASSERT_TRUE(memory_of("RssFile:") < before);
	own[0] = 8;
	qsort(own, 1000, 1, compare);
	CU_ASSERT_EQUAL(own[999], 8);
	CU_ASSERT_EQUAL(own[BYTES - 1], 7);
	CU_ASSERT_EQUAL(written[BYTES - 1], 9);
	free(own);
}

/* Each body has something small behind it that outlives it. True when the
 * bodies' memory is the system's again. */
static bool bodies_leave(void)
{
	static char *bodies[BODIES], *small[BODIES];
	size_t before;

	footprint_limit();
	free(malloc(BODY)); /* what glibc learns from */
	before = memory_of("RssAnon:");
	for (size_t i = 0; i < BODIES; i++) {
		bodies[i] = malloc(BODY);
		small[i] = malloc(100);
		if (bodies[i] == NULL || small[i] == NULL)
			return false;
		memset(bodies[i], 1, BODY);
		memset(small[i], 1, 100);
	}
	if (memory_of("RssAnon:") < before + BODIES * BODY / 2)
		return false;
	for (size_t i = 0; i < BODIES; i++)
		free(bodies[i]);
	return memory_of("RssAnon:") < before + BODIES * BODY / 8;
}

/* In a process of its own: the limits stay. */
static void large_memory_goes_back(void)
{
	int status = -1;
	pid_t child;

#ifdef __SANITIZE_ADDRESS__
	return; /* its malloc is another */
#endif
	child = fork();
	CU_ASSERT_TRUE_FATAL(child >= 0);
	if (child == 0)
		_exit(bodies_leave() ? 0 : 1);
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_EQUAL(status, 0);
}

CU_TestInfo footprint_tests[] = {
	{ "code that is dropped comes back, and nothing else goes",
		code_goes_and_comes_back },
	{ "what is large leaves, whatever small lies between",
		large_memory_goes_back },
	CU_TEST_INFO_NULL,
};

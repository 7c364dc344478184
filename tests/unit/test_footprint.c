/* test_footprint.c - code comes back when it is called; what is the process's
 * own stays. */
#include "common/footprint.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES ((size_t)1 << 20)

static size_t mapped_of_files(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	size_t kib = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(status);
	while (fgets(line, sizeof(line), status) != NULL)
		if (sscanf(line, "RssFile: %zu kB", &kib) == 1)
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
	before = mapped_of_files();
	dropped = footprint_drop_code();
	CU_ASSERT_TRUE(dropped > 0);
	CU_ASSERT_TRUE(mapped_of_files() < before);
	own[0] = 8;
	qsort(own, 1000, 1, compare);
	CU_ASSERT_EQUAL(own[999], 8);
	CU_ASSERT_EQUAL(own[BYTES - 1], 7);
	CU_ASSERT_EQUAL(written[BYTES - 1], 9);
	free(own);
}

CU_TestInfo footprint_tests[] = {
	{ "code that is dropped comes back, and nothing else goes",
		code_goes_and_comes_back },
	CU_TEST_INFO_NULL,
};

/* main.c - runs the integration suites: all, or the one that is named. */
#include "tests/integration/support.h"

#include <CUnit/CUnit.h>
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suites.inc"

#define SKIPPED 77

/* Without servers a suite is skipped, unless somebody insists. */
static int no_servers(const struct err *err)
{
	const char *require = getenv("SLUICE_TEST_REQUIRE");

	(void)fprintf(stderr, "no servers: %s\n", err->text);
	return require != NULL && strcmp(require, "1") == 0 ? 1 : SKIPPED;
}

static int run(const char *name)
{
	CU_pSuite suite;

	CU_basic_set_mode(CU_BRM_NORMAL);
	if (name == NULL)
		return CU_basic_run_tests() == CUE_SUCCESS ? 0 : 70;
	suite = CU_get_suite(name);
	if (suite == NULL) {
		(void)fprintf(stderr, "no suite %s\n", name);
		return 64;
	}
	return CU_basic_run_suite(suite) == CUE_SUCCESS ? 0 : 70;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	int code = 70;

	if (!test_servers_find(&err))
		return no_servers(&err);
	if (CU_initialize_registry() != CUE_SUCCESS)
		return code;
	if (CU_register_suites(all_suites) == CUE_SUCCESS)
		code = run(argc > 1 ? argv[1] : NULL);
	if (code == 0 && CU_get_number_of_failures() > 0)
		code = 1;
	if (code == 0 && CU_get_number_of_tests_run() == 0)
		code = 70;
	CU_cleanup_registry();
	test_servers_forget();
	return code;
}

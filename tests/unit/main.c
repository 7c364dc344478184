/* main.c - runs the unit suites: all, or the one that is named. */
#include <CUnit/CUnit.h>
#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

#include "suites.inc"

static int run_one(const char *name)
{
	CU_pSuite suite = CU_get_suite(name);

	if (suite == NULL) {
		(void)fprintf(stderr, "no suite %s\n", name);
		return 64;
	}
	return CU_basic_run_suite(suite) == CUE_SUCCESS ? 0 : 70;
}

int main(int argc, char **argv)
{
	int code = 70;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return code;
	if (CU_register_suites(all_suites) == CUE_SUCCESS) {
		CU_basic_set_mode(CU_BRM_NORMAL);
		if (argc > 1)
			code = run_one(argv[1]);
		else
			code = CU_basic_run_tests() == CUE_SUCCESS ? 0 : 70;
	}
	if (code == 0 && CU_get_number_of_failures() > 0)
		code = 1;
	if (code == 0 && CU_get_number_of_tests_run() == 0)
		code = 70;
	CU_cleanup_registry();
	return code;
}

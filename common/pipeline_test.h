/* pipeline_test.h - the data tests of a pipeline file. */
#ifndef SLUICE_PIPELINE_TEST_H
#define SLUICE_PIPELINE_TEST_H

#include "common/pipeline_field.h"

/* Reads one item of `tests:` and names it. The test is to be cleared also when
 * this fails. */
bool pipeline_test_read(struct reading *in, const struct doc *value,
	struct pipeline_test *test) MUST_CHECK;
void pipeline_test_clear(struct pipeline_test *test);

#endif

/* cassette.h - recorded answers, given again (docs/CASSETTES.md). */
#ifndef SLUICE_TEST_API_CASSETTE_H
#define SLUICE_TEST_API_CASSETTE_H

#include "tests/support/api_server/message.h"

struct cassette;

struct cassette *cassette_new(void);
/* Adds the exchanges of a folder and its folders, in the order of their
 * names. */
bool cassette_load(struct cassette *cassette, const char *folder,
	struct err *err) MUST_CHECK;
/* The recorded answer to this request, with the recorded server's address in
 * its headers replaced by ours. False: none was recorded. */
bool cassette_answer(struct cassette *cassette, const struct request *request,
	struct answer *answer) MUST_CHECK;
/* From the first answers again. */
void cassette_rewind(struct cassette *cassette);

#endif

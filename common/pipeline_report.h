/* pipeline_report.h - the reports of a pipeline file. */
#ifndef SLUICE_PIPELINE_REPORT_H
#define SLUICE_PIPELINE_REPORT_H

#include "common/pipeline_field.h"

/* Reads one item of `reports:` and names it. The report is to be cleared also
 * when this fails. */
bool pipeline_report_read(struct reading *in, const struct doc *value,
	struct pipeline_report *report) MUST_CHECK;
void pipeline_report_clear(struct pipeline_report *report);

#endif

/* fuzz_model.c - a model's file may hold any bytes: it is read whole or
 * refused, and what was read makes SQL. */
#include "consumer/model.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool claim)
{
	if (!claim)
		abort();
}

/* An incremental model that was accepted can be refreshed: its select reads
 * its table in one place. */
static void check_sql(struct model *model)
{
	char measure[] = "n", *measures[] = { measure };
	struct buf sql = { 0 };
	struct err err = { 0 };

	expect(model_create_sql(model, &sql, &err));
	if (model->kind == MODEL_INCREMENTAL) {
		model->measures = (struct names){ measures, 1 };
		expect(model_refresh_sql(model, "a.b", "c.d", &sql, &err));
		model->measures = (struct names){ 0 };
	}
	buf_clear(&sql);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size > 0 ? size : 1); /* a step beyond shows */
	struct model model;
	struct err err = { 0 };

	if (text == NULL)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	if (model_parse(text, size, "p", "m", "m.sql", &model, &err))
		check_sql(&model);
	else
		expect(err.kind == ERR_STOP);
	model_clear(&model);
	free(text);
	return 0;
}

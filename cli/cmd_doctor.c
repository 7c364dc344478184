/* cmd_doctor.c - `sluice doctor`: what is amiss, and what to do about it. */
#include "cli/args.h"
#include "cli/doctor.h"
#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>

static void say(const struct finding *finding)
{
	static const enum paint colours[] = { PAINT_GREEN, PAINT_YELLOW,
		PAINT_RED };
	struct buf what = { 0 }, remedy = { 0 };

	output_line("%s%-8s%s %-13s %s", output_paint(colours[finding->grade]),
		doctor_grade_name(finding->grade), output_paint(PAINT_NONE),
		finding->id, output_escape(&what, finding->what));
	if (finding->remedy[0] != '\0')
		output_line("                       -> %s",
			output_escape(&remedy, finding->remedy));
	(void)fflush(stdout);
	buf_clear(&what);
	buf_clear(&remedy);
}

static bool print_json(const struct doctor *doctor, struct err *err)
{
	struct json *root = json_object();
	struct json *list = json_put_array(root, "findings");

	for (size_t i = 0; i < doctor->count; i++) {
		const struct finding *finding = &doctor->findings[i];
		struct json *one = json_add_object(list);

		json_put_text(one, "id", finding->id);
		json_put_text(one, "grade", doctor_grade_name(finding->grade));
		json_put_text(one, "what", finding->what);
		if (finding->remedy[0] != '\0')
			json_put_text(one, "remedy", finding->remedy);
		else
			json_put_null(one, "remedy");
	}
	json_put_text(root, "worst", doctor_grade_name(doctor_grade(doctor)));
	return output_json(root, err);
}

static void show_sum(const struct doctor *doctor)
{
	size_t grades[3] = { 0 };

	for (size_t i = 0; i < doctor->count; i++)
		grades[doctor->findings[i].grade]++;
	output_line("\n%zu ok, %zu warnings, %zu problems%s",
		grades[GRADE_OK], grades[GRADE_WARN], grades[GRADE_PROBLEM],
		grades[GRADE_OK] < doctor->count ?
			"; docs/OPERATIONS.md, `doctor`, has more" : "");
}

static int run(const struct cmd_context *context)
{
	static const struct arg none[] = { { .name = NULL } };
	struct doctor *doctor = calloc(1, sizeof(*doctor));
	struct err err = { 0 };
	size_t count;
	int code;

	if (doctor == NULL) {
		(void)err_memory(&err);
		return cmd_fail(&err);
	}
	if (!args_parse(context, none, NULL, 0, &count, &err)) {
		free(doctor);
		return cmd_usage(&cmd_doctor, "%s", err.text);
	}
	doctor->say = context->json ? NULL : say;
	doctor_run(doctor, context->config);
	code = doctor_grade(doctor) == GRADE_PROBLEM ? EXIT_DATA : EXIT_FINE;
	if (!context->json)
		show_sum(doctor);
	else if (!print_json(doctor, &err))
		code = cmd_fail(&err);
	doctor_clear(doctor);
	free(doctor);
	return code;
}

const struct cmd cmd_doctor = {
	.name = "doctor",
	.usage = "",
	.summary = "look everything over; say what is amiss and the remedy",
	.help =
"Looks at this machine and at the servers, one line a finding: ok, warn or\n"
"problem, under which name, what, and what to do about it. It changes nothing;\n"
"one message is published that no queue takes, to see it come back.\n"
"\n"
"  pipelines     pipeline and model files can be read\n"
"  folders       there, of the right owner, no links, not for everybody\n"
"  disk          room and inodes on each file system that is used\n"
"  inotify       the kernel's limits\n"
"  secrets       password files: there, for their owner alone\n"
"  endpoints     credentials of HTTP APIs\n"
"  database      PostgreSQL answers, its version\n"
"  clock         this machine's against PostgreSQL's\n"
"  settings      fsync, full_page_writes, synchronous_commit, max_wal_size,\n"
"                autovacuum, data_checksums, max_connections\n"
"  schema        which migrations were run\n"
"  roles         loader and reader are no superusers\n"
"  grants        rights on tables: lacking ones, and more than needed\n"
"  indexes       all valid\n"
"  bloat         tables full of dead rows\n"
"  broker        RabbitMQ answers, its version and virtual host\n"
"  queues        there, quorum queues, refusing when full, no policy in the way\n"
"  alarms        of RabbitMQ: memory, disk\n"
"  unroutable    a message for nobody comes back to its publisher\n"
"  certificates  days left, of PostgreSQL, RabbitMQ, S3 and APIs by TLS\n"
"  daemons       producer and consumer answer, are ready and of this version\n"
"\n"
"A server that is not there is a problem; what only it knows is left out. Run it\n"
"as who runs the daemons: then permissions are judged as they are for them.\n"
"\n"
"--json: findings[] {id, grade, what, remedy}, worst.\n"
"\n"
"  sluice doctor\n"
"  sluice --json doctor | jq '.findings[] | select(.grade != \"ok\")'\n"
"\n"
"Exits 0, 1 when there is a problem.",
	.run = run,
};

/* chart.c - the points of a report as bars or a line, in SVG. */
#include "consumer/sheet.h"

#include <math.h>
#include <string.h>

#define WIDTH 720.0
#define HEIGHT 240.0
#define LEFT 70.0
#define TOP 12.0
#define BOTTOM 24.0
#define LABELS 8 /* below the axis, at most */

struct scale {
	double low, high; /* zero is always in between */
};

static struct scale find_scale(const struct sheet *sheet)
{
	struct scale scale = { 0, 0 };

	for (size_t i = 0; i < sheet->point_count; i++) {
		const double value = sheet->points[i].value;

		scale.low = value < scale.low ? value : scale.low;
		scale.high = value > scale.high ? value : scale.high;
	}
	if (scale.low >= scale.high || !isfinite(scale.high - scale.low))
		scale = (struct scale){ 0, 1 };
	return scale;
}

/* Points that no scale takes lie at its ends. */
static double height_of(const struct scale *scale, double value)
{
	const double part = (value - scale->low) / (scale->high - scale->low);
	const double within = part > 1 ? 1 : part >= 0 ? part : 0;

	return TOP + (1 - within) * (HEIGHT - TOP - BOTTOM);
}

static double width_of(const struct sheet *sheet)
{
	return (WIDTH - LEFT) / (double)sheet->point_count;
}

static double left_of(const struct sheet *sheet, size_t at)
{
	return LEFT + (double)at * width_of(sheet);
}

static void draw_axis(FILE *file, const struct scale *scale, double value)
{
	const double y = height_of(scale, value);

	(void)fprintf(file, "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\""
		" y1=\"%.1f\" y2=\"%.1f\"/>\n<text x=\"%.1f\" y=\"%.1f\""
		" text-anchor=\"end\">%.6g</text>\n", LEFT, WIDTH, y, y,
		LEFT - 6, y + 4, value);
}

static void draw_title(FILE *file, const struct sheet_point *point)
{
	(void)fputs("<title>", file);
	sheet_html_text(file, point->label, strlen(point->label));
	(void)fprintf(file, ": %.15g</title>", point->value);
}

static void draw_bars(const struct sheet *sheet, const struct scale *scale)
{
	const double zero = height_of(scale, 0);

	for (size_t i = 0; i < sheet->point_count; i++) {
		const double y = height_of(scale, sheet->points[i].value);

		(void)fprintf(sheet->file, "<rect class=\"mark\" x=\"%.1f\""
			" width=\"%.1f\" y=\"%.1f\" height=\"%.1f\">",
			left_of(sheet, i) + width_of(sheet) * 0.1,
			width_of(sheet) * 0.8, y < zero ? y : zero,
			fabs(y - zero));
		draw_title(sheet->file, &sheet->points[i]);
		(void)fputs("</rect>\n", sheet->file);
	}
}

static void draw_line(const struct sheet *sheet, const struct scale *scale)
{
	FILE *file = sheet->file;

	(void)fputs("<polyline class=\"path\" points=\"", file);
	for (size_t i = 0; i < sheet->point_count; i++)
		(void)fprintf(file, "%s%.1f,%.1f", i > 0 ? " " : "",
			left_of(sheet, i) + width_of(sheet) / 2,
			height_of(scale, sheet->points[i].value));
	(void)fputs("\"/>\n", file);
	for (size_t i = 0; i < sheet->point_count; i++) {
		(void)fprintf(file, "<circle class=\"mark\" r=\"2.5\""
			" cx=\"%.1f\" cy=\"%.1f\">",
			left_of(sheet, i) + width_of(sheet) / 2,
			height_of(scale, sheet->points[i].value));
		draw_title(file, &sheet->points[i]);
		(void)fputs("</circle>\n", file);
	}
}

static void draw_labels(const struct sheet *sheet)
{
	const size_t step = (sheet->point_count + LABELS - 1) / LABELS;

	for (size_t i = 0; i < sheet->point_count; i += step) {
		const char *label = sheet->points[i].label;

		(void)fprintf(sheet->file, "<text x=\"%.1f\" y=\"%.1f\""
			" text-anchor=\"middle\">",
			left_of(sheet, i) + width_of(sheet) / 2, HEIGHT - 6);
		sheet_html_text(sheet->file, label, strlen(label));
		(void)fputs("</text>\n", sheet->file);
	}
}

void sheet_chart(const struct sheet *sheet)
{
	const struct pipeline_report *report = sheet->report;
	const struct scale scale = find_scale(sheet);

	(void)fprintf(sheet->file, "<figure>\n<svg viewBox=\"0 0 %.0f %.0f\""
		" role=\"img\" aria-label=\"%s by %s\">\n", WIDTH, HEIGHT,
		report->chart_y, report->chart_x);
	draw_axis(sheet->file, &scale, scale.high);
	if (scale.low < 0)
		draw_axis(sheet->file, &scale, scale.low);
	draw_axis(sheet->file, &scale, 0);
	if (report->chart_line)
		draw_line(sheet, &scale);
	else
		draw_bars(sheet, &scale);
	draw_labels(sheet);
	(void)fprintf(sheet->file, "</svg>\n<figcaption>%s by %s",
		report->chart_y, report->chart_x);
	if (sheet->point_count == SHEET_POINTS)
		(void)fprintf(sheet->file, ", the first %d", SHEET_POINTS);
	(void)fputs("</figcaption>\n</figure>\n", sheet->file);
}

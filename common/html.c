/* html.c - the door to libxml2: the rows of the tables of an HTML page. */
#include "common/html.h"

#include "common/buf.h"

#include <libxml/HTMLparser.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ALL_TABLES "//table"
#define COLUMNS_MAX 1000 /* HTML: beyond, a span is cut */
#define ROWS_MAX 65534
#define STEPS_MAX 50000000 /* of an XPath: some seconds */
#define PAGE_MAX ((size_t)1 << 30)

static pthread_once_t started = PTHREAD_ONCE_INIT;

static void start(void)
{
	xmlInitParser();
}

/* -- XPath -------------------------------------------------------------- */

/* libxml2 would print it. */
static void keep_fault(void *to, xmlErrorPtr fault)
{
	char *text = to;

	if (text[0] == '\0' && fault->message != NULL)
		(void)snprintf(text, 128, "%.*s",
			(int)strcspn(fault->message, "\n"), fault->message);
}

struct selecting {
	xmlXPathContextPtr context;
	char fault[128];
};

static bool selecting_open(struct selecting *select, htmlDocPtr doc,
	struct err *err)
{
	select->fault[0] = '\0';
	select->context = xmlXPathNewContext(doc);
	if (select->context == NULL)
		return err_memory(err);
	select->context->error = keep_fault;
	select->context->userData = select->fault;
	select->context->opLimit = STEPS_MAX;
	return true;
}

static bool bad_xpath(const struct selecting *select, const char *xpath,
	struct err *err)
{
	return err_set(err, ERR_REJECT, "the XPath \"%s\": %s", xpath,
		select->fault[0] != '\0' ? select->fault :
					   "it cannot be worked out");
}

bool html_xpath_check(const char *xpath, struct err *err)
{
	struct selecting select;
	xmlXPathCompExprPtr compiled;

	(void)pthread_once(&started, start);
	if (!selecting_open(&select, NULL, err))
		return false;
	compiled = xmlXPathCtxtCompile(select.context,
		(const xmlChar *)xpath);
	if (compiled == NULL)
		(void)bad_xpath(&select, xpath, err);
	xmlXPathFreeCompExpr(compiled);
	xmlXPathFreeContext(select.context);
	return compiled != NULL;
}

static int count_tables(xmlXPathContextPtr context)
{
	xmlXPathObjectPtr all = xmlXPathEvalExpression(
		(const xmlChar *)ALL_TABLES, context);
	const int count = all != NULL && all->nodesetval != NULL ?
		all->nodesetval->nodeNr : 0;

	xmlXPathFreeObject(all);
	return count;
}

static bool is_element(const xmlNode *node, const char *name)
{
	return node != NULL && node->type == XML_ELEMENT_NODE &&
		strcmp((const char *)node->name, name) == 0;
}

/* Tables and rows, one or more. */
static bool check_selected(const struct selecting *select, const char *xpath,
	const xmlXPathObject *found, struct err *err)
{
	const xmlNodeSet *set = found->nodesetval;

	if (found->type != XPATH_NODESET)
		return err_set(err, ERR_REJECT, "the XPath \"%s\" gives a "
			"value; it must select table or tr elements", xpath);
	if (set == NULL || set->nodeNr == 0)
		return err_set(err, ERR_REJECT, "the XPath \"%s\" selects "
			"nothing; tables in the page: %d", xpath,
			count_tables(select->context));
	for (int i = 0; i < set->nodeNr; i++)
		if (!is_element(set->nodeTab[i], "table") &&
			!is_element(set->nodeTab[i], "tr"))
			return err_set(err, ERR_REJECT, "the XPath \"%s\" "
				"selects something else than table and tr "
				"elements", xpath);
	return true;
}

/* -- text --------------------------------------------------------------- */

/* The next node of the page behind `node`, below `top`; `into`: its children
 * come first. NULL at the end. */
static const xmlNode *next_node(const xmlNode *node, const xmlNode *top,
	bool into)
{
	if (into && node->type == XML_ELEMENT_NODE && node->children != NULL)
		return node->children;
	while (node != top && node->next == NULL)
		node = node->parent;
	return node != top ? node->next : NULL;
}

static bool is_silent(const xmlNode *node)
{
	return is_element(node, "script") || is_element(node, "style") ||
		is_element(node, "template");
}

/* Elements that do not part words. */
static bool is_inline(const xmlNode *node)
{
	static const char *const names[] = { "a", "abbr", "b", "bdi", "bdo",
		"big", "cite", "code", "data", "del", "dfn", "em", "font", "i",
		"ins", "kbd", "mark", "q", "s", "samp", "small", "span",
		"strong", "sub", "sup", "time", "tt", "u", "var" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (is_element(node, names[i]))
			return true;
	return false;
}

/* Length of the blank at text, 0 when it is none; U+00A0 is one too. */
static size_t blank_length(const char *text)
{
	if (*text != '\0' && strchr(" \t\r\n\f", *text) != NULL)
		return 1;
	return strncmp(text, "\xc2\xa0", 2) == 0 ? 2 : 0;
}

/* Blanks are written only before what follows. */
static bool add_text(struct buf *out, const char *text, bool *blank,
	struct err *err)
{
	while (*text != '\0') {
		const size_t n = blank_length(text);

		if (n > 0) {
			*blank = true;
			text += n;
			continue;
		}
		if (*blank && out->len > 0 && !buf_add_char(out, ' ', err))
			return false;
		*blank = false;
		if (!buf_add_char(out, *text++, err))
			return false;
	}
	return true;
}

static bool cell_text(const xmlNode *cell, struct buf *out, struct err *err)
{
	const xmlNode *node = next_node(cell, cell, true);
	bool blank = false;

	buf_reset(out);
	for (; node != NULL; node = next_node(node, cell, !is_silent(node))) {
		if (node->type == XML_ELEMENT_NODE)
			blank |= !is_inline(node);
		else if ((node->type == XML_TEXT_NODE ||
				 node->type == XML_CDATA_SECTION_NODE) &&
			node->content != NULL &&
			!add_text(out, (const char *)node->content, &blank,
				err))
			return false;
	}
	return true;
}

/* -- tables ------------------------------------------------------------- */

struct visiting {
	const struct html_visitor *visitor;
	const xmlNode *table; /* the one whose rows are visited */
	struct buf text;
	struct err *err;
};

static unsigned line_of(const xmlNode *node)
{
	const long line = xmlGetLineNo(node);

	/* above 65535 the parser does not always know */
	return line > 0 && line < 65535 ? (unsigned)line : 0;
}

static unsigned span_of(const xmlNode *cell, const char *name, unsigned max)
{
	const xmlAttr *attribute = xmlHasProp(cell, (const xmlChar *)name);
	const xmlNode *value = attribute != NULL ? attribute->children : NULL;
	unsigned long span = 1;

	if (value != NULL && value->content != NULL)
		span = strtoul((const char *)value->content, NULL, 10);
	if (span == 0) /* rows: to the end of the table */
		span = strcmp(name, "rowspan") == 0 ? max : 1;
	return span < max ? (unsigned)span : max;
}

static bool visit_cell(struct visiting *v, const xmlNode *node)
{
	struct html_cell cell = {
		.head = is_element(node, "th"),
		.columns = span_of(node, "colspan", COLUMNS_MAX),
		.rows = span_of(node, "rowspan", ROWS_MAX),
	};

	if (!cell_text(node, &v->text, v->err))
		return false;
	cell.text = v->text.len > 0 ? v->text.data : "";
	cell.len = v->text.len;
	return v->visitor->cell(v->visitor->context, &cell, v->err);
}

static bool begin_table(struct visiting *v, const xmlNode *table)
{
	v->table = table;
	return v->visitor->table(v->visitor->context,
		table != NULL ? line_of(table) : 0, v->err);
}

static bool visit_row(struct visiting *v, const xmlNode *row)
{
	const xmlNode *table = row->parent;

	while (table != NULL && !is_element(table, "table"))
		table = table->parent;
	if (table != v->table && !begin_table(v, table))
		return false;
	for (const xmlNode *cell = row->children; cell != NULL;
		cell = cell->next)
		if ((is_element(cell, "td") || is_element(cell, "th")) &&
			!visit_cell(v, cell))
			return false;
	return v->visitor->row(v->visitor->context, line_of(row), v->err);
}

/* Its own rows: those of a table inside a cell are not. */
static bool visit_table(struct visiting *v, const xmlNode *table)
{
	const xmlNode *node = next_node(table, table, true);

	if (!begin_table(v, table))
		return false;
	while (node != NULL) {
		const bool row = is_element(node, "tr");

		if (row && !visit_row(v, node))
			return false;
		node = next_node(node, table,
			!row && !is_element(node, "table"));
	}
	return true;
}

static bool visit_selected(const struct selecting *select, const char *xpath,
	xmlXPathObjectPtr found, const struct html_visitor *visitor,
	struct err *err)
{
	struct visiting v = { .visitor = visitor, .err = err };
	bool ok = check_selected(select, xpath, found, err);

	if (ok)
		xmlXPathNodeSetSort(found->nodesetval);
	for (int i = 0; ok && i < found->nodesetval->nodeNr; i++) {
		const xmlNode *node = found->nodesetval->nodeTab[i];

		ok = is_element(node, "tr") ? visit_row(&v, node) :
					      visit_table(&v, node);
	}
	buf_clear(&v.text);
	return ok;
}

static bool visit_page(htmlDocPtr doc, const char *xpath,
	const struct html_visitor *visitor, struct err *err)
{
	struct selecting select;
	xmlXPathObjectPtr found;
	bool ok;

	if (!selecting_open(&select, doc, err))
		return false;
	found = xmlXPathEvalExpression((const xmlChar *)xpath, select.context);
	ok = found != NULL ?
		visit_selected(&select, xpath, found, visitor, err) :
		bad_xpath(&select, xpath, err);
	xmlXPathFreeObject(found);
	xmlXPathFreeContext(select.context);
	return ok;
}

bool html_visit(const char *page, size_t len, const char *xpath,
	const struct html_visitor *visitor, struct err *err)
{
	const int how = HTML_PARSE_RECOVER | HTML_PARSE_NOERROR |
		HTML_PARSE_NOWARNING | HTML_PARSE_NONET | HTML_PARSE_COMPACT |
		HTML_PARSE_IGNORE_ENC;
	htmlParserCtxtPtr parser;
	htmlDocPtr doc;
	bool ok;

	if (len > PAGE_MAX)
		return err_set(err, ERR_REJECT, "a page of more than 1 GiB");
	(void)pthread_once(&started, start);
	parser = htmlNewParserCtxt();
	if (parser == NULL)
		return err_memory(err);
	doc = htmlCtxtReadMemory(parser, page, (int)len, NULL, "UTF-8", how);
	if (doc == NULL)
		ok = parser->errNo == XML_ERR_NO_MEMORY ? err_memory(err) :
			err_set(err, ERR_REJECT, "there is no page in it");
	else
		ok = visit_page(doc, xpath != NULL ? xpath : ALL_TABLES,
			visitor, err);
	xmlFreeDoc(doc);
	htmlFreeParserCtxt(parser);
	return ok;
}

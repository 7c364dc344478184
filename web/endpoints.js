/* endpoints.js - HTTP APIs that are asked for records. */
import { badge, card, empty, h, number, text, time } from "/dom.js";
import { get } from "/api.js";
import { watch } from "/live.js";
import { fillWith, onChange, table } from "/parts.js";

function stateOf(e) {
	if (!e.known || (e.last_check === null && !e.running))
		return badge("never asked", "");
	if (e.error)
		return badge("fails", "bad");
	return e.running ? badge("under way", "info") : badge("fine", "good");
}

const columns = [
	{ head: "Endpoint", cell: (e) => text(e.endpoint) },
	{ head: "State", cell: (e) => [stateOf(e), e.error ?
		h("div", { class: "note" }, text(e.error)) : null] },
	{ head: "Records", class: "n", cell: (e) => number(e.records) },
	{ head: "Requests", class: "n", cell: (e) => number(e.requests) },
	{ head: "Unchanged", class: "n wide", cell: (e) => number(e.unchanged) },
	{ head: "Errors", class: "n wide", cell: (e) => number(e.errors) },
	{ head: "Calls left", class: "n wide", cell: (e) => number(e.calls_left) },
	{ head: "Last asked (UTC)", class: "wide", cell: (e) => time(e.last_check) },
	{ head: "Next (UTC)", class: "wide", cell: (e) => time(e.next_run) },
];

export function endpoints(main) {
	const list = h("div", {});
	const load = () => fillWith(list, () => get("endpoints"), (page) => [
		page.unknown ? h("p", { class: "hint" }, text(page.unknown)) : null,
		page.items.length === 0 ? empty("No endpoints",
			"`source: {api: ...}` in a pipeline file asks one.") :
			table(columns, page.items, { label: "Endpoints" })]);
	main.append(h("div", { class: "head" }, h("h1", {}, "Endpoints")),
		card(null, {}, list));
	load();
	return watch(onChange((o) => o.endpoints, load));
}

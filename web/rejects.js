/* rejects.js - what was refused, why, and its bytes. */
import { card, clear, empty, h, number, text, time, badge } from "/dom.js";
import { get, onToken, token } from "/api.js";
import { watch } from "/live.js";
import { List, fillWith, go, needToken, onChange } from "/parts.js";
import { datasetNames, option } from "/sources.js";

const columns = [
	{ head: "Reject", class: "n", cell: (r) => go(`/rejects/${r.reject_id}`,
		String(r.reject_id)) },
	{ head: "Reason", cell: (r) => go(`/rejects/${r.reject_id}`,
		badge(r.code, r.resolved_by === null ? "warn" : "")) },
	{ head: "Field", class: "wide", cell: (r) => text(r.field ?? "") },
	{ head: "Source", class: "name", cell: (r) =>
		go(`/sources/${r.source_id}`, text(r.source)) },
	{ head: "Line", class: "n", cell: (r) => number(r.line) },
	{ head: "Record", class: "n wide", cell: (r) => number(r.record) },
	{ head: "Dataset", class: "wide", cell: (r) => text(r.dataset) },
	{ head: "When (UTC)", class: "wide", cell: (r) => time(r.rejected_at) },
	{ head: "Because", class: "wide because", cell: (r) => text(r.detail ?? "") },
];

function chips(groups, chosen, choose) {
	return groups.length === 0 ? null : h("div", { class: "chips" },
		groups.map((g) => h("button", { type: "button",
			"aria-pressed": String(chosen() === g.code),
			onclick: () => choose(g.code) },
		text(g.code), h("span", { class: "wide" }, text(g.dataset)),
		h("b", { class: "n" }, number(g.rejects)))));
}

export function rejects(main, { words }) {
	const list = new List("rejects", columns, { label: "Rejects",
		empty: ["No rejects", "Every record found its place."] });
	const dataset = h("select", { "aria-label": "Dataset", "data-search": true },
		option("", "every dataset"), datasetNames().map((d) => option(d, d)));
	const which = h("select", { "aria-label": "State" },
		option("", "open"), option("resolved", "resolved"),
		option("all", "open and resolved"));
	const groups = h("div", {});
	let code = words.get("code") ?? "";
	const source = words.get("source_id");
	const load = () => {
		list.load({ code, dataset: dataset.value, state: which.value,
			source_id: source });
		fillWith(groups, () => get("rejects/groups"), (page) => chips(page.items,
			() => code, (picked) => {
				code = code === picked ? "" : picked;
				load();
			}));
	};
	dataset.addEventListener("change", load);
	which.addEventListener("change", load);
	const hint = h("div", {});
	const tell = () => clear(hint, needToken("Reasons in words, and bytes,"));
	main.append(h("div", { class: "head" }, h("h1", {}, source ?
		`Rejects of source ${source}` : "Rejects"),
	h("form", { class: "filter", onsubmit: (e) => e.preventDefault() },
		dataset, which)), groups, hint, card(null, {}, list.element));
	tell();
	load();
	const ends = [onToken(() => { tell(); load(); }),
		watch(onChange((o) => o.rejects?.total, () => {
			if (list.pages === 1)
				load();
		}))];
	return () => ends.forEach((end) => end());
}

/* -- one ----------------------------------------------------------------------- */

function factsOf(r) {
	const pairs = [["because", r.detail ? text(r.detail) : null],
		["code", badge(r.code, "warn")], ["field", r.field ? text(r.field) : null],
		["source", go(`/sources/${r.source_id}`, text(r.source))],
		["dataset", text(r.dataset)],
		["record", number(r.record)],
		["line and column", `${number(r.line)}, ${number(r.column)}`],
		["bytes", `${number(r.lo)} to ${number(r.hi)} of the source`],
		["refused by", r.stage === "reader" ? "the reader" : "the consumer"],
		["when", time(r.rejected_at)],
		["resolved", r.resolved_by === null ? "no" :
			`by load ${r.resolved_by}`]];
	return h("dl", {}, pairs.filter(([, value]) => value !== null)
		.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

function bytesOf(b) {
	return [h("pre", { class: "bytes", tabindex: 0 }, text(b.bytes_escaped)),
		h("p", { class: "note" }, `${number(b.bytes_kept)} of ` +
			`${number(b.bytes_length)} bytes; what cannot be printed is escaped`)];
}

export function reject(main, { id }) {
	const place = h("div", {}), shown = h("div", {});
	const load = () => {
		fillWith(place, () => get("rejects", { reject_id: id }), (page) =>
			page.items.length === 0 ? empty("There is no such reject", "") :
				card("What was refused", {}, factsOf(page.items[0])));
		if (token())
			fillWith(shown, () => get(`rejects/${id}/bytes`), bytesOf);
		else
			clear(shown, empty("The bytes need the token",
				"They can be anything that people put into files: " +
				"Token, above, or key t."));
	};
	main.append(h("p", { class: "back" }, go("/rejects", "\u2190 Rejects")),
		h("div", { class: "head" }, h("h1", {}, `Reject ${id}`)),
		h("div", { class: "grid two" }, place,
			card("Its bytes", {}, shown)),
		h("p", { class: "hint" }, "Mended, it goes through again: ",
			h("code", {}, `./run.sh sluice rejects replay ${id} --filter COMMAND`)));
	load();
	return onToken(load);
}

/* sources.js - what was dropped, and the receipt of each. */
import { bytes, card, clear, h, number, text, time, badge } from "/dom.js";
import { get } from "/api.js";
import { live, watch } from "/live.js";
import { List, fillWith, go, onChange, state } from "/parts.js";
import { action } from "/actions.js";

const columns = [
	{ head: "Source", class: "n", cell: (s) => go(`/sources/${s.source_id}`,
		String(s.source_id)) },
	{ head: "Name", class: "name", cell: (s) => go(`/sources/${s.source_id}`,
		text(s.name)) },
	{ head: "Dataset", class: "wide", cell: (s) => text(s.dataset) },
	{ head: "State", cell: (s) => state(s.state) },
	{ head: "Claimed (UTC)", class: "wide", cell: (s) => time(s.claimed_at) },
	{ head: "Size", class: "n wide", cell: (s) => bytes(s.size) },
	{ head: "Records", class: "n", cell: (s) =>
		number(s.manifest_records ?? s.records) },
	{ head: "New", class: "n wide", cell: (s) => number(s.inserted) },
	{ head: "Changed", class: "n wide", cell: (s) => number(s.updated) },
	{ head: "Same", class: "n wide", cell: (s) => number(s.unchanged) },
	{ head: "Rejected", class: "n", cell: (s) => s.rejected > 0 ?
		go(`/rejects?source_id=${s.source_id}`, number(s.rejected)) :
		number(s.rejected) },
];

export function option(value, word, chosen) {
	return h("option", { value, selected: value === chosen }, word);
}

export function datasetNames() {
	return (live.last?.overview.datasets ?? [])
		.map((d) => `${d.pipeline}.${d.dataset}`);
}

export function sources(main, { words }) {
	const list = new List("sources", columns, { label: "Sources",
		empty: ["No such source", "Drop a file below raw_data/, or loosen the filter."] });
	const name = h("input", { type: "search", name: "name", "data-search": true,
		placeholder: "part of a name", "aria-label": "Part of a name",
		value: words.get("name") ?? "" });
	const dataset = h("select", { "aria-label": "Dataset" },
		option("", "every dataset"), datasetNames().map((d) => option(d, d)));
	const which = h("select", { "aria-label": "State" },
		option("", "every state"), option("arriving", "arriving"),
		option("complete", "complete"),
		option("rejected", "with rejects"));
	const load = () => list.load({ name: name.value, dataset: dataset.value,
		state: which.value });
	let typing;
	name.addEventListener("input", () => {
		clearTimeout(typing);
		typing = setTimeout(load, 250);
	});
	dataset.addEventListener("change", load);
	which.addEventListener("change", load);
	main.append(h("div", { class: "head" }, h("h1", {}, "Sources"),
		h("form", { class: "filter", role: "search",
			onsubmit: (event) => event.preventDefault() },
		name, dataset, which)), card(null, {}, list.element));
	load();
	return watch(onChange((o) => [o.counts, o.sources, o.rejects?.total],
		() => list.refresh()));
}

/* -- one ----------------------------------------------------------------------- */

const verdicts = { HOLDS: "good", BROKEN: "bad" };

function part(receipt, name, label, colour) {
	const all = Math.max(1, receipt.manifest_records ?? receipt.records);
	const box = h("i", { title: `${label}: ${number(receipt[name])}` });
	box.style.flexGrow = receipt[name] / all;
	box.style.background = `var(${colour})`;
	return [receipt[name] > 0 ? box : null, h("li", {}, (() => {
		const swatch = h("i", {});
		swatch.style.background = `var(${colour})`;
		return swatch;
	})(), label, h("b", { class: "n" }, number(receipt[name])))];
}

function law(receipt) {
	const parts = [["inserted", "inserted", "--c1"],
		["updated", "updated", "--c2"], ["unchanged", "unchanged", "--c0"],
		["rejected", "rejected", "--c4"], ["filtered", "filtered", "--c5"]]
		.filter(([name]) => name !== "filtered" || receipt.filtered > 0)
		.map((one) => part(receipt, ...one));
	return h("div", { class: "law" },
		h("p", {}, h("b", { class: "n big" }, receipt.manifest_records === null ?
			"?" : number(receipt.manifest_records)),
		" records in the manifest"),
		h("div", { class: "stack" }, parts.map(([box]) => box)),
		h("ul", { class: "legend" }, parts.map(([, line]) => line)));
}

function facts(pairs) {
	return h("dl", {}, pairs.filter(([, value]) => value !== null)
		.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

function derived(list) {
	return list.map((d) => h("li", {}, text(d.dataset),
		`: ${number(d.records)} found; ${number(d.inserted)} inserted, ` +
		`${number(d.updated)} updated, ${number(d.unchanged)} unchanged, ` +
		`${number(d.rejected)} rejected`));
}

function receiptOf(receipt) {
	return [
		h("div", { class: "grid two" },
			card("Where its records went", {}, law(receipt),
				receipt.faults.length > 0 ? h("ul", { class: "bad" },
					receipt.faults.map((f) => h("li", {}, text(f)))) : null,
				receipt.derived.length > 0 ? h("ul", { class: "plain" },
					derived(receipt.derived)) : null,
				receipt.rejected > 0 ? h("p", {},
					go(`/rejects?source_id=${receipt.source_id}`,
						"See what was rejected")) : null),
			card("The source", {}, facts([
				["drop", text(receipt.drop_id)],
				["dataset", text(`${receipt.pipeline}.${receipt.dataset}`)],
				["claimed", time(receipt.claimed_at)],
				["complete", time(receipt.completed_at)],
				["content", receipt.format ?
					`${receipt.format}, ${bytes(receipt.size)}` : null],
				["SHA-256", receipt.sha256 ?
					h("code", {}, receipt.sha256) : null],
				["ledger", `${number(receipt.ranges)} ranges, ` +
					`${number(receipt.gaps)} gaps, ` +
					`${number(receipt.overlaps)} overlaps`],
				["delta", receipt.delta_rows < 0 ? "not counted" :
					`${number(receipt.delta_rows)} rows`],
				["file", [receipt.place, receipt.path ?
					[": ", text(receipt.path)] : null]],
				["replay of", receipt.replay_of ?
					text(receipt.replay_of) : null],
			]))),
	];
}

export function source(main, { id }) {
	const title = h("h1", {}, `Source ${id}`);
	const verdict = h("span", {});
	const place = h("div", {});
	const load = () => fillWith(place, () => get(`sources/${id}`), (receipt) => {
		clear(title, text(receipt.name));
		clear(verdict, badge(receipt.verdict,
			verdicts[receipt.verdict] ?? "info"));
		return receiptOf(receipt);
	});
	main.append(h("p", { class: "back" }, go("/sources", "\u2190 Sources")),
		h("div", { class: "head" }, title, verdict,
			h("div", { class: "filter" },
				action("Load again", "replay",
					() => ({ source_id: Number(id) }),
					(said) => `handed to the producer: ${number(said.bytes)} bytes`))),
		place);
	load();
	return watch(onChange((o) => [o.counts, o.sources], load));
}

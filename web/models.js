/* models.js - what is modelled, what it reads, how it goes. */
import { badge, card, clear, empty, h, millis, number, text, time } from "/dom.js";
import { get } from "/api.js";
import { watch } from "/live.js";
import { List, fillWith, onChange, state, table } from "/parts.js";
import { graph } from "/graph.js";
import { action } from "/actions.js";

function lineage(data, choose) {
	const pipelines = [...new Set(data.nodes.map((n) => n.pipeline))];
	if (data.nodes.length === 0)
		return empty("No tables yet", "./run.sh sluice apply makes them.");
	return pipelines.map((name) => h("div", { class: "lineage" },
		h("h3", {}, name),
		h("div", { class: "scroll", tabindex: 0, role: "region",
			"aria-label": `Lineage of ${name}` },
		graph(name, data.nodes.filter((n) => n.pipeline === name),
			data.edges, choose))));
}

const columns = (choose) => [
	{ head: "Model", cell: (m) => h("button", { type: "button", class: "link",
		onclick: () => choose(m.model) }, text(m.model)) },
	{ head: "Kind", class: "wide", cell: (m) => m.materialized },
	{ head: "State", cell: (m) => [state(m.state),
		m.error ? h("div", { class: "note" }, text(m.error)) : null] },
	{ head: "Refreshes", class: "n wide", cell: (m) => number(m.refreshes) },
	{ head: "Mean", class: "n wide", cell: (m) => m.refreshes > 0 ?
		millis(m.refresh_us / 1000 / m.refreshes) : "\u2013" },
	{ head: "Refreshed (UTC)", class: "wide", cell: (m) =>
		time(m.refreshed_at) },
	{ head: "What it is", class: "because wide", cell: (m) =>
		text(m.description ?? "") },
];

const runs = [
	{ head: "When (UTC)", cell: (r) => time(r.started_at) },
	{ head: "What", cell: (r) => badge(r.what, r.ok ? "good" : "bad") },
	{ head: "Rows", class: "n", cell: (r) => number(r.rows) },
	{ head: "Took", class: "n", cell: (r) => millis(r.ms) },
	{ head: "", class: "because", cell: (r) => text(r.detail ?? "") },
];

function one(model, found) {
	const list = new List("models/runs", runs, { label: "Runs",
		empty: ["It was never built by itself",
			"Loads keep incremental models fresh."] });
	list.load({ model });
	return card(null, { class: "chosen" }, h("div", { class: "head" },
		h("h2", {}, text(model)), found ? state(found.state) : null,
		h("div", { class: "filter" }, action("Build", "run-models",
			() => ({ models: [model] }), built,
			() => list.load()))),
	found?.description ? h("p", {}, text(found.description)) : null,
	found ? h("dl", {}, h("dt", {}, "reads"),
		h("dd", {}, text((found.reads ?? []).join(", "))),
		found.grain ? [h("dt", {}, "one row for each"),
			h("dd", {}, text(found.grain))] : null) : null,
	list.element);
}

function built(said) {
	const good = said.items.filter((m) => m.outcome === "built").length;
	const bad = said.items.length - good;
	return said.items.length === 0 ? "nothing is stale" :
		`${good} built${bad > 0 ? `, ${bad} not` : ""}`;
}

export function models(main) {
	const drawing = h("div", {}), list = h("div", {}), chosen = h("div", {});
	let known = [];
	const choose = (model) => {
		clear(chosen, one(model, known.find((m) => m.model === model)));
		chosen.scrollIntoView({ block: "nearest" });
	};
	const load = () => {
		fillWith(drawing, () => get("lineage"), (data) =>
			lineage(data, (node) => choose(node.model)));
		fillWith(list, () => get("models", { limit: 200 }), (page) => {
			known = page.items;
			return known.length === 0 ? empty("No models",
				"./run.sh sluice apply makes them.") :
				table(columns(choose), known, { label: "Models" });
		});
	};
	main.append(h("div", { class: "head" }, h("h1", {}, "Models"),
		h("div", { class: "filter" }, action("Build what is stale",
			"run-models", () => ({ models: [] }), built, load))),
	card("Lineage", {}, h("ul", { class: "legend kinds" },
		[["delta", "rows as they came"], ["master", "one row a key"],
			["incremental", "moved in the load"], ["table", "built"],
			["view", "a view"]].map(([kind, word]) =>
			h("li", { class: kind }, h("i", {}), word))), drawing),
	chosen, card("All models", {}, list));
	load();
	return watch(onChange((o) => o.models?.map((m) => [m.model, m.state]), load));
}

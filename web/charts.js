/* charts.js - the modelled tables, drawn. */
import { card, clear, empty, h, number, text } from "/dom.js";
import { get } from "/api.js";
import { watch } from "/live.js";
import { fillWith, onChange, state, table } from "/parts.js";
import { Plot, boxes, palette_of } from "/plots.js";
import { option } from "/sources.js";

/* "2024-03", "2024-03-01", "2024-03-01 12:00:00+00" in UTC, in seconds. */
function seconds(value) {
	const m = /^(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:[ T](\d\d):(\d\d)(?::(\d\d))?)?/
		.exec(value);
	return m ? Date.UTC(m[1], (m[2] ?? 1) - 1, m[3] ?? 1, m[4] ?? 0, m[5] ?? 0,
		m[6] ?? 0) / 1000 : null;
}

function words(name) {
	return name.replaceAll("_", " ");
}

function title(chart, measure) {
	return `${words(measure)} by ${words(chart.x)}${chart.by ?
		` and ${words(chart.by)}` : ""}`;
}

function pivot(rows) {
	const at = new Map();
	const totals = new Map();
	rows.forEach(([x, by, value]) => {
		const secs = seconds(x);
		if (secs === null)
			return;
		if (!at.has(secs))
			at.set(secs, new Map());
		at.get(secs).set(by, Number(value));
		totals.set(by, (totals.get(by) ?? 0) + Number(value));
	});
	const times = [...at.keys()].sort((a, b) => a - b);
	const names = [...totals.keys()].sort((a, b) =>
		(a === null) - (b === null) || totals.get(b) - totals.get(a));
	return { times, names, values: names.map((name) =>
		times.map((t) => at.get(t).get(name) ?? null)) };
}

function overTime(chart, data, measure) {
	const { times, names, values } = pivot(data.rows);
	const lines = names.map((name, i) => ({
		label: chart.by ? name ?? "others" : words(measure),
		colour: palette_of(i, !chart.by || name !== null) }));
	const plot = new Plot(lines, { bars: times.length <= 90,
		stacked: times.length <= 90 && lines.length > 1,
		days: times.every((t) => t % 86400 === 0), whole: true,
		label: title(chart, measure) });
	plot.set(times, values);
	return plot.element;
}

function numbers(chart, data, measure) {
	return h("details", {}, h("summary", {}, "Numbers"), table([
		{ head: words(chart.x), cell: ([x]) => text(x ?? "none") },
		...(chart.by ? [{ head: words(chart.by), cell: ([, by]) =>
			text(by ?? "others") }] : []),
		{ head: words(measure), class: "n", cell: ([, , value]) =>
			number(Number(value)) },
	], data.rows, { label: title(chart, measure) }));
}

function draw(chart, measure) {
	const place = h("div", { class: "drawn" });
	const load = (name) => fillWith(place, () => get("charts/data", {
		model: chart.model, x: chart.x, by: chart.by, measure: name }),
	(data) => data.rows.length === 0 ?
		empty("No rows yet", "They come with the first load.") :
		[chart.kind === "text" ? boxes(data.rows.map(([x, , v]) => [x, v]),
			data.others) : overTime(chart, data, name),
		numbers(chart, data, name)]);
	const name = h("h2", {}, title(chart, measure));
	const choice = chart.measures.length > 1 ?
		h("select", { "aria-label": "Measure", onchange: () => {
			clear(name, title(chart, choice.value));
			load(choice.value);
		} }, chart.measures.map((m) => option(m, words(m)))) : null;
	load(measure);
	return { load: () => load(choice?.value ?? measure),
		element: card(null, { "data-x": chart.x, "data-by": chart.by,
			"data-model": chart.model },
		h("div", { class: "head" }, name, choice), place) };
}

function model(charts) {
	const [first] = charts;
	const drawn = charts.map((chart) => draw(chart, chart.measures[0]));
	return [drawn, h("section", { class: "model" },
		h("div", { class: "head" }, h("h2", {}, text(first.model)),
			state(first.state), h("span", { class: "note" },
				text(first.description ?? ""))),
		h("div", { class: "grid charts" }, drawn.map((d) => d.element)))];
}

export function charts(main, page) {
	const place = h("div", {}), chips = h("div", { class: "chips" });
	const choice = h("select", { "aria-label": "Pipeline", "data-search": true });
	let all = [], drawn = [], chosen = page.words.get("model");
	const remember = () => history.replaceState(null, "", `/charts?${
		new URLSearchParams({ pipeline: choice.value, model: chosen })}`);
	const show = () => {
		const ours = all.filter((c) => c.pipeline === choice.value);
		const names = [...new Set(ours.map((c) => c.model))];
		if (!names.includes(chosen))
			[chosen] = names;
		clear(chips, names.map((name) => h("button", { type: "button",
			"aria-pressed": String(name === chosen), onclick: () => {
				chosen = name;
				remember();
				show();
			} }, text(words(name.slice(name.indexOf(".") + 1))))));
		const [list, element] = model(ours.filter((c) => c.model === chosen));
		drawn = list;
		clear(place, element);
	};
	const load = () => fillWith(place, () => get("charts"), (data) => {
		const names = [...new Set(data.items.map((c) => c.pipeline))].sort();
		const first = page.words.get("pipeline") ??
			(names.includes("events") ? "events" : names[0]);
		all = data.items;
		clear(choice, names.map((n) => option(n, n, first)));
		queueMicrotask(() => all.length > 0 && show());
		return all.length === 0 ? empty("Nothing to draw",
			"Models with a time or a name in their grain are drawn here.") :
			null;
	});
	choice.addEventListener("change", () => {
		chosen = null;
		show();
		remember();
	});
	main.append(h("div", { class: "head" }, h("h1", {}, "Charts"),
		h("div", { class: "filter" }, choice)), chips, place);
	load();
	let again;
	const end = watch(onChange((o) => [o.counts?.loaded, o.models?.length],
		() => {
			clearTimeout(again);
			again = setTimeout(() => all.length > 0 ?
				drawn.forEach((d) => d.load()) : load(), 700);
		}));
	return () => {
		clearTimeout(again);
		end();
	};
}

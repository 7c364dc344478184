/* graph.js - who reads whom, in layers from left to right. */
import { svg } from "/dom.js";

const row = 46, box = 30, gap = 64, pad = 36;
const ruler = document.createElement("canvas").getContext("2d");

function wide(label) {
	ruler.font = "12.5px system-ui, sans-serif";
	return Math.ceil(ruler.measureText(label).width) + pad;
}

/* The longest way from a table that reads nothing. */
function layers(nodes, above) {
	const depth = new Map();
	const deep = (id, seen) => {
		if (depth.has(id))
			return depth.get(id);
		if (seen.has(id))
			return 0;
		seen.add(id);
		const d = Math.max(-1, ...(above.get(id) ?? [])
			.map((up) => deep(up, seen))) + 1;
		depth.set(id, d);
		return d;
	};
	nodes.forEach((node) => deep(node.id, new Set()));
	const result = [];
	nodes.forEach((node) => (result[depth.get(node.id)] ??= []).push(node));
	return result;
}

/* Each node beside the middle of those it reads; a few times to and fro. */
function order(columns, above, below) {
	const place = new Map();
	const number = () => columns.forEach((column) =>
		column.forEach((node, i) => place.set(node.id, i)));
	const middle = (ids, otherwise) => {
		const known = ids.filter((id) => place.has(id));
		return known.length === 0 ? otherwise :
			known.reduce((sum, id) => sum + place.get(id), 0) / known.length;
	};
	number();
	for (let turn = 0; turn < 8; turn++) {
		const near = turn % 2 === 0 ? above : below;
		columns.forEach((column) => {
			const want = new Map(column.map((node, i) =>
				[node.id, middle(near.get(node.id) ?? [], i)]));
			column.sort((a, b) => want.get(a.id) - want.get(b.id));
		});
		number();
	}
}

/* An edge over several layers gets a place in each, so that it goes around
 * what stands there. Answers the places of each edge, its ends included. */
function bend(columns, edges, ids) {
	const depth = new Map();
	columns.forEach((column, i) => column.forEach((node) =>
		depth.set(node.id, i)));
	return edges.map((edge, n) => {
		const stops = [ids.get(edge.from)];
		for (let i = depth.get(edge.from) + 1; i < depth.get(edge.to); i++) {
			const stop = { id: `${n}:${i}`, empty: true };
			columns[i].push(stop);
			stops.push(stop);
		}
		return [...stops, ids.get(edge.to)];
	});
}

function neighbours(edges, from, to) {
	const map = new Map();
	edges.forEach((edge) => {
		if (!map.has(edge[from]))
			map.set(edge[from], []);
		map.get(edge[from]).push(edge[to]);
	});
	return map;
}

function put(columns) {
	const tallest = Math.max(...columns.map((column) => column.length));
	let x = 1;
	columns.forEach((column) => {
		const width = Math.max(...column.map((node) =>
			node.empty ? 0 : wide(node.label)));
		const top = (tallest - column.length) * row / 2;
		column.forEach((node, i) => {
			node.x = x;
			node.y = top + i * row + (row - box) / 2;
			node.width = width;
		});
		x += width + gap;
	});
	return [x - gap + 1, tallest * row];
}

function way(stops) {
	const [first] = stops;
	let path = `M${first.x + first.width},${first.y + box / 2}`;
	for (let i = 1; i < stops.length; i++) {
		const from = stops[i - 1], to = stops[i];
		const x1 = from.x + from.width, y1 = from.y + box / 2;
		const x2 = to.x - (to.empty ? 0 : 5), y2 = to.y + box / 2;
		const half = (x2 - x1) / 2;
		path += `C${x1 + half},${y1} ${x2 - half},${y2} ${x2},${y2}`;
		if (to.empty)
			path += `H${to.x + to.width}`;
	}
	return path;
}

function reach(id, map, found = new Set()) {
	found.add(id);
	(map.get(id) ?? []).forEach((next) => {
		if (!found.has(next))
			reach(next, map, found);
	});
	return found;
}

/* Nodes: { id, kind, state, model }; choose hears of a node that is picked. */
export function graph(name, given, edges, choose) {
	const nodes = given.map((node) => ({ ...node,
		label: node.id.replace(/^modelled\./, "") }));
	const ids = new Map(nodes.map((node) => [node.id, node]));
	const ours = edges.filter((e) => ids.has(e.from) && ids.has(e.to));
	const above = neighbours(ours, "to", "from");
	const below = neighbours(ours, "from", "to");
	const columns = layers(nodes, above);
	const ways = bend(columns, ours, ids);
	const hops = ways.flatMap((stops) => stops.slice(1).map((to, i) =>
		({ from: stops[i].id, to: to.id })));
	order(columns, neighbours(hops, "to", "from"),
		neighbours(hops, "from", "to"));
	const [width, height] = put(columns);
	const arrow = `arrow-${name}`;
	const picture = svg("svg", { class: "graph", role: "group",
		"aria-label": `Who reads whom in ${name}`, width, height,
		viewBox: `0 0 ${width} ${height}` },
	svg("defs", {}, svg("marker", { id: arrow, viewBox: "0 0 8 8",
		refX: 2, refY: 4, markerWidth: 6, markerHeight: 6,
		orient: "auto" }, svg("path", { d: "M0,0L8,4L0,8z" }))));
	const lines = ours.map((edge, i) => {
		const line = svg("path", { class: "edge", d: way(ways[i]),
			"marker-end": `url(#${arrow})` });
		picture.append(line);
		return [edge, line];
	});
	const shapes = nodes.map((node) => [node, shape(node, choose)]);
	shapes.forEach(([, one]) => picture.append(one));
	const light = (id) => {
		const on = id === null ? null :
			new Set([...reach(id, above), ...reach(id, below)]);
		shapes.forEach(([node, one]) => one.classList.toggle("dim",
			on !== null && !on.has(node.id)));
		lines.forEach(([edge, line]) => {
			line.classList.toggle("dim", on !== null &&
				!(on.has(edge.from) && on.has(edge.to)));
			line.classList.toggle("lit", on !== null &&
				on.has(edge.from) && on.has(edge.to));
		});
	};
	shapes.forEach(([node, one]) => {
		one.addEventListener("pointerenter", () => light(node.id));
		one.addEventListener("pointerleave", () => light(null));
		one.addEventListener("focus", () => light(node.id));
		one.addEventListener("blur", () => light(null));
	});
	return picture;
}

function shape(node, choose) {
	const words = [node.id, node.kind, node.state].filter(Boolean);
	const one = svg("g", { class: `node ${node.kind} ${node.state ?? ""}`,
		transform: `translate(${node.x},${node.y})`, tabindex: 0,
		role: node.model ? "button" : "img", "aria-label": words.join(", ") },
	svg("title", {}, words.join(", ")),
	svg("rect", { width: node.width, height: box,
		rx: node.kind === "view" ? box / 2 : 6 }),
	svg("circle", { cx: 13, cy: box / 2, r: 3.5 }),
	svg("text", { x: 22, y: box / 2 + 4 }, node.label));
	const pick = () => node.model && choose(node);
	one.addEventListener("click", pick);
	one.addEventListener("keydown", (event) => {
		if (event.key === "Enter" || event.key === " ") {
			event.preventDefault();
			pick();
		}
	});
	return one;
}

/* plots.js - charts: uPlot for lines and bars over time, boxes for the rest. */
import { h, brief, number, rate, text } from "/dom.js";

const height = 168;
const palette = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"];
const living = new Set();

function colour(name) {
	return getComputedStyle(document.documentElement)
		.getPropertyValue(name).trim();
}

export function palette_of(i, named = true) {
	return named ? palette[i % palette.length] : "--c0";
}

function axis(options) {
	return {
		stroke: colour("--soft"),
		grid: { stroke: colour("--grid"), width: 1 },
		ticks: { show: false },
		font: "11px system-ui, sans-serif",
		...options,
	};
}

const whole = [1, 2, 5].flatMap((n) => [...Array(13).keys()].map((e) =>
	n * 10 ** e)).sort((a, b) => a - b);
const whole_days = [1, 2, 5, 7, 14, 30, 61, 91, 182, 365, 730, 1826, 3652]
	.map((days) => days * 86400);

/* Clock times for minutes, days for days: all in UTC. */
const two = (n) => String(n).padStart(2, "0");

function clock(at, step) {
	const date = new Date(at * 1000);
	const day = `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
	const hours = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
	if (step >= 27 * 86400)
		return day.slice(0, 7);
	if (step >= 86400)
		return day.slice(5);
	return step < 60 ? `${hours}:${two(date.getUTCSeconds())}` : hours;
}

function legend(lines) {
	return h("ul", { class: "legend" }, lines.map((line) => {
		const swatch = h("i", {});
		swatch.style.background = `var(${line.colour})`;
		return h("li", {}, swatch, text(line.label),
			h("b", { class: "n" }));
	}));
}

function fill(name) {
	return `color-mix(in srgb, ${colour(name)} 14%, transparent)`;
}

function line_of(line, bars) {
	return {
		label: line.label,
		stroke: colour(line.colour),
		fill: bars ? colour(line.colour) : line.area ? fill(line.colour) :
			undefined,
		width: bars ? 0 : 1.6,
		points: { show: false },
		spanGaps: false,
		paths: bars ? uPlot.paths.bars({ size: [0.72, 46], radius: 0.12 }) :
			undefined,
	};
}

/* Values of each line upon those of the lines before. */
function stack(lines) {
	let below = null;
	return lines.map((line) => {
		below = line.values.map((v, i) => (v ?? 0) + (below ? below[i] : 0));
		return below;
	});
}

export class Plot {
	/* lines: [{ label, colour, area }]; options: bars, stacked, format,
	 * label (for who cannot see it) */
	constructor(lines, options = {}) {
		this.lines = lines;
		this.options = options;
		this.times = [];
		this.values = lines.map(() => []);
		this.canvas = h("div", { class: "canvas", role: "img",
			"aria-label": options.label ?? "" });
		this.legend = legend(lines);
		this.element = h("figure", { class: "plot" }, this.canvas,
			lines.length > 1 || options.legend ? this.legend : null);
		this.width = 0;
		this.watcher = new ResizeObserver(() => this.fit());
		this.watcher.observe(this.canvas);
		living.add(this);
	}

	data() {
		const values = this.options.stacked ?
			stack(this.lines.map((line, i) => ({ values: this.values[i] })))
				.reverse() : this.values;
		return [this.times, ...values];
	}

	make() {
		const { bars, stacked, format } = this.options;
		const lines = stacked ? [...this.lines].reverse() : this.lines;
		this.plot?.destroy();
		this.plot = new uPlot({
			width: this.width,
			height,
			cursor: { points: { size: 6 }, y: false,
				drag: { x: false, y: false } },
			legend: { show: false },
			padding: [10, 10, 0, 0],
			tzDate: (at) => new Date(at * 1000),
			scales: {
				x: { time: true, range: (u, low, high) =>
					this.range(low, high) },
				y: { range: (u, low, high) =>
					[0, high > 0 ? high * 1.12 : 1] },
			},
			axes: [
				axis({ values: (u, splits, i, space, step) =>
					splits.map((at) => clock(at, step)), space: 58,
				size: 26, incrs: this.options.days ? whole_days :
					undefined }),
				axis({ values: (u, splits) => splits.map((v) =>
					(format ?? brief)(v)), size: 46, space: 34,
				incrs: this.options.whole ? whole : undefined }),
			],
			series: [{}, ...lines.map((line) => line_of(line, bars))],
			hooks: { setCursor: [(u) => this.point(u.cursor.idx)] },
		}, this.data(), this.canvas);
	}

	/* One bar alone would have no width of time at all. */
	range(low, high) {
		if (low === null || low === undefined)
			return [0, 1];
		const step = this.options.bars ? this.step() : 0;
		return low === high ? [low - 43200, high + 43200] :
			[low - step * 0.6, high + step * 0.6];
	}

	step() {
		let least = Infinity;
		for (let i = 1; i < this.times.length; i++)
			least = Math.min(least, this.times[i] - this.times[i - 1]);
		return Number.isFinite(least) ? least : 86400;
	}

	/* The legend says the values at the pointer; live ones else the last. */
	point(at) {
		const i = at ?? (this.options.legend ? this.times.length - 1 : -1);
		this.legend.querySelectorAll("b").forEach((b, n) => {
			const value = this.values[n]?.[i];
			b.textContent = value === null || value === undefined ? "" :
				(this.options.format ?? number)(value);
		});
	}

	set(times, values) {
		this.times = times;
		this.values = values;
		if (this.plot)
			this.plot.setData(this.data());
		else
			this.fit();
		this.point(null);
	}

	fit() {
		const width = Math.floor(this.canvas.clientWidth);
		if (width <= 0 || width === this.width)
			return;
		this.width = width;
		if (this.plot)
			this.plot.setSize({ width, height });
		else
			this.make();
	}

	repaint() {
		if (this.plot)
			this.make();
	}

	end() {
		this.watcher.disconnect();
		this.plot?.destroy();
		living.delete(this);
	}
}

/* Colours are read when a plot is made. */
export function repaint() {
	living.forEach((plot) => plot.repaint());
}

/* Whatever was drawn for a page that is left. */
export function end_all() {
	living.forEach((plot) => plot.end());
}

/* rows: [[name, value]] */
export function boxes(rows, others) {
	const most = Math.max(1, ...rows.map(([, value]) => Number(value) || 0));
	return h("ol", { class: "boxes" }, rows.map(([name, value]) => {
		const bar = h("i", {});
		bar.style.width = `${Math.max(0, Number(value)) / most * 100}%`;
		return h("li", {}, h("span", { class: "name" },
			name === null ? h("em", {}, "none") : text(name)),
		h("span", { class: "track" }, bar),
		h("b", { class: "n" }, number(Number(value))));
	}), others > 0 ? h("li", { class: "rest" },
		`and ${number(others)} more`) : null);
}

export { rate };

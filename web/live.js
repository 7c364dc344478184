/* live.js - the figures as the server sends them, for every page. */
import { get } from "/api.js";

const kept = 600;
const listeners = new Set();
export const live = { samples: [], last: null, state: "connecting" };
let source = null;
let quiet = null;
let retry = 1000;

function tell() {
	listeners.forEach((listener) => listener(live));
}

export function watch(listener) {
	listeners.add(listener);
	if (live.last)
		listener(live);
	return () => listeners.delete(listener);
}

function state(word) {
	if (live.state !== word) {
		live.state = word;
		tell();
	}
}

/* Nothing for so long: the server, or the way there, hangs. */
function listen() {
	clearTimeout(quiet);
	quiet = setTimeout(() => state("silent"), 20000);
}

function take(event) {
	const data = JSON.parse(event.data);
	const newest = live.samples.at(-1);
	listen();
	retry = 1000;
	live.last = data;
	if (!newest || newest.at_ms < data.sample.at_ms)
		live.samples.push(data.sample);
	if (live.samples.length > kept)
		live.samples.splice(0, live.samples.length - kept);
	live.state = "live";
	tell();
}

async function begin() {
	try {
		const page = await get("history");
		if (page.items.length > 0)
			live.samples = page.items;
	} catch { /* the stream says what is wrong */ }
	source = new EventSource("/api/v1/live");
	source.addEventListener("overview", take);
	source.onerror = () => {
		source.close();
		clearTimeout(quiet);
		state("gone");
		setTimeout(begin, retry);
		retry = Math.min(retry * 2, 15000);
	};
	listen();
}

export function start() {
	begin();
	/* a page that nobody looks at needs no stream */
	document.addEventListener("visibilitychange", () => {
		if (!document.hidden && live.state === "gone")
			retry = 1000;
	});
}

/* Per second, between two samples; null where a number is not known. */
export function rates(samples, name) {
	return samples.map((sample, i) => {
		const before = samples[i - 1];
		if (!before || sample[name] === null || before[name] === null)
			return null;
		const secs = (sample.at_ms - before.at_ms) / 1000;
		return secs > 0 ? Math.max(0, sample[name] - before[name]) / secs :
			null;
	});
}

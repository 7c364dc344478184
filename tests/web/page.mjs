/* page.mjs - the page of `sluice serve` in Chromium, for tests/scenarios/web.sh.
 *
 * usage: page.mjs PLAYWRIGHT CHROMIUM URL TOKEN SHOTS
 *
 * Speaks with the scenario in lines of standard output, each a word and JSON:
 *   check [CLAIM, GOT, WANT]   ok [CLAIM, TRUE OR NOT]
 *   sql TEXT, do WORD          answered by a line of JSON on standard input */
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [playwright, executablePath, base, token, shots] = process.argv.slice(2);
const { chromium } = (await import(pathToFileURL(
	`${playwright}/node_modules/playwright-core/index.js`))).default;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const patience = 120000;

function say(word, value) {
	process.stdout.write(`${word} ${JSON.stringify(value)}\n`);
}

async function ask(word, value) {
	say(word, value);
	return JSON.parse((await lines.next()).value);
}

const sql = (text) => ask("sql", text);
const act = (word) => ask("do", word);
const check = (claim, got, want) => say("check",
	[claim, String(got), String(want)]);
const ok = (claim, good) => check(claim, Boolean(good), true);

/* -- the browser ---------------------------------------------------------- */

const browser = await chromium.launch({ executablePath,
	args: ["--no-sandbox", "--disable-dev-shm-usage"] });
const desk = { width: 1360, height: 900 }, phone = { width: 390, height: 844 };
const context = await browser.newContext({ baseURL: base,
	viewport: desk, colorScheme: "light",
	reducedMotion: "reduce" });
context.setDefaultTimeout(patience);
const errors = [], elsewhere = [];
const page = await context.newPage();
let expected = false; /* a server that is away is an error in the console */
page.on("console", (m) => {
	if (m.type() === "error" && !expected)
		errors.push(m.text());
});
page.on("pageerror", (error) => errors.push(error.stack));
page.on("dialog", (dialog) => {
	errors.push(`a dialog: ${dialog.message()}`);
	dialog.dismiss();
});
page.on("request", (request) => {
	if (!request.url().startsWith(`${base}/`))
		elsewhere.push(request.url());
});

async function settle() {
	await page.waitForFunction(() =>
		document.querySelector("#pulse").classList.contains("live") &&
		document.querySelector("main h1") &&
		!document.querySelector("main [aria-busy]"));
}

async function open(path) {
	await page.goto(path);
	await settle();
}

const text = (selector) => page.locator(selector).first().innerText();
const digits = (shown) => shown.replace(/[^0-9.-]/g, "");
const shot = (name, whole = false) => page.screenshot(
	{ path: `${shots}/${name}.png`, fullPage: whole });

const name_of = (path) => path === "/" ? "-overview" :
	path.replaceAll("/", "-");

async function drawn(path) {
	if (path === "/charts")
		await page.locator(".drawn details").first().waitFor();
	await settle();
}

/* A condition of the page, waited for. */
async function eventually(claim, condition, argument) {
	let good = true;
	try {
		await page.waitForFunction(condition, argument,
			{ timeout: patience });
	} catch {
		good = false;
	}
	ok(claim, good);
}

/* -- what is looked at -------------------------------------------------------- */

const paths = ["/", "/sources", "/sources/1", "/rejects", "/rejects/1",
	"/models", "/tests", "/endpoints", "/charts"];

async function every_page() {
	for (const path of paths) {
		await open(path);
		ok(`${path} shows something`, await page.evaluate(() =>
			document.querySelector("main").innerText.length > 40 &&
			!document.querySelector("main .empty.bad")));
		check(`${path} has one current link in its head`,
			await page.locator("nav a[aria-current=page]").count(), 1);
		await drawn(path);
		await shot(`light${name_of(path)}`, true);
		await page.setViewportSize(phone);
		await page.waitForFunction(() => innerWidth < 400);
		ok(`${path} fits a phone`, await page.evaluate(() =>
			document.documentElement.scrollWidth <= innerWidth));
		await open(path);
		ok(`${path} is within sight in a phone's head`, await page.evaluate(
			() => {
				const box = (e) => e.getBoundingClientRect();
				const link = document.querySelector("nav [aria-current]");
				return box(link).left >= box(link.parentNode).left - 1 &&
					box(link).right <= box(link.parentNode).right + 1;
			}));
		await drawn(path);
		await shot(`phone${name_of(path)}`, true);
		await page.setViewportSize(desk);
	}
	check("no page has an error in its console", errors.join("; "), "");
}

async function numbers() {
	await open("/");
	const want = await sql(`select sum(inserted + updated + unchanged)
		from meta.source`);
	await page.waitForFunction((wanted) => [...document.querySelectorAll(
		".tile")].some((t) => t.innerText.startsWith("In all") &&
		t.querySelector(".value").innerText.replace(/\D/g, "") === wanted),
	want, { timeout: patience }).catch(() => {});
	check("the overview shows the records that are loaded", digits(await text(
		".tile:has(.label:text-is('In all')) .value")), want);
	check("and rejects", digits(await text(
		".tile:has(.label:text-is('Rejects')) .value")),
	await sql("select count(*) from meta.reject where resolved_by is null"));
	check("a test that was not run has not passed", await text(
		".tile:has(.label:text-is('Tests')) .value"), await sql(`select
		count(*) filter (where outcome = 'pass') || '/24' from (select
		distinct on (pipeline, test) outcome from meta.test_result
		order by pipeline, test, result_id desc) t`));
	await open("/endpoints");
	check("an endpoint that was never asked is not fine", await page.locator(
		".badge.good").count(), 0);
	await open("/");
	const live = await page.locator("section[data-chart]").count();
	check("four charts are live", live, 4);
	await eventually("they are drawn", () => [...document.querySelectorAll(
		"section[data-chart] canvas")].length === 4);
}

/* The rows behind a chart, as the page lists them. */
async function rows_of(card) {
	await card.locator("summary").click();
	return (await card.locator("details tbody tr").evaluateAll((rows) =>
		rows.map((row) => [...row.cells].map((cell) =>
			cell.innerText).join("|")))).sort().join(";");
}

async function painted(card) {
	return card.locator("canvas").evaluate((canvas) =>
		canvas.getContext("2d").getImageData(0, 0, canvas.width,
			canvas.height).data.some((v, i) => i % 4 === 3 && v > 200));
}

async function charts() {
	await open("/charts?pipeline=events&model=events.events_loaded");
	await page.locator(".drawn details").first().waitFor();
	await settle();
	const card = (x, by) => page.locator(`section[data-x="${x}"]${by ?
		`[data-by="${by}"]` : ":not([data-by])"}`);
	for (const [x, by] of [["date"], ["organization_name"], ["user_type"],
		["date", "user_type"]]) {
		const names = by ? `${x}::text, coalesce(${by}, '(none)')` :
			`coalesce(${x}::text, 'none')`;
		check(`events by ${[x, by].filter(Boolean).join(" and ")} are the database's`,
			await rows_of(card(x, by)), await sql(`select
				string_agg(row, ';' order by row collate "C")
				from (select concat_ws('|', ${names}, sum(events)) as row
					from modelled.events_loaded group by ${by ?
		`${x}, ${by}` : x}) g`));
	}
	ok("bars are painted", await painted(card("date")));
	check("boxes say the same", digits(await card("user_type")
		.locator(".boxes b").first().innerText()), await sql(`select max(n)
		from (select sum(events) as n from modelled.events_loaded
			group by user_type) g`));
}

async function dropped() {
	await open("/sources");
	await page.evaluate(() => { window.same = true; });
	await act("drop");
	await eventually("a file that is dropped appears", () =>
		[...document.querySelectorAll("td.name")].some((td) =>
			td.innerText.includes("<script>")));
	ok("without a reload", await page.evaluate(() => window.same === true));
	const name = page.locator("td.name", { hasText: "<script>" }).first();
	check("its hostile name stays text", await name.innerText(),
		"events/<img src=x onerror=window.pwned=1><script>window.pwned=1<!-- \\\"' \\xe2\\x80\\xaegnp.json");
	check("and is no element", await page.locator(
		"main script, main img").count(), 0);
	ok("nor did it run", await page.evaluate(() =>
		window.pwned === undefined));
	await name.locator("a").click();
	await settle();
	ok("its receipt holds", (await text("main .badge")) === "HOLDS");
}

async function unlock() {
	await open("/rejects/1");
	ok("bytes need the token",
		(await text("main")).includes("The bytes need the token"));
	await page.keyboard.press("t");
	expected = true;
	await page.fill("dialog input", "wrong-token-of-somebody");
	await page.keyboard.press("Enter");
	await page.getByText("That is not the token.").waitFor();
	expected = false;
	await page.fill("dialog input", token);
	await page.keyboard.press("Enter");
	await page.locator("pre.bytes").waitFor();
	const bytes = await text("pre.bytes");
	ok("with it they are shown", bytes.includes("2020-13-45"));
	ok("it is kept in the tab alone", await page.evaluate((secret) =>
		sessionStorage.getItem("sluice-token") === secret &&
		!Object.values(localStorage).includes(secret) &&
		document.cookie === "", token));
}

async function actions() {
	await open("/sources/1");
	await page.keyboard.press("p");
	await page.locator("dialog input").fill("looked at by a test");
	await page.locator("dialog [data-action=pause]").click();
	await page.locator("dialog [data-action=resume]").waitFor();
	check("a pause is the database's", await sql(
		"select dataset || ': ' || reason from meta.pause"),
	"*: looked at by a test");
	await page.locator("dialog [data-action=resume]").click();
	await page.getByText("Nothing is paused").waitFor();
	check("and ends", await sql("select count(*) from meta.pause"), "0");
	await page.keyboard.press("Escape");
	await page.locator("main [data-action=replay]").click();
	await page.getByText("handed to the producer").waitFor();
	ok("and is loaded again", await act("replayed"));
}

async function keys() {
	await open("/");
	await page.keyboard.press("4");
	await page.getByRole("heading", { name: "Models", exact: true }).waitFor();
	check("a key leads to its page", new URL(page.url()).pathname, "/models");
	await settle();
	ok("the content has the focus", await page.evaluate(() =>
		document.activeElement.id === "main"));
	check("each model is in the lineage", await page.locator(
		".graph .node[role=button]").count(),
	await sql("select count(*) from meta.model"));
	await page.locator(".graph .node[role=button]").first().focus();
	await page.keyboard.press("Enter");
	await page.locator(".chosen").waitFor();
	await page.keyboard.press("d");
	check("d makes it dark", await page.evaluate(() =>
		document.documentElement.dataset.theme), "dark");
	await page.keyboard.press("?");
	ok("? tells the keys", await page.locator("dialog[open] kbd").count() > 4);
	await page.keyboard.press("Escape");
	await page.goBack();
	await settle();
	check("back is the page before", await text("main h1"), "Overview");
	await page.keyboard.press("2");
	await page.locator("[data-search]").waitFor();
	await page.keyboard.press("/");
	ok("/ leads to the filter", await page.evaluate(() =>
		document.activeElement.matches("[data-search]")));
}

async function away() {
	await open("/sources");
	expected = true;
	await act("away");
	// what was asked in that moment may be told of first, in other words
	const said = page.locator("#alert")
		.filter({ hasText: /^PostgreSQL .*is not there/ });
	ok("a database that is away is said",
		await said.waitFor().then(() => true, () => false));
	await page.locator("main .empty.bad").waitFor();
	await shot("away");
	await act("back");
	await page.locator("#alert").waitFor({ state: "hidden" });
	await page.locator("main td.name").first().waitFor();
	ok("the page recovers by itself", true);
	expected = false;
}

async function dark() {
	await page.evaluate(() => localStorage.clear());
	await page.emulateMedia({ colorScheme: "dark" });
	for (const path of ["/", "/models", "/charts"]) {
		await open(path);
		await drawn(path);
		await shot(`dark${name_of(path)}`, true);
	}
	check("it is dark where the system is", await page.evaluate(() =>
		getComputedStyle(document.body).backgroundColor), "rgb(16, 22, 28)");
}

try {
	await every_page();
	await numbers();
	await charts();
	await dropped();
	await unlock();
	await actions();
	await keys();
	await dark();
	await away();
	check("no error came up in any console", errors.join("; "), "");
	check("nothing was asked of anybody else", elsewhere.join(" "), "");
} catch (error) {
	await shot("failed").catch(() => {});
	ok(`${error.stack}`.replaceAll("\n", " "), false);
}
await browser.close();
say("end", 0);
process.exit(0);

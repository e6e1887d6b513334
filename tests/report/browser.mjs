// SPDX-License-Identifier: GPL-3.0-or-later
//
// node browser.mjs PACKAGES CHROMIUM SCREENSHOTS NAME=PAGE...: looks at pages as their readers do. Prints one JSON object
// a line: {"name", "ok", "why"}. Nothing leaves this machine: whatever a page asks for but itself is a failure.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [packages, executablePath, screenshots, ...pages] = process.argv.slice(2);
const require = createRequire(join(packages, "node_modules", "x"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const WIDTHS = [390, 1440];
const LADDERS_JUDGED = 3;
const SCHEMES = ["light", "dark"];
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
	"--disable-component-update", "--disable-sync"];

function check(condition, why) {
	if (!condition)
		throw new Error(why);
}

async function say(name, statement) {
	try {
		await statement();
		console.log(JSON.stringify({ name, ok: true }));
	} catch (error) {
		console.log(JSON.stringify({ name, ok: false, why: String(error.message ?? error) }));
	}
}

// A page that notes what it complains of and what it asks for.
async function open(browser, path, options = {}) {
	const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
	const page = await context.newPage();
	const noted = { complaints: [], requests: [] };

	page.on("console", (message) => noted.complaints.push(message.text()));
	page.on("pageerror", (error) => noted.complaints.push(String(error)));
	page.on("dialog", async (dialog) => { noted.complaints.push(dialog.message()); await dialog.dismiss(); });
	page.on("request", (request) => noted.requests.push(request.url()));
	await page.goto(`file://${path}`);
	return { context, page, noted };
}

// Elements that reach out of the window to the right. What is there for screen readers only is one pixel large.
const findOverflow = () => [...document.querySelectorAll("body *")].filter((element) => {
	const box = element.getBoundingClientRect();
	return box.width > 1 && box.right > document.documentElement.clientWidth + 1 && !element.closest("svg");
}).map((element) => `${element.tagName}.${element.className} ${element.textContent.slice(0, 40)}`);

const openAll = () => { for (const ladder of document.querySelectorAll("details")) ladder.open = true; };

const leaveOpen = (count) => [...document.querySelectorAll("details")].slice(count).forEach((ladder) => { ladder.open = false; });

async function look(browser, name, path, width, colorScheme) {
	const { context, page, noted } = await open(browser, path, { viewport: { width, height: 900 }, colorScheme });

	await page.screenshot({ path: join(screenshots, `${name}-${width}-${colorScheme}.png`), fullPage: false });
	await page.evaluate(openAll);
	const ladder = page.locator(".ladder").first();
	if (await ladder.count() > 0)
		await ladder.screenshot({ path: join(screenshots, `${name}-${width}-${colorScheme}-ladder.png`) });
	const overflow = await page.evaluate(findOverflow);
	check(overflow.length === 0, `wider than the window: ${overflow.slice(0, 5).join("; ")}`);
	check(noted.complaints.length === 0, `on the console: ${noted.complaints.join("; ")}`);
	check(noted.requests.length === 1, `it asks for ${noted.requests.join(" ")}`);
	// In hundreds of ladders there is nothing that is not in some.
	await page.evaluate(leaveOpen, LADDERS_JUDGED);
	await page.evaluate(axe);
	const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] }));
	const bad = violations.filter((violation) => ["serious", "critical"].includes(violation.impact));
	check(bad.length === 0, bad.map((violation) => `${violation.id}: ${violation.nodes.length} times, as ` +
		`${violation.nodes[0].html.slice(0, 160)} ${violation.nodes[0].failureSummary}`).join("\n"));
	await context.close();
}

async function lookWithoutScript(browser, path) {
	const { context, page } = await open(browser, path, { javaScriptEnabled: false });

	check(await page.locator("h1").isVisible(), "there is no heading");
	check(await page.locator("#session-table tbody tr").count() > 0, "there are no sessions");
	check(!await page.locator("#search").isVisible(), "there is a search that does nothing");
	check(await page.locator("button:visible").count() === 0, "there are buttons that do nothing");
	const summary = page.locator("summary").first();
	const body = page.locator("details .body").first();
	if (!await body.isVisible())
		await summary.click();
	check(await body.isVisible(), "a ladder does not open");
	await context.close();
}

const column = (page, name) => page.locator(`#session-table tbody td[data-name="${name}"]`)
	.evaluateAll((cells) => cells.map((cell) => Number(cell.dataset.value)));

async function useKeyboard(browser, path) {
	const { context, page } = await open(browser, path);
	const names = await page.locator("#session-table th").allTextContents();
	const reached = [];

	for (let i = 0; i < 600; i++) {
		await page.keyboard.press("Tab");
		const where = await page.evaluate(() => {
			const element = document.activeElement;
			const style = getComputedStyle(element);
			return { what: element.id || element.closest("th")?.textContent || element.tagName.toLowerCase(),
				seen: style.outlineStyle !== "none" };
		});
		if (where.what === "body")
			break;
		check(where.seen, `the focus can't be seen on ${where.what}`);
		reached.push(where.what);
	}
	for (const name of ["search", "findings-only", "toggle", "summary", ...names])
		check(reached.includes(name), `${name} can't be reached with the Tab key`);
	check(reached.indexOf("search") < reached.indexOf(names[0]), "the order of the Tab key is not that of the page");

	await page.locator("#session-table th", { hasText: "Refusals" }).locator("button").focus();
	await page.keyboard.press("Enter");
	const ascending = await column(page, "Refusals");
	check(ascending.every((value, i) => i === 0 || ascending[i - 1] <= value), "Enter does not sort");
	await page.keyboard.press("Space");
	const descending = await column(page, "Refusals");
	check(descending.every((value, i) => i === 0 || descending[i - 1] >= value), "Space does not sort the other way");
	check(await page.locator("th[aria-sort]").count() === 1, "more than one column says that it is sorted by");
	check(await page.locator('th[aria-sort="descending"]').textContent() === "Refusals", "aria-sort is elsewhere");
	await context.close();
}

async function search(browser, path) {
	const { context, page } = await open(browser, path);
	const rows = page.locator("#session-table tbody tr");
	const total = await rows.count();

	await page.locator("#search").fill("2001:db8");
	const matching = await page.locator("#session-table tbody tr:visible").allTextContents();
	check(matching.length > 0 && matching.length < total, `${matching.length} of ${total} sessions are shown`);
	check(matching.every((text) => text.includes("2001:db8")), "a session is shown that does not match");
	check(await page.locator("#shown").textContent() === `${matching.length} of ${total} sessions`, "the count is wrong");
	check(await page.locator("details.session:visible").count() === matching.length, "ladders are shown that do not match");
	await page.locator("#search").fill("");
	await page.locator("#findings-only").check();
	const findings = await page.locator("#session-table tbody tr:visible").count();
	check(findings > 0 && findings < total, `${findings} of ${total} sessions have findings`);
	await page.locator("#findings-only").uncheck();
	check(await page.locator("#session-table tbody tr:visible").count() === total, "sessions are missing after a search");
	await context.close();
}

async function follow(browser, path) {
	const { context, page } = await open(browser, path);
	const link = page.locator(".places a").last();
	const target = page.locator(await link.getAttribute("href"));

	check(!await target.isVisible(), "all ladders are open");
	await link.focus();
	await page.keyboard.press("Enter");
	await target.waitFor({ state: "visible", timeout: 5000 });
	const box = await target.boundingBox();
	const names = await page.evaluate(() => document.querySelector("details[open] .names").getBoundingClientRect().height);
	check(box.y >= names - 1 && box.y < 900, `the row is at ${box.y}, behind the names or out of sight`);
	await context.close();
}

async function print(browser, name, path) {
	const { context, page } = await open(browser, path, { viewport: { width: 688, height: 1000 } });

	await page.emulateMedia({ media: "print" });
	const overflow = await page.evaluate(findOverflow);
	check(overflow.length === 0, `wider than the paper: ${overflow.slice(0, 5).join("; ")}`);
	const closed = await page.locator("details .ladder").evaluateAll((ladders) =>
		ladders.filter((ladder) => ladder.getBoundingClientRect().height === 0).length);
	check(closed === 0, `${closed} ladders are not printed`);
	check(await page.locator("#search").isVisible() === false, "the search is printed");
	await page.pdf({ path: join(screenshots, `${name}.pdf`), format: "A4" });
	await context.close();
}

const browser = await chromium.launch({ executablePath, args: FLAGS });
try {
	for (const given of pages) {
		const [name, path] = given.split(/=(.*)/s);

		for (const width of WIDTHS)
			for (const scheme of SCHEMES)
				await say(`${name} is in order at ${width} pixels, ${scheme}`,
					() => look(browser, name, path, width, scheme));
		await say(`${name} prints`, () => print(browser, name, path));
		if (name === "many") {
			await say("the page says the same without a script", () => lookWithoutScript(browser, path));
			await say("everything can be reached and sorted with the keyboard", () => useKeyboard(browser, path));
			await say("sessions are found by what they say", () => search(browser, path));
			await say("a link to a finding opens its ladder", () => follow(browser, path));
		}
	}
} finally {
	await browser.close();
}

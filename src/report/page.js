/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sorting, searching, opening. Without it the page says the same. */
"use strict";
(() => {
	const table = document.getElementById("session-table");
	if (!table)
		return;
	const body = table.tBodies[0];
	const headers = [...table.tHead.rows[0].cells];
	const ladders = [...document.querySelectorAll("details.session")];
	const ladderOf = new Map(ladders.map((ladder) => [ladder.dataset.session, ladder]));
	const search = document.getElementById("search");
	const findingsOnly = document.getElementById("findings-only");
	const shown = document.getElementById("shown");
	const toggle = document.getElementById("toggle");
	const compareText = new Intl.Collator("en", { numeric: true }).compare;

	function sortBy(header) {
		const column = headers.indexOf(header);
		const isNumber = header.dataset.sort === "number";
		const descending = header.getAttribute("aria-sort") === "ascending";
		const key = (row) => isNumber ? Number(row.cells[column].dataset.value) : row.cells[column].textContent;
		const rows = [...body.rows].sort((a, b) => {
			const order = isNumber ? key(a) - key(b) : compareText(key(a), key(b));
			return descending ? -order : order;
		});
		for (const other of headers)
			other.removeAttribute("aria-sort");
		header.setAttribute("aria-sort", descending ? "descending" : "ascending");
		body.append(...rows);
	}

	function hasFindings(row) {
		return ["Refusals", "Anomalies"].some((name) =>
			Number(row.querySelector(`[data-name="${name}"]`).dataset.value) > 0);
	}

	function filter() {
		const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
		let count = 0;
		for (const row of body.rows) {
			const ladder = ladderOf.get(row.dataset.session);
			const text = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
			const matches = words.every((word) => text.includes(word)) &&
				(!findingsOnly.checked || hasFindings(row));
			row.hidden = !matches;
			ladder.hidden = !matches;
			count += matches ? 1 : 0;
		}
		shown.value = `${count} of ${body.rows.length} sessions`;
	}

	function openTarget() {
		const target = location.hash && document.getElementById(location.hash.slice(1));
		const ladder = target && target.closest("details.session");
		if (ladder) {
			ladder.open = true;
			target.scrollIntoView();
		}
	}

	function showToggle() {
		toggle.textContent = ladders.every((ladder) => ladder.open) ? "Close all" : "Open all";
	}

	for (const header of headers) {
		const button = document.createElement("button");
		button.type = "button";
		button.textContent = header.textContent;
		button.addEventListener("click", () => sortBy(header));
		header.replaceChildren(button);
	}
	headers[0].setAttribute("aria-sort", "ascending");
	search.form.hidden = body.rows.length < 2;
	search.form.addEventListener("submit", (event) => event.preventDefault());
	search.addEventListener("input", filter);
	findingsOnly.addEventListener("change", filter);
	toggle.hidden = ladders.length < 2;
	toggle.addEventListener("click", () => {
		const open = !ladders.every((ladder) => ladder.open);
		for (const ladder of ladders)
			ladder.open = open;
		showToggle();
	});
	for (const ladder of ladders)
		ladder.addEventListener("toggle", showToggle);
	addEventListener("hashchange", openTarget);
	filter();
	showToggle();
	openTarget();
})();

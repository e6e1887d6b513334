/* Choosing by words, verdict and topic. Without it the page says the same. */
"use strict";
(() => {
	const form = document.getElementById("filter");
	const search = document.getElementById("search");
	const shown = document.getElementById("shown");
	const topics = document.getElementById("topics");
	const runs = [...document.querySelectorAll("details.run")];
	const verdicts = [...form.querySelectorAll("input[name=verdict]")];
	const text = new Map(runs.map((run) => [run, run.textContent.toLowerCase()]));
	let topic = "";

	function apply() {
		const words = search.value.toLowerCase().split(/\s+/).filter((word) => word);
		const wanted = new Set(verdicts.filter((box) => box.checked).map((box) => box.value));
		let count = 0;
		for (const run of runs) {
			const fits = wanted.has(run.dataset.verdict) && (!topic || run.dataset.topic === topic) &&
				words.every((word) => text.get(run).includes(word));
			run.hidden = !fits;
			count += fits;
		}
		for (const row of topics.tBodies[0].rows)
			row.setAttribute("aria-selected", String(row.dataset.topic === topic));
		shown.textContent = count === runs.length ? `all ${count} scenarios`
			: `${count} of ${runs.length} scenarios`;
	}

	function choose(row) {
		topic = topic === row.dataset.topic ? "" : row.dataset.topic;
		apply();
	}

	for (const row of topics.tBodies[0].rows) {
		row.tabIndex = 0;
		row.addEventListener("click", () => choose(row));
		row.addEventListener("keydown", (event) => {
			if (event.key !== "Enter" && event.key !== " ")
				return;
			event.preventDefault();
			choose(row);
		});
	}
	form.addEventListener("input", apply);
	form.addEventListener("reset", () => {
		topic = "";
		setTimeout(apply);
	});
	topics.classList.add("live");
	form.hidden = false;
	/* A link to a part of it: probe.html#bounce. */
	search.value = new URLSearchParams(`words=${location.hash.slice(1)}`).get("words");
	apply();
})();

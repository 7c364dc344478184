/* theme.js - light or dark, before the first paint. */
try {
	const chosen = localStorage.getItem("sluice-theme");
	if (chosen === "light" || chosen === "dark")
		document.documentElement.dataset.theme = chosen;
} catch { /* no storage: as the system has it */ }

// Starts what a page needs, at its load and again after a part of it was swapped.
import { startAges } from "./ages.js";
import { startCharts } from "./charts/start.js";
import { startColumns } from "./runs/columns.js";
import { startCopying } from "./copying.js";
import { startPriceLoading } from "./prices/loading.js";
import { startFullscreen } from "./fullscreen.js";
import { startLive } from "./runs/live.js";
import { startRefreshing } from "./refreshing.js";
import { startRunActions } from "./runs/actions.js";
import { startRunForm } from "./runs/form.js";
import { startSelecting } from "./runs/selecting.js";
import { startSettings } from "./settings.js";
import { startShortcuts } from "./shortcuts.js";
import { startSwapping } from "./swap.js";
import { startStudyForm } from "./studies/form.js";
import { startTabs } from "./tabs.js";

const STARTS = [
  startAges,
  startColumns,
  startCopying,
  startFullscreen,
  startLive,
  startRefreshing,
  startRunActions,
  startSelecting,
  startSettings,
  startShortcuts,
  startSwapping,
  startTabs,
];
for (const start of STARTS) start();

function enhance(root) {
  const charts = root.querySelectorAll("[data-bars], [data-curves]");
  startCharts(charts);
  const form = root.querySelector("#run-form");
  if (form) startRunForm(form);
  const loading = root.querySelector("#price-loading");
  if (loading) startPriceLoading(loading);
  const study = root.querySelector("#study-form");
  if (study) startStudyForm(study);
}

document.addEventListener("swapped", (event) => enhance(event.target));
enhance(document);

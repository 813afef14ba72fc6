// Starts the scripts of a page. Listeners of the whole page start on import; the rest on load, and again after a part
// of the page is swapped.
import "./ages.js";
import "./copying.js";
import "./deleting.js";
import "./fullscreen.js";
import "./refreshing.js";
import "./runs/actions.js";
import "./runs/again.js";
import "./runs/columns.js";
import "./runs/live.js";
import "./runs/saved_filters.js";
import "./runs/selecting.js";
import "./settings.js";
import "./shortcuts.js";
import "./swap.js";
import "./tabs.js";
import "./titles.js";
import { startExploring } from "./batches/explore.js";
import { startCharts } from "./charts/start.js";
import { startPriceLoading } from "./prices/loading.js";
import { startVaultForm } from "./prices/vault.js";
import { startPortfolioForm } from "./portfolios/sharing.js";
import { highlight } from "./runs/code.js";
import { startRunForm } from "./runs/form.js";
import { startStudyForm } from "./studies/form.js";

const FORMS = {
  "#explore": startExploring,
  "#run-form": startRunForm,
  "#price-loading": startPriceLoading,
  "#study-form": startStudyForm,
  "#vault-form": startVaultForm,
  "#portfolio-form": startPortfolioForm,
  "pre[data-code]": highlight,
};

function enhance(root) {
  startCharts(root.querySelectorAll("[data-bars], [data-curves], [data-account]"));
  for (const [selector, start] of Object.entries(FORMS)) {
    const form = root.querySelector(selector);
    if (form) start(form);
  }
}

document.addEventListener("swapped", (event) => enhance(event.target));
enhance(document);

// browser.js: pages of `report` in a real browser: nothing is fetched, nothing is on the console, nothing is wider than a phone, all is
// there without scripts, and axe-core finds no serious fault.
//
//     cd DIR && npm install puppeteer-core axe-core && NODE_PATH=DIR/node_modules node tests/report/browser.js PAGE.html…
//
// CHROMIUM names the browser (default /usr/bin/chromium). Widths 1280 and 390, light and dark, scripts on and off. A PNG is written beside
// each page for each width, and a PDF as it prints. Exit status 1 if anything is found.
const fs = require('fs');
const puppeteer = require('puppeteer-core');
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const findings = [];

// What is wider than the window and not within something that scrolls.
function tooWide() {
  const scrolls = (e) => e && (['auto', 'scroll', 'hidden'].includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
  const wide = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !scrolls(e.parentElement));
  return { page: document.documentElement.scrollWidth > innerWidth, wide: wide.slice(0, 5).map((e) => e.outerHTML.slice(0, 120)) };
}

async function look(browser, file, width, scheme, scripts) {
  const where = `${file}, ${width} px, ${scheme}, scripts ${scripts ? 'on' : 'off'}`;
  const found = (what) => findings.push(`${where}: ${what}`);
  const page = await browser.newPage();
  page.on('console', (message) => found(`console: ${message.text()}`));
  page.on('pageerror', (error) => found(`error: ${error}`));
  page.on('request', (request) => request.url().startsWith('file:') || found(`asks for ${request.url()}`));
  await page.setViewport({ width, height: 900 });
  await page.setOfflineMode(true);
  await page.setJavaScriptEnabled(scripts);
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.goto('file://' + fs.realpathSync(file), { waitUntil: 'load' });
  const size = await page.evaluate(tooWide);
  if (size.page || size.wide.length) found(`wider than the window: ${JSON.stringify(size.wide)}`);
  // Buttons are what scripts add.
  const cells = await page.evaluate(() => [...document.querySelectorAll('td,dd,svg,.finding')].map((e) => {
    const copy = e.cloneNode(true);
    copy.querySelectorAll('button').forEach((button) => button.remove());
    return copy.textContent;
  }).join('\n'));
  if (scripts) {
    const session = await page.createCDPSession(); // past the page's own policy, which allows no other script
    const asked = await session.send('Runtime.evaluate', { expression: `${axe};axe.run().then((r) => JSON.stringify(r.violations))`, awaitPromise: true, returnByValue: true });
    for (const fault of JSON.parse(asked.result.value)) {
      if (['serious', 'critical'].includes(fault.impact)) found(`axe: ${fault.id}: ${fault.help}: ${fault.nodes.map((node) => node.html.slice(0, 120)).slice(0, 3).join(' ')}`);
    }
    if (scheme === 'light') {
      await page.screenshot({ path: `${file}-${width}.png`, fullPage: true });
      if (width > 1000) await page.pdf({ path: `${file}.pdf` });
    }
  }
  await page.close();
  return cells;
}

(async () => {
  const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
  const files = process.argv.slice(2);
  for (const file of files) {
    for (const width of [1280, 390]) {
      for (const scheme of ['light', 'dark']) {
        const [on, off] = [await look(browser, file, width, scheme, true), await look(browser, file, width, scheme, false)];
        if (on !== off) findings.push(`${file}, ${width} px: not all is there without scripts`);
      }
    }
  }
  await browser.close();
  for (const finding of findings) console.log(finding);
  console.log(`${files.length} pages, ${findings.length} findings`);
  process.exit(findings.length || !files.length ? 1 : 0);
})();

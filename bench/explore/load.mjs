// SPDX-License-Identifier: MIT
// Measures the frame rates of the explorer with a large synthetic catalog, the real server and Debian's Chromium.
//
//     GOLDPAN_SOURCE=. node bench/explore/load.mjs GOLDPAN FOLDER...
//
// `figures.mjs --keep PLACE --rows ROWS` makes FOLDER: PLACE/ROWS. Prints, for each folder: the seconds until the
// server listens, until the page first paints, until it shows the data, until the visible thumbnails are loaded, until
// a new sort order is shown, and until the map is shown; then the frames per second while the wall scrolls and while
// the map is dragged and zoomed. The processor draws everything here: Chromium's software renderer draws the wall, and
// SwiftShader's WebGL2 draws the map. A graphics card makes both faster, but does not reduce the time that the page's
// main thread needs.
import { join, resolve } from 'node:path';
import { env, explore, openBrowser } from '../../tests/ui/support.mjs';

const folders = process.argv.slice(3).map((folder) => resolve(folder));

/** Counts the page's frames while `move` is called once per frame for some seconds. Also measures the share of the time
 * in which the page's main thread works. In the rest of a slow frame's time the browser draws the page. A graphics card
 * would draw the page faster. */
async function frames(page, seconds, move) {
  const busy = async () => Object.fromEntries((await (page.cdp ??= await begun(page)).send('Performance.getMetrics')).metrics.map((m) => [m.name, m.value]));
  const before = await busy();
  const counted = await countFrames(page, seconds, move);
  const after = await busy();
  for (const what of ['ScriptDuration', 'LayoutDuration', 'RecalcStyleDuration', 'TaskDuration']) counted[what] = (after[what] - before[what]) / (after.Timestamp - before.Timestamp);
  return counted;
}

async function begun(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Performance.enable');
  return cdp;
}

const countFrames = (page, seconds, move) =>
  page.evaluate(
    ([duration, text]) =>
      new Promise((resolve) => {
        const step = text ? new Function('i', text) : () => undefined;
        const gaps = [];
        let last = performance.now();
        const begin = last;
        const frame = (now) => {
          gaps.push(now - last);
          last = now;
          if (now - begin > duration * 1000) {
            gaps.shift();
            gaps.sort((a, b) => a - b);
            resolve({ perSecond: gaps.length / duration, worst: gaps[Math.floor(gaps.length * 0.95)] });
          } else {
            step(gaps.length);
            requestAnimationFrame(frame);
          }
        };
        requestAnimationFrame(frame);
      }),
    [seconds, move],
  );

async function openOn(browser) {
  const page = await (await browser.newContext({ viewport: { width: 1366, height: 768 } })).newPage();
  page.setDefaultTimeout(120000);
  return page;
}

async function measure(plain, drawing, folder) {
  env.XDG_CACHE_HOME = join(folder, 'cache');
  let begin = Date.now();
  const server = await explore(join(folder, 'pictures'), '--readonly');
  const listening = (Date.now() - begin) / 1000;
  let page = await openOn(plain);
  begin = Date.now();
  await page.goto(`${server.url}#wall`);
  await page.locator('.wall [data-row]').first().waitFor();
  const shown = (Date.now() - begin) / 1000;
  await page.waitForFunction(() => [...document.querySelectorAll('.wall [data-row] img')].slice(0, 6).every((i) => i.complete && i.naturalWidth > 0));
  const seen = (Date.now() - begin) / 1000;
  const painted = (await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime)) / 1000;
  await page.waitForTimeout(1500);

  const report = { rows: await page.locator('.status .count').innerText(), listening, painted, shown, seen };
  report.idle = await frames(page, 2, '');
  report.slowScroll = await frames(page, 4, "document.querySelector('.wall').scrollTop += 12");
  report.fastScroll = await frames(page, 4, "document.querySelector('.wall').scrollTop += 400");
  report.jumps = await frames(page, 4, "const g = document.querySelector('.wall'); if (i % 10 === 0) g.scrollTop = Math.random() * g.scrollHeight");

  begin = Date.now();
  await page.getByLabel('Order', { exact: true }).selectOption('score');
  await frames(page, 0.001, '');
  report.sorted = (Date.now() - begin) / 1000;
  await page.context().close();

  page = await openOn(drawing);
  begin = Date.now();
  await page.goto(`${server.url}#map`);
  await page.locator('.main canvas.map-layer').last().waitFor();
  await frames(page, 0.001, '');
  report.map = (Date.now() - begin) / 1000;
  await page.waitForTimeout(1500);
  const box = await page.locator('.main canvas.map-layer').last().boundingBox();
  const centre = [box.x + box.width / 2, box.y + box.height / 2];
  const during = async (act) => {
    const counted = frames(page, 4, '');
    await act(Date.now() + 4000);
    return counted;
  };
  await page.mouse.move(...centre);
  report.mapDragged = await during(async (end) => {
    await page.mouse.down();
    for (let i = 0; Date.now() < end; i++) await page.mouse.move(centre[0] + 60 * Math.sin(i / 8), centre[1] + 40 * Math.cos(i / 8));
    await page.mouse.up();
  });
  report.mapZoomed = await during(async (end) => {
    for (let i = 0; Date.now() < end; i++) await page.mouse.wheel(0, i % 40 < 20 ? -30 : 30);
  });
  await page.context().close();
  await server.stop();
  return report;
}

const plain = await openBrowser('--disable-gpu');
const drawing = await openBrowser();
for (const folder of folders) {
  const r = await measure(plain, drawing, folder);
  console.log(`${r.rows}: listening ${r.listening.toFixed(2)} s, first paint ${r.painted.toFixed(2)} s, data shown ${r.shown.toFixed(2)} s, thumbnails in sight ${r.seen.toFixed(2)} s, sorted anew ${r.sorted.toFixed(2)} s, map shown ${r.map.toFixed(2)} s`);
  for (const what of ['idle', 'slowScroll', 'fastScroll', 'jumps', 'mapDragged', 'mapZoomed'])
    console.log(`  ${what.padEnd(11)} ${r[what].perSecond.toFixed(0)} frames/s, 19 of 20 within ${r[what].worst.toFixed(0)} ms; page's thread ${(100 * r[what].TaskDuration).toFixed(0)} % busy (script ${(100 * r[what].ScriptDuration).toFixed(0)} %, style and layout ${(100 * (r[what].LayoutDuration + r[what].RecalcStyleDuration)).toFixed(0)} %)`);
}
await plain.close();
await drawing.close();

// SPDX-License-Identifier: MIT
// Measures the explorer with a large catalog: many copies of the sample's images, the real server and Debian's
// Chromium.
//
//     GOLDPAN_SOURCE=. node bench/explore/load.mjs GOLDPAN [ROWS...]      (default: 100000 1000000)
//
// Prints, for each number of rows: the seconds until the server listens, until the page first paints, until it shows
// the data, until the visible thumbnails are loaded, until a new sort order is shown, and until the map is shown; then
// the frames per second while the grid scrolls and while the map is dragged and zoomed. The processor draws everything
// here: Chromium's software renderer draws the grid, and SwiftShader's WebGL2 draws the map. A graphics card makes both
// faster, but does not reduce the time that the page's main thread needs.
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { env, explore, makeCatalog, openBrowser } from '../../tests/ui/support.mjs';

const WITH_THUMBNAILS = 200000; // up to this number of rows, every image has a thumbnail in the cache
const sizes = process.argv.slice(3).map(Number);
const query = (pictures, text) => execFileSync('sqlite3', [join(pictures, '.goldpan/catalog.db')], { input: text, encoding: 'utf8', maxBuffer: 1 << 30 });

/** Adds `times` copies of every image of the sample to the catalog. Each copy has its own hash and path, and a
 * slightly different score and map position. */
function multiply(pictures, times) {
  query(
    pictures,
    `PRAGMA foreign_keys = OFF; BEGIN;
    CREATE TEMP TABLE c AS WITH RECURSIVE c(t) AS (VALUES(1) UNION ALL SELECT t + 1 FROM c WHERE t < ${times}) SELECT t FROM c;
    CREATE TEMP TABLE n AS SELECT max(id) AS n FROM images;
    INSERT INTO images SELECT i.id + t * n, randomblob(16), bytes, format, width, height, orientation, added FROM c, n, images i;
    INSERT INTO paths SELECT NULL, path || '.' || t, image + t * n, size, mtime_ns, 0 FROM c, n, paths;
    INSERT INTO image_prompts SELECT image + t * n, prompt, raw, negative, source, strength, settings FROM c, n, image_prompts;
    INSERT INTO scores SELECT scorer, prompt, image + t * n, value + random() % 1000 / 500.0 FROM c, n, scores;
    INSERT INTO standings SELECT analysis, image + t * n, category, z_prompt, z_category, percentile, corrected FROM c, n, standings;
    INSERT INTO map_images SELECT encoder, image + t * n, x + random() % 1000 / 800.0, y + random() % 1000 / 800.0 FROM c, n, map_images;
    COMMIT;`,
  );
}

/** Puts thumbnails of all copies into the cache: hard links to the thumbnails of the original images. */
async function fillCache(pictures) {
  const hashes = query(pictures, 'SELECT id, lower(hex(hash)) FROM images ORDER BY id').trim().split('\n').map((line) => line.split('|'));
  const base = hashes.filter(([id]) => !query.first || Number(id) <= query.first);
  const server = await explore(pictures);
  for (const [, hash] of base) await (await fetch(`${server.url}thumb/256/${hash}.jpg`)).arrayBuffer();
  await server.stop();
  const place = (hash) => join(env.XDG_CACHE_HOME, 'goldpan/thumbs/1', hash.slice(0, 2));
  for (const [id, hash] of hashes) {
    const [, from] = base[(Number(id) - 1) % base.length];
    mkdirSync(place(hash), { recursive: true });
    if (from !== hash) linkSync(join(place(from), `${from}-256.jpg`), join(place(hash), `${hash}-256.jpg`));
  }
}

/** Counts the page's frames while `move` is called once per frame for some seconds. Also measures the share of the time
 * in which the page's main thread works. The rest of a slow frame is drawing, which a graphics card would do. */
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

async function measure(plain, drawing, rows) {
  const pictures = makeCatalog(`pictures-${rows}`);
  query.first = Number(query(pictures, 'SELECT max(id) FROM images'));
  multiply(pictures, Math.ceil(rows / query.first) - 1);
  if (rows <= WITH_THUMBNAILS) await fillCache(pictures);

  let begin = Date.now();
  const server = await explore(pictures);
  const listening = (Date.now() - begin) / 1000;
  let page = await openOn(plain);
  begin = Date.now();
  await page.goto(server.url);
  await page.locator('.grid .cell').first().waitFor();
  const shown = (Date.now() - begin) / 1000;
  let seen = NaN;
  if (rows <= WITH_THUMBNAILS) {
    await page.waitForFunction(() => [...document.querySelectorAll('.grid .cell img')].slice(0, 6).every((i) => i.complete && i.naturalWidth > 0));
    seen = (Date.now() - begin) / 1000;
  }
  const painted = (await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime)) / 1000;
  await page.waitForTimeout(1500);

  const report = { rows: await page.locator('.bar .count').innerText(), listening, painted, shown, seen };
  report.idle = await frames(page, 2, '');
  report.slowScroll = await frames(page, 4, "document.querySelector('.grid').scrollTop += 12");
  report.fastScroll = await frames(page, 4, "document.querySelector('.grid').scrollTop += 400");
  report.jumps = await frames(page, 4, "const g = document.querySelector('.grid'); if (i % 10 === 0) g.scrollTop = Math.random() * g.scrollHeight");

  begin = Date.now();
  await page.getByLabel('Sort').selectOption('corrected');
  await frames(page, 0.001, '');
  report.sorted = (Date.now() - begin) / 1000;
  await page.context().close();

  page = await openOn(drawing);
  begin = Date.now();
  await page.goto(server.url);
  await page.locator('section[aria-label=Map] canvas.map-layer').last().waitFor();
  await frames(page, 0.001, '');
  report.map = (Date.now() - begin) / 1000;
  await page.waitForTimeout(1500);
  const box = await page.locator('section[aria-label=Map] canvas.map-layer').last().boundingBox();
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
  await page.screenshot({ path: `explore-${rows}.png` });
  await page.context().close();
  await server.stop();
  return report;
}

const plain = await openBrowser('--disable-gpu');
const drawing = await openBrowser();
for (const rows of sizes.length ? sizes : [100000, 1000000]) {
  const r = await measure(plain, drawing, rows);
  console.log(`${r.rows}: listening ${r.listening.toFixed(2)} s, first paint ${r.painted.toFixed(2)} s, data shown ${r.shown.toFixed(2)} s, thumbnails in sight ${r.seen.toFixed(2)} s, sorted anew ${r.sorted.toFixed(2)} s, map shown ${r.map.toFixed(2)} s`);
  for (const what of ['idle', 'slowScroll', 'fastScroll', 'jumps', 'mapDragged', 'mapZoomed'])
    console.log(`  ${what.padEnd(11)} ${r[what].perSecond.toFixed(0)} frames/s, 19 of 20 within ${r[what].worst.toFixed(0)} ms; page's thread ${(100 * r[what].TaskDuration).toFixed(0)} % busy (script ${(100 * r[what].ScriptDuration).toFixed(0)} %, style and layout ${(100 * (r[what].LayoutDuration + r[what].RecalcStyleDuration)).toFixed(0)} %)`);
}
await plain.close();
await drawing.close();

// SPDX-License-Identifier: MIT
// Tests the static site as a person uses it, in a real browser. A plain web server serves the site from a folder
// below its root.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { after, before, describe } from 'node:test';
import { count, env, folder, goldpan, it, keepScreenshot, makeCatalog, openBrowser, openPage, settle, until, view } from './support.mjs';

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json', '.jpg': 'image/jpeg', '.png': 'image/png' };
const asked = [];
/** Serves files and nothing else, as any web host does: a missing file gives 404, a POST gives 405. */
const host = createServer((request, response) => {
  const path = new URL(request.url, 'http://x').pathname;
  asked.push(`${request.method} ${request.url}`);
  const file = join(folder, 'web', normalize(decodeURIComponent(path)), path.endsWith('/') ? 'index.html' : '');
  if (request.method !== 'GET') return response.writeHead(405).end();
  try {
    if (!statSync(file).isFile()) throw new Error('no file');
  } catch {
    return response.writeHead(404).end();
  }
  response.writeHead(200, { 'Content-Type': types[extname(file)] ?? 'application/octet-stream' });
  createReadStream(file).pipe(response);
});

const kinds = ['originals', 'resized', 'none'];
let browser, address;
before(async () => {
  const pictures = makeCatalog('pictures');
  const best = '(SELECT image FROM scores ORDER BY value DESC LIMIT 1)';
  execFileSync('sqlite3', [join(pictures, '.goldpan/catalog.db'), `INSERT INTO ratings(image, flag, stars) VALUES(${best}, 1, 4)`]);
  for (const kind of kinds) execFileSync(goldpan, ['export', '--site', join(folder, 'web/below', kind), '--site-images', kind, '--catalog', join(pictures, '.goldpan/catalog.db')], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  await new Promise((resolve) => host.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${host.address().port}/below/`;
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  host.close();
});

const cells = (page) => page.locator('.wall [data-row]');
const wall = async (page) => {
  await view(page, 'Wall');
  await cells(page).first().waitFor();
};
const shown = (page, where) => page.evaluate((at) => [...document.querySelectorAll(at)].filter((i) => i.complete && i.naturalWidth > 0).length, where);

const seen = (kind, name, run, options) =>
  it(`${kind}: ${name}`, async () => {
    const page = await openPage(browser, `${address}${kind}/`, options);
    try {
      await run(page);
      assert.deepEqual(page.wrong, []);
      assert.deepEqual(page.outside, []);
    } finally {
      await keepScreenshot(page, `site ${kind} ${name}`);
      await page.context().close();
    }
  });

describe('site', () => {
  for (const kind of kinds)
    seen(kind, 'shows the pictures, one of them whole, and the nearest to it', async (page) => {
      await wall(page);
      await until(async () => (await shown(page, '.wall img')) >= 6, 'no thumbnails');
      await cells(page).nth(3).click();
      await page.getByRole('heading', { name: 'Most alike' }).waitFor();
      assert.equal(await page.locator('.near button').count(), 8);
      await page.keyboard.press('e');
      await until(async () => (await shown(page, '.stage img')) >= 1, 'not shown large');
      await page.keyboard.press('Escape');
      if (process.env.GOLDPAN_SHOTS) await page.screenshot({ path: join(process.env.GOLDPAN_SHOTS, `site-${kind}.png`) });
    });
  seen('originals', 'has the map, charts, table, slices and both ways of looking', async (page) => {
    await view(page, 'Map');
    await page.locator('canvas').first().waitFor();
    await settle(page, 500);
    if (process.env.GOLDPAN_SHOTS) await page.screenshot({ path: join(process.env.GOLDPAN_SHOTS, 'site-map.png') });
    await page.getByRole('region', { name: 'Charts' }).waitFor();
    await view(page, 'Table');
    await page.getByRole('grid', { name: 'Pictures' }).waitFor();
    await view(page, 'Found');
    await wall(page);
    await page.getByRole('button', { name: /^Cull/ }).click();
    await page.keyboard.press('Escape');
  });
  seen('originals', 'searches words in the prompts without a server', async (page) => {
    const all = await count(page);
    await page.getByRole('searchbox').fill('snow');
    await page.getByRole('searchbox').press('Enter');
    await until(async () => (await count(page)) !== all, 'the words choose nothing');
    assert.equal(await page.getByRole('searchbox').getAttribute('placeholder'), 'Find words in prompts');
  });
  seen('originals', 'keeps what a visitor marks in the browser, over a reload', async (page) => {
    await wall(page);
    const rejected = () => page.locator('.wall [data-row] .tag.r').count();
    await page.keyboard.press('x');
    await until(async () => (await rejected()) === 1, 'not rejected');
    await page.reload();
    await until(async () => (await rejected()) === 1, 'forgotten');
    await page.locator('.brand').click();
    await page.getByText('stay in this browser').waitFor();
    if (process.env.GOLDPAN_SHOTS) await page.screenshot({ path: join(process.env.GOLDPAN_SHOTS, 'site-review.png') });
  });
  seen('originals', 'a visitor can take back what was marked by its maker', async (page) => {
    await page.goto(`${page.url().split('#')[0]}#wall?mark=picked`);
    await page.reload();
    const stars = () => page.locator('.wall [data-row] .st').allInnerTexts();
    await until(async () => (await page.locator('.wall .tag.p').count()) === 1 && (await stars()).join() === '4', 'the marks did not come along');
    await page.keyboard.press('u');
    await until(async () => (await page.locator('.wall .tag.p').count()) === 0, 'still picked');
    await page.goto(`${page.url().split('#')[0]}#wall?stars=4`);
    await page.reload();
    await until(async () => (await stars()).join() === '4', 'stars are gone');
    assert.equal(await page.locator('.wall .tag.p').count(), 0);
  });
  it('works where the browser remembers nothing', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const wrong = [];
    page.on('pageerror', (error) => wrong.push(error.message));
    await page.addInitScript(() => Object.defineProperty(window, 'localStorage', { get: () => { throw new DOMException('shut', 'SecurityError'); } }));
    await page.goto(`${address}originals/`);
    await page.locator('.main [data-row]').first().waitFor();
    await page.keyboard.press('p');
    await until(async () => (await page.locator('.main .tag.p').count()) === 1, 'not picked');
    assert.deepEqual(wrong, []);
    await context.close();
  });
  it('says what to do when it is opened from a file', async () => {
    const page = await browser.newPage();
    await page.goto(`file://${join(folder, 'web/below/originals/index.html')}`);
    await page.getByText('python3 -m http.server').waitFor();
    await page.close();
  });
  it('asks only for files', () => {
    assert.deepEqual(asked.filter((line) => !line.startsWith('GET ') || line.includes('?') || line.includes('/api/') || line.endsWith('/events')), []);
  });
});

// SPDX-License-Identifier: MIT
// The chip for new pictures above what is in sight, and what a narrow window shows in sheets.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, describe } from 'node:test';
import { axeSource, env, explore, folder, goldpan, it, keepScreenshot, makeCatalog, openBrowser, openPage, settle, sql, until } from './support.mjs';

let pictures, server, browser;
before(async () => {
  pictures = makeCatalog('pictures');
  server = await explore(pictures);
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

// ------------------------------------------------------------------------------------------------- new pictures above

const NEW = 12;

/** A catalog without the pictures with the best scores. `come` adds these pictures, as a run of goldpan does. */
function catalogBefore(name) {
  const best = sql(pictures, `SELECT p.path, lower(hex(i.hash)) AS hash FROM scores s JOIN images i ON i.id = s.image JOIN paths p ON p.image = i.id ORDER BY s.value DESC LIMIT ${NEW}`);
  const copy = join(folder, name);
  const aside = join(folder, `${name}-aside`);
  mkdirSync(aside);
  cpSync(pictures, copy, { recursive: true, filter: (from) => !from.includes('.goldpan') });
  const files = best.map(({ path, hash }) => ({ at: join(copy, path.startsWith('/') ? path.slice(pictures.length + 1) : path), away: join(aside, basename(path)), hash }));
  for (const { at, away } of files) renameSync(at, away);
  const run = () => execFileSync(goldpan, ['run', copy, '--model', 'drawn-world-mini'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  run();
  return {
    copy,
    hashes: files.map(({ hash }) => hash),
    come(some = files.length) {
      for (const { at, away } of files.splice(0, some)) renameSync(away, at);
      run();
    },
  };
}

/** Pictures of which at least half is in the window: [{hash, y}], from top to bottom. */
const inSight = (page) =>
  page.evaluate(() => {
    const main = document.querySelector('.main').getBoundingClientRect();
    return [...document.querySelectorAll('.main [data-row]')]
      .map((cell) => ({ box: cell.getBoundingClientRect(), hash: /([0-9a-f]{32})\.jpg/.exec(cell.querySelector('img')?.src ?? '')?.[1] }))
      .filter(({ box }) => box.top + box.height / 2 > main.top && box.top + box.height / 2 < main.bottom)
      .sort((a, b) => a.box.top - b.box.top || a.box.left - b.box.left)
      .map(({ box, hash }) => ({ hash, y: Math.round(box.top) }));
  });

const chip = (page) => page.getByRole('button', { name: /\d+ new above/ });
const numberAbove = async (page) => ((await chip(page).count()) ? Number.parseInt(await chip(page).innerText(), 10) : 0);

describe('new pictures', () => {
  for (const [name, address] of [['wall', '#wall?sort=-score'], ['review', '#review?order=file']])
    it(`above what is in sight move nothing in ${name}; a chip counts them and brings them`, async () => {
      const { copy, hashes, come } = catalogBefore(`new-${name}`);
      const other = await explore(copy);
      const page = await openPage(browser, other.url + address);
      const scroller = page.locator(`.main .${name}`);
      try {
        // On the Wall, new pictures come to the places that were in sight: they were not in sight.
        await scroller.evaluate((one, wall) => (one.scrollTop = wall ? 160 : one.scrollHeight / 2), name === 'wall');
        await settle(page, 300);
        assert.equal(await chip(page).count(), 0);
        const before = await inSight(page);
        const after = async () => (await inSight(page)).filter(({ hash }) => before.some((one) => one.hash === hash));
        const counted = () => page.locator('.status .count').innerText();
        const was = await counted();
        come();
        await until(async () => (await counted()) !== was, 'the page does not see the new pictures');
        await settle(page, 300);
        if (name === 'wall') {
          await until(async () => (await numberAbove(page)) === NEW, async () => `${await numberAbove(page)} of ${NEW} new`);
          assert.ok(Math.abs((await after())[0].y - before[0].y) <= 1, 'the view moved');
        } else {
          await until(async () => (await numberAbove(page)) > 0, 'no chip');
          const first = await after();
          assert.ok(first.length > 0 && first[0].y === before.find(({ hash }) => hash === first[0].hash).y, 'the view moved');
        }
        await keepScreenshot(page, `phone new above ${name}`);
        // Each press shows new pictures, until none are left above.
        for (let left = await numberAbove(page); left > 0; ) {
          await chip(page).click();
          await until(async () => (await numberAbove(page)) < left, 'a press brings nothing');
          await settle(page, 200);
          left = await numberAbove(page);
          assert.ok((await inSight(page)).some(({ hash }) => hashes.includes(hash)), 'no new picture is in sight');
          assert.equal(await page.evaluate(() => document.activeElement?.matches('.main [data-row][aria-current=true]')), true, 'the focus is not at the new picture');
        }
        // What was seen is not counted again.
        await scroller.evaluate((one) => (one.scrollTop = one.scrollHeight / 2));
        await settle(page, 300);
        assert.equal(await numberAbove(page), 0);
        assert.deepEqual(page.wrong, []);
      } finally {
        await page.context().close();
        await other.stop();
      }
    });
});

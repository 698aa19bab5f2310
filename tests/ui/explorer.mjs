// SPDX-License-Identifier: MIT
// The explorer as a person uses it, in a real browser over a real server: every view, both ways of looking, and what is
// in the catalog afterwards.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { axeSource, explore, folder, keepScreenshot, makeCatalog, openBrowser, openPage, settle, sql, until } from './support.mjs';

let pictures, server, browser, total, placed, apart;
before(async () => {
  pictures = makeCatalog('pictures');
  [{ total, placed }] = sql(pictures, 'SELECT (SELECT count(*) FROM images) AS total, (SELECT count(*) FROM map_images) AS placed');
  apart = sql(pictures, 'SELECT apart FROM images WHERE apart IS NOT NULL ORDER BY apart').map((row) => row.apart);
  assert.ok(apart.includes('grid'));
  assert.equal(total, placed + apart.length);
  server = await explore(pictures);
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Run with a page of its own; nothing may go wrong in it, and nothing may be asked of another host. */
const seen = (name, run) =>
  it(name, async () => {
    const page = await openPage(browser, server.url);
    try {
      await run(page);
      assert.deepEqual(page.wrong, []);
      assert.deepEqual(page.outside, []);
    } finally {
      await keepScreenshot(page, `explorer ${name}`);
      await page.context().close();
    }
  });

const cells = (page) => page.locator('.grid .cell');
const count = (page) => page.locator('.bar .count').innerText();
const current = (page) => page.locator('.grid .cell.current').getAttribute('data-row');
const hashOf = (page, row) =>
  page.evaluate(async (at) => {
    const manifest = await (await fetch('data/catalog.json')).json();
    const data = new Uint8Array(await (await fetch(manifest.columns.find((c) => c.name === 'hash').file)).arrayBuffer());
    return Array.from(data.subarray(at * 16, at * 16 + 16), (b) => b.toString(16).padStart(2, '0')).join('');
  }, Number(row));
const rating = (hash) => sql(pictures, `SELECT r.flag, r.stars FROM ratings r JOIN images i ON i.id = r.image WHERE i.hash = x'${hash}'`)[0] ?? { flag: 0, stars: 0 };

describe('grid', () => {
  seen('shows the best first, with pictures that are really there', async (page) => {
    await until(() => page.evaluate(() => [...document.querySelectorAll('.grid .cell img')].filter((i) => i.complete && i.naturalWidth > 0).length >= 6), 'no thumbnails');
    const [best] = sql(pictures, 'SELECT max(value) AS v FROM scores');
    const first = page.locator('.grid .cell').filter({ hasText: best.v.toFixed(2) });
    await first.first().waitFor();
    const box = await first.first().boundingBox();
    const all = await Promise.all((await cells(page).all()).map((cell) => cell.boundingBox()));
    assert.ok(all.every((b) => b.y >= box.y && (b.y > box.y || b.x >= box.x)), 'the best is not the first');
  });
  seen('holds only what is in sight', async (page) => {
    assert.ok((await cells(page).count()) < total);
    await page.locator('.grid').press('End');
    await until(async () => (await current(page)) !== null, 'the last image is not in sight');
    assert.ok((await page.locator('.grid').evaluate((grid) => grid.scrollTop)) > 0);
  });
  seen('groups by prompt, category, slice and near copies', async (page) => {
    const group = page.getByLabel('Group');
    await group.selectOption('prompt');
    const [{ n }] = sql(pictures, 'SELECT count(DISTINCT prompt) AS n FROM image_prompts');
    assert.ok(n > 1);
    await page.locator('.head .title').first().waitFor();
    await group.selectOption('category');
    const name = await page.locator('.head .title').first().innerText();
    assert.equal(sql(pictures, `SELECT count(*) AS n FROM categories WHERE name = '${name.replaceAll("'", "''")}'`)[0].n, 1);
    await group.selectOption('slice');
    await page.locator('.head .title').first().waitFor();
    await group.selectOption('duplicate');
    await group.selectOption('none');
    assert.equal(await page.locator('.head').count(), 0);
  });
  seen('sorts by any column and turns the order round', async (page) => {
    const first = () =>
      page.evaluate(() => [...document.querySelectorAll('.grid .cell')].sort((a, b) => a.getBoundingClientRect().y - b.getBoundingClientRect().y || a.getBoundingClientRect().x - b.getBoundingClientRect().x)[0].dataset.row);
    const best = await first();
    await page.getByLabel('Largest first').click();
    await until(async () => (await first()) !== best, 'the order did not turn');
    await page.getByLabel('Sort by').selectOption('path');
    await until(async () => (await page.getByLabel('Sort by').inputValue()) === 'path', 'not sorted by path');
  });
  seen('has a slider for the size of thumbnails', async (page) => {
    const width = async () => (await cells(page).first().boundingBox()).width;
    const was = await width();
    await page.getByLabel('Size of thumbnails').fill('300');
    await until(async () => (await width()) > was * 1.3, 'they did not grow');
  });
});

describe('map', () => {
  const map = (page) => page.locator('section[aria-label=Map]');
  const canvas = (page) => map(page).locator('canvas.map-layer').last();
  const drag = async (page, points) => {
    const box = await canvas(page).boundingBox();
    const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
    await page.mouse.move(...at(points[0]));
    await page.mouse.down();
    for (const point of points.slice(1)) await page.mouse.move(...at(point), { steps: 6 });
    await page.mouse.up();
  };
  seen('draws points by WebGL2 and chooses by box and by lasso', async (page) => {
    await canvas(page).waitFor();
    await settle(page, 600);
    assert.ok(await page.evaluate(() => [...document.querySelectorAll('.map canvas')].some((c) => c.getContext('webgl2') !== null)), 'no WebGL2');
    await map(page).getByRole('button', { name: 'Box' }).click();
    await drag(page, [[0.01, 0.01], [0.99, 0.99]]);
    await until(async () => (await count(page)).includes(`${placed} selected`), `the box selected: ${await count(page)}`);
    await map(page).getByRole('button', { name: 'Lasso' }).click();
    await drag(page, [[0.02, 0.3], [0.5, 0.3], [0.5, 0.8], [0.02, 0.8]]);
    await until(async () => /, \d+ selected/.test(await count(page)) && !(await count(page)).includes(`${placed} selected`), `the lasso selected: ${await count(page)}`);
    await page.getByRole('button', { name: 'Show only these' }).click();
    assert.match(await count(page), new RegExp(`^\\d+ of ${total} images`));
  });
  seen('is coloured and sized by any column, and zooms', async (page) => {
    await canvas(page).waitFor();
    const shot = async () => (await map(page).screenshot()).toString('base64');
    await settle(page, 800);
    const was = await shot();
    await map(page).getByLabel(/^Colour/).selectOption('category');
    let coloured, sized;
    await until(async () => (coloured = await shot()) !== was, 'no other colours');
    await map(page).getByLabel(/^Size/).selectOption('score');
    await until(async () => (sized = await shot()) !== coloured, 'no other sizes');
    const box = await canvas(page).boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.wheel(0, -600);
    await until(async () => (await shot()) !== sized, 'it did not zoom');
  });
  seen('shows the image under the pointer beside it, inside the map', async (page) => {
    await canvas(page).waitFor();
    await settle(page, 800);
    const box = await canvas(page).boundingBox();
    const card = page.locator('.map .hover');
    let right = 0;
    for (let x = 0.02; x < 1; x += 0.02)
      for (let y = 0.2; y < 0.9; y += 0.04) {
        await page.mouse.move(box.x + x * box.width, box.y + y * box.height);
        if (x < 0.6 || right || !(await card.count())) continue;
        const at = await card.boundingBox();
        assert.ok(at.x >= box.x && at.x + at.width <= box.x + box.width && at.y + at.height <= box.y + box.height, 'the card leaves the map');
        assert.ok(at.x + at.width <= box.x + x * box.width || at.x > box.x + x * box.width, 'the card covers what it is about');
        right++;
      }
    assert.ok(right, 'no image under the pointer');
  });
  for (const [what, refused] of [['Canvas 2D without WebGL2', ['webgl2']], ['a plain message without either', ['webgl2', '2d']]])
    it(`shows ${what}`, async () => {
      const context = await browser.newContext({ viewport: { width: 1366, height: 768 } });
      const page = await context.newPage();
      await page.addInitScript((kinds) => {
        const real = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
          return kinds.includes(kind) ? null : real.call(this, kind, ...more);
        };
      }, refused);
      await page.goto(server.url);
      await cells(page).first().waitFor();
      await settle(page, 1200);
      if (refused.length === 1) {
        const coloured = await page.evaluate(() =>
          [...document.querySelectorAll('.map canvas')].some((c) => {
            const data = c.getContext('2d')?.getImageData(0, 0, c.width, c.height).data ?? [];
            for (let i = 3; i < data.length; i += 4) if (data[i] > 128) return true;
            return false;
          }),
        );
        assert.ok(coloured, 'nothing is drawn');
      } else await page.locator('section[aria-label=Map]').getByText(/cannot|neither|not/i).first().waitFor();
      await context.close();
    });
});

describe('images that are set apart', () => {
  // They have no score, so they come last.
  const visit = async (page, key) => {
    await page.locator('.grid').press(key);
    const inspector = page.getByLabel('Inspector', { exact: true }).last();
    await inspector.getByText('Open the image in a new tab').waitFor();
    await settle(page, 400); // the nearest images would be requested by now
    assert.equal(await inspector.getByRole('heading', { name: 'Most similar images' }).count(), 0);
    const [{ why }] = sql(pictures, `SELECT apart AS why FROM images WHERE hash = x'${await hashOf(page, await current(page))}'`);
    await inspector.getByText(`${why}: not scored, never picked`).waitFor();
    assert.equal(await page.locator('.grid .cell.current [title^="set apart"]').innerText(), why);
    return why;
  };
  seen('come last, are marked, and are compared with no other image', async (page) => {
    const found = [];
    for (let i = 0; i < apart.length; i++) found.push(await visit(page, i ? 'ArrowLeft' : 'End'));
    assert.deepEqual(found.sort(), apart);
  });
  seen('have no place on the map, which names them', async (page) => {
    await page.getByRole('button', { name: new RegExp(`^${apart.length} images? (is|are) not on the map: set apart$`) }).click();
    await until(async () => (await count(page)).startsWith(`${apart.length} of ${total}`), `shown: ${await count(page)}`);
    assert.equal(await page.locator('.grid .cell [title^="set apart"]').count(), apart.length);
  });
  it('are no start of a search, and come last in one', async () => {
    const page = await openPage(browser, server.url);
    const lasts = () =>
      page.evaluate((n) => [...document.querySelectorAll('.grid .cell')].slice(-n).map((cell) => cell.querySelector('[title^="set apart"]') !== null), apart.length);
    await page.locator('.grid').press('End');
    await page.locator('.grid').press('m');
    await page.getByText('an image to search by is set apart or has no score yet').waitFor();
    await page.locator('.grid').press('Home'); // a rejected search is not part of the next search
    await page.locator('.grid').press('m');
    await page.locator('.chip').filter({ hasText: 'more like' }).waitFor();
    assert.equal(await page.locator('.chip').filter({ hasText: 'more like' }).count(), 1);
    for (const order of ['Largest', 'Smallest']) {
      await page.getByLabel(`${order} first; reverse the order`).waitFor();
      await until(() => page.locator('.grid').evaluate((grid) => grid.scrollTop === 0), 'another order does not begin at its start');
      await page.locator('.grid').press('End'); // the second time, the last image is already current
      await until(async () => (await lasts()).every(Boolean), `${order} first: an image that is set apart is not the last`);
      if (order === 'Largest') await page.getByLabel(`${order} first; reverse the order`).click();
    }
    await page.context().close();
  });
});

describe('table and charts', () => {
  seen('the table has all columns and sorts by a click', async (page) => {
    await page.keyboard.press('t');
    const rows = page.getByRole('row');
    await rows.nth(2).waitFor();
    await page.getByRole('button', { name: 'Columns…' }).click();
    const offered = await page.getByRole('group', { name: 'Columns to show' }).getByRole('checkbox').count();
    const columns = await page.evaluate(async () => (await (await fetch('data/catalog.json')).json()).columns.length);
    assert.equal(offered, columns - 2);
    await page.getByRole('group', { name: 'Columns to show' }).getByLabel('seed', { exact: false }).check();
    await page.getByRole('columnheader', { name: 'seed' }).waitFor();
  });
  seen('a right click on an empty number keeps the images without this number', async (page) => {
    await page.keyboard.press('t');
    const grid = page.getByRole('grid', { name: 'Images' });
    await grid.getByRole('row').nth(2).waitFor();
    await grid.locator('.rows').press('End'); // images that are set apart have no score and come last
    const heads = await grid.getByRole('columnheader').allInnerTexts();
    const place = heads.findIndex((text) => text.startsWith('Score'));
    const empty = grid.locator(`.row[aria-rowindex="${total + 1}"]`).getByRole('gridcell').nth(place);
    assert.equal(await empty.innerText(), '');
    await empty.click({ button: 'right' });
    await until(async () => (await count(page)).startsWith(`${apart.length} of ${total}`), `shown: ${await count(page)}`);
    await page.getByRole('button', { name: 'Score: no value', exact: true }).click(); // inverts the filter
    await until(async () => (await count(page)).startsWith(`${total - apart.length} of ${total}`), `shown: ${await count(page)}`);
  });
  seen('a brush on the histogram is a chip, which all views obey and which can be taken away and kept', async (page) => {
    await page.getByRole('button', { name: 'Charts' }).click();
    const chart = page.locator('section[aria-label=Score] canvas').last();
    await chart.waitFor();
    await settle(page, 400);
    const box = await chart.boundingBox();
    await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.95, box.y + box.height / 2, { steps: 5 });
    await page.mouse.up();
    const chip = page.getByRole('group', { name: 'Filters' }).getByRole('button', { name: /Remove the filter/ });
    await chip.waitFor();
    assert.match(await count(page), new RegExp(`^\\d+ of ${total} images`));
    const narrowed = await count(page);
    await page.getByRole('button', { name: 'Save view…' }).click();
    await page.getByLabel('Name of this view').fill('high scores');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('button', { name: 'high scores', exact: true }).waitFor();
    await until(() => sql(pictures, "SELECT count(*) AS n FROM saved WHERE name = 'high scores'")[0].n === 1, 'the view was not kept');
    await chip.click();
    await until(async () => (await count(page)).startsWith(`${total} images`), 'the filter stayed');
    await page.reload();
    await page.getByRole('button', { name: 'high scores', exact: true }).click();
    await until(async () => (await count(page)) === narrowed, 'the view was not opened again');
    await page.getByRole('button', { name: 'Delete the view high scores' }).click();
    await until(() => sql(pictures, 'SELECT count(*) AS n FROM saved')[0].n === 0, 'the view was not forgotten');
  });
  seen('a box in the scatter plot chooses', async (page) => {
    await page.getByRole('button', { name: 'Charts' }).click();
    const plot = page.locator('section[aria-label="Scatter plot"] canvas').last();
    await plot.scrollIntoViewIfNeeded();
    await settle(page, 700);
    const box = await plot.boundingBox();
    await page.mouse.move(box.x + 60, box.y + 12);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 12, box.y + box.height - 40, { steps: 5 });
    await page.mouse.up();
    await until(async () => /\d+ selected/.test(await count(page)), 'nothing was selected');
  });
});

describe('what was found', () => {
  seen('a slice, a category and its images', async (page) => {
    const [{ title, support }] = sql(pictures, 'SELECT title, support FROM slices ORDER BY category IS NOT NULL, "drop" DESC LIMIT 1');
    const lists = page.locator('aside.panel .found');
    const headings = await lists.getByRole('heading').allTextContents();
    assert.equal(headings.length, 2);
    assert.match(headings[0], /^Clusters with significantly higher scores than average$/);
    assert.match(headings[1], /^Within categories/);
    await lists.getByRole('list').first().getByText(/^p 0\.\d{3}$/).first().waitFor();
    const item = page.locator('aside.panel li').filter({ hasText: title }).first();
    await item.locator('button.item').click();
    await until(async () => (await count(page)).includes(`, ${support} selected`), `the slice of ${support} selected: ${await count(page)}`);
    await item.getByRole('button', { name: 'Why' }).click();
    await item.locator('.why li').first().waitFor();
    await page.getByRole('tab', { name: 'Categories' }).click();
    const category = page.locator('aside.panel li').first();
    await category.getByRole('button', { name: 'Show only' }).click();
    const [{ n }] = sql(pictures, `SELECT max(support) AS n FROM categories`);
    await until(async () => (await count(page)).startsWith(`${n} of ${total}`), `the category of ${n} shows: ${await count(page)}`);
    await page.getByRole('tab', { name: 'Near-duplicates' }).click();
    await page.locator('aside.panel li').first().waitFor();
  });
});

describe('inspector', () => {
  seen('says everything about an image', async (page) => {
    await cells(page).first().click();
    const inspector = page.getByLabel('Inspector', { exact: true }).last();
    const hash = await hashOf(page, await current(page));
    const [fact] = sql(pictures, `SELECT p.raw AS raw, s.value AS score FROM images i JOIN image_prompts ip ON ip.image = i.id JOIN prompts p ON p.id = ip.prompt JOIN scores s ON s.image = i.id WHERE i.hash = x'${hash}'`.replace('p.raw', 'p.text'));
    await inspector.locator('.prompt').filter({ hasText: fact.raw }).first().waitFor();
    await inspector.getByText(fact.score.toFixed(2)).first().waitFor();
    await inspector.getByText(/from a1111/).waitFor();
    await inspector.getByRole('heading', { name: 'Settings' }).waitFor();
    await inspector.getByRole('heading', { name: /Same prompt/ }).waitFor();
    await inspector.getByRole('heading', { name: 'Most similar images' }).waitFor();
    await inspector.getByRole('button', { name: 'Copy', exact: true }).click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), fact.raw);
    const picture = inspector.locator('.picture img').last();
    const box = await inspector.locator('.picture').boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.wheel(0, -500);
    await until(async () => /scale\((?!1\))/.test(await picture.getAttribute('style')), 'the wheel does not zoom');
  });
});

describe('compare', () => {
  seen('two images under one zoom, and one over the other', async (page) => {
    await cells(page).nth(0).click();
    await cells(page).nth(1).click({ modifiers: ['Control'] });
    await page.keyboard.press('c');
    const dialog = page.getByRole('dialog', { name: 'Compare' });
    assert.equal(await dialog.locator('.pane').count(), 2);
    const box = await dialog.locator('.pane .view').first().boundingBox();
    await page.mouse.move(box.x + box.width / 3, box.y + box.height / 3);
    await page.mouse.wheel(0, -500);
    const style = (n) => dialog.locator('.pane').nth(n).locator('img').last().getAttribute('style');
    await until(async () => /scale\((?!1\))/.test(await style(0)), 'no zoom');
    assert.equal(await style(0), await style(1));
    await dialog.getByRole('button', { name: 'A over B' }).click();
    await dialog.getByLabel('Visible part of A').fill('25');
    assert.match(await dialog.locator('.above').getAttribute('style'), /75%/);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  });
});

describe('culling', () => {
  seen('by keyboard, in the catalog at once, with undo and redo', async (page) => {
    await page.keyboard.press('e');
    const dialog = page.getByRole('dialog', { name: 'Culling' });
    const place = async () => Number((await dialog.locator('.top [role=status]').innerText()).split(' ')[0]);
    assert.equal(await place(), 1);
    const rows = await page.evaluate(() => [...document.querySelectorAll('.strip .pic')].length);
    assert.ok(rows > 3);
    const order = sql(pictures, "SELECT lower(hex(i.hash)) AS hash FROM images i JOIN scores s ON s.image = i.id ORDER BY s.value DESC, i.id").map((r) => r.hash);
    await page.keyboard.press('p');
    assert.equal(await place(), 2);
    await page.keyboard.press('x');
    await page.keyboard.press('4');
    assert.equal(await place(), 4);
    await until(() => rating(order[0]).flag === 1, 'the pick is not in the catalog');
    await until(() => rating(order[1]).flag === -1, 'the rejection is not in the catalog');
    await until(() => rating(order[2]).stars === 4, 'the stars are not in the catalog');
    for (let i = 0; i < 3; i++) await page.keyboard.press('Control+z');
    await until(() => [0, 1, 2].every((i) => rating(order[i]).flag === 0 && rating(order[i]).stars === 0), 'not undone');
    for (let i = 0; i < 3; i++) await page.keyboard.press('Control+Shift+z');
    await until(() => rating(order[0]).flag === 1 && rating(order[1]).flag === -1 && rating(order[2]).stars === 4, 'not done again');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  });
  seen('the next image is decoded before it is asked for', async (page) => {
    await page.keyboard.press('e');
    await settle(page, 600);
    for (let i = 0; i < 5; i++) {
      const ready = await page.evaluate(async () => {
        const stage = document.querySelector('.cull .stage');
        const was = [...stage.querySelectorAll('img')].at(-1).src;
        document.querySelector('.cull').dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
        await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
        const image = [...stage.querySelectorAll('img')].at(-1);
        return image.src !== was && image.complete && image.naturalWidth > 0;
      });
      assert.ok(ready, `image ${i + 2} was not there two frames after the key`);
      await settle(page, 150);
    }
  });
  seen('the review exports what was decided, and moves nothing', async (page) => {
    const before = readdirSync(pictures, { recursive: true }).length;
    await page.keyboard.press('v');
    const dialog = page.getByRole('dialog', { name: 'Review' });
    const [{ n: out }] = sql(pictures, 'SELECT (SELECT count(*) FROM ratings WHERE flag = 1) + (SELECT count(*) FROM picks WHERE image NOT IN (SELECT image FROM ratings WHERE flag <> 0)) AS n');
    assert.ok(out > 1);
    // The column of goldpan's picks may come after the dialog.
    await dialog.getByRole('heading', { name: `Review: ${out} images` }).waitFor();
    const best = join(folder, 'best');
    await dialog.getByLabel('Folder').fill(best);
    await dialog.getByRole('button', { name: `Export ${out} images` }).click();
    await dialog.getByText(`${out} images are in`).waitFor();
    assert.ok(existsSync(join(best, 'picks.csv')));
    assert.equal(readdirSync(pictures, { recursive: true }).length, before);
  });
});

describe('search', () => {
  seen('by words, by image, more and less like this', async (page) => {
    const best = () =>
      page.evaluate(() => Number([...document.querySelectorAll('.grid .cell')].sort((a, b) => a.getBoundingClientRect().y - b.getBoundingClientRect().y || a.getBoundingClientRect().x - b.getBoundingClientRect().x)[0].dataset.row));
    const wanted = (query) =>
      page.evaluate(async (body) => {
        const answer = await fetch('api/search', { method: 'POST', headers: { 'X-Goldpan': '1' }, body: JSON.stringify(body) });
        const likeness = new Float32Array(await answer.arrayBuffer());
        return likeness.indexOf(Math.max(...likeness.filter((one) => !Number.isNaN(one))));
      }, query);
    await page.keyboard.press('/');
    await page.keyboard.type('a green rocket');
    await page.keyboard.press('Enter');
    await page.getByText('like “a green rocket”').waitFor();
    await until(async () => (await best()) === (await wanted({ text: 'a green rocket' })), 'the most alike is not the first');
    await page.getByRole('button', { name: 'Clear search' }).click();
    await cells(page).nth(3).click();
    const row = await current(page);
    const hash = await hashOf(page, row);
    await page.keyboard.press('m');
    await page.locator('.chip').filter({ hasText: 'more like' }).waitFor();
    await until(async () => String(await best()) === row, 'an image is not the most like itself');
    await page.keyboard.press('l');
    await page.locator('.chip').filter({ hasText: 'less like' }).waitFor();
    await until(async () => (await best()) === (await wanted({ less: [hash] })), 'the least alike is not the first');
    await page.getByRole('button', { name: 'Clear search' }).click();
    const [file] = sql(pictures, `SELECT p.path AS path FROM paths p JOIN images i ON i.id = p.image WHERE i.hash = x'${hash}'`);
    await page.getByLabel('Image to search by').setInputFiles(file.path);
    await until(async () => String(await best()) === row, 'an uploaded copy does not find its image');
  });
});

describe('layout', () => {
  seen('is remembered; dark and light', async (page) => {
    await page.getByLabel(/^Theme/).click();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    await page.getByRole('button', { name: 'Table' }).click();
    await page.getByRole('button', { name: 'Inspector' }).click();
    await page.reload();
    await page.getByRole('grid', { name: 'Images' }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    assert.equal(await page.locator('aside.inspector').count(), 0);
    await page.getByLabel(/^Theme/).click();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'light');
  });
  seen('everything is reached by keyboard', async (page) => {
    const names = new Set();
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab');
      names.add(await page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim() ?? ''));
    }
    for (const name of ['Search', 'Grid', 'Table', 'Map', 'Charts', 'Compare', 'Cull', 'Review', 'Keyboard shortcuts', 'Slices', 'Images']) assert.ok(names.has(name), `Tab does not come to ${name}`);
  });
  seen('fits a laptop screen, and a narrower one', async (page) => {
    for (const [width, height] of [[1366, 768], [1280, 720], [1024, 700]]) {
      await page.setViewportSize({ width, height });
      await settle(page, 200);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `the page is wider than ${width}`);
      assert.ok((await cells(page).count()) > 3);
    }
  });
  for (const theme of ['light', 'dark'])
    it(`axe finds nothing in any view (${theme})`, async () => {
      const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, colorScheme: theme, bypassCSP: true });
      const free = await context.newPage();
      await free.goto(server.url);
      await cells(free).first().click();
      await settle(free, 800);
      await free.addScriptTag({ path: axeSource() });
      const look = async (where) => {
        const result = await free.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }));
        assert.deepEqual(result.violations.map((v) => `${where}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 120)).join(' | ')}`), []);
      };
      await look('grid');
      await free.getByRole('button', { name: 'Table' }).click();
      await free.getByRole('button', { name: 'Charts' }).click();
      await settle(free, 500);
      await look('table and charts');
      for (const [key, where] of [['e', 'Culling'], ['c', 'Compare'], ['v', 'Review'], ['?', 'Keyboard shortcuts']]) {
        await free.keyboard.press(key);
        await free.getByRole('dialog', { name: where }).waitFor();
        await settle(free, 300);
        await look(where);
        await free.keyboard.press('Escape');
      }
      await context.close();
    });
});

describe('nothing is lost', () => {
  it('ratings survive the death of the server and of the page', async () => {
    const port = String(20000 + (process.pid % 20000));
    const first = await explore(pictures, '--port', port);
    const page = await openPage(browser, first.url);
    await cells(page).nth(5).click();
    const hash = await hashOf(page, await current(page));
    await page.keyboard.press('5');
    await until(() => rating(hash).stars === 5, 'not in the catalog');
    await first.stop('SIGKILL');
    await page.keyboard.press('p');
    await page.getByText('goldpan does not respond').waitFor();
    await settle(page, 300);
    const context = page.context();
    await page.close({ runBeforeUnload: false });
    assert.deepEqual(rating(hash), { flag: 0, stars: 5 });
    const second = await explore(pictures, '--port', port);
    const again = await context.newPage();
    await again.goto(second.url);
    await until(() => rating(hash).flag === 1, 'the pick that was made while the server was dead is lost');
    assert.deepEqual(rating(hash), { flag: 1, stars: 5 });
    await context.close();
    assert.equal(await second.stop(), 0);
  });
  it('two pages see each other, and a catalog that changes', async () => {
    const one = await openPage(browser, server.url);
    const two = await openPage(browser, server.url);
    const at = two.locator('.grid .cell').nth(7);
    await one.locator('.grid .cell').nth(7).click();
    await one.keyboard.press('x');
    await until(async () => /✕/.test(await at.innerText()), 'the other page does not see the rejection');
    execFileSync('sqlite3', [join(pictures, '.goldpan/catalog.db'), "UPDATE ratings SET stars = 3 WHERE flag = -1"]);
    await until(async () => /★|3/.test(await at.innerText()), 'the pages do not see that the catalog changed');
    await one.keyboard.press('Control+z');
    await until(async () => !/✕/.test(await at.innerText()), 'undo does not outlive a change of the catalog');
    await one.context().close();
    await two.context().close();
  });
  it('read-only changes nothing', async () => {
    const reader = await explore(pictures, '--readonly', '--port', '0');
    const page = await openPage(browser, reader.url);
    const was = JSON.stringify(sql(pictures, 'SELECT * FROM ratings'));
    await cells(page).nth(9).click();
    await page.keyboard.press('p');
    await page.getByText('open read-only').waitFor();
    assert.equal(JSON.stringify(sql(pictures, 'SELECT * FROM ratings')), was);
    await page.context().close();
    assert.equal(await reader.stop(), 0);
  });
});
